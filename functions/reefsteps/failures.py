"""Reading how an execution failed: which step, and the message for people.

An execution that ends in the state ``Failed`` has the cause ``step: message``. One that ends in its task has what
Lambda answered, a JSON object with ``errorMessage``; then the history knows the step.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from reefsteps.results import STEPS

_INPUT = "input"


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
