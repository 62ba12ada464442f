"""Relabelling while something else happens: runs, uploads and deletions in the middle, and what is refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from pytest import MonkeyPatch

from reefsteps.coverage_store import record_result
from reefsteps.database import Database
from reefsteps.derived_objects import OVERLAY
from reefsteps.document import Execution
from reefsteps.errors import InvalidParameterError
from reefsteps.relabel_store import Landing
from reefsteps.surveys import SurveyKey
from tests.support.handlers import loaded
from tests.support.pipeline_records import result, run_writer
from tests.support.relabel_world import FREE, RAW, A, B, D, World, changes, crashing, open_world, surveys

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def world(s3: S3Client, database: Database) -> Iterator[World]:
    yield from open_world(s3, database)


def test_a_run_of_the_old_name_that_ends_late_writes_nothing_and_says_the_new_name(world: World) -> None:
    version = world.measured(A)
    world.relabel("r1", changes=changes((A, B)))
    late = result(survey=A, version=version, started_at="2027-01-01T00:00:00Z", uploaded_at="2026-01-01T00:00:00Z")
    outcome = record_result(world.database, late)
    assert not outcome.written
    assert f"is called {B.stem} since" in str(outcome.reason)
    assert surveys(world) == [B.stem]


def test_a_run_that_ends_in_the_middle_writes_nothing(world: World) -> None:
    version = world.measured(A)
    crashing(world, lambda: world.relabel("r1", changes=changes((A, B))), 3)
    late = result(survey=A, version=version, started_at="2027-01-01T00:00:00Z")
    assert "is being given another name" in str(record_result(world.database, late).reason)
    world.relabel("r1", changes=changes((A, B)))
    assert surveys(world) == [B.stem]


def test_an_upload_under_the_old_name_in_the_middle_stays(world: World) -> None:
    world.measured(A)
    crashing(world, lambda: world.relabel("r1", changes=changes((A, B))), 5)
    world.measured(A, cover=55.0, again=True)
    world.relabel("r1", changes=changes((A, B)))
    assert surveys(world) == [A.stem, B.stem]
    world.assert_consistent()


def test_an_upload_under_the_new_name_in_the_middle_is_kept_and_the_change_refused(world: World) -> None:
    world.measured(A)
    before = world.seen()
    crashing(world, lambda: world.relabel("r1", changes=changes((A, B))), 2)
    world.photograph(B)
    world.relabel("r1", changes=changes((A, B)))
    ((_, state, reason),) = world.entries("r1")
    assert (state, reason) == (
        "refused",
        f"A photograph was uploaded as {B.key('jpg')} meanwhile: nothing was changed.",
    )
    objects, rows = world.seen()
    assert objects.pop(f"reef-raw/{B.key('jpg')}")
    assert (objects, rows) == before


def test_a_copy_that_is_deleted_before_the_rows_move_leaves_no_row(world: World, monkeypatch: MonkeyPatch) -> None:
    world.measured(A)
    moving = world.app.journal.move

    def late(database: Database, landings: Sequence[Landing]) -> None:
        world.s3.delete_object(
            Bucket=RAW, Key=B.key("jpg")
        )  # within the second of the copy, so no time tells them apart
        moving(database, landings)

    monkeypatch.setattr(world.app.journal, "move", late)
    world.relabel("r1", changes=changes((A, B)))
    assert surveys(world) == []
    assert not [place for place in world.objects() if B.stem in place]


def test_a_photograph_whose_run_is_under_way_waits(world: World) -> None:
    version = world.measured(A)
    head = world.s3.head_object(Bucket=RAW, Key=A.key("jpg"))
    late = result(survey=A, version=version, key=A.key("jpg"), uploaded_at=head["LastModified"].isoformat())
    late = dataclasses.replace(late, execution=Execution("arn:late", "late", "2027-01-01T00:00:00Z"))
    source = dataclasses.replace(late.source, etag=head["ETag"].strip('"'))
    late = dataclasses.replace(late, restoration=dataclasses.replace(late.restoration, source=source))
    run_writer(late).put(OVERLAY, b"of the late run")
    before = world.seen()
    world.relabel("r1", changes=changes((A, B)))
    ((_, state, reason),) = world.entries("r1")
    assert state == "refused"
    assert "is under way" in str(reason)
    assert world.seen() == before


@pytest.mark.parametrize(
    ("prepare", "pair", "reason"),
    [
        (lambda _: None, (D, FREE), "There is no photograph"),
        (lambda w: w.measured(B), (A, B), "exists already"),
        (lambda w: w.photograph(A, extension="png"), (A, FREE), "has 2 photographs"),
        (lambda w: w.photograph(A), (A, FREE), "no result yet"),
    ],
    ids=["nothing there", "taken", "two photographs", "overwritten"],
)
def test_what_cannot_be_done_is_refused_by_name_and_changes_nothing(
    world: World, prepare: Any, pair: tuple[SurveyKey, SurveyKey], reason: str
) -> None:
    world.measured(A)
    prepare(world)
    before = world.seen()
    world.relabel("r1", changes=changes(pair))
    ((_, state, why),) = world.entries("r1")
    assert state == "refused"
    assert why is not None
    assert reason in why
    assert world.seen() == before


def test_undo_refuses_what_has_been_replaced_since(world: World) -> None:
    world.measured(A)
    world.relabel("r1", changes=changes((A, B)))
    world.measured(B, cover=77.0, again=True)
    after = world.seen()
    world.relabel("r2", undo="r1")
    assert [reason for _, _, reason in world.entries("r2")] == [f"{B.stem} is another photograph by now."]
    assert world.seen() == after


def test_the_deletion_of_the_old_key_removes_nothing_however_late_it_is_told(world: World) -> None:
    world.measured(A)
    world.relabel("r1", changes=changes((A, B)))
    versions = world.s3.list_object_versions(Bucket=RAW, Prefix=A.key("jpg"))
    (marker,) = [m["VersionId"] for m in versions["DeleteMarkers"]]
    after = world.seen()
    with loaded("removal", {"DATABASE_URL": str(world.database.url)}) as removal:
        for version in (marker, "unknown"):  # the journal may not know the marker if the function died
            outcome = removal.handler(deletion(A.key("jpg"), version), None)
            assert (outcome["row_removed"], outcome["objects_removed"]) == (False, [])
            assert world.seen() == after
        world.relabel("r2", undo="r1")
        back = world.seen()
        for version in (marker, "unknown"):
            outcome = removal.handler(deletion(A.key("jpg"), version), None)
            assert (outcome["row_removed"], outcome["objects_removed"]) == (False, [])
        assert world.seen() == back


def deletion(key: str, version: str) -> dict[str, Any]:
    return {
        "time": (datetime.now(UTC) - timedelta(seconds=2)).isoformat(),
        "detail": {
            "bucket": {"name": RAW},
            "object": {"key": key, "version-id": version, "sequencer": "0001"},
            "deletion-type": "Delete Marker Created",
            "reason": "DeleteObject",
        },
    }


def test_malformed_input_is_refused_by_name(world: World) -> None:
    wrong: tuple[dict[str, Any], ...] = (
        {},
        {"changes": "all"},
        {"changes": [{}]},
        {"changes": [{"old": "2006-X-01", "fields": {"x": 1}}]},
    )
    for given_input in wrong:
        with pytest.raises(InvalidParameterError):
            world.relabel("r1", **given_input)
