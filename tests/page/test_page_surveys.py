"""The Surveys page as a person uses it: names, sizes, facts and lists, with the real function behind the buttons."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from moto import mock_aws
from streamlit.testing.v1 import AppTest

from frontend.services import aws, measurements
from frontend.settings import settings
from reefsteps.database import Database
from reefsteps.surveys import SurveyKey
from tests.page.conftest import APP
from tests.support import page_world
from tests.support.handlers import ENVIRONMENT, loaded
from tests.support.relabel_world import World

Texts = Callable[[AppTest], str]
_DONE = {"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}
_BUCKETS = {name: value for name, value in ENVIRONMENT.items() if name.endswith("_BUCKET")}


@dataclass
class SurveysPage:
    """A small reef and the page over it; the state machine's work is done by the real function, at once."""

    reef: World
    step_functions: Any

    def open(self, **query: str) -> AppTest:
        """Open the page by its address."""
        app = AppTest.from_file(str(APP), default_timeout=60)
        app.run()
        app.query_params.update(query)
        return app.switch_page("views/surveys.py").run()


def work_at_once(reef: World, machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the function carry out what is asked of the state machine `relabel` before the page hears of the start."""
    client = aws.step_functions()
    start = client.start_execution

    def start_execution(**given: Any) -> Any:
        answer = start(**given)
        if given["stateMachineArn"] == machine:
            reef.relabel(given["name"], **json.loads(given["input"]))
        return answer

    monkeypatch.setattr(client, "start_execution", start_execution)


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SurveysPage]:
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        s3, step_functions = page_world.clients()
        for bucket in {*_BUCKETS.values(), *page_world.BUCKETS.values(), "reef-models"}:
            if bucket not in {b["Name"] for b in s3.list_buckets()["Buckets"]}:
                s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": page_world.REGION})
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        role = "arn:aws:iam::123456789012:role/test-role-of-the-pipeline"
        answer = step_functions.create_state_machine(name="test-relabel", definition=json.dumps(_DONE), roleArn=role)
        pipeline = page_world.create_state_machine(step_functions)
        variables = page_world.environment(pipeline, tmp_path / "coverage.sqlite")
        variables |= _BUCKETS | {"RELABEL_ARN": answer["stateMachineArn"], "POWERTOOLS_TRACE_DISABLED": "true"}
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        database = Database(f"sqlite:///{tmp_path / 'coverage.sqlite'}")
        database.create_tables()
        _forget()
        with loaded("relabel", {}) as module:
            reef = World(s3, database, module)
            for number in (1, 2):
                reef.measured(SurveyKey(2012, "E2B", number), cover=10.0 * number)
            reef.measured(SurveyKey(2013, "Moorea E2B", 1), cover=30.0)
            work_at_once(reef, answer["stateMachineArn"], monkeypatch)
            yield SurveysPage(reef, step_functions)
        _forget()


def _forget() -> None:
    for cached in (settings, aws.s3, aws.step_functions, aws.storage, measurements.database):
        cached.cache_clear()
    st.cache_data.clear()
    st.cache_resource.clear()


def press(app: AppTest, label: str) -> AppTest:
    """Press the button of this label."""
    (button,) = [button for button in app.button if button.label == label]
    return button.click().run()


def field(app: AppTest, label: str) -> Any:
    """Return the text field of this label."""
    (found,) = [found for found in app.text_input if found.label == label]
    return found


def names(page: SurveysPage) -> list[str]:
    return [f"{r['year']}-{r['island']}-{r['location']:02d}" for r in page.reef.rows()["coral_coverage"]]


def tables(app: AppTest) -> str:
    return "\n".join(frame.value.to_csv() for frame in app.dataframe)


def test_two_names_of_one_island_are_merged_and_taken_apart_again(page: SurveysPage, texts: Texts) -> None:
    before = page.reef.seen()
    app = page.open(island="E2B")
    field(app, "Island").set_value("Moorea E2B")
    app = press(app, "Show what would change")
    assert "2 quadrats will change, 0 cannot." in texts(app)
    assert "2012-E2B-01,2012-Moorea E2B-01" in tables(app)
    app = press(app, "Change now")
    assert "2 quadrats changed" in texts(app)
    assert names(page) == ["2012-Moorea E2B-01", "2013-Moorea E2B-01", "2012-Moorea E2B-02"]
    page.reef.assert_consistent()

    app = page.open(what="History")
    assert "2 changed" in texts(app)
    press(app, "Undo")
    assert page.reef.seen() == before
    app = page.open(what="History")
    assert "All of it was taken back." in texts(app)
    assert [button.label for button in app.button].count("Undo") == 1  # of what took it back


def test_what_stands_in_the_way_is_said_before_anything_is_done(page: SurveysPage, texts: Texts) -> None:
    page.reef.measured(SurveyKey(2012, "Moorea E2B", 2))
    app = page.open(island="E2B")
    field(app, "Island").set_value("Moorea E2B")
    app = press(app, "Show what would change")
    assert "1 quadrat will change, 1 cannot." in texts(app)
    assert "2012-Moorea E2B-02 exists already" in tables(app)


def test_an_island_that_nothing_can_be_called_is_refused_at_once(page: SurveysPage, texts: Texts) -> None:
    app = page.open(island="E2B")
    field(app, "Island").set_value("E2B/north")
    app = press(app, "Show what would change")
    assert not app.exception
    assert "the new name" in texts(app) or "the new name" in tables(app)
    assert [button.disabled for button in app.button if button.label == "Change now"] in ([], [True])


def test_the_size_of_a_whole_survey(page: SurveysPage, texts: Texts) -> None:
    app = page.open(what="Quadrat size", island="E2B", year="2012")
    assert "Now: 100 cm." in texts(app)
    field(app, "Quadrat's size in cm").set_value("50")
    app = press(app, "Show what would change")
    assert "colony areas become 0.25 times as large" in tables(app)
    press(app, "Change now")
    rows = page.reef.rows()
    assert {(r["island"], r["side_cm"], r["px_per_cm"]) for r in rows["coverage_provenance"]} == {
        ("E2B", 50.0, 12.0),
        ("Moorea E2B", 100.0, 6.0),
    }
    assert [r["coverage"] for r in rows["coral_coverage"]] == [10.0, 20.0, 30.0]


@pytest.mark.parametrize(("typed", "says"), [("", "no quadrat's size"), ("2 m", "no quadrat's size"), ("0", "outside")])
def test_a_size_that_is_none_is_explained(page: SurveysPage, texts: Texts, typed: str, says: str) -> None:
    app = page.open(what="Quadrat size", island="E2B")
    field(app, "Quadrat's size in cm").set_value(typed)
    app = press(app, "Show what would change")
    assert says.replace("'", "") in texts(app).replace("\\", "").replace("'", "")
    assert not [button for button in app.button if button.label == "Change now"]


def test_facts_of_one_quadrat_reach_the_database_and_the_form(page: SurveysPage, texts: Texts) -> None:
    app = page.open(what="Facts", island="E2B", year="2012", location="2")
    field(app, "Site").set_value("Outer slope")
    field(app, "Depth (m)").set_value("12,5")
    app = press(app, "Show what would change")
    press(app, "Change now")
    (row,) = page.reef.rows()["survey_fields"]
    assert (row["location"], row["site"], row["depth_m"]) == (2, "Outer slope", 12.5)
    with page.reef.database.read() as connection:
        from reefsteps.coverage_queries import survey_fields

        assert survey_fields(connection)[SurveyKey(2012, "E2B", 2)].site == "Outer slope"
    app = page.open(what="Facts", island="E2B", year="2012", location="2")
    field(app, "Depth (m)").set_value("deep")
    assert "is not a number" in texts(press(app, "Show what would change"))


def test_a_photograph_whose_run_is_under_way_is_left_alone(page: SurveysPage, texts: Texts) -> None:
    arn = settings().pipeline_arn
    page_world.start(page.step_functions, arn, "running", end="wait", bucket="reef-raw", key="2012-E2B-01.jpg")
    app = page.open(island="E2B")
    field(app, "Island").set_value("Moorea E2B")
    app = press(app, "Show what would change")
    assert "It is being measured now" in tables(app)
    assert "1 quadrat will change, 1 cannot." in texts(app)


def test_the_page_is_quiet_where_nothing_was_changed(page: SurveysPage, texts: Texts) -> None:
    assert "Nothing has been changed yet." in texts(page.open(what="History"))
    app = page.open()
    assert "E2B,2012,2,100" in tables(app)
    assert not app.exception
