"""A row added to the table of derived objects is followed everywhere; the table says what the steps write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from local import report
from local.photos import Photo
from local.processing import PhotographRun
from local.stack_info import StackInfo
from reefsteps import derived_objects
from reefsteps.buckets import Bucket
from reefsteps.coverage_store import Result
from reefsteps.database import Database
from reefsteps.derived_objects import DERIVED_OBJECTS, DerivedObject, Kind, all_derived, derived_from
from reefsteps.object_metadata import RUN_NAME
from reefsteps.steps import Step
from reefsteps.surveys import SurveyKey
from tests.support.handlers import loaded
from tests.support.pipeline_records import BUCKETS, leave_objects, result, run_writer
from tests.support.relabel_world import World

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DEPTH = DerivedObject(
    "depth", Bucket.SEGMENTED, "depth/{stem}.png", Kind.PICTURE, Step.SEGMENTATION, field="depth", label="Depth"
)
OLD, NEW = SurveyKey(2006, "Hao", 1), SurveyKey(2006, "Hao", 2)


@pytest.fixture
def with_depth(monkeypatch: pytest.MonkeyPatch) -> DerivedObject:
    monkeypatch.setattr(derived_objects, "DERIVED_OBJECTS", (*DERIVED_OBJECTS, DEPTH))
    return DEPTH


@pytest.fixture
def relabelling(s3: S3Client, database: Database) -> Iterator[World]:
    with loaded("relabel", {"DATABASE_URL": str(database.url)}) as app:
        yield World(s3, database, app)


def bodies(s3: S3Client) -> dict[str, bytes]:
    listed = s3.list_objects_v2(Bucket="reef-segmented", Prefix="depth/").get("Contents", [])
    return {o["Key"]: s3.get_object(Bucket="reef-segmented", Key=o["Key"])["Body"].read() for o in listed}


@pytest.mark.usefixtures("with_depth")
def test_an_added_row_is_renamed_with_its_photograph(relabelling: World, s3: S3Client) -> None:
    relabelling.measured(OLD)
    run_writer(_done(s3, OLD)).put(DEPTH, b"depth")
    before = bodies(s3)["depth/2006-Hao-01.png"]
    relabelling.relabel("r1", changes=[{"old": OLD.stem, "new": NEW.stem}])
    assert [state for _, state, _ in relabelling.entries("r1")] == ["done"]
    assert before.startswith(b"depth")
    assert list(bodies(s3)) == ["depth/2006-Hao-02.png"]


@pytest.mark.usefixtures("with_depth")
def test_a_photograph_measured_before_the_row_was_added_is_renamed_too(relabelling: World) -> None:
    relabelling.measured(OLD)
    relabelling.relabel("r1", changes=[{"old": OLD.stem, "new": NEW.stem}])
    assert [state for _, state, _ in relabelling.entries("r1")] == ["done"]


@pytest.mark.usefixtures("with_depth")
def test_an_added_row_is_deleted_with_its_photograph(s3: S3Client, database: Database) -> None:
    version = s3.put_object(Bucket="reef-raw", Key=OLD.key("jpg"), Body=b"photo")["VersionId"]
    leave_objects(_done(s3, OLD, version)).put(DEPTH, b"depth")
    s3.delete_object(Bucket="reef-raw", Key=OLD.key("jpg"))
    with loaded("removal", {"DATABASE_URL": str(database.url)}) as app:
        outcome = app.handler({"bucket": "reef-raw", "key": OLD.key("jpg")}, None)
    assert "s3://reef-segmented/depth/2006-Hao-01.png" in outcome["objects_removed"]
    assert bodies(s3) == {}


@pytest.mark.usefixtures("with_depth")
def test_the_local_stack_writes_an_added_picture_beside_its_results(
    s3: S3Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "Clients", lambda *_: SimpleNamespace(s3=s3))
    done = result(survey=OLD)
    there = run_writer(done).put(DEPTH, b"depth")
    document = {
        "restoration": done.restoration.to_json(),
        "reframing": done.reframing.to_json(),
        "segmentation": done.segmentation.to_json() | {"depth": there.to_json()},
    }
    stack = StackInfo(1, "http://127.0.0.1:1", "eu-west-3", "", None, {}, {}, {}, {})
    run = PhotographRun(Photo(Path("a.jpg"), OLD.key("jpg")), status="SUCCEEDED", result=document)
    report.write_results([run], {}, stack, tmp_path)
    assert (tmp_path / "pictures/2006-Hao-01/depth.png").read_bytes().startswith(b"depth")


def test_records_come_last_and_keys_are_unique() -> None:
    kinds = [item.kind for item in all_derived()]
    assert kinds == sorted(kinds, key=lambda kind: kind is Kind.RECORD)
    places = derived_from(BUCKETS, OLD.stem)
    assert len({(ref.bucket, ref.key) for ref in places}) == len(places) == len(DERIVED_OBJECTS)
    assert len({item.name for item in DERIVED_OBJECTS}) == len(DERIVED_OBJECTS)


def test_objects_have_the_metadata_of_their_row(s3: S3Client) -> None:
    done = result(survey=OLD)
    leave_objects(done)
    for item in all_derived():
        if item.by_every_run:
            ref = item.at(BUCKETS, OLD.stem)
            metadata = s3.head_object(Bucket=ref.bucket, Key=ref.key)["Metadata"]
            assert RUN_NAME in metadata
            assert metadata.keys() <= item.metadata


def _done(s3: S3Client, survey: SurveyKey, version: str | None = None) -> Result:
    head = s3.head_object(Bucket="reef-raw", Key=survey.key("jpg"))
    return result(
        survey=survey,
        key=survey.key("jpg"),
        version=version or head["VersionId"],
        uploaded_at=head["LastModified"].isoformat(),
        started_at="2026-01-01T10:00:05.000Z",
    )
