"""The removal handler: what goes with a deleted photograph, what stays, and that an upload afterwards ends right."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

from reefsteps.coverage_queries import coverage_rows
from reefsteps.coverage_store import Result, record_result
from reefsteps.database import Database
from reefsteps.derived_objects import CORNERS
from reefsteps.errors import InvalidParameterError
from reefsteps.results import ObjectRef
from reefsteps.steps import Step
from reefsteps.storage import JPEG, Storage
from reefsteps.surveys import SurveyKey
from tests.support.handlers import BUCKETS, loaded
from tests.support.pipeline_records import leave_objects, result, run_writer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SURVEY = SurveyKey(2006, "Huahiné", 7)
KEY = "2006-Huahiné-007.jpg"


@pytest.fixture
def app(s3: S3Client, database: Database) -> Iterator[ModuleType]:
    with loaded("removal", {"DATABASE_URL": str(database.url)}) as module:
        yield module


def upload(s3: S3Client, key: str = KEY, body: bytes = b"photo") -> str:
    return s3.put_object(Bucket="reef-raw", Key=key, Body=body)["VersionId"]


def process(s3: S3Client, database: Database, version: str, key: str = KEY, started_at: str | None = None) -> Result:
    """Leave everything that the pipeline leaves of this version."""
    head = s3.head_object(Bucket="reef-raw", Key=key, VersionId=version)
    started_at = started_at or datetime.now(UTC).isoformat()
    uploaded_at = head["LastModified"].isoformat()
    done = result(survey=SURVEY, version=version, key=key, uploaded_at=uploaded_at, started_at=started_at)
    leave_objects(done)
    record_result(database, done)
    return done


def s3_event(key: str, version: str | None, *, marker: bool, at: datetime | None = None) -> dict[str, Any]:
    entry = {"key": key, "version-id": version, "sequencer": "0067"}
    detail = {
        "bucket": {"name": "reef-raw"},
        "object": {name: value for name, value in entry.items() if value},
        "deletion-type": "Delete Marker Created" if marker else "Permanently Deleted",
        "requester": "123456789012",
    }
    time = (at or datetime.now(UTC) + timedelta(seconds=2)).isoformat()
    return {"detail-type": "Object Deleted", "source": "aws.s3", "time": time, "detail": detail}


def covers(database: Database) -> list[float]:
    with database.read() as connection:
        return [row.cover_percent for row in coverage_rows(connection)]


def derived(s3: S3Client) -> list[str]:
    return [
        f"{bucket}/{entry['Key']}"
        for bucket in BUCKETS
        if bucket != "reef-raw"
        for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    ]


def test_a_deleted_photo_takes_everything_with_it_and_nothing_else(
    app: ModuleType, s3: S3Client, database: Database
) -> None:
    process(s3, database, upload(s3))
    Storage().put_json("reef-reframed", CORNERS.key(SURVEY.stem), {"corners_px": []})
    Storage().put("reef-treated", "2007-Huahiné-07.jpg", b"another", content_type=JPEG)
    marker = s3.delete_object(Bucket="reef-raw", Key=KEY)["VersionId"]
    outcome = app.handler(s3_event(KEY, marker, marker=True), None)
    assert outcome["survey"] == "2006-Huahiné-07"
    assert outcome["row_removed"]
    assert len(outcome["objects_removed"]) == 11
    assert "s3://reef-masks/2006-Huahiné-07.png" in outcome["objects_removed"]
    assert derived(s3) == ["reef-treated/2007-Huahiné-07.jpg"]
    assert covers(database) == []


def test_a_repeated_event_changes_nothing(app: ModuleType, s3: S3Client, database: Database) -> None:
    process(s3, database, upload(s3))
    s3.delete_object(Bucket="reef-raw", Key=KEY)
    event = s3_event(KEY, None, marker=True)
    app.handler(event, None)
    assert app.handler(event, None) == {
        "survey": SURVEY.stem,
        "row_removed": False,
        "objects_removed": [],
        "photographs_left": [],
        "measure_again": None,
    }


def test_a_run_under_way_does_not_bring_a_deleted_photo_back(app: ModuleType, s3: S3Client, database: Database) -> None:
    done = process(s3, database, upload(s3))
    s3.delete_object(Bucket="reef-raw", Key=KEY)
    # Within the second of the upload and without a sequencer, only the version tells.
    app.handler({"bucket": "reef-raw", "key": KEY, "requested_by": "page"}, None)
    assert not record_result(database, done).written
    assert covers(database) == []


def test_an_upload_after_the_deletion_is_measured_and_a_late_event_leaves_it(
    app: ModuleType, s3: S3Client, database: Database
) -> None:
    process(s3, database, upload(s3))
    deleted_at = datetime.now(UTC) - timedelta(seconds=1)
    marker = s3.delete_object(Bucket="reef-raw", Key=KEY)["VersionId"]
    process(s3, database, upload(s3, body=b"again"))
    before = derived(s3)
    outcome = app.handler(s3_event(KEY, marker, marker=True, at=deleted_at), None)
    assert not outcome["row_removed"]
    assert outcome["photographs_left"] == [KEY]
    assert outcome["measure_again"] is None  # its own event starts its run
    assert derived(s3) == before
    assert covers(database) == [12.34]


def test_deleting_an_old_version_leaves_the_newest_result(app: ModuleType, s3: S3Client, database: Database) -> None:
    old = upload(s3, body=b"old")
    process(s3, database, upload(s3, body=b"new"))
    s3.delete_object(Bucket="reef-raw", Key=KEY, VersionId=old)
    outcome = app.handler(s3_event(KEY, old, marker=False), None)
    assert (outcome["row_removed"], outcome["objects_removed"], outcome["measure_again"]) == (False, [], None)
    assert covers(database) == [12.34]


def test_deleting_the_newest_version_takes_its_result_though_an_older_photo_is_left(
    app: ModuleType, s3: S3Client, database: Database
) -> None:
    old = upload(s3, body=b"old")
    new = upload(s3, body=b"new")
    process(s3, database, new)
    s3.delete_object(Bucket="reef-raw", Key=KEY, VersionId=new)
    outcome = app.handler(s3_event(KEY, new, marker=False), None)
    assert outcome["row_removed"]
    assert outcome["photographs_left"] == [KEY]
    assert outcome["measure_again"] == {"bucket": "reef-raw", "key": KEY, "version_id": old}
    assert derived(s3) == []


def test_an_overwritten_photo_keeps_its_result_until_the_newer_has_its_own(
    app: ModuleType, s3: S3Client, database: Database
) -> None:
    oldest = upload(s3, body=b"oldest")
    measured = upload(s3, body=b"measured")
    process(s3, database, measured)
    upload(s3, body=b"refused by reframing")
    before = derived(s3)
    s3.delete_object(Bucket="reef-raw", Key=KEY, VersionId=oldest)
    assert not app.handler(s3_event(KEY, oldest, marker=False), None)["row_removed"]
    expired = s3_event(KEY, measured, marker=False)
    expired["detail"]["reason"] = "Lifecycle Expiration"
    s3.delete_object(Bucket="reef-raw", Key=KEY, VersionId=measured)
    assert not app.handler(expired, None)["row_removed"]
    assert covers(database) == [12.34]
    assert derived(s3) == before


def test_a_deletion_that_is_undone_can_be_measured_again(app: ModuleType, s3: S3Client, database: Database) -> None:
    version = upload(s3)
    process(s3, database, version)
    marker = s3.delete_object(Bucket="reef-raw", Key=KEY)["VersionId"]
    app.handler(s3_event(KEY, marker, marker=True), None)
    s3.delete_object(Bucket="reef-raw", Key=KEY, VersionId=marker)
    outcome = app.handler(s3_event(KEY, marker, marker=False), None)
    assert outcome["measure_again"] == {"bucket": "reef-raw", "key": KEY, "version_id": version}
    process(s3, database, version)
    assert covers(database) == [12.34]


def test_the_same_survey_under_another_name_keeps_its_result(app: ModuleType, s3: S3Client, database: Database) -> None:
    upload(s3, "2006-Huahiné-7.NEF", b"first")
    other = "2006-Huahine\u0301-07.jpg"  # the accent on its own, as macOS writes it
    process(s3, database, upload(s3, other), key=other)
    marker = s3.delete_object(Bucket="reef-raw", Key="2006-Huahiné-7.NEF")["VersionId"]
    outcome = app.handler(s3_event("2006-Huahiné-7.NEF", marker, marker=True), None)
    assert not outcome["row_removed"]
    assert outcome["photographs_left"] == [other]
    assert covers(database) == [12.34]


def test_the_photo_that_is_left_of_two_is_measured_again(app: ModuleType, s3: S3Client, database: Database) -> None:
    left = upload(s3, "2006-Huahiné-7.NEF", b"older")
    process(s3, database, left, key="2006-Huahiné-7.NEF")
    process(s3, database, upload(s3, body=b"newer"))
    marker = s3.delete_object(Bucket="reef-raw", Key=KEY)["VersionId"]
    event = s3_event(KEY, marker, marker=True)
    outcome = app.handler(event, None)
    assert (outcome["row_removed"], covers(database), derived(s3)) == (True, [], [])
    assert outcome["measure_again"] == {"bucket": "reef-raw", "key": "2006-Huahiné-7.NEF", "version_id": left}
    process(s3, database, left, key="2006-Huahiné-7.NEF")
    assert app.handler(event, None)["measure_again"] is None  # the event again: it has its result
    assert covers(database) == [12.34]


def test_pictures_that_a_refused_photo_left_are_made_again_too(
    app: ModuleType, s3: S3Client, database: Database
) -> None:
    left = upload(s3, "2006-Huahiné-7.NEF", b"older")
    done = process(s3, database, left, key="2006-Huahiné-7.NEF")
    refused = upload(s3, body=b"newer, restored and then refused by reframing")
    image = ObjectRef("reef-raw", KEY, refused)
    source = dataclasses.replace(done.source, image=image, etag="another")
    refused_run = dataclasses.replace(done, restoration=dataclasses.replace(done.restoration, source=source))
    run_writer(refused_run).save_record(Step.RESTORATION, refused_run.restoration)
    marker = s3.delete_object(Bucket="reef-raw", Key=KEY)["VersionId"]
    outcome = app.handler(s3_event(KEY, marker, marker=True), None)
    assert not outcome["row_removed"]
    assert covers(database) == [12.34]
    assert outcome["measure_again"] == {"bucket": "reef-raw", "key": "2006-Huahiné-7.NEF", "version_id": left}


def test_other_objects_of_the_bucket_are_no_surveys(app: ModuleType) -> None:
    outcome = app.handler(s3_event("notes.txt", None, marker=True), None)
    nothing = {"row_removed": False, "objects_removed": [], "photographs_left": [], "measure_again": None}
    assert outcome == {"survey": None} | nothing


@pytest.mark.parametrize(
    "event",
    [{}, {"bucket": "reef-raw"}, {"bucket": "reef-treated", "key": KEY}, {"detail": {}}, {"detail": None}],
)
def test_a_request_that_names_no_photo_is_refused(app: ModuleType, event: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameterError):
        app.handler(event, None)
