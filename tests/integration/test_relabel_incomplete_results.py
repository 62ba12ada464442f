"""Results of which something is missing can still be renamed, unless a run of the photograph is under way."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from reefsteps.coverage_queries import provenance
from reefsteps.coverage_store import record_result, remove_result
from reefsteps.database import Database
from reefsteps.derived_objects import CORNERS, derived_from
from reefsteps.document import Execution
from reefsteps.removals import Removal
from reefsteps.surveys import SurveyKey
from reefsteps.tables import coverage_provenance
from tests.support.pipeline_records import result, run_writer
from tests.support.relabel_world import RAW, A, B, C, World, changes, open_world

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def world(s3: S3Client, database: Database) -> Iterator[World]:
    with contextmanager(open_world)(s3, database) as opened:
        yield opened


def expire(world: World, survey: SurveyKey, *wanted: str) -> None:
    """Delete derived objects as S3's own rules or a person do: by bucket and key, or all of them."""
    for ref in derived_from(world.app.SETTINGS, survey.stem):
        if not wanted or f"{ref.bucket}/{ref.key}" in wanted:
            world.s3.delete_object(Bucket=ref.bucket, Key=ref.key)


def state(world: World, name: str) -> tuple[str, str | None]:
    ((_, state, reason),) = world.entries(name)
    return state, reason


@pytest.mark.parametrize("wanted", [(), (f"reef-segmented/{A.stem}.jpg",), (f"reef-masks/{A.stem}.png",)])
def test_a_result_whose_pictures_have_expired_can_be_renamed_and_back(world: World, wanted: tuple[str, ...]) -> None:
    world.measured(A)
    expire(world, A, *wanted)
    before = world.seen()
    world.relabel("r1", changes=changes((A, B)))
    assert state(world, "r1") == ("done", None)
    rows = world.rows()
    assert [row["coverage"] for row in rows["coral_coverage"]] == [12.34]
    metadata = world.s3.head_object(Bucket=RAW, Key=B.key("jpg"))["Metadata"]
    assert "relabelled-to" in metadata, "nothing is measured: another model would give another cover"
    world.relabel("r2", undo="r1")
    assert world.seen() == before


def test_what_is_missing_is_not_taken_from_the_photograph_that_has_the_old_name_now(world: World) -> None:
    world.measured(A)
    world.measured(B)
    expire(world, A, f"reef-segmented/{A.stem}.jpg")
    world.relabel("r1", changes=changes((A, B), (B, A)))
    assert {entry[1] for entry in world.entries("r1")} == {"done"}
    with world.database.read() as connection:
        moved, other = provenance(connection, B), provenance(connection, A)
    assert moved is not None
    assert other is not None
    assert moved.segmentation.overlay.key == f"{B.stem}.jpg"
    assert f"reef-segmented/{B.stem}.jpg" not in world.objects()
    assert world.objects()[f"reef-segmented/{A.stem}.jpg"].startswith(b"segmented")
    assert other.segmentation.overlay.key == f"{A.stem}.jpg"


def test_rows_that_coverage_alone_wrote_again_can_be_renamed(world: World) -> None:
    version = world.measured(A)
    done = world_result(world, version, "restored", "2027-01-01T00:00:00Z")
    assert record_result(world.database, done).written, "as a backfill does that starts at coverage"
    world.relabel("r1", changes=changes((A, B)))
    assert state(world, "r1") == ("done", None)


def test_objects_of_older_versions_that_name_no_run_can_be_renamed(world: World) -> None:
    world.measured(A)
    for ref in derived_from(world.app.SETTINGS, A.stem):
        place: dict[str, Any] = {"Bucket": ref.bucket, "Key": ref.key}
        if f"{ref.bucket}/{ref.key}" in world.objects():
            kept = world.s3.get_object(**place)
            world.s3.put_object(**place, Body=kept["Body"].read(), ContentType=kept["ContentType"])
    expire(world, A, f"reef-treated/thumbnails/{A.stem}.jpg", f"reef-masks/{A.stem}.png")
    world.relabel("r1", changes=changes((A, B)))
    assert state(world, "r1") == ("done", None)


def test_a_picture_that_a_deletion_took_is_waited_for_until_a_run_has_made_it_again(world: World) -> None:
    world.measured(A)
    expire(world, A, f"reef-treated/{A.stem}.jpg")
    removal = Removal(A.key("jpg"), "v-newer", "2026-01-01T10:00:05+00:00")
    remove_result(world.database, A, [removal], lambda _: True)
    before = world.seen()
    world.relabel("r1", changes=changes((A, B)))
    assert state(world, "r1")[0] == "refused"
    assert world.seen() == before
    run_again = {"execution_started_at": "2026-01-01T10:00:06+00:00"}
    world.database.write(lambda connection: connection.execute(update(coverage_provenance).values(run_again)))
    world.relabel("r2", changes=changes((A, B)))
    assert state(world, "r2") == ("done", None)


def test_a_run_that_ends_while_s3_is_looked_at_is_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    version = world.measured(A)
    looking = world.app.find

    def late(*given: Any) -> Any:
        found = looking(*given)
        assert record_result(world.database, world_result(world, version, "late", "2027-01-01T00:00:00Z")).written
        return found

    monkeypatch.setattr(world.app, "find", late)
    world.relabel("r1", changes=changes((A, B)))
    assert state(world, "r1")[0] == "refused", "what it has made was not seen"
    monkeypatch.setattr(world.app, "find", looking)
    world.relabel("r2", changes=changes((A, B)))
    assert state(world, "r2") == ("done", None)


def test_a_photograph_that_came_back_to_its_name_can_leave_it_again(world: World) -> None:
    world.measured(A)
    expire(world, A, f"reef-segmented/{A.stem}.jpg")
    world.relabel("r1", changes=changes((A, B)))
    world.relabel("r2", undo="r1")
    world.relabel("r3", changes=changes((A, C)))
    assert state(world, "r3") == ("done", None)


@pytest.mark.parametrize("missing", [False, True])
def test_a_decision_that_no_result_obeys_yet_is_waited_for(world: World, missing: bool) -> None:
    version = world.measured(A)
    done = world_result(world, version, "corrects", "2027-01-01T00:00:00Z")
    own = {"source_version_id": version, "source_etag": done.source.etag}
    run_writer(done).put_json(CORNERS, {"corners_px": [], **own})
    if missing:
        expire(world, A, f"reef-segmented/{A.stem}.jpg")
    before = world.seen()
    world.relabel("r1", changes=changes((A, B)))
    assert state(world, "r1")[0] == "refused"
    assert "is under way" in str(state(world, "r1")[1])
    assert world.seen() == before


def test_a_photograph_without_a_result_names_the_decisions_that_follow_it(world: World) -> None:
    version = world.photograph(A)
    head = world.s3.head_object(Bucket=RAW, Key=A.key("jpg"))
    done = world_result(world, version, "corrects", "2026-01-01T00:00:00Z")
    own = {"source_version_id": version, "source_etag": head["ETag"].strip('"')}
    run_writer(done).put_json(CORNERS, {"corners_px": [], **own})
    world.relabel("r1", changes=changes((A, B)))
    copied = world.s3.head_object(Bucket=RAW, Key=B.key("jpg"))
    assert copied["Metadata"]["decisions-follow"] == f"{B.key('jpg')} corners"
    kept = world.app.STORAGE.get_json(CORNERS.at(world.app.SETTINGS, B.stem))
    assert kept["source_version_id"] == copied["VersionId"]
    world.relabel("r2", changes=changes((B, C)))
    again = world.s3.head_object(Bucket=RAW, Key=C.key("jpg"))["Metadata"]
    assert again["decisions-follow"] == f"{C.key('jpg')} corners"


def world_result(world: World, version: str, name: str, started_at: str) -> Any:
    """Return a result of the photograph A as it is in the raw bucket, by a run of this name."""
    head = world.s3.head_object(Bucket=RAW, Key=A.key("jpg"))
    done = result(survey=A, version=version, key=A.key("jpg"), uploaded_at=head["LastModified"].isoformat())
    source = dataclasses.replace(done.source, etag=head["ETag"].strip('"'))
    restoration = dataclasses.replace(done.restoration, source=source)
    return dataclasses.replace(done, restoration=restoration, execution=Execution(f"arn:{name}", name, started_at))
