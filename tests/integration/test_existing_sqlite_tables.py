"""A `coral_coverage` that an SQLite file already holds: used, refused with its reason, or converted when asked."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from reefsteps.coverage_store import record_result
from reefsteps.database import Database
from reefsteps.errors import ExistingTableError
from reefsteps.surveys import SurveyKey
from tests.support.ancestor_table import ANCESTOR, NOTES, ROWS, names
from tests.support.pipeline_records import result


def sqlite_with(folder: Path, *statements: str) -> Database:
    with sqlite3.connect(folder / "coverage.db") as connection:
        for statement in statements:
            connection.execute(statement)
    return Database(f"sqlite:///{folder / 'coverage.db'}")


def test_sqlite_takes_no_notice_of_capitals_in_names(tmp_path: Path) -> None:
    capitals = ANCESTOR.replace("coral_coverage", "Coral_Coverage").replace("island", "ISLAND")
    database = sqlite_with(tmp_path, capitals.replace("VARCHAR(30)", "VARCHAR(30) COLLATE NOCASE"), ROWS)
    with pytest.raises(ExistingTableError, match="compared by NOCASE"):
        database.create_tables()
    database.create_tables(convert=True)
    record_result(database, result(survey=SurveyKey(2006, "huahine", 1)))
    assert names(database) == ["Huahine", "Moorea", "huahine"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("DELETE FROM Coral_Coverage WHERE lower(island) = lower(NEW.island)", "has the trigger tidy"),
        ("SELECT RAISE(IGNORE)", "has the trigger tidy"),
        ("INSERT INTO journal VALUES (NEW.island)", None),
    ],
)
def test_triggers_of_sqlite_are_looked_at(tmp_path: Path, body: str, reason: str | None) -> None:
    trigger = f"CREATE TRIGGER tidy AFTER INSERT ON coral_coverage BEGIN {body}; END"
    database = sqlite_with(tmp_path, ANCESTOR, "CREATE TABLE journal (island TEXT)", trigger)
    if reason is None:
        database.create_tables()
        return
    with pytest.raises(ExistingTableError, match=reason):
        database.create_tables()


def test_views_show_the_converted_sqlite_table_and_not_its_copy(tmp_path: Path) -> None:
    old = ANCESTOR.replace("VARCHAR(30)", "VARCHAR(30) COLLATE NOCASE")
    database = sqlite_with(tmp_path, old, ROWS, "CREATE VIEW islands AS SELECT DISTINCT island FROM coral_coverage")
    assert database.create_tables(convert=True) is not None
    record_result(database, result(survey=SurveyKey(2006, "huahine", 1)))
    with database.read() as connection:
        shown = connection.execute(text("SELECT island FROM islands ORDER BY island")).scalars().all()
    assert shown == ["Huahine", "Moorea", "huahine"]


@pytest.mark.parametrize(
    "other",
    [
        NOTES.format(""),
        "CREATE TRIGGER log AFTER INSERT ON coral_coverage BEGIN INSERT INTO j VALUES (NEW.island); END",
    ],
)
def test_what_would_be_lost_by_converting_a_sqlite_table_is_told_first(tmp_path: Path, other: str) -> None:
    old = ANCESTOR.replace("VARCHAR(30)", "VARCHAR(30) COLLATE NOCASE")
    database = sqlite_with(tmp_path, old, ROWS, "CREATE TABLE j (island TEXT)", other)
    with pytest.raises(ExistingTableError, match=r"cannot be converted: (the table notes|it has the trigger log)"):
        database.create_tables(convert=True)
    assert "coral_coverage" in inspect(database.engine).get_table_names()


@pytest.mark.parametrize(
    ("create", "reason", "convertible"),
    [
        (ANCESTOR.replace("VARCHAR(30)", "TEXT COLLATE NOCASE"), "compared by NOCASE", True),
        (ANCESTOR.replace("(island, loc", "(island COLLATE NOCASE, loc"), "compared by NOCASE", True),
        (ANCESTOR.replace("island VARCHAR(30)", '"island" VARCHAR(30) NOT NULL COLLATE RTRIM'), "by RTRIM", True),
        (ANCESTOR.replace(", PRIMARY KEY (island, location, year)", ""), "primary key is missing", False),
        (ANCESTOR.replace("location INT", "location TEXT"), "location is TEXT", False),
        (ANCESTOR.replace("DATE,", "DATETIME,"), "last_update is DATETIME", False),
        (ANCESTOR.replace("))", "), UNIQUE (island, year))"), "differ only in location", False),
    ],
)
def test_sqlite_tables_are_checked_too(tmp_path: Path, create: str, reason: str, convertible: bool) -> None:
    path = tmp_path / "coverage.db"
    with sqlite3.connect(path) as connection:
        connection.execute(create)
        connection.execute(ROWS)
    database = Database(f"sqlite:///{path}")
    with pytest.raises(ExistingTableError, match=reason) as refused:
        database.create_tables()
    assert ("--convert" in str(refused.value)) is convertible
    if convertible:
        copy = database.create_tables(convert=True)
        record_result(database, result(survey=SurveyKey(2006, "huahine", 1)))
        assert names(database) == ["Huahine", "Moorea", "huahine"]
        with database.read() as read:
            assert read.execute(text(f"SELECT COUNT(*) FROM {copy}")).scalar() == 2


def test_an_existing_sqlite_table_without_fault_is_used(tmp_path: Path) -> None:
    path = tmp_path / "coverage.db"
    with sqlite3.connect(path) as connection:
        connection.execute(ANCESTOR)
        connection.execute(ROWS)
    database = Database(f"sqlite:///{path}")
    assert database.create_tables() is None
    assert names(database) == ["Huahine", "Moorea"]
