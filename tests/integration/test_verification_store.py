"""Verifying in the database: a draw is made once, batches change nothing when they come again, nothing is mixed up."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from reefsteps.coverage_store import record_result, remove_result
from reefsteps.database import Database
from reefsteps.errors import InvalidParameterError, PointsRefusedError
from reefsteps.point_store import point_sets
from reefsteps.points.answers import UNANSWERED
from reefsteps.points.batches import AnswerBatch
from reefsteps.points.draws import Draw, DrawRequest, in_order
from reefsteps.points.layout_choice import PointLayout
from reefsteps.points.point_sets import VERIFY_PAGE, PointSet, Selection
from reefsteps.removals import Removal
from reefsteps.surveys import SurveyKey
from reefsteps.verification_store import answers_of, answers_on, draw_of, record_answers, record_draw, sets_under_way
from tests.support.handlers import loaded
from tests.support.mariadb import MariaDb
from tests.support.pipeline_records import points_on, result

SURVEY = SurveyKey(2006, "Huahiné", 1)
REQUEST = DrawRequest("Huahiné", 2006, PointLayout.STAGGERED, 81, "Alice")


@pytest.fixture
def app(database: Database) -> Iterator[ModuleType]:
    with loaded("points", {"DATABASE_URL": str(database.url)}) as module:
        yield module


def measured(database: Database, survey: SurveyKey = SURVEY, **more: Any) -> PointSet:
    done = result(survey=survey, **more)
    assert record_result(database, done).written
    return dataclasses.replace(points_on(done, answers=UNANSWERED * 4), source=VERIFY_PAGE, labels=("",) * 4)


def batch(points: PointSet, answers: str, *at_ms: int) -> AnswerBatch:
    return AnswerBatch(dataclasses.replace(points, answers=answers), at_ms)


def kept(database: Database, points: PointSet) -> AnswerBatch:
    with database.read() as connection:
        found = answers_of(connection, points)
    assert found is not None
    return found


def complete(database: Database) -> list[str]:
    with database.read() as connection:
        return [one.answers for one in point_sets(connection)]


def test_batches_add_up_and_only_a_complete_photograph_is_read(database: Database, app: ModuleType) -> None:
    points = measured(database)
    first = batch(points, "co--", 1, 2, 0, 0)
    answer = app.handler({"batch": first.to_json()}, None)
    assert (answer["complete"], answer["set"]["points"]["answers"]) == (False, "co--")
    assert complete(database) == []
    before = kept(database, points)
    app.handler({"batch": first.to_json()}, None)  # sent twice
    assert kept(database, points) == before
    last = app.handler({"batch": batch(points, "--uc", 0, 0, 3, 1_700_000_000_000).to_json()}, None)
    assert (last["complete"], last["set"]["points"]["answers"]) == (True, "couc")
    assert complete(database) == ["couc"]
    assert kept(database, points).points.annotated_at == "2023-11-14T22:13:20+00:00"
    record_answers(database, batch(points, "oooo", 9, 9, 9, 9))  # the mask has been seen since
    assert complete(database) == ["couc"]


def test_a_newer_photograph_takes_no_answers_of_the_older_one(database: Database) -> None:
    points = measured(database)
    record_answers(database, batch(points, "co--", 1, 2, 0, 0))
    newer = measured(database, version="v2", uploaded_at="2026-02-01T10:00:00+00:00")
    with pytest.raises(PointsRefusedError, match="another photograph by now"):
        record_answers(database, batch(points, "--cc", 0, 0, 3, 4))
    assert kept(database, points).points.answers == "co--"
    assert complete(database) == []
    record_answers(database, batch(newer, "cccc", 1, 1, 1, 1))
    assert complete(database) == ["cccc"]


def test_corners_that_were_set_anew_leave_the_points_of_the_beginning(database: Database) -> None:
    points = measured(database)
    record_answers(database, batch(points, "co--", 1, 2, 0, 0))
    measured(database, started_at="2026-03-01T10:00:05.000Z")  # the same photograph, measured again
    elsewhere = dataclasses.replace(points, x=tuple(x + 0.5 for x in points.x))
    with pytest.raises(PointsRefusedError, match="Reload the page"):
        record_answers(database, batch(elsewhere, "--cc", 0, 0, 3, 4))
    record_answers(database, batch(points, "--cc", 0, 0, 3, 4))
    assert complete(database) == ["cocc"]


def test_two_people_and_a_photograph_that_is_deleted(database: Database) -> None:
    points = measured(database)
    bob = dataclasses.replace(points, annotator="Bob")
    record_answers(database, batch(points, "cocc", 1, 1, 1, 1))
    record_answers(database, batch(bob, "c---", 1, 0, 0, 0))
    with database.read() as connection:
        found = sets_under_way(connection, "Huahiné", 2006)
        assert [one.points.annotator for one in answers_on(connection, SURVEY)] == ["Alice", "Bob"]
    assert [(one.annotator, one.answered, one.points, one.is_complete) for one in found] == [
        ("Alice", 4, 4, True),
        ("Bob", 1, 4, False),
    ]
    remove_result(database, SURVEY, [Removal(points.raw_key, None, "2027-01-01T00:00:00+00:00")], lambda _: False)
    with database.read() as connection:
        assert answers_on(connection, SURVEY) == []
    with pytest.raises(PointsRefusedError, match="no result"):
        record_answers(database, batch(bob, "cc--", 1, 2, 0, 0))


def test_a_photograph_is_drawn_for_good_when_the_draw_reaches_it(database: Database) -> None:
    points = dataclasses.replace(measured(database), drawn=Selection.BY_HAND)
    record_answers(database, batch(points, "cocc", 1, 1, 1, 1))
    record_answers(database, batch(dataclasses.replace(points, drawn=Selection.AT_RANDOM), "----", 0, 0, 0, 0))
    assert kept(database, points).points.drawn == Selection.AT_RANDOM
    record_answers(database, batch(points, "----", 0, 0, 0, 0))
    assert kept(database, points).points.drawn == Selection.AT_RANDOM


def test_a_draw_is_made_once_and_remembered(database: Database, app: ModuleType) -> None:
    with pytest.raises(PointsRefusedError, match="no photograph"):
        record_draw(database, REQUEST)
    for number in (1, 2, 3):
        measured(database, SurveyKey(2006, "Huahiné", number))
    first = Draw.from_json(app.handler({"draw": REQUEST.to_json()}, None)["draw"])
    assert (first.drawn_by, first.points, sorted(first.positions)) == ("Alice", 81, [1, 2, 3])
    assert list(first.positions) == in_order(first.seed, [1, 2, 3])
    again = record_draw(database, dataclasses.replace(REQUEST, layout=PointLayout.RANDOM, points=50, drawn_by="Bob"))
    assert again == first
    with database.read() as connection:
        assert draw_of(connection, "Huahiné", 2006) == first
        assert draw_of(connection, "Huahiné", 2007) is None


@pytest.mark.parametrize("event", [{"batch": None}, {"batch": {}}, {"draw": {"island": "Huahiné"}}, {"draw": []}, {}])
def test_a_malformed_request_is_refused(app: ModuleType, event: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameterError):
        app.handler(event, None)


@pytest.mark.parametrize("name", ["points-batch", "points-draw"])
def test_the_sample_payloads_are_requests(app: ModuleType, name: str) -> None:
    event = json.loads((Path(__file__).parents[2] / f"events/{name}.json").read_text())
    with pytest.raises(PointsRefusedError, match=r"no (result|photograph)"):
        app.handler(event, None)


def test_mariadb_keeps_answers_and_draws_too(mariadb: MariaDb) -> None:
    mariadb.execute("CREATE DATABASE IF NOT EXISTS reefs")
    database = Database(mariadb.url)
    database.create_tables()
    points = measured(database)
    record_answers(database, batch(points, "co--", 1, 2, 0, 0))
    record_answers(database, batch(points, "--cu", 0, 0, 3, 4))
    record_answers(database, batch(points, "--cu", 0, 0, 3, 4))
    assert complete(database) == ["cocu"]
    assert record_draw(database, REQUEST) == record_draw(database, REQUEST)
