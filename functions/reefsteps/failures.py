"""Reading how an execution failed: which step, and the message for people.

An execution that ends in the state ``Failed`` has the cause ``step: message``. One that ends in its task has what
Lambda answered, a JSON object with ``errorMessage``; then the history knows the step.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from reefsteps.execution_status import ExecutionStatus
from reefsteps.steps import STEPS

ABORTED = "Aborted"
"""The error of an execution that somebody stopped without naming one."""

_UNNAMED: dict[str, str] = {ExecutionStatus.TIMED_OUT: "States.Timeout", ExecutionStatus.ABORTED: ABORTED}
_INPUT = "input"
_LAST_EVENTS = 200  # more than a task's retries leave behind; the state that failed was entered among them


def error_of(description: Mapping[str, Any]) -> str:
    """Return the error of a DescribeExecution answer; an empty text where there is none."""
    return str(description.get("error") or _UNNAMED.get(str(description.get("status")), ""))


def split_cause(cause: str) -> tuple[str | None, str]:
    """Return (step, message) of a failure's cause; the step is None where the cause does not say it."""
    step, separator, message = cause.partition(": ")
    if separator and step in (*STEPS, _INPUT):
        return step, _message_of(message)
    return None, _message_of(cause)


def failed_state(events: Iterable[Mapping[str, Any]]) -> str | None:
    """Return the step in which an execution ended, from GetExecutionHistory events in any order; None for no step."""
    entered = sorted((event for event in events if "stateEnteredEventDetails" in event), key=lambda e: int(e["id"]))
    name = str(entered[-1]["stateEnteredEventDetails"]["name"]).lower() if entered else ""
    return name if name in STEPS else None


def read_failed_state(step_functions: Any, arn: str) -> str | None:
    """Ask a boto3 Step Functions client for the step in which an execution ended; None for no step."""
    answer = step_functions.get_execution_history(
        executionArn=arn, includeExecutionData=False, reverseOrder=True, maxResults=_LAST_EVENTS
    )
    return failed_state(answer["events"])


def console_url(arn: str) -> str:
    """Return the address of the execution's page in the AWS console."""
    partition, region = arn.split(":")[1], arn.split(":")[3]
    domain = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}.get(
        partition, "console.aws.amazon.com"
    )
    return f"https://{region}.{domain}/states/home?region={region}#/v2/executions/details/{arn}"


def json_object(text: Any) -> dict[str, Any]:
    """Return the JSON object that a text holds; an empty one for anything else, None included."""
    try:
        data = json.loads(text or "{}")
    except (TypeError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _message_of(text: str) -> str:
    message = json_object(text).get("errorMessage")
    return str(message) if message else text
