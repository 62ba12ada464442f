"""The coverage handler: records from the document or from the buckets, into the database."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import botocore
import pytest

from reefsteps.coverage_queries import coverage_rows, provenance
from reefsteps.coverage_store import Result
from reefsteps.database import Database
from reefsteps.errors import (
    ConfigurationError,
    DatabaseUnavailableError,
    InvalidParameterError,
    PhotoNotFoundError,
    SupersededError,
)
from reefsteps.steps import Step
from reefsteps.storage import Storage
from tests.support.handlers import loaded
from tests.support.pipeline_records import SURVEY, document, result, run_writer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ALL = ("restoration", "reframing", "segmentation")


@pytest.fixture
def app(s3: S3Client, database: Database) -> Iterator[ModuleType]:
    with loaded("coverage", {"DATABASE_URL": str(database.url)}) as module:
        yield module


def written(
    cover: float | None, former: float | None = None, *, done: bool = True, reason: str | None = None
) -> dict[str, Any]:
    """Return what the handler answers: the survey's cover now, and before."""
    return {"written": done, "reason": reason, "cover_percent": cover, "former_percent": former}


def covers(database: Database) -> list[float]:
    with database.read() as connection:
        return [row.cover_percent for row in coverage_rows(connection)]


def leave_records(done: Result, *steps: str) -> None:
    for step in steps:
        run_writer(done).save_record(Step(step), getattr(done, step))


def test_a_finished_document_becomes_a_row(app: ModuleType, database: Database) -> None:
    assert app.handler(document(result(), *ALL), None) == written(12.34)
    assert covers(database) == [12.34]
    with database.read() as connection:
        found = provenance(connection, SURVEY)
    assert found is not None
    assert found.pipeline_version == "1.0"


def test_the_row_names_the_code_that_measured_not_the_code_that_wrote(app: ModuleType, database: Database) -> None:
    done = result()
    newer = dataclasses.replace(done.segmentation, pipeline_version="b" * 40 + "-changed-20261123000000")
    app.handler(document(dataclasses.replace(done, segmentation=newer), *ALL), None)
    with database.read() as connection:
        found = provenance(connection, SURVEY)
    assert found is not None
    assert found.pipeline_version == "restoration 1.0 reframing 1.0 segmentation bbbbbbbbbbbb"


def test_the_longest_name_of_versions_fits_its_column(app: ModuleType, database: Database) -> None:
    done = result()
    records = {
        step: dataclasses.replace(getattr(done, step), pipeline_version=letter * 63)
        for step, letter in zip(ALL, "abc", strict=True)
    }
    app.handler(document(dataclasses.replace(done, **records), *ALL), None)
    with database.read() as connection:
        found = provenance(connection, SURVEY)
    assert found is not None
    assert len(found.pipeline_version) <= 128


def test_a_run_that_starts_here_takes_what_lies_in_the_buckets(app: ModuleType, database: Database) -> None:
    leave_records(result(), *ALL)
    assert app.handler(document(result(), start_at="coverage"), None)["written"]
    assert covers(database) == [12.34]


def test_a_run_that_starts_at_segmentation_brings_its_own_result(app: ModuleType, database: Database) -> None:
    leave_records(result(), *ALL)
    repeated = result(cover=20.0, started_at="2026-02-01T00:00:00Z")
    app.handler(document(result(), *ALL), None)
    again = app.handler(document(repeated, "segmentation", start_at="segmentation"), None)
    assert again == written(20.0, former=12.34)
    assert covers(database) == [20.0]


def test_no_quadrat_withdraws_the_result_but_not_that_of_a_later_decision(app: ModuleType, database: Database) -> None:
    corners = document(result(started_at="2026-01-01T11:00:00Z"), *ALL)
    corners["reframing"]["decided_at"] = "2026-01-01T11:00:00Z"
    app.handler(corners, None)
    early, late = (
        document(result(started_at=f"2026-01-01T{hour}:00:00Z"), "restoration") | {"no_quadrat": "said so"}
        for hour in (10, 12)
    )
    no_quadrat(early)
    assert "started later" in app.handler(early, None)["reason"]
    assert covers(database) == [12.34]
    no_quadrat(late)
    assert app.handler(late, None) == written(None, 12.34, done=False, reason="said so")
    assert covers(database) == []
    assert app.handler(late, None) == written(None, done=False, reason="said so")


def no_quadrat(run: dict[str, Any], *, said: bool = True) -> None:
    """Keep a person's word, as reframing does in this run."""
    source = run["restoration"]["source"]
    bound = {"source_version_id": source["image"]["version_id"], "source_etag": source["etag"]}
    value = {"no_quadrat": said, "execution": run["execution"], **bound}
    Storage().put_json("reef-reframed", "no-quadrat/2006-Bora-Bora-01.json", value)


def test_a_run_that_read_before_a_person_said_no_quadrat_leaves_no_row(app: ModuleType, database: Database) -> None:
    said = document(result(started_at="2026-01-01T11:00:00Z"), "restoration") | {"no_quadrat": "said so"}
    no_quadrat(said)
    assert not app.handler(said, None)["written"]
    for hour in (10, 12):
        outcome = app.handler(document(result(started_at=f"2026-01-01T{hour}:00:00Z"), *ALL), None)
        assert not outcome["written"]
        assert "shows no quadrat" in outcome["reason"]
        assert covers(database) == []
    no_quadrat(said, said=False)
    assert app.handler(document(result(started_at="2026-01-01T13:00:00Z"), *ALL), None)["written"]
    assert app.handler(said, None) == written(12.34, 12.34, done=False, reason="said so")
    assert covers(database) == [12.34], "what was taken back withdraws nothing"


def test_a_stale_run_succeeds_without_writing(app: ModuleType, database: Database) -> None:
    newest = result(version="v2", uploaded_at="2026-01-01T11:00:00+00:00", cover=50.0)
    app.handler(document(newest, *ALL), None)
    outcome = app.handler(document(result(started_at="2026-06-01T00:00:00Z"), *ALL), None)
    assert not outcome["written"]
    assert "uploaded later" in outcome["reason"]
    assert covers(database) == [50.0]


def test_results_of_two_versions_are_never_mixed(app: ModuleType, database: Database) -> None:
    newer = result(version="v2", uploaded_at="2026-01-01T11:00:00+00:00")
    leave_records(newer, "restoration")  # whose reframing failed
    leave_records(result(), "reframing", "segmentation")
    with pytest.raises(InvalidParameterError, match="start the run at reframing"):
        app.handler(document(newer, start_at="coverage"), None)
    assert covers(database) == []


def test_a_missing_result_says_where_to_start(app: ModuleType) -> None:
    leave_records(result(), "restoration", "reframing")
    with pytest.raises(PhotoNotFoundError, match="start the run at segmentation"):
        app.handler(document(result(), start_at="coverage"), None)


def test_a_newer_photos_record_in_the_bucket_supersedes_the_run(app: ModuleType) -> None:
    leave_records(result(version="v2", uploaded_at="2026-01-01T11:00:00+00:00"), "reframing", "segmentation")
    with pytest.raises(SupersededError):
        app.handler(document(result(), "restoration"), None)


def test_a_database_out_of_reach_is_retried_by_name(s3: S3Client) -> None:
    with (
        loaded("coverage", {"DATABASE_URL": "mysql+pymysql://writer@127.0.0.1:1/reefs"}) as app,
        pytest.raises(DatabaseUnavailableError),
    ):
        app.handler(document(result(), *ALL), None)


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"DATABASE_URL": ""}, "DATABASE_URL"),
        ({"DATABASE_URL": "reefs"}, "DATABASE_URL"),
        ({"DATABASE_URL": "postgresql://x/y"}, "postgresql"),
        ({"DATABASE_URL": "sqlite://", "DATABASE_AUTH": "password"}, "DATABASE_AUTH"),
        ({"DATABASE_URL": "mysql+pymysql://w@h/reefs", "DATABASE_AUTH": "iam", "DATABASE_CA_FILE": "/none"}, "/none"),
        ({"DATABASE_URL": "sqlite://", "TREATED_BUCKET": ""}, "TREATED_BUCKET"),
    ],
)
def test_a_wrong_environment_fails_at_import_and_is_named(s3: S3Client, variables: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named), loaded("coverage", variables):
        pass


def test_iam_signs_each_connection_anew_and_verifies_the_server(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    connections: list[dict[str, Any]] = []

    def refuse(**options: Any) -> None:
        connections.append(options)
        raise OSError("no database here")

    certificates = Path(botocore.__file__).parent / "cacert.pem"
    with monkeypatch.context() as patched:
        database = Database("mysql+pymysql://coverage_writer@db.example:3306/reefs", iam=True, ca_file=certificates)
        patched.setattr("pymysql.connect", refuse)
        patched.setattr(database.engine.dialect.dbapi, "connect", refuse)
        for _ in range(2):
            with pytest.raises(OSError, match="no database"), database.read():
                pass
    assert len(connections) == 2
    for options in connections:
        assert options["password"].startswith("db.example:3306/?Action=connect&DBUser=coverage_writer")
        assert "X-Amz-Signature" in options["password"]
        assert options["ssl"].check_hostname
        assert options["ssl"].verify_mode.name == "CERT_REQUIRED"
