"""Runs the state machine cases on AWS's TestState API: one call for each state, with mocked functions.

TestState evaluates a state as the service does (JSONata, retriers, catchers, variables, Map) and needs no function,
role or state machine. The walk from state to state is made here; the stand-ins of the functions run in this process.
What the API's reference says, and this obeys:

- only Task, Map and Parallel states take a mock, and a context only together with a mock;
- a failed attempt that is to be tried again has the status RETRIABLE, one that a catcher takes CAUGHT_ERROR;
- the number of retries so far is an input (`retrierRetryCount`) and counts for the retrier that fits the error;
- the variables after a state are in `inspectionData.variables`, from the level DEBUG on;
- a Map's iterations are in `inspectionData.afterItemSelector`; its mocked result is the list of their outputs.
"""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.integration.statemachine import scripted_function, scripted_relabel

Json = dict[str, Any]

_CONTEXT = "states_context"
_FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:"
_MOCKED = ("Task", "Map")
_MOST_STATES = 500  # of one execution: more is a loop
_STEPS = ("restoration", "reframing", "segmentation", "coverage", "conversion", "adapt", "relabel")


@dataclass
class _Execution:
    """One execution, as DescribeExecution and GetExecutionHistory would tell it."""

    machine: Json
    described: Json
    events: list[Json] = field(default_factory=list)

    def happened(self, kind: str, **details: Any) -> None:
        self.events.append({"id": len(self.events) + 1, "type": kind, **details})


@dataclass(frozen=True)
class _End:
    """How a machine, or an iteration of a Map, ended."""

    status: str
    output: str = ""
    error: str = ""
    cause: str = ""
    state: str = ""


class StateByState:
    """What the state machine cases ask of an interpreter, carried out on TestState."""

    def __init__(self, client: Any, definitions: Path) -> None:
        """Use a boto3 Step Functions client; the ASL files are in a folder."""
        self._client, self._definitions = client, definitions
        self._machines: dict[str, Json] = {}
        self._executions: dict[str, _Execution] = {}

    def create(self, name: str, **substitutions: str) -> str:
        """Read a state machine from the project's ASL; returns an ARN for it."""
        text = (self._definitions / f"{name}.asl.json").read_text()
        text = re.sub(r'"MaxAttempts": \d+', '"MaxAttempts": 2', text)
        known = {
            f"{step.title()}FunctionArn": f"arn:aws:lambda:eu-west-1:123456789012:function:{step}" for step in _STEPS
        }
        for variable, value in {**known, **substitutions}.items():
            text = text.replace("${" + variable + "}", value)
        assert "${" not in text
        arn = f"arn:aws:states:eu-west-1:123456789012:stateMachine:test-{name}-{uuid.uuid4().hex[:8]}"
        self._machines[arn] = json.loads(text)
        return arn

    def start(self, machine: str, document: Json, name: str | None = None) -> str:
        """Run an execution to its end; returns its ARN."""
        name = name or uuid.uuid4().hex
        arn = f"{machine.replace(':stateMachine:', ':execution:')}:{name}"
        described = {"executionArn": arn, "stateMachineArn": machine, "name": name, "startDate": datetime.now(UTC)}
        execution = _Execution(self._machines[machine], described)
        self._executions[arn] = execution
        end = self._walk(execution, execution.machine, json.dumps(document), "{}", {})
        told = {"output": end.output} if end.status == "SUCCEEDED" else {"error": end.error, "cause": end.cause}
        execution.described |= {"status": end.status, **told}
        return arn

    def finish(self, execution: str) -> Json:
        """Describe an execution, which has ended."""
        return self._executions[execution].described

    def run(self, machine: str, document: Json) -> Json:
        """Run an execution to its end and describe it."""
        return self.finish(self.start(machine, document))

    def events(self, execution: Json) -> list[Json]:
        """Return what happened: the states that were entered, and the attempts that failed."""
        return self._executions[execution["executionArn"]].events

    def visited(self, execution: Json) -> list[str]:
        """Return the names of the states in the order in which they were entered."""
        details = [event.get("stateEnteredEventDetails") for event in self.events(execution)]
        return [detail["name"] for detail in details if detail]

    def _walk(self, execution: _Execution, machine: Json, given: str, variables: str, item: Json) -> _End:
        """Run a machine, or the processor of a Map, from its first state to its end."""
        state = machine["StartAt"]
        for _ in range(_MOST_STATES):
            definition = machine["States"][state]
            kind = definition["Type"]
            execution.happened(f"{kind}StateEntered", stateEnteredEventDetails={"name": state, "input": given})
            if kind in _MOCKED:
                answer = self._tried(execution, definition, state, given, variables, item)
            else:
                answer = self._unmocked(execution, state, given, variables, item)
            variables = answer.get("inspectionData", {}).get("variables") or variables
            if answer["status"] == "FAILED":
                return _End("FAILED", error=answer["error"], cause=answer.get("cause", ""), state=state)
            given = answer.get("output", given)
            execution.happened(f"{kind}StateExited", stateExitedEventDetails={"name": state, "output": given})
            if answer.get("nextState") is None:
                return _End("SUCCEEDED", output=given)
            state = answer["nextState"]
        raise AssertionError(f"{state} is one of more than {_MOST_STATES} states: the machine goes round in circles")

    def _tried(
        self, execution: _Execution, definition: Json, state: str, given: str, variables: str, item: Json
    ) -> Json:
        """Return TestState's last answer for a state that takes a mock, after its retries."""
        retries: Counter[int] = Counter()
        while True:
            if definition["Type"] == "Map":
                mock, more = self._iterated(execution, definition, state, given, variables, item)
            else:
                mock, more = self._called(execution, state, given, variables, item), {}
            error = mock.get("errorOutput", {}).get("error")
            retrier = _retrier(definition, error) if error else None
            count = {} if retrier is None else {"retrierRetryCount": retries[retrier]}
            answer = self._ask(execution, state, given, variables, item, mock, {**more, **count})
            if error and definition["Type"] == "Task":
                execution.happened("TaskFailed", taskFailedEventDetails=mock["errorOutput"])
            if answer["status"] != "RETRIABLE":
                return answer
            retries[answer["inspectionData"]["errorDetails"]["retryIndex"]] += 1

    def _called(self, execution: _Execution, state: str, given: str, variables: str, item: Json) -> Json:
        """Return what the state's function answers; a first call tells with which arguments it is called."""
        trial = {"result": json.dumps(_invoked({})), "fieldValidationMode": "NONE"}
        looked = self._ask(execution, state, given, variables, item, trial, {})
        arguments = json.loads(looked["inspectionData"]["afterArguments"])
        arn, payload = arguments["FunctionName"], arguments["Payload"]
        stand_in = scripted_relabel if arn.endswith(":relabel") else scripted_function
        try:
            return {
                "result": json.dumps(_invoked(stand_in.handler(payload, SimpleNamespace(invoked_function_arn=arn))))
            }
        except Exception as error:
            cause = {"errorMessage": str(error), "errorType": type(error).__name__}
            return {"errorOutput": {"error": type(error).__name__, "cause": json.dumps(cause)}}

    def _iterated(
        self, execution: _Execution, definition: Json, state: str, given: str, variables: str, item: Json
    ) -> tuple[Json, Json]:
        """Return the mock of a Map, after its iterations have been walked, and what to configure besides."""
        looked = self._ask(execution, state, given, variables, item, {"result": "[]"}, {})
        inputs = json.loads(looked["inspectionData"].get("afterItemSelector") or "[]")
        ends = [
            self._walk(execution, definition["ItemProcessor"], json.dumps(one), variables, {"Index": n, "Value": one})
            for n, one in enumerate(inputs)
        ]
        failed = [end for end in ends if end.status == "FAILED"]
        if not failed:
            return {"result": json.dumps([json.loads(end.output) for end in ends])}, {}
        mock = {"errorOutput": {"error": failed[0].error, "cause": failed[0].cause}}
        return mock, {"errorCausedByState": failed[0].state, "mapIterationFailureCount": len(failed)}

    def _unmocked(self, execution: _Execution, state: str, given: str, variables: str, item: Json) -> Json:
        """Test a state that takes no mock, so no context either: it reads the context from a variable."""
        text = json.dumps(execution.machine).replace("$states.context.", f"${_CONTEXT}.")
        with_context = json.loads(variables) | {_CONTEXT: self._context(execution, state, item)}
        answer: Json = self._client.test_state(
            definition=text, stateName=state, input=given, variables=json.dumps(with_context), inspectionLevel="DEBUG"
        )
        after = json.loads(answer.get("inspectionData", {}).get("variables") or "{}")
        if after:
            after.pop(_CONTEXT, None)
            answer["inspectionData"]["variables"] = json.dumps(after)
        return answer

    def _ask(
        self, execution: _Execution, state: str, given: str, variables: str, item: Json, mock: Json, more: Json
    ) -> Json:
        answer: Json = self._client.test_state(
            definition=json.dumps(execution.machine),
            stateName=state,
            input=given,
            variables=variables,
            context=json.dumps(self._context(execution, state, item)),
            mock=mock,
            inspectionLevel="DEBUG",
            **({"stateConfiguration": more} if more else {}),
        )
        return answer

    def _context(self, execution: _Execution, state: str, item: Json) -> Json:
        described = execution.described
        started = described["startDate"].strftime("%Y-%m-%dT%H:%M:%S.000Z")
        arn = described["stateMachineArn"]
        return {
            "Execution": {
                "Id": described["executionArn"],
                "Name": described["name"],
                "StartTime": started,
                "RoleArn": "arn:aws:iam::123456789012:role/none",
                "RedriveCount": 0,
            },
            "StateMachine": {"Id": arn, "Name": arn.rpartition(":")[2]},
            "State": {"Name": state, "EnteredTime": started, "RetryCount": 0},
            **({"Map": {"Item": item}} if item else {}),
        }


def _invoked(payload: Any) -> Json:
    """Return what `lambda:invoke` results in."""
    return {"ExecutedVersion": "$LATEST", "Payload": payload, "StatusCode": 200}


def _retrier(state: Json, error: str) -> int | None:
    """Return the index of the retrier that fits an error by its name."""
    general = {"States.ALL"} | (set() if error == "States.Timeout" else {"States.TaskFailed"})
    for index, retrier in enumerate(state.get("Retry", [])):
        if {error, *general} & set(retrier["ErrorEquals"]):
            return index
    return None
