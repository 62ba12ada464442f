"""Which failures still need somebody: not those that a later run has made good."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from frontend.domain.executions import Execution, ExecutionDetail
from reefsteps.coverage_queries import CoverageRow
from reefsteps.precedence import instant
from reefsteps.surveys import SurveyKey, survey_of


def still_open(
    failed: Iterable[Execution], details: Mapping[str, ExecutionDetail], rows: Sequence[CoverageRow]
) -> list[Execution]:
    """Return the failed executions, newest of each photograph only, whose survey has no result written later."""
    written: dict[SurveyKey | None, datetime] = {
        SurveyKey(row.year, row.island, row.location): instant(row.written_at) for row in rows if row.written_at
    }
    found: list[Execution] = []
    seen: set[str] = set()
    for execution in sorted(failed, key=lambda e: e.started_at, reverse=True):
        key = details[execution.arn].key
        if key is None or key in seen:
            continue
        seen.add(key)
        result = written.get(survey_of(key))
        if result is None or result < _end(execution):
            found.append(execution)
    return found


def _end(execution: Execution) -> datetime:
    return execution.stopped_at or execution.started_at
