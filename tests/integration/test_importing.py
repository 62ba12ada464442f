"""The importing function: an ancestor's photographs and table become rows and photographs, once, all or none."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from reefsteps.copies import STARTS_NO_RUN, quoted_key
from reefsteps.coverage_queries import coverage_rows
from reefsteps.coverage_store import record_result
from reefsteps.database import Database
from reefsteps.errors import DatabaseUnavailableError, InvalidParameterError, PhotoNotFoundError, SpreadsheetError
from reefsteps.import_store import known_results
from reefsteps.surveys import SurveyKey
from tests.support.handlers import loaded
from tests.support.mariadb import MariaDb
from tests.support.pipeline_records import result

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TABLE = b"island,location,year,coverage,last_update\nHuahin\xc3\xa9,1,2006,12.5,2007-01-01\nHao,2,2006,40,\n"
KEYS = ("2006-Huahiné-01.jpg", "2006-Hao-02.jpg")


@pytest.fixture(params=["sqlite", "mariadb"])
def store(request: pytest.FixtureRequest, database: Database) -> Database:
    if request.param == "sqlite":
        return database
    server: MariaDb = request.getfixturevalue("mariadb")
    server.execute("DROP DATABASE reefs")
    server.execute("CREATE DATABASE reefs")
    store = Database(server.url)
    store.create_tables()
    return store


@pytest.fixture
def app(s3: S3Client, store: Database) -> Iterator[ModuleType]:
    s3.create_bucket(Bucket="old", CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
    for key in KEYS:
        s3.put_object(Bucket="old", Key=f"raw/{key}", Body=key.encode(), ContentType="image/jpeg")
    s3.put_object(Bucket="old", Key="table.csv", Body=TABLE)
    with loaded("importing", {"DATABASE_URL": store.url.render_as_string(hide_password=False)}) as module:
        yield module


REQUEST = {"bucket": "old", "prefix": "raw/", "table": "table.csv"}


def rows(store: Database) -> list[tuple[Any, ...]]:
    with store.read() as connection:
        return [
            (row.island, row.location, row.cover_percent, str(row.last_update), row.imported_at is not None)
            for row in coverage_rows(connection)
        ]


def originals(s3: S3Client) -> dict[str, int]:
    versions = s3.list_object_versions(Bucket="reef-raw").get("Versions", [])
    return {key: len([v for v in versions if v["Key"] == key]) for key in {v["Key"] for v in versions}}


def test_an_installation_is_taken_over_and_marked_and_twice_changes_nothing(
    app: ModuleType, s3: S3Client, store: Database
) -> None:
    first = app.handler(REQUEST, None)
    assert first == {
        "written": True,
        "imported": ["2006-Hao-02", "2006-Huahiné-01"],
        "unchanged": 0,
        "left_out_count": 0,
        "left_out": [],
    }
    expected = [("Hao", 2, 40.0, "None", True), ("Huahiné", 1, 12.5, "2007-01-01", True)]
    assert rows(store) == expected
    copy = s3.get_object(Bucket="reef-raw", Key=KEYS[0])
    assert copy["Body"].read() == KEYS[0].encode()
    assert copy["Metadata"][STARTS_NO_RUN] == quoted_key(KEYS[0]) == "2006-Huahin%C3%A9-01.jpg"
    again = app.handler(REQUEST, None)
    assert (again["imported"], again["unchanged"], again["left_out"]) == ([], 2, [])
    assert rows(store) == expected
    assert originals(s3) == dict.fromkeys(KEYS, 1)


def test_a_dry_run_writes_nothing(app: ModuleType, s3: S3Client, store: Database) -> None:
    outcome = app.handler(REQUEST | {"dry_run": True}, None)
    assert (outcome["written"], len(outcome["imported"])) == (False, 2)
    assert (rows(store), originals(s3)) == ([], {})


def test_an_import_that_broke_off_between_photographs_and_rows_goes_on(
    app: ModuleType, s3: S3Client, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise DatabaseUnavailableError("asleep")

    with monkeypatch.context() as patch, pytest.raises(DatabaseUnavailableError):
        patch.setattr(app, "record_imports", away)
        app.handler(REQUEST, None)
    assert rows(store) == []
    assert len(app.handler(REQUEST, None)["imported"]) == 2
    assert originals(s3) == dict.fromkeys(KEYS, 1)


def test_what_reefsteps_measured_stays_and_the_rest_is_imported(app: ModuleType, s3: S3Client, store: Database) -> None:
    hao = SurveyKey(2006, "Hao", 2)
    record_result(store, result(survey=hao, cover=33.0))
    outcome = app.handler(REQUEST, None)
    assert outcome["imported"] == ["2006-Huahiné-01"]
    assert "has measured it" in outcome["left_out"][0]["why"]
    assert ("Hao", 2, 33.0) in [row[:3] for row in rows(store)]
    assert originals(s3) == {KEYS[0]: 1}


def test_a_measurement_of_ours_replaces_an_imported_one_and_its_mark(app: ModuleType, store: Database) -> None:
    app.handler(REQUEST, None)
    hao = SurveyKey(2006, "Hao", 2)
    assert record_result(store, result(survey=hao, cover=33.0, key=KEYS[1])).written
    with store.read() as connection:
        known = known_results(connection, [hao])[hao]
    assert (known.coverage, known.measured, known.imported) == (33.0, True, False)
    again = app.handler(REQUEST, None)
    assert again["unchanged"] == 1
    assert "has measured it" in again["left_out"][0]["why"]


def test_a_deleted_photograph_takes_its_imported_row_along_and_another_does_not(
    app: ModuleType, s3: S3Client, store: Database
) -> None:
    app.handler(REQUEST, None)
    url = store.url.render_as_string(hide_password=False)
    stray = "2006-Hao-2.png"
    s3.put_object(Bucket="reef-raw", Key=stray, Body=b"x")
    with loaded("removal", {"DATABASE_URL": url}) as removal:
        s3.delete_object(Bucket="reef-raw", Key=stray)
        kept = removal.handler({"bucket": "reef-raw", "key": stray}, None)
        assert (kept["row_removed"], kept["measure_again"]) == (False, None)
        assert len(rows(store)) == 2
        s3.delete_object(Bucket="reef-raw", Key=KEYS[1])
        assert removal.handler({"bucket": "reef-raw", "key": KEYS[1]}, None)["row_removed"]
    assert [row[0] for row in rows(store)] == ["Huahiné"]


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({}, InvalidParameterError),
        (REQUEST | {"bucket": "reef-raw"}, InvalidParameterError),
        (REQUEST | {"table": 5}, InvalidParameterError),
        (REQUEST | {"table": "missing.csv"}, PhotoNotFoundError),
        (REQUEST | {"table": "raw/" + KEYS[0]}, SpreadsheetError),
    ],
)
def test_a_request_that_cannot_be_carried_out_writes_nothing(
    app: ModuleType, s3: S3Client, store: Database, request_: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        app.handler(request_, None)
    assert (rows(store), originals(s3)) == ([], {})
