"""Which failures still need somebody: not those that a later run, upload or decision has settled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from frontend.domain.executions import ExecutionDetail, ExecutionSummary


def newest_of_each(
    failed: Iterable[ExecutionSummary], details: Mapping[str, ExecutionDetail]
) -> list[ExecutionSummary]:
    """Return the newest failure of each photograph, newest first; runs that name no photograph are left out."""
    found: dict[str, ExecutionSummary] = {}
    for execution in sorted(failed, key=lambda e: e.started_at, reverse=True):
        key = details[execution.arn].key
        if key is not None:
            found.setdefault(key, execution)
    return list(found.values())


def is_settled(execution: ExecutionSummary, settled_at: datetime | None) -> bool:
    """Return whether something that settles the failure of this run happened after it.

    S3 tells times in whole seconds, cut off; what happened in the second of the failure does not count.
    """
    ended = (execution.stopped_at or execution.started_at).replace(microsecond=0)
    return settled_at is not None and settled_at > ended
