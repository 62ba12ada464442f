"""The backfill's definition: what only AWS could show is checked expression by expression."""

import json
from typing import Any

import pytest

from local.moto_gaps.jsonata import evaluate
from reefsteps.errors import REFUSALS
from scripts.deployment import ROOT, Deployment

MACHINE = json.loads((ROOT / "statemachine/backfill.asl.json").read_text())
MAPS = {name: state for name, state in MACHINE["States"].items() if state["Type"] == "Map"}
CHILD = MAPS["Reprocess photographs"]["ItemProcessor"]["States"]


def given(expression: str, **variables: Any) -> Any:
    return evaluate(expression.removeprefix("{%").removesuffix("%}").strip(), variables)


def test_a_listing_and_a_list_are_worked_on_alike() -> None:
    """Step Functions wants each name once in a state machine, so the second processor's names have an ending."""
    one = MAPS["Reprocess photographs"]
    other = json.loads(json.dumps(MAPS["Reprocess the listed"]).replace(' (listed)"', '"'))
    for field in ("ItemProcessor", "ResultWriter", "MaxConcurrency", "ToleratedFailurePercentage"):
        assert one[field] == other[field]


def test_refusals_are_those_of_the_code() -> None:
    (choice,) = CHILD["Was it refused?"]["Choices"]
    for error in (*REFUSALS, "DatabaseUnavailableError", "Runtime.ExitError"):
        assert given(choice["Condition"], run={"Error": error}) is (error in REFUSALS)
    assert given(choice["Condition"], run={"Status": "ABORTED"}) is False


def test_a_fault_ends_a_child_where_a_redrive_runs_the_pipeline_again() -> None:
    state = CHILD["Redrive from here"]
    run = {"Name": "2006-Hao-01", "Status": "FAILED", "Error": "DatabaseUnavailableError", "Cause": "asleep"}
    first = {"input": {"key": "k"}, "context": {"Execution": {"RedriveCount": 0}}}
    with pytest.raises(Exception, match="DatabaseUnavailableError in the run 2006-Hao-01: asleep"):
        given(state["Output"], run=run, redrives=0, states=first)
    redriven = {"input": {"key": "k"}, "context": {"Execution": {"RedriveCount": 1}}}
    assert given(state["Output"], run=run, redrives=0, states=redriven) == {"key": "k"}
    assert state["Next"] == "Run pipeline"
    names = [
        given(CHILD["Run pipeline"]["Arguments"]["Name"], states={"input": {"key": "a b.jpg", "run": "r"}, **context})
        for context in ({"context": first["context"]}, {"context": redriven["context"]})
    ]
    assert names[0] != names[1]


def test_names_tell_photographs_apart_whose_names_begin_alike() -> None:
    context: dict[str, Any] = {"context": {"Execution": {}}}
    names = {
        given(CHILD["Run pipeline"]["Arguments"]["Name"], states={"input": {"key": key, "run": "r" * 80}, **context})
        for key in ("2006-" + "a" * 80 + "-01.jpg", "2006-" + "a" * 80 + "-02.jpg", "2006-é-01.jpg", "2006-è-01.jpg")
    }
    assert len(names) == 4
    assert all(len(name) <= 80 and "-backfill-" in name for name in names)


@pytest.mark.parametrize(("input_", "concurrency"), [({}, 5), ({"max_concurrency": 2}, 2)])
def test_half_of_a_new_accounts_slots_are_left_to_uploads(input_: dict[str, Any], concurrency: int) -> None:
    assert given(MAPS["Reprocess photographs"]["MaxConcurrency"], states={"input": input_}) == concurrency


def test_steps_that_did_not_run_are_not_reported() -> None:
    document = {"segmentation": {}, "coverage": {"written": True, "cover_percent": 2.0, "former_percent": None}}
    states = {"input": {"key": "2006-Hao-01.jpg"}}
    for output in (document, json.dumps(document)):
        line = given(CHILD["Measured"]["Output"], states=states, run={"Name": "n", "Output": output})
        assert (line["status"], line["ran"]) == ("MEASURED", ["segmentation", "coverage"])
        assert (line["old_cover_percent"], line["new_cover_percent"]) == (None, 2.0)
    one = given(CHILD["Measured"]["Output"], states=states, run={"Name": "n", "Output": {"coverage": {}}})
    assert (one["status"], one["ran"]) == ("UNCHANGED", ["coverage"])


def test_the_page_may_start_it(deployment: Deployment) -> None:
    (policy,) = deployment.resources("AWS::IAM::Role")["FrontendRole"]["Policies"]
    runs = next(s for s in policy["PolicyDocument"]["Statement"] if s.get("Sid") == "MeasureAgain")
    assert runs["Resource"] == {"Ref": "Backfill"}
