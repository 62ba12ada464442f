"""Points in the database: written all or none, bound to a photograph's version, and gone with it."""

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
from reefsteps.point_queries import measured_photographs
from reefsteps.point_store import point_sets, record_points
from reefsteps.points.point_sets import PointSet
from reefsteps.removals import Removal
from reefsteps.surveys import SurveyKey
from tests.support.handlers import loaded
from tests.support.mariadb import MariaDb
from tests.support.pipeline_records import points_on, result

ONE, OTHER = SurveyKey(2006, "Huahiné", 1), SurveyKey(2006, "Huahiné", 2)


@pytest.fixture
def app(database: Database) -> Iterator[ModuleType]:
    with loaded("points", {"DATABASE_URL": str(database.url)}) as module:
        yield module


def kept(database: Database) -> list[PointSet]:
    with database.read() as connection:
        return point_sets(connection)


def measured(database: Database, survey: SurveyKey = ONE, **more: Any) -> PointSet:
    done = result(survey=survey, **more)
    assert record_result(database, done).written
    return points_on(done)


def test_points_are_read_as_they_were_written(database: Database, app: ModuleType) -> None:
    points = dataclasses.replace(measured(database), labels=("Porit", "été 'x'", "", "Off"), annotated_at="2023-05-01")
    assert app.handler({"sets": [points.to_json()]}, None) == {"written": 1, "replaced": 0}
    assert kept(database) == [points]


def test_the_sample_payload_is_a_request(database: Database, app: ModuleType) -> None:
    event = json.loads((Path(__file__).parents[2] / "events/points.json").read_text())
    sample = PointSet.from_json(event["sets"][0])
    sample.check()
    with pytest.raises(PointsRefusedError, match="no result"):
        app.handler(event, None)


def test_the_same_person_replaces_and_another_one_stands_beside(database: Database) -> None:
    points = measured(database)
    again = dataclasses.replace(points, answers="oooo")
    second = dataclasses.replace(points, annotator="Bob")
    assert record_points(database, [points, second]) == 0
    assert record_points(database, [again]) == 1
    assert {(one.annotator, one.answers) for one in kept(database)} == {("Alice", "oooo"), ("Bob", "ccou")}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"raw_version_id": "v0"}, "another photograph by now"),
        ({"location": 99}, "no result: measure its photograph first"),
    ],
)
def test_nothing_is_written_where_one_set_cannot_be(database: Database, change: dict[str, Any], why: str) -> None:
    good = measured(database)
    with pytest.raises(PointsRefusedError, match=why):
        record_points(database, [good, dataclasses.replace(good, **change)])
    assert kept(database) == []


@pytest.mark.parametrize(
    "change",
    [{"answers": "cc"}, {"answers": "ccox"}, {"x": (1.0, 2.0, 3.0, 4001.0)}, {"drawn": "somehow"}, {"labels": ("a",)}],
)
def test_a_malformed_set_is_refused(database: Database, change: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameterError, match="Huahiné"):
        record_points(database, [dataclasses.replace(measured(database), **change)])


@pytest.mark.parametrize("sets", [None, [], "all", [1]])
def test_a_malformed_request_is_refused(app: ModuleType, sets: Any) -> None:
    with pytest.raises(InvalidParameterError):
        app.handler({"sets": sets}, None)


def test_points_go_with_their_photograph_and_with_no_other(database: Database) -> None:
    first = measured(database)
    second = measured(database, OTHER)
    record_points(database, [first, second])
    removal = Removal(first.raw_key, None, "2026-02-01T00:00:00+00:00")
    remove_result(database, ONE, [removal], lambda _: False)
    assert kept(database) == [second]


def test_points_outlive_a_run_and_the_removal_of_another_version(database: Database) -> None:
    points = measured(database)
    record_points(database, [points])
    measured(database, started_at="2026-01-02T10:00:05.000Z", cover=50.0)  # the same photograph is measured again
    removal = Removal(points.raw_key, "v0", "2026-02-01T00:00:00+00:00")
    remove_result(database, ONE, [removal], lambda upload: upload.image.version_id == "v1")
    assert kept(database) == [points]


def test_photographs_are_known_with_their_corners(database: Database) -> None:
    measured(database)
    with database.read() as connection:
        (photo,) = measured_photographs(connection)
    assert (photo.survey, photo.raw_version_id) == (ONE, "v1")
    assert (photo.frame.width_px, photo.frame.corners_px[0]) == (4000, (1.0, 2.0))


def test_mariadb_keeps_points_too(mariadb: MariaDb) -> None:
    mariadb.execute("CREATE DATABASE IF NOT EXISTS reefs")
    database = Database(mariadb.url)
    database.create_tables()
    points = measured(database)
    record_points(database, [points])
    record_points(database, [points])
    assert kept(database) == [points]
