"""A model of one's own reefs on the page: what it says before, the button, the figures, the choice and the way back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from streamlit.testing.v1 import AppTest

from frontend.settings import settings
from reefsteps.adaptation import AdaptResult
from reefsteps.model_choice import choice_body
from reefsteps.model_keys import model_card_key, model_in_use_key
from reefsteps.model_roles import ModelRole
from reefsteps.point_queries import measured_photographs
from reefsteps.point_store import record_points
from tests.support.adaptations import adaptation_of
from tests.support.manifests import manifest
from tests.support.point_answers import answered

if TYPE_CHECKING:
    from tests.page.conftest import PageWorld

Texts = Callable[[AppTest], str]
SEGMENTATION_MODEL = ModelRole.CORAL.model_name
NEW = f"{SEGMENTATION_MODEL}-adapted-20261128T031500"
BUCKET = "test-model-segmentation"
ADAPTATION = adaptation_of(SEGMENTATION_MODEL)


@pytest.fixture
def adapt_arn(world: PageWorld, monkeypatch: pytest.MonkeyPatch) -> str:
    """A state machine whose runs succeed with what they were given."""
    answer = world.step_functions.create_state_machine(
        name="test-adapt",
        definition=json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}),
        roleArn="arn:aws:iam::123456789012:role/test",
    )
    monkeypatch.setenv("ADAPT_ARN", answer["stateMachineArn"])
    settings.cache_clear()
    put(world, SEGMENTATION_MODEL)
    return str(answer["stateMachineArn"])


def put(world: PageWorld, name: str, **more: Any) -> None:
    body = json.dumps(manifest(name, **more)).encode()
    world.s3.put_object(Bucket=BUCKET, Key=model_card_key(name), Body=body)


def verify(world: PageWorld, number: int) -> None:
    with world.database.read() as connection:
        photographs = measured_photographs(connection)[:number]
    line = [(0.1 + 0.03 * i, 0.5) for i in range(20)]
    sets = [answered(photo, line, "co" * 10) for photo in photographs]
    record_points(world.database, sets)


def checked(world: PageWorld) -> AppTest:
    app = world.open("coverage", show="Checked by people")
    assert not app.exception
    return app


def said(app: AppTest, texts: Texts) -> str:
    return texts(app).replace("\\", "")


def inputs(world: PageWorld, arn: str) -> list[dict[str, Any]]:
    listed = world.step_functions.list_executions(stateMachineArn=arn)["executions"]
    describe = world.step_functions.describe_execution
    return [json.loads(describe(executionArn=one["executionArn"])["input"]) for one in listed]


def test_a_model_that_has_not_seen_the_reefs_says_so_and_needs_photographs(
    world: PageWorld, adapt_arn: str, texts: Texts
) -> None:
    app = checked(world)
    assert "This model has not seen your reefs. Five photographs with points make one that has." in said(app, texts)
    assert app.button(key="adapt-learn").disabled
    assert "3 verified photographs or more" in said(app, texts)
    assert inputs(world, adapt_arn) == []


def test_the_button_names_the_photographs_and_starts_a_run(world: PageWorld, adapt_arn: str) -> None:
    verify(world, 7)
    app = checked(world)
    button = app.button(key="adapt-learn")
    assert button.label == "Learn from 7 verified photographs"
    button.click().run()
    assert not app.exception
    assert inputs(world, adapt_arn) == [{"requested_by": "page"}]


def test_figures_are_shown_and_a_person_agrees(world: PageWorld, adapt_arn: str, texts: Texts) -> None:
    result = AdaptResult(True, ADAPTATION.verdict.sentence, 60.0, NEW, SEGMENTATION_MODEL, ADAPTATION)
    world.step_functions.start_execution(
        stateMachineArn=adapt_arn, name="learn-1", input=json.dumps({"adapt": result.to_json()})
    )
    app = checked(world)
    assert "The adapted model misses 6.1 ± 1.2 points." in said(app, texts)
    table = next(one.value for one in app.dataframe if "Learned without it (%)" in one.value.columns)
    assert table.iloc[0].tolist() == ["2006-Takapoto-01.jpg", 40.0, 44.5, 3.0, 200]
    app.button(key="adapt-use").click().run()
    assert not app.exception
    assert {"use": NEW, "requested_by": "page"} in inputs(world, adapt_arn)


def test_a_model_that_did_not_pass_offers_nothing(world: PageWorld, adapt_arn: str, texts: Texts) -> None:
    result = AdaptResult(False, "It misses more, so it is not published.", 60.0, None, SEGMENTATION_MODEL, ADAPTATION)
    world.step_functions.start_execution(
        stateMachineArn=adapt_arn, name="learn-1", input=json.dumps({"adapt": result.to_json()})
    )
    app = checked(world)
    assert "not published" in said(app, texts)
    assert "adapt-use" not in [button.key for button in app.button]


def test_a_model_in_use_shows_its_figures_and_the_way_back(world: PageWorld, adapt_arn: str, texts: Texts) -> None:
    put(world, NEW, adaptation=ADAPTATION.to_json(), map_stride_px=4)
    world.s3.put_object(Bucket=BUCKET, Key=model_in_use_key(SEGMENTATION_MODEL), Body=choice_body(NEW))
    app = checked(world)
    assert "has not seen your reefs" not in said(app, texts)
    assert "It has learned from 3 photographs." in said(app, texts)
    assert "6.1 ± 1.2 points" in said(app, texts)
    app.button(key="adapt-back").click().run()
    assert not app.exception
    assert inputs(world, adapt_arn) == [{"use": SEGMENTATION_MODEL, "requested_by": "page"}]


def test_a_deployment_without_the_machine_says_nothing_of_it(world: PageWorld, texts: Texts) -> None:
    put(world, SEGMENTATION_MODEL)
    assert "A model of your own reefs" not in said(checked(world), texts)
