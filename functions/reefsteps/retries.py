"""Starting failed runs again, many at once: which, from which step, under names that make a repetition harmless."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from reefsteps.errors import REFUSALS, InvalidParameterError
from reefsteps.execution_status import UNDER_WAY, WITHOUT_RESULT, ExecutionStatus
from reefsteps.failures import ABORTED, error_of, json_object, read_failed_state, split_cause
from reefsteps.steps import STEPS
from reefsteps.surveys import decode_key

_OTHERS = (*UNDER_WAY, ExecutionStatus.SUCCEEDED)
DECISIONS = ("corners_px", "excluded_px", "no_quadrat")
"""What a person may have decided about a photograph, as the pipeline's input names it."""
_KEPT = ("bucket", "key", "side_cm", "restoration_method", *DECISIONS)
_PARALLEL = 8  # requests at once; Step Functions allows 15 DescribeExecution a second for good, 300 in a burst
_PAGE = 1000
_DURATION = re.compile(r"(\d{1,6})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True)
class PastRun:
    """One execution of the pipeline as a retry needs it."""

    name: str
    status: str
    started_at: datetime
    input: Mapping[str, Any]
    error: str | None = None
    failed_step: str | None = None

    @property
    def photo(self) -> str:
        """The photograph's decoded key; the name of an execution that has none."""
        key = self.input.get("key")
        return decode_key(key) if isinstance(key, str) else self.name


@dataclass(frozen=True)
class Retry:
    """A run to start: `name` follows from the failed run, so that starting it twice is refused by Step Functions."""

    name: str
    input: Mapping[str, Any]
    photo: str
    error: str
    step: str


def plan_retries(runs: Sequence[PastRun], *, error: str | None = None, since: datetime | None = None) -> list[Retry]:
    """Return the runs to start, one for each photograph whose newest run failed, in the order of their photographs.

    Without `error` every failure counts that a new run may cure: neither refusals nor runs that a person stopped.
    A photograph that has been measured since, or is being measured now, is left alone.
    """
    newest: dict[str, PastRun] = {}
    for run in sorted(runs, key=lambda run: run.started_at):
        newest[run.photo] = run
    wanted = []
    for photo, run in sorted(newest.items()):
        if run.status not in WITHOUT_RESULT or (since is not None and run.started_at < since):
            continue
        matches = run.error == error if error else run.error not in REFUSALS and run.error != ABORTED
        if matches and isinstance(run.input.get("key"), str):
            wanted.append(_retry(photo, run))
    return wanted


def _retry(photo: str, run: PastRun) -> Retry:
    step = run.failed_step if run.failed_step in STEPS else run.input.get("start_at") or STEPS[0]
    name = f"{readable_key(photo)}-again-{hashlib.sha256(run.name.encode()).hexdigest()[:16]}"
    return Retry(
        name,
        {**kept_input(run.input), "start_at": step, "requested_by": "retry"},
        photo,
        run.error or run.status,
        str(step),
    )


def kept_input(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a new run of the same photograph takes from an earlier run's input.

    What a person decided is about one version of the photograph, so that version stays beside it.
    """
    names = _KEPT if all(given.get(name) is None for name in DECISIONS) else (*_KEPT, "version_id")
    return {name: given[name] for name in names if given.get(name) is not None}


def readable_key(photo: str) -> str:
    """Return the beginning of the names of a photograph's executions, as the state machine ``admit`` makes it."""
    return re.sub(r"[^0-9A-Za-z_-]", "-", photo)[:44]


def summary(retries: Sequence[Retry]) -> list[str]:
    """Return one line for each error and step, the most frequent first: what a retry will do."""
    counts = Counter((retry.error, retry.step) for retry in retries)
    return [f"{count} that failed with {error}, from {step} on" for (error, step), count in counts.most_common()]


def parse_since(text: str, now: datetime | None = None) -> datetime:
    """Return the moment of ``2026-05-01``, ``2026-05-01T08:00+02:00`` or an age such as ``90m``, ``12h``, ``3d``.

    Times without an offset are UTC. Raises InvalidParameterError.
    """
    age = _DURATION.fullmatch(text)
    if age:
        return (now or datetime.now(UTC)) - timedelta(**{_UNITS[age[2]]: int(age[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidParameterError(
            f"'{text}' is no time: write 2026-05-01, 2026-05-01T08:00+02:00, or an age such as 90m, 12h or 3d."
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class RunHistory:
    """The executions of one pipeline, read as far as a retry needs them."""

    def __init__(self, step_functions: Any, pipeline_arn: str) -> None:
        """Read through a boto3 Step Functions client."""
        self._client, self._arn = step_functions, pipeline_arn

    def runs(self, since: datetime | None = None) -> list[PastRun]:
        """Return every failed run since a moment, and each other run that concerns the photograph of one of them."""
        failed = self._details(self._listed(WITHOUT_RESULT, since))
        if not failed:
            return []
        oldest = min(run.started_at for run in failed)
        # Every way of starting a run puts the key's beginning into its name; only those need to be read in full.
        names = tuple({readable_key(key) for run in failed for key in (run.photo, str(run.input.get("key", "")))})
        others = [item for item in self._listed(_OTHERS, oldest) if item["name"].startswith(names)]
        return [*failed, *self._details(others)]

    def start(self, retries: Sequence[Retry]) -> int:
        """Start the runs and return how many are new; those that an earlier call started are left alone."""
        return sum(self._start(retry) for retry in retries)

    def _start(self, retry: Retry) -> bool:
        try:
            self._client.start_execution(
                stateMachineArn=self._arn, name=retry.name, input=json.dumps(retry.input, ensure_ascii=False)
            )
        except self._client.exceptions.ExecutionAlreadyExists:
            return False
        return True

    def _listed(self, statuses: Sequence[str], since: datetime | None) -> Iterator[Mapping[str, Any]]:
        return itertools.chain.from_iterable(self._of_status(status, since) for status in statuses)

    def _of_status(self, status: str, since: datetime | None) -> Iterator[Mapping[str, Any]]:
        pages = self._client.get_paginator("list_executions").paginate(
            stateMachineArn=self._arn, statusFilter=status, PaginationConfig={"PageSize": _PAGE}
        )
        for page in pages:
            for item in page["executions"]:
                if since is not None and item["startDate"] < since:
                    return  # the newest come first
                yield item

    def _details(self, listed: Iterable[Mapping[str, Any]]) -> list[PastRun]:
        with ThreadPoolExecutor(_PARALLEL) as pool:
            return list(pool.map(self._detail, [item["executionArn"] for item in listed]))

    def _detail(self, arn: str) -> PastRun:
        described = self._client.describe_execution(executionArn=arn)
        status, step = str(described["status"]), None
        if status in WITHOUT_RESULT:
            step = split_cause(str(described.get("cause") or ""))[0] or read_failed_state(self._client, arn)
        given = json_object(described.get("input"))
        return PastRun(str(described["name"]), status, described["startDate"], given, error_of(described) or None, step)


def offer(
    runs: RunHistory, error: str | None, since: str | None, *, agree: Callable[[str], bool], say: Callable[[str], None]
) -> bool:
    """Say what a retry would start, start it if `agree` answers the question with yes; returns whether all is done."""
    earliest = parse_since(since) if since else None
    retries = plan_retries(runs.runs(earliest), error=error, since=earliest)
    if not retries:
        say("No failed run is left to start again.")
        return True
    say("\n".join(("To be started again:", *(f"  {line}" for line in summary(retries)))))
    if not agree(f"Start {len(retries)} runs? [y/N] "):
        say("Nothing was started.")
        return False
    started = runs.start(retries)
    say(f"{started} started, {len(retries) - started} had been started before.")
    return True
