"""Reading Step Functions executions as a person would: which photograph, which step, what went wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from reefsteps.execution_status import WITHOUT_RESULT, ExecutionStatus
from reefsteps.failures import error_of, json_object, split_cause
from reefsteps.retries import kept_input
from reefsteps.steps import STEPS


class StepState(StrEnum):
    """How far a run is with one of its steps."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"


class RunStatus(StrEnum):
    """Which runs a list shows."""

    ALL = "All"
    RUNNING = "Running"
    DONE = "Done"
    FAILED = "Failed"

    @property
    def states(self) -> tuple[str | None, ...]:
        """The states of Step Functions that it stands for; None for every one."""
        return _STATES[self]


_STATES: dict[RunStatus, tuple[str | None, ...]] = {
    RunStatus.ALL: (None,),
    RunStatus.RUNNING: (ExecutionStatus.RUNNING,),
    RunStatus.DONE: (ExecutionStatus.SUCCEEDED,),
    RunStatus.FAILED: WITHOUT_RESULT,
}


@dataclass(frozen=True)
class ExecutionSummary:
    """One run of the pipeline. ``key`` is None until its detail has been read."""

    arn: str
    name: str
    status: str  # one of ExecutionStatus
    started_at: datetime
    stopped_at: datetime | None

    @property
    def elapsed_s(self) -> float | None:
        """Seconds from start to stop, None while running."""
        return (self.stopped_at - self.started_at).total_seconds() if self.stopped_at else None


@dataclass(frozen=True)
class ExecutionDetail:
    """What DescribeExecution adds: the photograph, the input to start again with, and the failure."""

    bucket: str | None
    key: str | None
    input: Mapping[str, Any]
    failed_step: str | None
    error: str | None
    message: str | None

    @property
    def photo(self) -> str:
        """The photograph's key, or a dash for an execution that was started without one."""
        return self.key or "-"


def detail_from(description: Mapping[str, Any]) -> ExecutionDetail:
    """Return the detail of a DescribeExecution answer; input that is no JSON object counts as empty."""
    given = json_object(description.get("input"))
    failed = description.get("status") in WITHOUT_RESULT
    step, message = split_cause(str(description.get("cause") or ""))
    bucket, key = given.get("bucket"), given.get("key")
    return ExecutionDetail(
        bucket=bucket if isinstance(bucket, str) else None,
        key=key if isinstance(key, str) else None,
        input=given,
        failed_step=step if failed else None,
        error=error_of(description) if failed else None,
        message=message if failed else None,
    )


def step_states(events: Iterable[Mapping[str, Any]]) -> dict[str, StepState]:
    """Return how far each of the four steps is, from GetExecutionHistory events.

    The events may come in any order; a step that the run skipped (it started in the middle) stays waiting.
    """
    states: dict[str, StepState] = dict.fromkeys(STEPS, StepState.WAITING)
    for event in sorted(events, key=lambda e: int(e["id"])):
        entered = event.get("stateEnteredEventDetails", {}).get("name", "").lower()
        left = event.get("stateExitedEventDetails", {}).get("name", "").lower()
        if entered in states:
            states[entered] = StepState.RUNNING
        if left in states:
            states[left] = StepState.DONE
    return states


def retry_input(given: Mapping[str, Any], *, start_at: str | None = None) -> dict[str, Any]:
    """Return the input for running the same photograph again, without what only the first run could use."""
    return kept_input(given) | ({"start_at": start_at} if start_at else {}) | {"requested_by": "page"}
