"""The pipeline state machine: paths, retries, the one failure path."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any

import pytest

from reefsteps import errors
from reefsteps.failures import failed_state, split_cause
from tests.support.local_stack import REPOSITORY

if TYPE_CHECKING:
    from tests.integration.statemachine.conftest import Interpreter

STEPS = ("restoration", "reframing", "segmentation", "coverage")
PHOTO = {"bucket": "raw", "key": "2006-Takapoto-01.jpg"}
DEFINITION = json.loads((REPOSITORY / "statemachine" / "pipeline.asl.json").read_text())


@pytest.fixture(scope="module")
def pipeline(interpreter: Interpreter) -> str:
    """The pipeline's ARN."""
    return interpreter.create("pipeline", RemovalArn="arn:aws:states:eu-west-3:123456789012:stateMachine:unused")


def subclasses(kind: type[Exception]) -> list[str]:
    """Return the names of a family of errors."""
    return sorted(name for name, value in vars(errors).items() if isinstance(value, type) and kind in value.__mro__[1:])


def test_each_step_gets_the_document_with_what_went_before(interpreter: Interpreter, pipeline: str) -> None:
    execution = interpreter.run(pipeline, PHOTO)
    assert execution["status"] == "SUCCEEDED", execution
    output = json.loads(execution["output"])
    assert output["input"] == PHOTO
    assert output["execution"]["id"] == execution["executionArn"]
    assert output["execution"]["name"] == execution["name"]
    assert output["execution"]["started_at"].startswith(execution["startDate"].strftime("%Y-"))
    for number, step in enumerate(STEPS):
        assert output[step]["step"] == step
        assert output[step]["received"] == sorted(["execution", "input", *STEPS[:number]])


@pytest.mark.parametrize("first", STEPS)
def test_run_starts_where_it_is_told(interpreter: Interpreter, pipeline: str, first: str) -> None:
    execution = interpreter.run(pipeline, {**PHOTO, "start_at": first})
    assert execution["status"] == "SUCCEEDED", execution
    worked = [state.lower() for state in interpreter.visited(execution) if state.lower() in STEPS]
    assert worked == list(STEPS[STEPS.index(first) :])


@pytest.mark.parametrize(
    "document",
    [{}, {"bucket": "raw"}, {"key": "x"}, {"bucket": 1, "key": "x"}, {**PHOTO, "start_at": "lunch"}],
    ids=["empty", "no key", "no bucket", "bucket is a number", "unknown step"],
)
def test_malformed_input_is_refused_before_any_step(
    interpreter: Interpreter, pipeline: str, document: dict[str, Any]
) -> None:
    execution = interpreter.run(pipeline, document)
    assert (execution["status"], execution["error"]) == ("FAILED", "InvalidParameterError")
    assert "bucket" in execution["cause"]
    assert not [state for state in interpreter.visited(execution) if state.lower() in STEPS]


@pytest.mark.parametrize("step", STEPS)
def test_a_photograph_at_fault_takes_the_failure_path(interpreter: Interpreter, pipeline: str, step: str) -> None:
    names = sorted(errors.REFUSALS)
    assert {"InvalidImageError", "QuadratNotFoundError"} <= set(names)
    started = {name: interpreter.start(pipeline, {**PHOTO, "script": {step: [name] * 9}}) for name in names}
    for name, arn in started.items():
        execution = interpreter.finish(arn)
        failures = [e for e in interpreter.events(execution) if e["type"] == "TaskFailed"]
        assert len(failures) == 1, name
        assert (execution["status"], execution["error"]) == ("FAILED", name)
        assert execution["cause"] == f"{step}: attempt 0 of {step}"
        assert interpreter.visited(execution)[-1] == "Failed"


@pytest.mark.parametrize("step", STEPS[:3])
def test_overtaken_run_ends_well_and_says_that_it_wrote_nothing(
    interpreter: Interpreter, pipeline: str, step: str
) -> None:
    execution = interpreter.run(pipeline, {**PHOTO, "script": {step: ["SupersededError"] * 9}})
    assert execution["status"] == "SUCCEEDED", execution
    coverage = json.loads(execution["output"])["coverage"]
    assert coverage == {"written": False, "reason": f"attempt 0 of {step}"}
    assert "Coverage" not in interpreter.visited(execution)


def test_a_photograph_without_quadrat_ends_well_by_way_of_coverage(interpreter: Interpreter, pipeline: str) -> None:
    execution = interpreter.run(pipeline, {**PHOTO, "script": {"reframing": ["NoQuadratError"] * 9}})
    assert execution["status"] == "SUCCEEDED", execution
    output = json.loads(execution["output"])
    assert output["no_quadrat"] == "attempt 0 of reframing"
    assert "no_quadrat" in output["coverage"]["received"]
    assert "Segmentation" not in interpreter.visited(execution)


def retried(step: str) -> list[str]:
    """Return every error that the ASL retries in a step and that a function can bring about."""
    names = [name for retrier in DEFINITION["States"][step.title()]["Retry"] for name in retrier["ErrorEquals"]]
    return [name for name in names if not name.startswith("States.")]


@pytest.mark.parametrize("step", STEPS)
def test_faults_that_pass_are_waited_out(interpreter: Interpreter, pipeline: str, step: str) -> None:
    started = {name: interpreter.start(pipeline, {**PHOTO, "script": {step: [name]}}) for name in retried(step)}
    assert {"Lambda.TooManyRequestsException", "Sandbox.Timedout", "Runtime.ExitError"} <= started.keys()
    for name, arn in started.items():
        execution = interpreter.finish(arn)
        assert execution["status"] == "SUCCEEDED", (name, execution)
        assert json.loads(execution["output"])[step]["attempts"] == 2, name


def test_transient_errors_of_the_product_are_retried_where_they_arise() -> None:
    assert "ModelNotReadyError" in retried("reframing")
    assert "ModelNotReadyError" in retried("segmentation")
    assert "DatabaseUnavailableError" in retried("coverage")


def attempts(step: str, name: str) -> int:
    """Return how often the interpreter under test calls a step that fails by an error; its retries are cut to two."""
    return 3 if name in retried(step) else 1


# What waiting or an operator can put right: crashes, throttling, idle weeks, the database, models, grants, and names
# that nobody foresaw. ``States.*`` cannot be raised by a function; the interpreter's own tests cover the timeout.
LASTING = sorted({*subclasses(errors.TransientError), "ConfigurationError", "UnsupportedModelError", "KeyError",
                  "Runtime.ImportModuleError", "Lambda.ResourceNotFoundException"})  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
def test_every_other_fault_ends_in_its_task_and_a_redrive_completes(
    interpreter: Interpreter, pipeline: str, step: str
) -> None:
    """A redrive runs the state that failed, with its input; moto has none, so a run is started at that step."""
    names = sorted({*retried(step), *LASTING})
    documents = {
        name: {**PHOTO, "script_id": uuid.uuid4().hex, "script": {step: [name] * attempts(step, name)}}
        for name in names
    }
    started = {name: interpreter.start(pipeline, document) for name, document in documents.items()}
    again = {}
    for name, arn in started.items():
        execution = interpreter.finish(arn)
        assert (execution["status"], execution["error"]) == ("FAILED", name)
        assert split_cause(execution["cause"])[1] == f"attempt {attempts(step, name) - 1} of {step}"
        assert interpreter.visited(execution)[-1] == step.title(), name
        assert failed_state(interpreter.events(execution)) == step
        again[name] = interpreter.start(pipeline, {**documents[name], "start_at": step})
    for name, arn in again.items():
        execution = interpreter.finish(arn)
        assert execution["status"] == "SUCCEEDED", (name, execution)
        worked = [state.lower() for state in interpreter.visited(execution) if state.lower() in STEPS]
        assert worked == list(STEPS[STEPS.index(step) :])


def test_cause_with_quotes_arrives_whole(interpreter: Interpreter, pipeline: str) -> None:
    # An error's name is all that the script can choose, so it carries the characters that break naive templates.
    execution = interpreter.run(pipeline, {**PHOTO, "script": {"restoration": ['It "said" \\ it\'s {broken}']}})
    assert execution["status"] == "FAILED"
    assert execution["error"] == 'It "said" \\ it\'s {broken}'
