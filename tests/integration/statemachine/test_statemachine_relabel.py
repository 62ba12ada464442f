"""The relabel state machine: groups one beside the other, one that fails stops no other, and nothing fails unseen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.statemachine.conftest import Interpreter


@pytest.fixture(scope="module")
def relabel(interpreter: Interpreter) -> str:
    """The state machine's ARN."""
    return interpreter.create("relabel")


def groups(*scripts: list[str]) -> list[dict[str, Any]]:
    return [{"name": str(number), "script": script} for number, script in enumerate(scripts)]


def test_every_group_is_carried_out(interpreter: Interpreter, relabel: str) -> None:
    execution = interpreter.run(relabel, {"groups": groups(*[[]] * 9)})
    assert execution["status"] == "SUCCEEDED", execution
    assert [answer["group"] for answer in json.loads(execution["output"])] == [str(number) for number in range(9)]


def test_a_list_of_which_nothing_is_to_be_done_ends_well(interpreter: Interpreter, relabel: str) -> None:
    assert interpreter.run(relabel, {"groups": []})["status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    "error", ["DatabaseUnavailableError", "Runtime.ExitError", "Sandbox.Timedout", "Lambda.TooManyRequestsException"]
)
def test_faults_that_pass_are_waited_out(interpreter: Interpreter, relabel: str, error: str) -> None:
    execution = interpreter.run(relabel, {"script": [error], "groups": groups([error], [])})
    assert execution["status"] == "SUCCEEDED", execution


def test_a_group_at_fault_stops_no_other_and_the_machine_says_so(interpreter: Interpreter, relabel: str) -> None:
    bad = ["PhotoNotFoundError"] * 9
    execution = interpreter.run(relabel, {"groups": groups(bad, [], bad, [])})
    assert (execution["status"], execution["error"]) == ("FAILED", "PhotoNotFoundError")
    assert execution["cause"].startswith("carry out: 2 of 4 groups are not done, the first because: attempt 0")
    done = [
        event
        for event in interpreter.events(execution)
        if event.get("stateExitedEventDetails", {}).get("name") == "Carry out"
        and '"group"' in event["stateExitedEventDetails"]["output"]
        and "failed" not in event["stateExitedEventDetails"]["output"]
    ]
    assert len(done) >= 2


def test_a_fault_that_stays_ends_in_its_task_by_its_own_name(interpreter: Interpreter, relabel: str) -> None:
    execution = interpreter.run(relabel, {"groups": groups(["KeyError"] * 9)})
    assert (execution["status"], execution["error"]) == ("FAILED", "KeyError")
    assert "Failed" not in interpreter.visited(execution)


def test_a_list_that_is_refused_fails_by_name(interpreter: Interpreter, relabel: str) -> None:
    execution = interpreter.run(relabel, {"script": ["InvalidParameterError"], "groups": []})
    assert (execution["status"], execution["error"]) == ("FAILED", "InvalidParameterError")
    assert execution["cause"] == "register: attempt 0"
