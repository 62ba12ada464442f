"""The relabel handler: everything follows the photograph, crashes and repeats change nothing, undo brings all back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from reefsteps.coverage_queries import coverage_rows
from reefsteps.database import Database
from reefsteps.derived_objects import CORNERS
from reefsteps.surveys import SurveyKey
from tests.support.handlers import emulated_s3
from tests.support.mariadb import MariaDb
from tests.support.relabel_world import FREE, RAW, A, B, C, D, World, changes, crashing, open_world, surveys

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def world(s3: S3Client, database: Database) -> Iterator[World]:
    yield from open_world(s3, database)


def test_all_that_belongs_to_a_photograph_follows_it(world: World) -> None:
    world.measured(A, corners=True)
    world.measured(B)
    before, b_before = world.seen(), world.s3.head_object(Bucket=RAW, Key=B.key("jpg"))["VersionId"]
    assert world.relabel("r1", changes=changes((A, FREE))) == {0: {"relabelling_id": "r1", "group": 0}}
    objects, rows = world.seen()
    assert {key.replace(FREE.stem, A.stem) for key in objects} == before[0].keys()
    assert not [key for key in objects if A.stem in key]
    assert objects[f"reef-raw/{FREE.stem}.jpg"] == before[0][f"reef-raw/{A.stem}.jpg"]
    assert objects[f"reef-reframed/corners/{FREE.stem}.json"] == before[0][f"reef-reframed/corners/{A.stem}.json"]
    assert surveys(world) == [B.stem, FREE.stem]
    assert len(rows["colony"]) == len(before[1]["colony"])
    assert world.s3.head_object(Bucket=RAW, Key=B.key("jpg"))["VersionId"] == b_before
    assert world.entries("r1") == [(A.stem, "done", None)]
    world.assert_consistent()


def test_hand_corners_are_bound_to_the_copy(world: World) -> None:
    world.measured(A, corners=True)
    world.relabel("r1", changes=changes((A, FREE)))
    head = world.s3.head_object(Bucket=RAW, Key=FREE.key("jpg"))
    stored = world.app.STORAGE.get_json(CORNERS.at(world.app.SETTINGS, FREE.stem))
    assert stored["source_version_id"] == head["VersionId"]
    assert stored["source_etag"] == head["ETag"].strip('"')


def test_the_copy_says_that_it_starts_no_run_and_only_for_its_own_key(world: World) -> None:
    world.measured(A)
    world.photograph(B)
    world.relabel("r1", changes=changes((A, FREE), (B, C)))
    moved = world.s3.head_object(Bucket=RAW, Key=FREE.key("jpg"))["Metadata"]
    assert moved["relabelled-to"] == "2013-Mo'orea%20%C3%89t%C3%A9-07.jpg"
    unmeasured = world.s3.head_object(Bucket=RAW, Key=C.key("jpg"))["Metadata"]
    assert "relabelled-to" not in unmeasured, "a photograph without a result is measured under its new name"
    world.relabel("r2", changes=changes((C, D)))
    assert "relabelled-to" not in world.s3.head_object(Bucket=RAW, Key=D.key("jpg"))["Metadata"]


ALIKE, UNLIKE = ("jpg", "jpg", "jpg"), ("jpg", "png", "tif")


@pytest.mark.parametrize(
    ("names", "extensions"),
    [
        ([(A, B), (B, A)], ALIKE),
        ([(A, B), (B, A)], UNLIKE),
        ([(A, B), (B, C), (C, FREE)], ALIKE),
        ([(A, B), (B, C), (C, A)], UNLIKE),
    ],
    ids=["swap", "swap of two formats", "chain", "ring of three formats"],
)
def test_chains_and_swaps_and_back(
    world: World, names: list[tuple[SurveyKey, SurveyKey]], extensions: tuple[str, ...]
) -> None:
    for number, (survey, extension) in enumerate(zip((A, B, C), extensions, strict=True), start=1):
        world.measured(survey, extension=extension, cover=10.0 * number, corners=survey == B)
    before = world.seen()
    covers = dict(zip((A, B, C), (10.0, 20.0, 30.0), strict=True))
    world.relabel("r1", changes=changes(*names))
    world.assert_consistent()
    with world.database.read() as connection:
        found = {SurveyKey(row.year, row.island, row.location): row.cover_percent for row in coverage_rows(connection)}
    renamed = dict(names)
    assert found == {renamed.get(old, old): cover for old, cover in covers.items()}
    assert world.seen() != before
    world.relabel("r2", undo="r1")
    assert world.seen() == before
    world.assert_consistent()


def same_in_both(seen: Any) -> Any:
    """Return what is seen of a world without what tells two worlds apart: when and by which run it was measured."""
    objects, rows = seen
    own = {"written_at", "execution_id", "execution_name", "execution", "recorded_at"}

    def shared(value: dict[str, Any]) -> dict[str, Any]:
        return {name: item for name, item in value.items() if name not in own}

    return (
        {place: shared(content) if isinstance(content, dict) else content for place, content in objects.items()},
        {table: [shared(row) for row in found] for table, found in rows.items()},
    )


@contextmanager
def opened_world(folder: Path, measured: Sequence[bool]) -> Iterator[World]:
    """Yield a world of three photographs, some of them with a result, and corners set by hand."""
    database = Database(f"sqlite:///{folder / 'coverage.db'}")
    database.create_tables()
    with emulated_s3() as s3, contextmanager(open_world)(s3, database) as world:
        for survey, is_measured in zip((A, B, C), measured, strict=True):
            world.measured(survey, corners=True) if is_measured else world.photograph(survey)
        yield world


@settings(
    max_examples=3,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),  # shrinking takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example(targets=[C, B, A, FREE], measured=[False, False, True], deaths=[0], more={})
@given(
    targets=st.permutations((A, B, C, FREE)),
    measured=st.lists(st.booleans(), min_size=3, max_size=3),
    deaths=st.lists(st.integers(0, 40), min_size=1, max_size=3),
    more=st.sampled_from([{}, {"size": "70.7"}, {"fields": {"site": "Outer slope", "depth_m": 12.5}}]),
)
def test_killed_between_any_two_writes_it_goes_on_and_can_be_undone(
    targets: list[SurveyKey],
    measured: list[bool],
    deaths: list[int],
    more: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    pairs = [(old, new) for old, new in zip((A, B, C), targets, strict=False) if old != new or more]
    asked = changes(*(pairs or [(A, D)]), **more)
    with opened_world(tmp_path_factory.mktemp("whole"), measured) as world:
        world.relabel("r1", changes=asked)
        wanted = world.seen()
    with opened_world(tmp_path_factory.mktemp("killed"), measured) as world:
        before = world.seen()
        for after in deaths:
            crashing(world, lambda: world.relabel("r1", changes=asked), after)
        world.relabel("r1", changes=asked)
        assert {state for _, state, _ in world.entries("r1")} <= {"done", "refused"}
        assert same_in_both(world.seen()) == same_in_both(wanted)
        world.assert_consistent()
        crashing(world, lambda: world.relabel("r2", undo="r1"), deaths[0])
        world.relabel("r2", undo="r1")
        assert world.seen() == before


def test_a_swap_on_mariadb_keeps_what_another_program_has_in_the_fields_table(s3: S3Client, mariadb: MariaDb) -> None:
    database = Database(mariadb.url)
    database.create_tables()

    def sql(statement: str) -> list[Any]:
        def run(connection: Any) -> list[Any]:
            answer = connection.exec_driver_sql(statement)
            return [tuple(row) for row in answer] if answer.returns_rows else []

        return database.write(run)

    sql("ALTER TABLE coral_coverage ADD COLUMN note VARCHAR(20)")
    with contextmanager(open_world)(s3, database) as world:
        world.measured(A, cover=1.0)
        world.measured(B, cover=2.0)
        sql("UPDATE coral_coverage SET note = CONCAT('of ', coverage)")
        before = world.seen()
        fields = {"site": "Passe Été", "latitude": -17.5}
        world.relabel("r1", changes=changes((A, B), (B, A), fields=fields))
        assert {state for _, state, _ in world.entries("r1")} == {"done"}
        world.assert_consistent()
        query = "SELECT location, coverage, note FROM coral_coverage ORDER BY location"
        assert sql(query) == [(1, 2.0, "of 2.00"), (2, 1.0, "of 1.00")]
        world.relabel("r2", undo="r1")
        assert world.seen() == before
        assert sql(query) == [(1, 1.0, "of 1.00"), (2, 2.0, "of 2.00")]


def test_a_repeated_call_changes_nothing(world: World) -> None:
    world.measured(A)
    world.relabel("r1", changes=changes((A, B)))
    after = world.seen()
    world.relabel("r1", changes=changes((A, B)))
    assert world.app.handler({"action": "carry_out", "relabelling_id": "r1", "group": 0}, None) == {
        "relabelling_id": "r1",
        "group": 0,
    }
    assert world.seen() == after


def test_the_size_changes_areas_and_scale_but_not_cover(world: World) -> None:
    world.measured(A)
    before = world.seen()
    world.relabel("r1", changes=[{"old": A.stem, "size": "50"}])
    world.assert_consistent()
    _, rows = world.seen()
    (row,), (cover,) = rows["coverage_provenance"], rows["coral_coverage"]
    assert (row["side_cm"], row["px_per_cm"], row["reframing"]["px_per_cm"]) == (50.0, 12.0, 12.0)
    assert [c["area_cm2"] for c in rows["colony"]] == [10.5 / 4, 11.5 / 4]
    assert cover["coverage"] == 12.34
    assert row["written_at"] == before[1]["coverage_provenance"][0]["written_at"], "nothing was measured"
    head = world.s3.head_object(Bucket=RAW, Key=A.key("jpg"))
    assert head["Metadata"]["side-cm"] == "50", "a later run uses the new size"
    assert head["Metadata"]["relabelled-to"] == A.key("jpg")
    world.relabel("r2", undo="r1")
    assert world.seen() == before


def test_another_shape_is_measured_again_and_keeps_its_result_until_then(world: World) -> None:
    world.measured(A, corners=True)
    before = world.rows()
    world.relabel("r1", changes=[{"old": A.stem, "size": "50x75"}])
    assert world.rows() == before
    head = world.s3.head_object(Bucket=RAW, Key=A.key("jpg"))
    assert head["Metadata"]["side-cm"] == "50x75"
    assert "relabelled-to" not in head["Metadata"]
    corners = world.app.STORAGE.get_json(CORNERS.at(world.app.SETTINGS, A.stem))
    assert corners["source_version_id"] == head["VersionId"], "the run finds the corners that a person has set"


def test_fields_are_written_and_follow_the_photograph(world: World) -> None:
    world.measured(A)
    world.relabel("r1", changes=[{"old": A.stem, "fields": {"site": "Outer slope", "depth_m": 12.5}}])
    world.relabel("r2", changes=[{"old": A.stem, "new": FREE.stem, "fields": {"depth_m": 13}}])
    (row,) = world.rows()["survey_fields"]
    assert (row["island"], row["site"], row["depth_m"]) == (FREE.island, "Outer slope", 13.0)
    world.relabel("r3", undo="r2")
    (row,) = world.rows()["survey_fields"]
    assert (row["island"], row["site"], row["depth_m"]) == (A.island, "Outer slope", 12.5)
    world.relabel("r4", undo="r1")
    assert world.rows()["survey_fields"] == []
