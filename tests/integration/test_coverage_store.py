"""Writing and reading coverage on a real MariaDB and on SQLite: which result wins, once, and what deletions leave."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, inspect, select

from reefsteps.coverage_queries import colony_boxes, colony_rows, coverage_rows, provenance
from reefsteps.coverage_store import Result, forget_removals, record_result, remove_result
from reefsteps.database import Database
from reefsteps.errors import ConfigurationError, DatabaseUnavailableError
from reefsteps.precedence import Upload
from reefsteps.quadrat_size import QuadratSize
from reefsteps.removals import Removal
from reefsteps.results import Trust
from reefsteps.surveys import SurveyKey
from reefsteps.tables import coral_coverage, metadata
from tests.support.mariadb import MariaDb
from tests.support.pipeline_records import SURVEY, result


@pytest.fixture(params=["sqlite", "mariadb"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path / 'coverage.db'}")
    else:
        return emptied(request.getfixturevalue("mariadb"))
    database.create_tables()
    return database


def emptied(server: MariaDb) -> Database:
    server.execute("CREATE DATABASE IF NOT EXISTS reefs")
    database = Database(server.url)
    database.create_tables()
    for table in reversed(metadata.sorted_tables):
        database.write(lambda connection, table=table: connection.execute(delete(table)))  # type: ignore[misc]
    return database


def cover_of(database: Database, survey: SurveyKey = SURVEY) -> float | None:
    with database.read() as connection:
        rows = coverage_rows(connection, island=survey.island, year=survey.year, location=survey.location)
    return rows[0].cover_percent if rows else None


def test_the_coverage_table_is_exactly_the_agreed_one(database: Database) -> None:
    inspector = inspect(database.engine)
    columns = {c["name"]: str(c["type"]).split(" COLLATE")[0] for c in inspector.get_columns("coral_coverage")}
    decimal = "NUMERIC(5, 2)" if database.engine.dialect.name == "sqlite" else "DECIMAL(5, 2)"
    expected = {
        "island": "VARCHAR(30)",
        "location": "INTEGER",
        "year": "INTEGER",
        "coverage": decimal,
        "last_update": "DATE",
    }
    assert columns == expected
    assert inspector.get_pk_constraint("coral_coverage")["constrained_columns"] == ["island", "location", "year"]


def test_a_rectangles_two_lengths_are_kept(database: Database) -> None:
    done = result()
    record_result(database, dataclasses.replace(done, reframing=dataclasses.replace(done.reframing, height_cm=75.0)))
    record_result(database, result(survey=SurveyKey(2007, "Bora-Bora", 1)))
    with database.read() as connection:
        rectangle, square = coverage_rows(connection)
        found = provenance(connection, SURVEY)
    assert (rectangle.side_cm, rectangle.height_cm) == (100, 75)
    assert (square.side_cm, square.height_cm) == (100, None)
    assert found is not None
    assert found.reframing.size == QuadratSize(75, 100)


def test_how_far_to_trust_a_row_and_why_to_look_at_it_are_kept(database: Database) -> None:
    trust, reasons = Trust("biased", "Its cover was 9 points too low.", 9.5), ("The model found no colony here.",)
    done = result()
    segmentation = dataclasses.replace(done.segmentation, trust=trust, to_be_looked_at=reasons)
    record_result(database, dataclasses.replace(done, segmentation=segmentation))
    record_result(database, result(survey=SurveyKey(2007, "Bora-Bora", 1)))
    with database.read() as connection:
        told, older = coverage_rows(connection)
    assert (told.trust, told.to_be_looked_at) == (trust, reasons)
    assert (older.trust, older.to_be_looked_at) == (None, ())


def test_creating_the_tables_again_changes_nothing(database: Database) -> None:
    record_result(database, result())
    database.create_tables()
    assert cover_of(database) == 12.34


def test_a_result_comes_back_whole(database: Database) -> None:
    written = result()
    assert record_result(database, written).written
    with database.read() as connection:
        found = provenance(connection, SURVEY)
        (colony, _) = colony_rows(connection)
        (row,) = coverage_rows(connection)
    assert found is not None
    assert (found.restoration, found.reframing, found.segmentation) == (
        written.restoration,
        written.reframing,
        written.segmentation,
    )
    assert found.execution.id == written.execution.id
    assert (colony.number, colony.area_cm2, colony.cut_by_frame) == (1, 10.5, False)
    assert (row.cover_percent, row.colony_count, row.model_sha256) == (12.34, 2, "ab" * 32)
    assert (row.captured_at, row.raw_version_id, row.corners_manual) == ("2005-12-31T09:00:00", "v1", False)
    assert (row.restoration_method, row.restoration_applied, row.partly_visible) == ("planar", True, False)
    assert row.excluded_percent is None


def test_flags_and_original_names_come_from_the_records_true_and_false(database: Database) -> None:
    first = result()
    source = dataclasses.replace(first.restoration.source, original_name='=Huahiné "7", été.JPG')
    restoration = dataclasses.replace(first.restoration, source=source, applied=False, skipped_because="clear water")
    reframing = dataclasses.replace(first.reframing, partly_visible=True)
    segmentation = dataclasses.replace(first.segmentation, excluded_percent=2.5)
    changed = dataclasses.replace(first, restoration=restoration, reframing=reframing, segmentation=segmentation)
    record_result(database, changed)
    with database.read() as connection:
        (row,) = coverage_rows(connection)
        boxes = colony_boxes(connection, island=row.island)
    assert row.original_name == '=Huahiné "7", été.JPG'
    assert (row.restoration_applied, row.partly_visible, row.excluded_percent) == (False, True, 2.5)
    assert [(box.number, box.box_px) for box in boxes] == [(1, (0.0, 1.0, 2.0, 3.0)), (2, (0.0, 1.0, 2.0, 3.0))]


@pytest.mark.parametrize(("grey", "low_resolution"), [(True, False), (False, True)])
def test_what_makes_a_figure_doubtful_comes_back_with_the_row(
    database: Database, grey: bool, low_resolution: bool
) -> None:
    done = result()
    source = dataclasses.replace(done.source, grey=grey, colour_encoding="Adobe RGB (EXIF), converted to sRGB")
    done = dataclasses.replace(
        done,
        restoration=dataclasses.replace(done.restoration, source=source),
        segmentation=dataclasses.replace(done.segmentation, low_resolution=low_resolution),
    )
    assert record_result(database, done).written
    with database.read() as connection:
        (row,) = coverage_rows(connection)
        found = provenance(connection, SURVEY)
    assert (row.grey, row.low_resolution) == (grey, low_resolution)
    assert found is not None
    assert found.restoration.source.colour_encoding == "Adobe RGB (EXIF), converted to sRGB"


def test_writing_twice_leaves_one_row_and_its_colonies(database: Database) -> None:
    assert record_result(database, result()).written
    assert record_result(database, result()).written
    with database.read() as connection:
        assert len(coverage_rows(connection)) == 1
        assert len(colony_rows(connection)) == 2


def test_zero_and_full_cover_are_rows_too(database: Database) -> None:
    record_result(database, result(cover=0.0, colonies=0))
    assert cover_of(database) == 0.0
    record_result(database, result(cover=100.0, started_at="2026-01-02T00:00:00Z"))
    assert cover_of(database) == 100.0


@pytest.mark.parametrize(
    "older",
    [
        result(uploaded_at="2026-01-01T09:59:59+00:00", version="v0", started_at="2026-06-01T00:00:00Z"),
        result(version="v0", sequencer="0A", started_at="2026-06-01T00:00:00Z"),
        result(version="v2", sequencer="0B", started_at="2026-01-01T10:00:04.999Z"),
        result(key="2006-Bora-Bora-1.NEF", uploaded_at="2025-01-01T00:00:00+00:00", started_at="2026-06-01T00:00:00Z"),
    ],
    ids=["uploaded before", "uploaded before within the second", "same photo, started before", "another file, before"],
)
def test_a_stale_result_changes_nothing_and_says_so(database: Database, older: Result) -> None:
    newest = result(version="v2", sequencer="0B", cover=50.0)
    record_result(database, newest)
    outcome = record_result(database, dataclasses.replace(older))
    assert not outcome.written
    assert outcome.reason
    assert cover_of(database) == 50.0
    with database.read() as connection:
        found = provenance(connection, SURVEY)
    assert found is not None
    assert found.execution.id == newest.execution.id


def test_a_newer_upload_replaces_a_run_that_started_later(database: Database) -> None:
    record_result(database, result(started_at="2026-06-01T00:00:00Z"))
    newer = result(version="v2", uploaded_at="2026-01-01T10:00:01+00:00", cover=50.0)
    assert record_result(database, newer).written
    assert cover_of(database) == 50.0


def test_islands_that_differ_by_an_accent_or_a_capital_are_different(database: Database) -> None:
    for number, island in enumerate(("Huahine", "Huahiné", "huahine")):
        record_result(database, result(survey=SurveyKey(2006, island, 1), cover=float(number)))
    assert [cover_of(database, SurveyKey(2006, island, 1)) for island in ("Huahine", "Huahiné", "huahine")] == [0, 1, 2]


def test_rows_of_other_programs_are_read(database: Database) -> None:
    database.write(
        lambda connection: connection.execute(
            insert(coral_coverage), {"island": "Moorea", "location": 3, "year": 1994, "coverage": 33.3}
        )
    )
    with database.read() as connection:
        (row,) = coverage_rows(connection)
        assert provenance(connection, SurveyKey(1994, "Moorea", 3)) is None
    assert (row.cover_percent, row.model_name) == (33.3, None)


def test_one_reading_sees_one_state(database: Database) -> None:
    record_result(database, result(cover=10.0, colonies=1))
    with database.read() as connection:
        before = provenance(connection, SURVEY)
        record_result(database, result(cover=20.0, colonies=5, started_at="2026-02-01T00:00:00Z"))
        assert [row.cover_percent for row in coverage_rows(connection)] == [10.0]
        assert provenance(connection, SURVEY) == before
        assert len(colony_rows(connection)) == 1
    assert cover_of(database) == 20.0


def test_concurrent_writers_end_with_the_newest(database: Database) -> None:
    versions = [
        result(version=f"v{i}", uploaded_at=f"2026-01-01T10:00:{i:02d}+00:00", cover=float(i), colonies=20)
        for i in range(12)
    ]
    order = [5, 11, 0, 7, 3, 10, 1, 9, 2, 8, 4, 6]
    start = threading.Barrier(6)

    def write(index: int) -> bool:
        if index in order[:6]:
            start.wait(timeout=30)
        return record_result(database, versions[index]).written

    with ThreadPoolExecutor(6) as pool:
        outcomes = dict(zip(order, pool.map(write, order), strict=True))
    assert outcomes[11]
    assert cover_of(database) == 11.0
    with database.read() as connection:
        assert len(connection.execute(select(coral_coverage)).all()) == 1
        assert len(colony_rows(connection)) == 20


def test_concurrent_writers_of_different_surveys_all_succeed(database: Database) -> None:
    surveys = [SurveyKey(2006, "Moorea", number) for number in range(1, 21)]
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda survey: record_result(database, result(survey=survey)), surveys))
    assert all(outcome.written for outcome in outcomes)
    with database.read() as connection:
        assert [row.location for row in coverage_rows(connection)] == list(range(1, 21))


def nothing_is_kept(_: Upload) -> bool:
    return False


def deleted(
    removed_at: str = "2026-01-01T10:01:00Z", version: str | None = None, sequencer: str | None = None
) -> Removal:
    return Removal(SURVEY.key("jpg"), version, removed_at, sequencer)


def test_a_deleted_photo_takes_its_rows_and_a_late_run_does_not_bring_them_back(database: Database) -> None:
    record_result(database, result())
    assert remove_result(database, SURVEY, [deleted()], nothing_is_kept)
    assert cover_of(database) is None
    late = record_result(database, result(started_at="2026-06-01T00:00:00Z"))
    assert not late.written
    assert "deleted" in str(late.reason)
    with database.read() as connection:
        assert colony_rows(connection) == []
    assert not remove_result(database, SURVEY, [deleted()], nothing_is_kept)


def test_an_upload_after_the_deletion_is_recorded(database: Database) -> None:
    remove_result(database, SURVEY, [deleted()], nothing_is_kept)
    assert record_result(database, result(version="v2", uploaded_at="2026-01-01T10:02:00+00:00")).written


def test_within_the_second_of_the_deletion_the_sequencer_decides(database: Database) -> None:
    remove_result(database, SURVEY, [deleted("2026-01-01T10:00:00.700Z", sequencer="0B")], nothing_is_kept)
    assert not record_result(database, result(sequencer="0A", version="v1")).written
    assert record_result(database, result(sequencer="0C", version="v2")).written


def test_the_row_of_a_photo_that_still_exists_is_kept(database: Database) -> None:
    record_result(database, result())
    assert not remove_result(database, SURVEY, [deleted(version="v0")], lambda source: source.image.version_id == "v1")
    assert cover_of(database) == 12.34


def test_a_deletion_that_is_undone_can_be_measured_again(database: Database) -> None:
    again = result()
    remove_result(database, SURVEY, [deleted()], nothing_is_kept)
    assert forget_removals(database, SURVEY, again.source) == 1
    assert record_result(database, again).written


def test_an_older_deletion_that_arrives_late_does_not_move_the_newer(database: Database) -> None:
    remove_result(database, SURVEY, [deleted("2026-01-01T12:00:00Z")], nothing_is_kept)
    remove_result(database, SURVEY, [deleted("2026-01-01T10:30:00Z")], nothing_is_kept)
    assert not record_result(database, result(uploaded_at="2026-01-01T11:00:00+00:00")).written


def test_a_stopped_database_is_unavailable_and_comes_back(mariadb: MariaDb) -> None:
    database = emptied(mariadb)
    mariadb.stop()
    try:
        with pytest.raises(DatabaseUnavailableError, match="wake"):
            record_result(database, result())
        with pytest.raises(DatabaseUnavailableError), database.read():
            pass
    finally:
        mariadb.start()
    assert record_result(database, result(started_at="2027-01-01T00:00:00Z")).written


def test_a_database_that_stops_in_the_middle_keeps_nothing_of_it(mariadb: MariaDb) -> None:
    database = emptied(mariadb)

    def interrupted(connection: object) -> None:
        connection.execute(insert(coral_coverage), {"island": "X", "location": 1, "year": 2000, "coverage": 1})  # type: ignore[attr-defined]
        mariadb.stop()
        connection.execute(select(coral_coverage))  # type: ignore[attr-defined]

    try:
        with pytest.raises(DatabaseUnavailableError):
            database.write(interrupted)
    finally:
        mariadb.start()
    with database.read() as connection:
        assert coverage_rows(connection) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda url: url.replace("not-a-secret", "wrong"),
        lambda url: url.replace("/reefs", "/another"),
    ],
    ids=["wrong password", "no such database"],
)
def test_a_wrong_deployment_is_named_and_not_retried(mariadb: MariaDb, spoil: Callable[[str], str]) -> None:
    with pytest.raises(ConfigurationError, match="DATABASE_URL"):
        record_result(Database(spoil(mariadb.url)), result())


def test_missing_tables_are_named(mariadb: MariaDb) -> None:
    mariadb.execute("DROP DATABASE IF EXISTS reefs")
    mariadb.execute("CREATE DATABASE reefs")
    with pytest.raises(ConfigurationError, match="tables"):
        record_result(Database(mariadb.url), result())


def test_a_locked_sqlite_file_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reefsteps.database._SQLITE_TIMEOUT_S", 0.2)
    database = Database(f"sqlite:///{tmp_path / 'coverage.db'}")
    database.create_tables()

    def blocked(connection: object) -> None:
        with pytest.raises(DatabaseUnavailableError):
            record_result(database, result())

    database.write(blocked)
