"""Coral models that learn from people's points: the state machine that makes them, and which model is in use."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from frontend.services import model_files
from frontend.services.aws import step_functions
from frontend.settings import settings
from reefsteps.adaptation import AdaptResult
from reefsteps.errors import InvalidParameterError
from reefsteps.execution_status import ENDED


@dataclass(frozen=True)
class Run:
    """The newest run. ``result`` is there once it has succeeded, ``cause`` where it has failed."""

    arn: str
    running: bool
    result: AdaptResult | None
    cause: str


def learn(requested_by: str | None) -> None:
    """Start to learn from all photographs with points."""
    _start({}, requested_by)


def use(model: str, requested_by: str | None) -> None:
    """Start to measure with a model from now on."""
    _start({"use": model}, requested_by)


def newest() -> Run | None:
    """Return the newest run (never kept: it is read while one is under way); None where there was none."""
    listed = step_functions().list_executions(stateMachineArn=settings().adapt_arn or "", maxResults=1)["executions"]
    if not listed:
        return None
    execution = step_functions().describe_execution(executionArn=listed[0]["executionArn"])
    running = execution["status"] not in ENDED
    cause = "" if running else re.sub(r"^adapt: ", "", execution.get("cause") or execution["status"])
    return Run(execution["executionArn"], running, _result(execution), cause)


def forget() -> None:
    """Drop what was kept of the models, because another one may be in use."""
    model_files.manifests.clear()


def _result(execution: Any) -> AdaptResult | None:
    if execution["status"] != "SUCCEEDED":
        return None
    try:
        return AdaptResult.from_json(json.loads(execution["output"])["adapt"])
    except (KeyError, TypeError, ValueError, InvalidParameterError):  # another release's
        return None


def _start(given: dict[str, str], requested_by: str | None) -> None:
    name = f"{'use' if given else 'learn'}-{datetime.now(UTC).strftime('%Y%m%dT%H%M%S%f')}"
    body = json.dumps({**given, "requested_by": requested_by or "page"}, ensure_ascii=False)
    step_functions().start_execution(stateMachineArn=settings().adapt_arn or "", name=name, input=body)
