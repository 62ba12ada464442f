"""Reading EventBridge's events about executions that ended: what ran, for which photograph, and why it ended so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reefsteps.execution_status import ExecutionStatus
from reefsteps.failures import error_of, json_object, split_cause
from reefsteps.surveys import decode_key

NO_MODEL = "NoModel"
"""Stands for the error of a conversion that succeeded without a model."""


@dataclass(frozen=True)
class Ended:
    """One execution that ended."""

    arn: str
    machine: str  # the last word of the state machine's name: pipeline, convert, removal, ...
    subject: str  # the photograph's or model's key, decoded; the execution's name where its input says none
    error: str
    step: str | None
    message: str
    at: datetime | None
    made_model: bool = False

    @property
    def model(self) -> str:
        """What the files of one model have in common: their name without what follows the first dot."""
        return self.subject.partition(".")[0]


def read(event: Mapping[str, Any]) -> Ended | None:
    """Return what an event of Step Functions tells; None for an event of anything else."""
    detail = event.get("detail")
    if not isinstance(detail, Mapping) or "executionArn" not in detail:
        return None
    machine = str(detail.get("stateMachineArn", "")).rpartition("-")[2]
    step, message = split_cause(str(detail.get("cause") or ""))
    error, made_model = error_of(detail), False
    if machine == "convert" and detail.get("status") == ExecutionStatus.SUCCEEDED:
        result = json_object(detail.get("output")).get("conversion") or {}
        made_model = bool(result.get("converted"))
        error, message = NO_MODEL, str(result.get("reason") or "")
    stopped = detail.get("stopDate")
    return Ended(
        arn=str(detail["executionArn"]),
        machine=machine,
        subject=_subject(detail),
        error=error,
        step=step,
        message=message,
        at=datetime.fromtimestamp(stopped / 1000, UTC) if isinstance(stopped, int) else None,
        made_model=made_model,
    )


def worth_telling(ended: Iterable[Ended]) -> list[Ended]:
    """Return what people are told of, each execution once, in the order in which they ended.

    A conversion without a model is normal while the files of the model arrive. One that made the model settles it.
    """
    by_arn = {(one.arn, one.at): one for one in ended}
    ordered = sorted(by_arn.values(), key=lambda one: one.at or datetime.min.replace(tzinfo=UTC))
    made = {one.model for one in ordered if one.made_model}
    return [one for one in ordered if not one.made_model and not (one.error == NO_MODEL and one.model in made)]


def _subject(detail: Mapping[str, Any]) -> str:
    given = json_object(detail.get("input"))
    inside = given.get("detail")
    key = inside.get("object", {}).get("key") if isinstance(inside, Mapping) else given.get("key")
    return decode_key(key) if isinstance(key, str) and key else str(detail.get("name") or "")
