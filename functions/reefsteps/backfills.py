"""Measuring many photographs again: starting the state machine ``backfill``, and reading the report that it leaves.

docs/how-to/recover.md describes input and report.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reefsteps.errors import InvalidParameterError
from reefsteps.execution_status import ExecutionStatus
from reefsteps.retries import Retry
from reefsteps.steps import STEPS

MOST_LISTED = 1000
"""Photographs in one list: Step Functions takes 256 KiB of input."""
_LOOK_S = 1.0


@dataclass(frozen=True)
class Reprocessed:
    """What a backfill did with one photograph; covers in percent, None where there is no row."""

    photo: str
    status: str  # MEASURED, UNCHANGED, REFUSED or FAILED
    ran: tuple[str, ...]
    old_cover_percent: float | None
    new_cover_percent: float | None
    why: str | None


def inputs(
    *,
    prefix: str = "",
    keys: Sequence[str] = (),
    retries: Sequence[Retry] = (),
    start_at: str | None = None,
    max_concurrency: int | None = None,
) -> list[dict[str, Any]]:
    """Return the inputs of the executions to start: one for a prefix, one for each thousand of listed photographs.

    `retries` are failed runs, which begin at their failed step unless `start_at` says another one. Raises
    InvalidParameterError.
    """
    if start_at is not None and start_at not in STEPS:
        raise InvalidParameterError(f"'{start_at}' is no step: it is one of {', '.join(STEPS)}.")
    common: dict[str, Any] = {"start_at": start_at, "max_concurrency": max_concurrency}
    common = {name: value for name, value in common.items() if value is not None}
    listed: list[Any] = [*keys, *(_listed(retry, start_at) for retry in retries)]
    if not listed:
        return [{"prefix": prefix, **common}]
    return [{"keys": listed[first : first + MOST_LISTED], **common} for first in range(0, len(listed), MOST_LISTED)]


def _listed(retry: Retry, start_at: str | None) -> dict[str, Any]:
    kept = {name: value for name, value in retry.input.items() if name not in ("bucket", "requested_by")}
    return kept | ({"start_at": start_at} if start_at else {})


def start(step_functions: Any, machine: str, given: Sequence[Mapping[str, Any]]) -> list[str]:
    """Start one backfill for each input through a boto3 client; returns the ARNs. Their names say when."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    return [
        str(
            step_functions.start_execution(
                stateMachineArn=machine, name=f"{moment}-{number}", input=json.dumps(one, ensure_ascii=False)
            )["executionArn"]
        )
        for number, one in enumerate(given, start=1)
    ]


def finish(step_functions: Any, arn: str, done: Callable[[int, int], None]) -> dict[str, Any]:
    """Wait for a backfill's end and return how it ended; `done(photographs done, all)` hears of its progress."""
    while (described := step_functions.describe_execution(executionArn=arn))["status"] == ExecutionStatus.RUNNING:
        for counts in _counts(step_functions, arn):
            done(counts["total"] - counts["pending"] - counts["running"], counts["total"])
        time.sleep(_LOOK_S)
    return dict(described)


def _counts(step_functions: Any, arn: str) -> Iterator[Mapping[str, int]]:
    for run in step_functions.list_map_runs(executionArn=arn)["mapRuns"]:
        yield step_functions.describe_map_run(mapRunArn=run["mapRunArn"])["executionCounts"]


def report(s3: Any, bucket: str, step_functions: Any, arn: str) -> list[Reprocessed]:
    """Read what a backfill that has ended left in `bucket`, by photograph."""
    found = []
    for run in step_functions.list_map_runs(executionArn=arn)["mapRuns"]:
        folder = f"backfill-reports/{run['mapRunArn'].rpartition(':')[2]}"
        manifest = json.loads(_body(s3, bucket, f"{folder}/manifest.json"))["ResultFiles"]
        for kind in (ExecutionStatus.SUCCEEDED, ExecutionStatus.FAILED):
            for file in manifest[kind]:
                found += [_read(kind, json.loads(line)) for line in _body(s3, bucket, file["Key"]).splitlines()]
    return sorted(found, key=lambda one: one.photo)


def _body(s3: Any, bucket: str, key: str) -> str:
    return str(s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode())


def _read(kind: str, line: Mapping[str, Any]) -> Reprocessed:
    if kind == ExecutionStatus.FAILED:
        given = json.loads(line["Input"])
        why = ": ".join(filter(None, [line.get("Error"), line.get("Cause")])) or str(line["Status"]).lower()
        return Reprocessed(given["key"], ExecutionStatus.FAILED, (), None, None, why)
    return Reprocessed(
        photo=line["photograph"],
        status=line["status"],
        ran=tuple(line["ran"]),
        old_cover_percent=line["old_cover_percent"],
        new_cover_percent=line["new_cover_percent"],
        why=line["why"],
    )
