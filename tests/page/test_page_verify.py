"""The page Verify in its states: what is drawn, who answers, what stays hidden, what cannot be done."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from streamlit.testing.v1 import AppTest

from frontend.components import states, verifier
from frontend.domain import verification as rules
from frontend.services import measurements, points, verification
from reefsteps import verification_store
from reefsteps.derived_objects import REFRAMED_PICTURE, REFRAMING_RECORD
from reefsteps.errors import DatabaseUnavailableError, InvalidParameterError
from reefsteps.point_queries import measured_photographs
from reefsteps.points.batches import AnswerBatch
from reefsteps.points.draws import DrawRequest
from reefsteps.points.layout_choice import CRIOBE, PointLayout
from reefsteps.points.matching import Measured
from reefsteps.points.point_sets import Selection
from reefsteps.surveys import SurveyKey
from reefsteps.verification_store import record_answers, record_draw
from tests.support import page_world
from tests.support.handlers import loaded

if TYPE_CHECKING:
    from tests.page.conftest import PageWorld

Texts = Callable[[AppTest], str]
SURVEY = SurveyKey(2006, "Takapoto", 1)
HERE = {"island": "Takapoto", "year": "2006"}


class Lambda:
    """Answers as Lambda does, by the real function; or refuses, where a test says so."""

    def __init__(self, handler: Callable[[Any, Any], Any]) -> None:
        self.handler = handler
        self.refuses: ClientError | None = None

    def invoke(self, *, Payload: bytes, **_: Any) -> dict[str, Any]:  # noqa: N803 (boto3's name)
        if self.refuses:
            raise self.refuses
        try:
            answer: Any = self.handler(json.loads(Payload), None)
        except Exception as error:
            answer = {"errorType": type(error).__name__, "errorMessage": str(error)}
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(answer).encode())}
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


@pytest.fixture
def function(world: PageWorld, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lambda]:
    monkeypatch.setenv("POINTS_FUNCTION", "reefsteps-points")
    client: Any = boto3.client
    with loaded("points", {"DATABASE_URL": str(world.database.url)}) as app:
        keeps = Lambda(app.handler)
        only_lambda = lambda name, **more: keeps if name == "lambda" else client(name, **more)  # noqa: E731
        monkeypatch.setattr("frontend.services.points.boto3.client", only_lambda)
        yield keeps


@pytest.fixture
def sent_to_the_browser(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the widget was given, each time that it was drawn."""
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(verifier, "_verify", lambda **given: seen.append(given["data"]))
    return seen


def photograph(world: PageWorld, survey: SurveyKey = SURVEY) -> Measured:
    with world.database.read() as connection:
        return next(photo for photo in measured_photographs(connection) if photo.survey == survey)


def task(world: PageWorld, person: str = "Alice", **more: Any) -> rules.Task:
    with world.database.read() as connection:
        kept = verification_store.answers_on(connection, SURVEY)
    return rules.task(photograph(world), person, kept, CRIOBE, **more)


def answered(world: PageWorld, letters: str, person: str = "Alice", **more: Any) -> AnswerBatch:
    found = task(world, person, **more).answers
    batch = AnswerBatch(dataclasses.replace(found.points, answers=letters), tuple(int(x != "-") for x in letters))
    return record_answers(world.database, batch)


def draw(world: PageWorld, layout: PointLayout = PointLayout.STAGGERED, number: int = 81) -> list[SurveyKey]:
    """Draw the photographs of the island and year; returns them in order."""
    drawn = record_draw(world.database, DrawRequest("Takapoto", 2006, layout, number, "Alice"))
    return [SurveyKey(2006, "Takapoto", position) for position in drawn.positions]


def open_photograph(world: PageWorld, survey: SurveyKey = SURVEY, by: str = "Alice") -> AppTest:
    return world.open("verify", **HERE, location=str(survey.location), by=by)


def buttons(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def test_a_deployment_without_the_function_says_so(world: PageWorld, texts: Texts) -> None:
    app = world.open("verify")
    assert not app.exception
    assert "no function that keeps points" in texts(app)


def test_without_results_the_page_says_what_to_do(
    empty_world: PageWorld, monkeypatch: pytest.MonkeyPatch, texts: Texts
) -> None:
    monkeypatch.setenv("POINTS_FUNCTION", "reefsteps-points")
    app = empty_world.open("verify")
    assert not app.exception
    assert "Upload photographs of quadrats first" in texts(app)


def test_an_island_and_year_is_chosen_then_drawn_once(world: PageWorld, function: Lambda, texts: Texts) -> None:
    app = world.open("verify", by="Alice")
    assert not app.exception
    assert "Choose an island and year" in texts(app)
    assert set(app.dataframe[0].value["Island"]) == {"Takapoto", "Mo'orea", "Huahiné"}
    app = world.open("verify", **HERE, by="Alice")
    assert "has been drawn yet" in texts(app)
    app.selectbox(key="layout").set_value(PointLayout.RANDOM).run()
    app.number_input(key=f"points-{PointLayout.RANDOM}").set_value(50).run()
    next(button for button in app.button if button.label == "Draw the photographs").click().run()
    assert not app.exception
    assert "Drawn by Alice" in texts(app)
    assert "50 points each, random" in texts(app).replace("\\", "")
    with world.database.read() as connection:
        kept = verification_store.draw_of(connection, "Takapoto", 2006)
    assert kept is not None
    assert (kept.drawn_by, kept.points) == ("Alice", 50)


def test_a_number_of_points_that_cannot_be_laid_is_not_drawn(world: PageWorld, function: Lambda, texts: Texts) -> None:
    app = world.open("verify", **HERE, by="Alice")
    app.number_input(key=f"points-{PointLayout.STAGGERED}").set_value(80).run()
    assert "64 or 81" in texts(app)
    assert "Draw the photographs" not in buttons(app)


def test_nobody_answers_without_a_name(world: PageWorld, function: Lambda, texts: Texts) -> None:
    app = world.open("verify", **HERE, location="1")
    assert not app.exception
    assert "Type your name above" in texts(app)
    app.text_input(key="by").set_value("Alice").run()
    assert "kept under the name Alice" in texts(app)


def test_what_the_model_says_reaches_the_browser_only_when_the_photograph_is_done(
    world: PageWorld, function: Lambda, sent_to_the_browser: list[dict[str, Any]], texts: Texts
) -> None:
    app = open_photograph(world)
    assert not app.exception
    (data,) = sent_to_the_browser
    assert data["done"] is None
    assert data["answers"] == "-" * 81
    assert "test-reframed" in data["url"]
    assert not {"test-segmented", "test-masks"} & {part for part in json.dumps(data).split("/") if part}
    said = texts(app)
    assert "Model" not in said
    assert "Coral cover" not in said
    answered(world, "c" * 40 + "o" * 41)
    app = open_photograph(world)
    assert not app.exception
    data = sent_to_the_browser[-1]
    assert "test-segmented" in data["done"]["mask"]
    assert set(data["done"]["model"]) <= {"c", "o"}
    assert "Your points: 49.4 % coral (40 of 81" in texts(app).replace("*", "").replace("\\", "")
    assert "At the points the model agrees with you in" in texts(app)


def test_a_second_person_sees_no_answer_of_the_first_before_the_own_ones_are_complete(
    world: PageWorld, function: Lambda, sent_to_the_browser: list[dict[str, Any]], texts: Texts
) -> None:
    answered(world, "c" * 40 + "o" * 41)
    app = open_photograph(world, by="Bob")
    data = sent_to_the_browser[-1]
    assert (data["answers"], data["done"], data["is_begun"]) == ("-" * 81, None, False)
    assert data["x"] == list(task(world).answers.points.x)
    assert "Alice" not in texts(app)
    answered(world, "c" * 41 + "o" * 40, "Bob")
    app = open_photograph(world, by="Bob")
    assert "Alice agrees with you at 99 % of the same points, Cohen's kappa 0.98" in texts(app)


def test_the_draw_leads_from_one_photograph_to_the_next_until_all_are_done(
    world: PageWorld, function: Lambda, sent_to_the_browser: list[dict[str, Any]], texts: Texts
) -> None:
    order = draw(world)
    page_world.write_pictures(world.s3, order)
    app = open_photograph(world, order[0])
    assert "picked" not in texts(app)
    assert "A person picked this photograph" in texts(open_photograph(world, order[1]))
    with world.database.read() as connection:
        photos = {photo.survey: photo for photo in measured_photographs(connection, campaign=("Takapoto", 2006))}
    for survey in order:
        found = rules.task(photos[survey], "Alice", [], CRIOBE, drawn=True).answers
        points_done = dataclasses.replace(found.points, answers="c" * 81)
        record_answers(world.database, AnswerBatch(points_done, (1,) * 81))
    app = world.open("verify", **HERE, by="Alice")
    assert "Every photograph of Takapoto 2006 is verified" in texts(app)
    measurements.forget()
    assert sum(found.counts for found in measurements.checked().values()) == len(order)


def test_a_photograph_that_was_picked_counts_once_the_draw_has_reached_it(
    world: PageWorld, function: Lambda, sent_to_the_browser: list[dict[str, Any]], texts: Texts
) -> None:
    answered(world, "c" * 81)
    app = open_photograph(world)
    assert "A person picked this photograph, so no interval uses it" in texts(app)
    order = draw(world)
    page_world.write_pictures(world.s3, order)
    with world.database.read() as connection:
        photos = {photo.survey: photo for photo in measured_photographs(connection, campaign=("Takapoto", 2006))}
    for survey in order[: order.index(SURVEY)]:
        found = rules.task(photos[survey], "Alice", [], CRIOBE, drawn=True).answers
        record_answers(world.database, AnswerBatch(dataclasses.replace(found.points, answers="o" * 81), (1,) * 81))
    app = open_photograph(world)
    next(button for button in app.button if button.label == "Count its answers").click().run()
    assert not app.exception
    assert "picked" not in texts(app)
    assert task(world).answers.points.drawn == Selection.AT_RANDOM


@pytest.mark.parametrize("what", ["picture", "record"])
def test_points_are_not_laid_into_a_picture_of_another_run(
    world: PageWorld, function: Lambda, sent_to_the_browser: list[dict[str, Any]], texts: Texts, what: str
) -> None:
    bucket = page_world.BUCKETS["REFRAMED_BUCKET"]
    if what == "picture":
        body = world.s3.get_object(Bucket=bucket, Key=REFRAMED_PICTURE.key(SURVEY.stem))["Body"].read()
        metadata = {"execution-started-at": "2026-05-01T00:00:00+00:00"}
        world.s3.put_object(Bucket=bucket, Key=REFRAMED_PICTURE.key(SURVEY.stem), Body=body, Metadata=metadata)
    else:
        record = json.loads(world.s3.get_object(Bucket=bucket, Key=REFRAMING_RECORD.key(SURVEY.stem))["Body"].read())
        record["corners_px"][0][0] += 5
        world.s3.put_object(Bucket=bucket, Key=REFRAMING_RECORD.key(SURVEY.stem), Body=json.dumps(record).encode())
    app = open_photograph(world)
    assert not app.exception
    assert "being measured anew" in texts(app)
    assert sent_to_the_browser == []
    assert "Look again" in buttons(app)


def test_a_database_that_sleeps_is_waited_for_and_then_explained(
    world: PageWorld, function: Lambda, monkeypatch: pytest.MonkeyPatch, texts: Texts
) -> None:
    def asleep(*_: Any) -> None:
        raise DatabaseUnavailableError("The database cannot be reached now.")

    monkeypatch.setattr(states, "WAKING_S", 0.0)
    monkeypatch.setattr(verification, "campaign", asleep)
    app = open_photograph(world)
    assert not app.exception
    assert "The database does not answer" in texts(app)


def test_a_page_without_permission_says_whom_to_ask(world: PageWorld, function: Lambda, texts: Texts) -> None:
    function.refuses = ClientError({"Error": {"Code": "AccessDeniedException"}}, "Invoke")
    app = world.open("verify", **HERE, by="Alice")
    next(button for button in app.button if button.label == "Draw the photographs").click().run()
    assert not app.exception
    assert "no permission to keep points" in texts(app)


@pytest.mark.parametrize(
    ("code", "passes"),
    [("AccessDeniedException", False), ("TooManyRequestsException", True), ("ServiceException", True)],
)
def test_a_batch_that_cannot_be_written_says_whether_waiting_helps(
    world: PageWorld, function: Lambda, code: str, passes: bool
) -> None:
    function.refuses = ClientError({"Error": {"Code": code}}, "Invoke")
    with pytest.raises(points.PointsNotKeptError) as raised:
        verification.send(task(world).answers)
    assert raised.value.passes is passes


def test_a_sleeping_database_is_a_reason_to_wait_and_a_newer_photograph_is_none(
    world: PageWorld, function: Lambda, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = dataclasses.replace(task(world).answers.points, raw_version_id="older")
    with pytest.raises(points.PointsNotKeptError, match="another photograph") as raised:
        verification.send(AnswerBatch(newer, (0,) * 81))
    assert not raised.value.passes

    def asleep(*_: Any) -> None:
        raise DatabaseUnavailableError("The database cannot be reached now.")

    function.handler = asleep
    with pytest.raises(points.PointsNotKeptError) as raised:
        verification.send(task(world).answers)
    assert raised.value.passes


@pytest.mark.parametrize(
    "report",
    [
        None,
        "batch",
        {"id": "1"},
        {"id": 1, "x": [], "y": [], "answers": "", "at_ms": []},
        {"id": 1, "x": ["<b>"] * 81, "y": [1] * 81, "answers": "c" * 81, "at_ms": [1] * 81},
        {"id": 1, "x": [1e9] * 81, "y": [1] * 81, "answers": "c" * 81, "at_ms": [1] * 81},
        {"id": 1, "x": [1] * 81, "y": [1] * 81, "answers": "z" * 81, "at_ms": [1] * 81},
    ],
)
def test_what_a_browser_sends_is_not_trusted(world: PageWorld, report: Any) -> None:
    with pytest.raises(InvalidParameterError):
        verifier.sent(report, task(world))


def test_quadrat_and_coverage_lead_to_verify(world: PageWorld, function: Lambda, texts: Texts) -> None:
    for page, query in (("quadrat", HERE | {"location": "1"}), ("coverage", {"show": "Checked by people"})):
        app = world.open(page, **query)
        assert not app.exception
        labels = [link.proto.label for link in app.get("page_link")]
        assert [label for label in labels if label.startswith("Verify")], page
