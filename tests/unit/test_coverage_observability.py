"""What every handler logs and counts, and that it changes neither result nor exception."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from reefsteps.errors import QuadratNotFoundError
from reefsteps.observability import logger, measure, metrics, step_handler

EVENT = {"execution": {"id": "arn:run-1"}, "input": {"key": "2006-X-1.jpg"}}
CONTEXT = SimpleNamespace(aws_request_id="request-1", function_name="reframing")


Output = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Output:
    """Return a function that gives the JSON lines of log and metrics since its last call."""
    log = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", log)
    metrics.clear_metrics()

    def read() -> list[dict[str, Any]]:
        text = log.getvalue() + capsys.readouterr().out
        log.truncate(0)
        log.seek(0)
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    return read


def test_a_good_run_is_timed_and_every_line_names_the_execution(written: Output) -> None:
    @step_handler("reframing")
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        logger.info("working")
        measure("Colonies", 3)
        return {"seen": event["input"]["key"]}

    assert handler(EVENT, CONTEXT) == {"seen": "2006-X-1.jpg"}
    output = written()
    logged = [line for line in output if "level" in line]
    assert [line["message"] for line in logged] == ["working", "done"]
    assert all(line["execution_id"] == "arn:run-1" and line["request_id"] == "request-1" for line in logged)
    (figures,) = [line for line in output if "_aws" in line]
    assert figures["step"] == "reframing"
    assert figures["Colonies"] == [3.0]
    assert figures["StepSeconds"][0] >= 0
    assert figures["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "ReefSteps"


def test_a_failure_is_counted_by_name_and_goes_on(written: Output) -> None:
    @step_handler("reframing")
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        measure("Colonies", 3)
        raise QuadratNotFoundError("No frame.")

    with pytest.raises(QuadratNotFoundError, match=r"No frame\."):
        handler(EVENT, None)
    output = written()
    failures = [line for line in output if "Failures" in line]
    assert [(line["step"], line["error"], line["Failures"]) for line in failures] == [
        ("reframing", "QuadratNotFoundError", [1.0])
    ]
    (logged,) = [line for line in output if "level" in line]
    assert (logged["level"], logged["message"], logged["error"]) == ("WARNING", "No frame.", "QuadratNotFoundError")
    assert "exception" not in logged


def test_an_unexpected_failure_keeps_its_traceback(written: Output) -> None:
    @step_handler("coverage")
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        raise KeyError("oops")

    with pytest.raises(KeyError):
        handler({}, None)
    (logged,) = [line for line in written() if "level" in line]
    assert logged["level"] == "ERROR"
    assert "Traceback" in logged["exception"]


def test_one_run_leaves_nothing_for_the_next(written: Output) -> None:
    @step_handler("coverage")
    def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
        return {}

    handler(EVENT, CONTEXT)
    written()
    handler({}, None)
    (logged,) = [line for line in written() if "level" in line]
    assert "execution_id" not in logged
