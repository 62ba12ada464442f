"""The TestState runner, offline: botocore's Stubber holds requests and answers to AWS's own service model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from tests.integration.statemachine.state_by_state import StateByState

Json = dict[str, Any]
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:"
NOW = 1_000_000_000.0
TASK = {
    "Type": "Task",
    "Resource": "arn:aws:states:::lambda:invoke",
    "Arguments": {"FunctionName": "${RestorationFunctionArn}", "Payload": "{% $states.input %}"},
    "Retry": [{"ErrorEquals": ["Asleep"], "MaxAttempts": 9}, {"ErrorEquals": ["States.TaskFailed"], "MaxAttempts": 9}],
    "Catch": [{"ErrorEquals": ["Bad"], "Next": "Failed"}],
    "Next": "Done",
}
ITERATION = {**TASK, "End": True}
del ITERATION["Next"], ITERATION["Catch"]
MACHINE = {
    "QueryLanguage": "JSONata",
    "StartAt": "Prepare",
    "States": {
        "Prepare": {
            "Type": "Pass",
            "Output": {"execution": {"id": "{% $states.context.Execution.Id %}"}, "input": "{% $states.input %}"},
            "Next": "Work",
        },
        "Work": TASK,
        "Done": {"Type": "Succeed"},
        "Failed": {"Type": "Fail", "Error": "{% $failure %}"},
    },
}
MAP = {
    "QueryLanguage": "JSONata",
    "StartAt": "Each",
    "States": {
        "Each": {
            "Type": "Map",
            "Items": "{% $states.input.items %}",
            "ItemSelector": {"input": "{% $states.context.Map.Item.Value %}"},
            "ItemProcessor": {"StartAt": "One", "States": {"One": ITERATION}},
            "End": True,
        }
    },
}


class Aws:
    """What TestState is to answer, in order."""

    def __init__(self, stubber: Stubber, folder: Path) -> None:
        self._stubber = stubber
        self.runner = StateByState(stubber.client, folder)
        for name, machine in (("plain", MACHINE), ("map", MAP)):
            (folder / f"{name}.asl.json").write_text(json.dumps(machine))

    def answers(self, state: str, status: str = "SUCCEEDED", mock: Any = None, more: Any = None, **answer: Any) -> None:
        request: Json = {"definition": ANY, "stateName": state, "input": ANY, "variables": ANY}
        request["inspectionLevel"] = "DEBUG"
        if mock is not None:
            request |= {"mock": mock, "context": ANY}
        if more is not None:
            request["stateConfiguration"] = more
        self._stubber.add_response("test_state", {"status": status, **answer}, request)

    def prepares(self, script: list[str]) -> Json:
        """The state Prepare, which takes no mock; returns the document that follows."""
        document = {"execution": {"id": f"run-{len(script)}-{script}"}, "input": {"script": {"restoration": script}}}
        variables = json.dumps({"states_context": {"Execution": {"Id": "x"}}, "kept": 1})
        self.answers("Prepare", output=json.dumps(document), nextState="Work", inspectionData={"variables": variables})
        return document

    def is_looked_at(self, state: str, document: Json) -> None:
        """The first call for an attempt, which asks for the arguments."""
        arguments = json.dumps({"FunctionName": f"{ARN}restoration", "Payload": document})
        self.answers(state, mock=ANY, inspectionData={"afterArguments": arguments})


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    monkeypatch.setattr("time.time", lambda: NOW)  # every function says when it was called
    keys: dict[str, Any] = {"aws_access_key_id": "fake", "aws_secret_access_key": "fake"}
    with Stubber(boto3.client("stepfunctions", region_name="eu-west-1", **keys)) as stubber:
        yield Aws(stubber, tmp_path)
        stubber.assert_no_pending_responses()


def failure(error: str, attempt: int) -> Json:
    cause = {"errorMessage": f"attempt {attempt} of restoration", "errorType": error}
    return {"errorOutput": {"error": error, "cause": json.dumps(cause)}}


def success(answer: Any) -> Json:
    return {"result": json.dumps({"ExecutedVersion": "$LATEST", "Payload": answer, "StatusCode": 200})}


def retriable(index: int) -> Json:
    return {"inspectionData": {"errorDetails": {"retryIndex": index, "retryBackoffIntervalSeconds": 1}}}


def test_retries_are_counted_for_the_retrier_that_fits_the_error(aws: Aws) -> None:
    document = aws.prepares(["Asleep", "Crash", "Asleep"])
    for attempt, (error, retrier, retries) in enumerate([("Asleep", 0, 0), ("Crash", 1, 0), ("Asleep", 0, 1)]):
        aws.is_looked_at("Work", document)
        aws.answers("Work", "RETRIABLE", failure(error, attempt), {"retrierRetryCount": retries}, **retriable(retrier))
    aws.is_looked_at("Work", document)
    answer = {"step": "restoration", "attempts": 4, "received": ["execution", "input"], "at": NOW}
    aws.answers("Work", mock=success(answer), output='{"done": true}', nextState="Done")
    aws.answers("Done", output='{"done": true}')
    execution = aws.runner.run(aws.runner.create("plain"), {"key": "k"})
    assert (execution["status"], execution["output"]) == ("SUCCEEDED", '{"done": true}')
    assert aws.runner.visited(execution) == ["Prepare", "Work", "Done"]
    failed = [e["taskFailedEventDetails"]["error"] for e in aws.runner.events(execution) if e["type"] == "TaskFailed"]
    assert failed == ["Asleep", "Crash", "Asleep"]


def test_a_caught_error_goes_on_at_its_catcher(aws: Aws) -> None:
    aws.is_looked_at("Work", aws.prepares(["Bad"]))
    aws.answers(
        "Work", "CAUGHT_ERROR", failure("Bad", 0), {"retrierRetryCount": 0}, output="{}", nextState="Failed",
        inspectionData={"errorDetails": {"catchIndex": 0}, "variables": '{"failure": "Bad"}'},
    )  # fmt: skip
    aws.answers("Failed", "FAILED", error="Bad", cause="restoration: attempt 0")
    execution = aws.runner.run(aws.runner.create("plain"), {})
    assert (execution["status"], execution["error"], execution["cause"]) == ("FAILED", "Bad", "restoration: attempt 0")
    assert aws.runner.visited(execution)[-1] == "Failed"


def test_an_error_that_nothing_catches_ends_the_execution_in_its_task(aws: Aws) -> None:
    aws.is_looked_at("Work", aws.prepares(["Crash"]))
    cause = failure("Crash", 0)["errorOutput"]["cause"]
    aws.answers("Work", "FAILED", failure("Crash", 0), {"retrierRetryCount": 0}, error="Crash", cause=cause)
    execution = aws.runner.run(aws.runner.create("plain"), {})
    assert (execution["status"], execution["error"], execution["cause"]) == ("FAILED", "Crash", cause)
    assert aws.runner.visited(execution)[-1] == "Work"


def iterations(*scripts: list[str]) -> list[Json]:
    return [
        {"execution": {"id": f"map-{number}-{script}"}, "input": {"script": {"restoration": script}}}
        for number, script in enumerate(scripts)
    ]


def test_a_map_gets_what_its_iterations_resulted_in(aws: Aws) -> None:
    inputs = iterations([], [])
    aws.answers("Each", mock={"result": "[]"}, inspectionData={"afterItemSelector": json.dumps(inputs)})
    answer = {"step": "restoration", "attempts": 1, "received": ["execution", "input"], "at": NOW}
    for number, one in enumerate(inputs):
        aws.is_looked_at("One", one)
        aws.answers("One", mock=success(answer), output=json.dumps({"number": number}))
    aws.answers("Each", mock={"result": '[{"number": 0}, {"number": 1}]'}, output='[{"number": 0}, {"number": 1}]')
    execution = aws.runner.run(aws.runner.create("map"), {"items": [1, 2]})
    assert (execution["status"], json.loads(execution["output"])) == ("SUCCEEDED", [{"number": 0}, {"number": 1}])


def test_a_map_is_told_which_state_of_an_iteration_failed(aws: Aws) -> None:
    inputs = iterations(["Crash"])
    aws.answers("Each", mock={"result": "[]"}, inspectionData={"afterItemSelector": json.dumps(inputs)})
    aws.is_looked_at("One", inputs[0])
    output = failure("Crash", 0)
    cause = output["errorOutput"]["cause"]
    aws.answers("One", "FAILED", output, {"retrierRetryCount": 0}, error="Crash", cause=cause)
    told = {"errorCausedByState": "One", "mapIterationFailureCount": 1}
    aws.answers("Each", "FAILED", output, told, error="Crash", cause=cause)
    execution = aws.runner.run(aws.runner.create("map"), {"items": [1]})
    assert (execution["status"], execution["error"]) == ("FAILED", "Crash")


def test_the_context_reaches_a_state_that_takes_no_mock(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Json] = []

    def test_state(**request: Any) -> Json:
        asked.append(request)
        return {"status": "FAILED", "error": "Stop", "cause": ""}

    monkeypatch.setattr(aws.runner._client, "test_state", test_state)
    machine = aws.runner.create("plain")
    aws.runner.start(machine, {}, "my-name")
    (request,) = asked
    assert "context" not in request and "mock" not in request  # the service refuses them for a Pass state
    output = json.loads(request["definition"])["States"]["Prepare"]["Output"]
    assert output["execution"]["id"] == "{% $states_context.Execution.Id %}"
    assert json.loads(request["variables"])["states_context"]["Execution"]["Id"].endswith(":my-name")
