"""Texts longer than their column never fail a run at its last step: on MariaDB in strict mode and on SQLite."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import String, select

from reefsteps.coverage_queries import provenance
from reefsteps.coverage_store import record_result, remove_result
from reefsteps.database import Database
from reefsteps.document import Execution
from reefsteps.errors import InvalidSurveyKeyError
from reefsteps.removals import Removal
from reefsteps.results import ModelIdentity, ObjectRef
from reefsteps.surveys import LONGEST_KEY, SurveyKey
from reefsteps.tables import coverage_provenance, metadata
from reefsteps.texts import camera_time, shortened
from tests.support.pipeline_records import SURVEY, result

# Lengths around every column's limit, characters of one to four bytes, and half of a surrogate pair.
TEXT = st.builds(
    lambda characters, length: (characters * length)[:length],
    st.text(st.sampled_from("aé€𝄞\u0301\ud800 '\\%\n"), min_size=1, max_size=5),
    st.sampled_from([1, 31, 32, 33, 63, 64, 65, 128, 129, 255, 256, 512, 513, 2000]),
)


@pytest.fixture(scope="module", params=["sqlite", "mariadb"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Database:
    if request.param == "sqlite":
        database = Database(f"sqlite:///{tmp_path_factory.mktemp('lengths') / 'coverage.db'}")
        database.create_tables()
        return database
    database = Database(request.getfixturevalue("mariadb").url)
    database.create_tables()
    with database.read() as connection:
        assert "STRICT_TRANS_TABLES" in str(connection.exec_driver_sql("SELECT @@sql_mode").scalar())
    return database


def assert_everything_fits(database: Database) -> None:
    with database.read() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(select(table)).mappings():
                for column in table.columns:
                    value = row[column.name]
                    if isinstance(column.type, String) and value is not None:
                        assert len(value) <= (column.type.length or 0), f"{table.name}.{column.name}"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXT, other=TEXT)
def test_a_result_with_texts_of_any_length_is_written(database: Database, text: str, other: str) -> None:
    done = result()
    source = dataclasses.replace(
        done.source,
        image=ObjectRef(other, done.source.image.key, other),
        etag=text,
        sequencer=text,
        image_format=text,
        captured_at=other,
        camera=text,
    )
    written = dataclasses.replace(
        done,
        execution=Execution(text, other, "2026-01-01T10:00:05.000Z"),
        pipeline_version=text,
        restoration=dataclasses.replace(done.restoration, source=source, method=text, pipeline_version=other),
        reframing=dataclasses.replace(done.reframing, model=ModelIdentity(text, other)),
        segmentation=dataclasses.replace(done.segmentation, model=ModelIdentity(text, other)),
    )
    remove_result(database, SURVEY, [], lambda _: False)
    assert record_result(database, written).written
    assert_everything_fits(database)
    with database.read() as connection:
        found = provenance(connection, SURVEY)
        row = connection.execute(select(coverage_provenance)).one()
    assert found is not None
    assert found.restoration.source.camera == shortened(text, None)  # the record has it in full
    assert row.model_name == shortened(text, 255)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXT)
def test_a_removal_with_texts_of_any_length_is_remembered(database: Database, text: str) -> None:
    removal = Removal(SURVEY.key("jpg"), "v1", "2026-02-01T10:00:00Z", sequencer=text, requested_by=text)
    remove_result(database, SURVEY, [removal], lambda _: False)
    assert_everything_fits(database)
    outcome = record_result(database, result(started_at="2027-01-01T00:00:00Z"))
    assert not outcome.written
    assert "deleted" in str(outcome.reason)


@pytest.mark.parametrize(
    ("key", "accepted"),
    [
        (f"2006-Bora-Bora-{'1'.zfill(20)}.jpeg", True),
        (f"2006-A{' ' * 240}B-01.jpg", True),
        (f"2006-A{' ' * 300}B-01.jpg", False),
        (f"2006-{'e' + chr(0x301) * 300}-01.jpg", False),
    ],
)
def test_a_name_that_no_column_holds_is_refused_by_name(key: str, accepted: bool) -> None:
    if accepted:
        assert len(key) <= LONGEST_KEY
        SurveyKey.parse(key)
        return
    with pytest.raises(InvalidSurveyKeyError):
        SurveyKey.parse(key)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("2005-12-31T09:00:00", "2005-12-31T09:00:00"),
        ("2005-12-31T09:00:00.123456", "2005-12-31T09:00:00"),
        ("2005-12-31T09:00:00-10:00", "2005-12-31T09:00:00-10:00"),
        ("2005-12-31T09:00:00.5+09:30", "2005-12-31T09:00:00+09:30"),
        ("2005-12-31T09:00:00+05:30:15.123456", "2005-12-31T09:00:00"),
        ("2005-12-31T09:00:00+00:00:01", "2005-12-31T09:00:00"),
        ("no time", None),
        (None, None),
    ],
)
def test_a_cameras_time_is_kept_in_whole_seconds_and_offset_minutes(written: str | None, kept: str | None) -> None:
    assert camera_time(written) == kept


@given(text=st.text(max_size=60), length=st.integers(1, 40))
def test_shortening_keeps_what_fits_and_shows_that_it_cut(text: str, length: int) -> None:
    short = shortened(text, length)
    assert len(short) <= length
    assert short == text if len(text) <= length else short == text[: length - 1] + "…"
