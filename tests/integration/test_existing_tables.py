"""Tables that were there before, on a real MariaDB and SQLite: used, extended, converted or refused with a reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text

from provision import schema
from reefsteps.coverage_store import record_result, remove_result
from reefsteps.database import Database
from reefsteps.errors import ExistingTableError
from reefsteps.schema_reading import existing_tables
from reefsteps.surveys import SurveyKey
from reefsteps.tables import coverage_provenance, metadata
from tests.support.ancestor_table import ANCESTOR, NOTES, ROWS, names
from tests.support.mariadb import MariaDb
from tests.support.pipeline_records import result


@pytest.fixture
def mariadb(mariadb: MariaDb) -> MariaDb:
    """The server with an empty database."""
    mariadb.execute("DROP DATABASE IF EXISTS reefs")
    mariadb.execute("CREATE DATABASE reefs CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
    return mariadb


def run(server: MariaDb, *statements: str) -> Database:
    database = Database(server.url)
    for statement in statements:
        database.write(lambda connection, statement=statement: connection.exec_driver_sql(statement))  # type: ignore[misc]
    return database


def shape(database: Database, table: str = "coral_coverage") -> object:
    with database.read() as connection:
        found = existing_tables(
            lambda sql: [dict(row) for row in connection.exec_driver_sql(sql).mappings()], database.engine.dialect.name
        )[table]
    return [(c.name, c.declared, c.nullable, c.has_default) for c in found.columns], found.primary_key


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (ANCESTOR, "writing Huahiné would delete the row of Huahine"),
        (ANCESTOR + " CHARACTER SET latin1 COLLATE latin1_bin", "cannot hold every name"),
        (ANCESTOR + " CHARACTER SET utf8mb3 COLLATE utf8mb3_bin", "cannot hold every name"),
        (ANCESTOR + " CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin", "refuses to compare"),
        (ANCESTOR + " ENGINE=MyISAM COLLATE utf8mb4_bin", "MyISAM, which cannot undo half of a change"),
    ],
)
def test_a_table_that_would_lose_rows_is_refused_and_can_be_converted(
    mariadb: MariaDb, table: str, reason: str
) -> None:
    database = run(mariadb, table, ROWS)
    before = shape(database)
    with pytest.raises(ExistingTableError, match=reason) as refused:
        database.create_tables()
    assert "--convert" in str(refused.value)
    assert shape(database) == before
    assert set(inspect(database.engine).get_table_names()) == {"coral_coverage"}  # nothing was begun

    copy = database.create_tables(convert=True)
    assert copy is not None
    assert shape(database) == before  # columns, types and key
    assert record_result(database, result(survey=SurveyKey(2006, "Huahiné", 1))).written
    assert record_result(database, result(survey=SurveyKey(2006, "moorea", 2))).written
    assert names(database) == ["Huahine", "Huahiné", "Moorea", "moorea"]
    with database.read() as connection:
        kept = connection.execute(text(f"SELECT island, coverage FROM {copy} ORDER BY island")).all()
    assert [tuple(row) for row in kept] == [("Huahine", 12.5), ("Moorea", 40)]
    assert database.create_tables(convert=True) is None  # nothing is left to convert


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("DROP PRIMARY KEY", "primary key is missing"),
        ("DROP PRIMARY KEY, ADD PRIMARY KEY (island, year)", r"primary key is \(island, year\)"),
        ("DROP PRIMARY KEY, ADD PRIMARY KEY (island(5), location, year)", "only the beginning of island"),
        ("ADD UNIQUE KEY one (island, year)", "differ only in location"),
        ("MODIFY location SMALLINT NOT NULL", r"location is SMALLINT\(6\); it must be INTEGER"),
        ("MODIFY location VARCHAR(10) NOT NULL", "location is VARCHAR"),
        ("MODIFY year YEAR NOT NULL", "year is YEAR"),
        ("MODIFY island VARCHAR(20) NOT NULL", r"must be VARCHAR\(30\) or wider"),
        ("MODIFY coverage INT", "coverage is INT"),
        ("MODIFY coverage DECIMAL(3,1)", r"must be NUMERIC\(5, 2\) or wider"),
        ("MODIFY last_update DATETIME", "last_update is DATETIME"),
        ("DROP COLUMN last_update", "no column last_update"),
        ("ADD COLUMN observer VARCHAR(40) NOT NULL", "observer .* must always be filled"),
    ],
)
def test_columns_and_keys_are_never_changed_so_a_wrong_one_stops(mariadb: MariaDb, change: str, reason: str) -> None:
    database = run(mariadb, ANCESTOR + " COLLATE utf8mb4_bin", ROWS, f"ALTER TABLE coral_coverage {change}")
    before = shape(database)
    for convert in (False, True):
        with pytest.raises(ExistingTableError, match=reason) as refused:
            database.create_tables(convert=convert)
        assert "--convert" not in str(refused.value)  # it would not help
    assert shape(database) == before


@pytest.mark.parametrize(
    "change",
    [
        "MODIFY island VARCHAR(100) NOT NULL",
        "MODIFY island CHAR(30) NOT NULL",
        "MODIFY year SMALLINT NOT NULL",
        "MODIFY location BIGINT UNSIGNED NOT NULL",
        "MODIFY coverage DOUBLE",
        "MODIFY coverage DECIMAL(7,3)",
        "ADD COLUMN observer VARCHAR(40)",
        "ADD COLUMN checked TINYINT NOT NULL DEFAULT 0, ADD KEY (year)",
        "ADD COLUMN percent INT GENERATED ALWAYS AS (coverage * 100)",
        "ADD UNIQUE KEY whole (year, island, location)",
    ],
)
def test_what_loses_nothing_is_used_as_it_is(mariadb: MariaDb, change: str) -> None:
    database = run(mariadb, ANCESTOR + " COLLATE utf8mb4_bin", ROWS, f"ALTER TABLE coral_coverage {change}")
    before = shape(database)
    database.create_tables()
    assert shape(database) == before
    assert record_result(database, result(survey=SurveyKey(2006, "Huahiné", 1))).written
    assert names(database) == ["Huahine", "Huahiné", "Moorea"]


def test_what_another_program_keeps_in_a_column_of_its_own_stays(mariadb: MariaDb) -> None:
    database = run(
        mariadb,
        ANCESTOR + " COLLATE utf8mb4_bin",
        ROWS,
        "ALTER TABLE coral_coverage ADD COLUMN observer VARCHAR(40)",
        "UPDATE coral_coverage SET observer = 'Yannick'",
    )
    database.create_tables()
    assert record_result(database, result(survey=SurveyKey(2006, "Huahine", 1), cover=33.0)).written
    with database.read() as connection:
        row = connection.execute(text("SELECT coverage, observer FROM coral_coverage WHERE island = 'Huahine'")).one()
    assert tuple(row) == (33, "Yannick")


def test_a_table_that_was_exchanged_later_loses_no_row_either(mariadb: MariaDb) -> None:
    database = Database(mariadb.url)
    database.create_tables()
    record_result(database, result(survey=SurveyKey(2006, "Huahine", 1), cover=33.0))
    alter(database, "ALTER TABLE coral_coverage CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
    other = SurveyKey(2006, "Huahiné", 1)
    with pytest.raises(ExistingTableError, match="row of Huahine would be lost"):
        record_result(database, result(survey=other))
    with pytest.raises(ExistingTableError, match="row of Huahine would be lost"):
        remove_result(database, other, [], lambda _: False)
    assert names(database) == ["Huahine"]
    assert record_result(database, result(survey=SurveyKey(2006, "Huahine", 1), started_at="2027-01-01T00:00Z")).written


BIN = " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"


@pytest.mark.parametrize("event", ["INSERT", "UPDATE"])
def test_a_trigger_that_can_change_the_rows_stops(mariadb: MariaDb, event: str) -> None:
    trigger = f"CREATE TRIGGER tidy BEFORE {event} ON coral_coverage FOR EACH ROW SET NEW.island = LOWER(NEW.island)"
    database = run(mariadb, ANCESTOR + BIN, trigger)
    with pytest.raises(ExistingTableError, match="has the trigger tidy, which can change or remove"):
        database.create_tables(convert=True)


def test_a_trigger_that_keeps_a_log_is_let_be(mariadb: MariaDb) -> None:
    log = "CREATE TRIGGER log AFTER INSERT ON coral_coverage FOR EACH ROW INSERT INTO journal VALUES (NEW.island)"
    database = run(mariadb, ANCESTOR + BIN, "CREATE TABLE journal (island VARCHAR(30))", log)
    database.create_tables()
    record_result(database, result(survey=SurveyKey(2006, "Huahiné", 1)))
    assert names(database) == ["Huahiné"]


def test_a_table_that_another_refers_to_is_not_converted(mariadb: MariaDb) -> None:
    database = run(mariadb, ANCESTOR + " CHARACTER SET latin1", ROWS, NOTES.format(" CHARACTER SET latin1"))
    before = shape(database)
    with pytest.raises(ExistingTableError, match=r"cannot be converted: the table notes refers to it") as refused:
        database.create_tables(convert=True)
    assert "--convert" not in str(refused.value)
    assert shape(database) == before
    assert set(inspect(database.engine).get_table_names()) == {"coral_coverage", "notes"}  # no copy either


@pytest.mark.parametrize(
    "create",
    [
        ANCESTOR.replace("island", "Island").replace("year", "YEAR").replace("coverage DEC", "Coverage DEC") + BIN,
        ANCESTOR + BIN + " WITH SYSTEM VERSIONING",
    ],
    ids=["columns in capitals", "system versioning"],
)
def test_other_ways_to_write_the_same_table_are_used(mariadb: MariaDb, create: str) -> None:
    database = run(mariadb, create)
    database.create_tables()
    for island in ("Huahiné", "Huahine", "HUAHINE"):
        record_result(database, result(survey=SurveyKey(2006, island, 1)))
    assert names(database) == ["HUAHINE", "Huahine", "Huahiné"]


def test_a_view_is_no_table(mariadb: MariaDb) -> None:
    database = run(mariadb, ANCESTOR.replace("coral_coverage", "t"), "CREATE VIEW coral_coverage AS SELECT * FROM t")
    with pytest.raises(ExistingTableError, match="is a view"):
        database.create_tables(convert=True)


@pytest.fixture(params=["sqlite", "mariadb"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "sqlite":
        return Database(f"sqlite:///{tmp_path / 'coverage.db'}")
    return Database(request.getfixturevalue("mariadb").url)


def alter(database: Database, statement: str) -> None:
    database.write(lambda connection: connection.exec_driver_sql(statement))


def test_a_missing_column_that_may_be_empty_is_added_and_rows_stay(database: Database) -> None:
    database.create_tables()
    record_result(database, result())
    before = shape(database, "coverage_provenance")
    alter(database, "ALTER TABLE coverage_provenance DROP COLUMN captured_at")
    database.create_tables()
    after = shape(database, "coverage_provenance")
    assert sorted(map(str, after[0])) == sorted(map(str, before[0]))  # type: ignore[index]
    assert record_result(database, result(started_at="2027-01-01T00:00:00Z")).written
    assert names(database) == ["Bora-Bora"]


def test_a_missing_column_that_must_be_filled_stops(database: Database) -> None:
    database.create_tables()
    alter(database, "ALTER TABLE coverage_provenance DROP COLUMN model_name")
    with pytest.raises(ExistingTableError, match="coverage_provenance has no column model_name"):
        database.create_tables(convert=True)


def test_tables_of_this_version_pass_their_own_check(database: Database) -> None:
    database.create_tables()
    before = {name: shape(database, name) for name in metadata.tables}
    assert database.create_tables(convert=True) is None
    assert {name: shape(database, name) for name in metadata.tables} == before
    assert coverage_provenance.name in before


def test_a_wrong_type_or_collation_in_a_table_of_ours_stops(mariadb: MariaDb) -> None:
    database = Database(mariadb.url)
    database.create_tables()
    for change, reason in (
        ("MODIFY raw_key VARCHAR(100) NOT NULL COLLATE utf8mb4_bin", "raw_key is VARCHAR"),
        ("MODIFY raw_key VARCHAR(255) NOT NULL COLLATE utf8mb4_general_ci", "compared by utf8mb4_general_ci"),
    ):
        alter(database, f"ALTER TABLE removed_photo {change}")
        with pytest.raises(ExistingTableError, match=reason) as refused:
            database.create_tables(convert=True)
        assert "--convert" not in str(refused.value)


class DataApi:
    """Aurora's Data API in front of the test's MariaDB: rows come as JSON text, faults as ClientError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.users: list[str] = []

    def execute_statement(self, *, sql: str, **_: Any) -> dict[str, Any]:
        if sql.startswith(("CREATE USER", "ALTER USER", "GRANT")):
            self.users.append(sql)  # MariaDB does not know Amazon's plug-in
            return {}
        with self._database.engine.connect() as connection, connection.begin():
            answer = connection.exec_driver_sql(sql)
            rows = [dict(row) for row in answer.mappings()] if answer.returns_rows else []
        return {"formattedRecords": json.dumps(rows)} if rows else {}


def test_the_deployment_checks_and_converts_through_the_data_api(mariadb: MariaDb) -> None:
    api = DataApi(run(mariadb, ANCESTOR, ROWS))
    with pytest.raises(ExistingTableError, match="ConvertExistingTable=yes"):
        schema.apply(api, "cluster", "secret", "reefs", lambda: True)
    assert api.users == []
    schema.apply(api, "cluster", "secret", "reefs", lambda: True, convert=True)
    assert len(api.users) > 2
    database = Database(mariadb.url)
    assert record_result(database, result(survey=SurveyKey(2006, "Huahiné", 1))).written
    assert names(database) == ["Huahine", "Huahiné", "Moorea"]
    alter(database, "ALTER TABLE coverage_provenance DROP COLUMN captured_at")
    schema.apply(api, "cluster", "secret", "reefs", lambda: True, convert=True)
    assert inspect(database.engine).get_columns("coverage_provenance")[-1]["name"] == "captured_at"
