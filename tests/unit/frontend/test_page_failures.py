"""Every error that a run can end with is explained, and executions are read as a person would."""

from __future__ import annotations

import inspect
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from frontend.domain.executions import (
    detail_from,
    retry_input,
    step_states,
)
from reefsteps import errors
from reefsteps.explanations import EXPLANATIONS, UNKNOWN, explain
from reefsteps.failures import console_url, split_cause

STATE_MACHINE = Path(__file__).parents[3] / "statemachine" / "pipeline.asl.json"
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_every_named_error_is_explained() -> None:
    names = {
        name for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.ReefStepsError)
    }
    assert names - set(EXPLANATIONS) == set()


def test_every_error_that_the_state_machine_names_is_explained() -> None:
    definition = json.loads(STATE_MACHINE.read_text())
    named = {
        error
        for state in definition["States"].values()
        for rule in (*state.get("Retry", []), *state.get("Catch", []))
        for error in rule["ErrorEquals"]
    } - {"States.ALL", "States.TaskFailed", "DynamoDB.ConditionalCheckFailedException"}  # the last: wait in line
    assert {name for name in named if explain(name) is UNKNOWN} == set()


def test_every_explanation_says_what_to_do_with_buttons_that_exist() -> None:
    for name, explanation in EXPLANATIONS.items():
        assert explanation.meaning.endswith("."), name
        assert explanation.advice.endswith("."), name
        assert set(explanation.actions) <= {"retry", "replace", "corners", "delete"}, name


@pytest.mark.parametrize("name", [None, "", "SomethingNew", "KeyError"])
def test_an_unknown_error_gets_general_advice(name: str | None) -> None:
    assert explain(name) is UNKNOWN


def test_timeouts_are_explained() -> None:
    assert explain("States.Timeout") is not UNKNOWN


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        ("reframing: No frame: 2 sides", ("reframing", "No frame: 2 sides")),
        ('coverage: {"errorMessage": "asleep", "errorType": "X"}', ("coverage", "asleep")),
        ("something: else", (None, "something: else")),
        ("", (None, "")),
        ("[1, 2]", (None, "[1, 2]")),
    ],
)
def test_causes_are_split_into_step_and_message(cause: str, expected: tuple[str | None, str]) -> None:
    assert split_cause(cause) == expected


@pytest.mark.parametrize("given", [None, "", "no json", "[]", '{"key": 5}'])
def test_an_execution_started_with_nonsense_is_still_shown(given: str | None) -> None:
    detail = detail_from({"status": "FAILED", "input": given, "error": "E", "cause": "c"})
    assert (detail.photo, detail.error, detail.message) == ("-", "E", "c")


def test_timeouts_and_stops_have_names() -> None:
    assert detail_from({"status": "TIMED_OUT"}).error == "States.Timeout"
    assert detail_from({"status": "ABORTED"}).error == "Aborted"
    assert detail_from({"status": "RUNNING"}).error is None


def test_step_states_do_not_depend_on_the_order_of_events() -> None:
    events = [
        {"id": 2, "stateEnteredEventDetails": {"name": "Restoration"}},
        {"id": 5, "stateExitedEventDetails": {"name": "Restoration"}},
        {"id": 6, "stateEnteredEventDetails": {"name": "Reframing"}},
    ]
    expected = {"restoration": "done", "reframing": "running", "segmentation": "waiting", "coverage": "waiting"}
    assert step_states(events) == step_states(reversed(events)) == expected


def test_a_retry_keeps_what_belongs_to_the_photograph_and_drops_the_old_event() -> None:
    given = {"bucket": "b", "key": "k", "version_id": "v", "sequencer": "s", "side_cm": 50, "requested_by": "upload"}
    assert retry_input(given) == {"bucket": "b", "key": "k", "side_cm": 50, "requested_by": "page"}


def test_a_retry_of_a_decision_stays_with_the_version_that_it_is_about() -> None:
    given = {"bucket": "b", "key": "k", "version_id": "v", "corners_px": [[0, 0]] * 4, "excluded_px": [[[1, 1]] * 3]}
    assert retry_input(given) == given | {"requested_by": "page"}
    assert retry_input({"key": "k", "version_id": "v", "no_quadrat": False})["version_id"] == "v"


@pytest.mark.parametrize(
    ("partition", "domain"), [("aws", "console.aws.amazon.com"), ("aws-cn", "console.amazonaws.cn")]
)
def test_console_links_follow_the_partition(partition: str, domain: str) -> None:
    arn = f"arn:{partition}:states:eu-west-3:123456789012:execution:p:n"
    address = console_url(arn)
    assert re.fullmatch(rf"https://eu-west-3\.{re.escape(domain)}/states/home\?region=eu-west-3#/v2/.*{arn}", address)
