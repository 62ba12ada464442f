"""Whether the tables that a database already has can be used: columns, types, keys, collation and engine.

These are pure functions. The input is a description of the tables, which `reefsteps.schema_reading` makes. The output
is a list of problems in plain English, or SQL statements. The expected tables are those of `reefsteps.tables`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import JSON, Boolean, Column, Date, Double, Integer, Numeric, String, Table

from reefsteps.tables import COLLATION, coral_coverage, create_statements, metadata, type_sql

_LARGEST_YEAR = 9999
_LARGEST_INTEGER = 2_147_483_647
_LONG_TEXT = 16_777_215  # characters; MariaDB keeps JSON as LONGTEXT
_CODE_POINT = {"mysql": COLLATION, "sqlite": "BINARY"}


@dataclass(frozen=True)
class ExistingColumn:
    """A column as the database describes it."""

    name: str
    kind: str  # text, integer, decimal, float, double, date, datetime, json, ... (see `reefsteps.schema_reading`)
    declared: str  # the type as the database prints it
    nullable: bool = True
    has_default: bool = False  # the database fills it itself: a default, a counter, or a generated column
    length: int | None = None  # of text, in characters; None: any
    largest: int | None = None  # of integers; None: any
    digits: tuple[int, int] | None = None  # of decimals: before and after the point; None: any
    collation: str | None = None  # of text
    generated: bool = False  # computed by the database, so that nobody can write it


@dataclass(frozen=True)
class ExistingTable:
    """A table as the database describes it."""

    name: str
    columns: tuple[ExistingColumn, ...]
    primary_key: tuple[str, ...]
    unique_keys: tuple[tuple[str, ...], ...] = ()  # besides the primary key
    shortened_keys: tuple[str, ...] = ()  # columns of which a key compares the beginning only
    engine: str | None = None  # None: the database has only one
    is_view: bool = False
    triggers: tuple[str, ...] = ()  # those that can change or remove what is written
    bound_by: tuple[str, ...] = ()  # what a conversion of the table would lose or what prevents it

    def column(self, name: str) -> ExistingColumn | None:
        """Return the column, or None."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True)
class Problem:
    """Why a table cannot be used; `convertible` if changing its collation and engine, and nothing else, is enough."""

    text: str
    convertible: bool = False


def problems(found: Mapping[str, ExistingTable], dialect: str) -> list[Problem]:
    """Return what stands against using the tables that are there; empty if nothing does.

    `found` holds the existing tables by name, `dialect` is ``mysql`` or ``sqlite``. A missing table is no problem, nor
    is a missing column that `additions` can add.
    """
    against: list[Problem] = []
    for table in metadata.sorted_tables:
        if table.name not in found:
            continue
        own = list(_problems_of(table, found[table.name], dialect))
        bound = found[table.name].bound_by
        if bound and any(problem.convertible for problem in own):
            why = ", and ".join(bound)
            own.append(
                Problem(f"{table.name} cannot be converted: {why}. Drop that first and make it again afterwards.")
            )
        against += own
    return against


def additions(found: Mapping[str, ExistingTable], dialect: str) -> list[str]:
    """Return the statements that add missing columns to tables of ours. `coral_coverage` is never changed."""
    return [
        f"ALTER TABLE {table.name} ADD COLUMN {column.name} {type_sql(column, dialect)}"
        for table in metadata.sorted_tables
        if table.name in found and table is not coral_coverage and not found[table.name].is_view
        for column in table.columns
        if found[table.name].column(column.name) is None and _can_be_added(column)
    ]


def _problems_of(table: Table, found: ExistingTable, dialect: str) -> Iterator[Problem]:
    if found.is_view:
        yield Problem(f"{table.name} is a view, not a table.")
        return
    for column in table.columns:
        present = found.column(column.name)
        if present is None:
            if table is coral_coverage or not _can_be_added(column):
                yield Problem(f"{table.name} has no column {column.name}.")
            continue
        yield from _column_problems(table, column, present)
        if isinstance(column.type, String) and column.primary_key:
            yield from _collation_problems(table, found, present, dialect)
    yield from _unknown_columns(table, found)
    yield from _key_problems(table, found)
    for trigger in found.triggers:
        yield Problem(
            f"{table.name} has the trigger {trigger}, which can change or remove the rows that are written: drop it, "
            "or let it write to another table after the row (AFTER)."
        )
    if dialect == "mysql" and (found.engine or "").lower() != "innodb":
        yield Problem(
            f"{table.name} is kept by the engine {found.engine}, which cannot undo half of a change: a row would be "
            "lost if a run stopped between deleting the old row and writing the new one.",
            convertible=table is coral_coverage,
        )


def _can_be_added(column: Column[Any]) -> bool:
    return bool(column.nullable) and not column.primary_key


def _column_problems(table: Table, column: Column[Any], present: ExistingColumn) -> Iterator[Problem]:
    place = f"{table.name}.{column.name}"
    if not _fits(column, present):
        yield Problem(f"{place} is {present.declared}; it must be {_wanted(column)}.")
    if column.nullable and not present.nullable and not present.has_default:
        yield Problem(f"{place} must always be filled; ReefSteps leaves it empty where the value is unknown.")


def _fits(column: Column[Any], present: ExistingColumn) -> bool:
    kind = column.type
    if isinstance(kind, String):
        return present.kind == "text" and _at_least(present.length, kind.length or 0)
    if isinstance(kind, Boolean):
        return present.kind == "integer"
    if isinstance(kind, Integer):
        needed = _LARGEST_YEAR if column.name == "year" else _LARGEST_INTEGER
        return present.kind == "integer" and _at_least(present.largest, needed)
    if isinstance(kind, Double):
        return present.kind == "double"
    if isinstance(kind, Numeric):
        if present.kind in ("float", "double"):
            return True
        before, after = (kind.precision or 0) - (kind.scale or 0), kind.scale or 0
        wide = present.digits is None or (present.digits[0] >= before and present.digits[1] >= after)
        return present.kind == "decimal" and wide
    if isinstance(kind, JSON):
        return present.kind == "json" or (present.kind == "text" and _at_least(present.length, _LONG_TEXT))
    assert isinstance(kind, Date)
    return present.kind == "date"


def _at_least(value: int | None, needed: int) -> bool:
    return value is None or value >= needed


def _wanted(column: Column[Any]) -> str:
    kind = column.type
    if isinstance(kind, String) or (isinstance(kind, Numeric) and not isinstance(kind, Double)):
        return f"{type_sql(column, 'mysql')} or wider"
    return type_sql(column, "mysql")


def _collation_problems(table: Table, found: ExistingTable, present: ExistingColumn, dialect: str) -> Iterator[Problem]:
    wanted, collation = _CODE_POINT[dialect], present.collation or _CODE_POINT[dialect]
    if collation.lower() == wanted.lower():
        return
    # SQLite's conversion makes the table again, which would leave columns behind that are not ours.
    only_ours = all(column.name in table.columns for column in found.columns)
    place, convertible = f"{table.name}.{present.name}", table is coral_coverage and (dialect == "mysql" or only_ours)
    if dialect == "mysql" and not collation.lower().startswith("utf8mb4_"):
        what = "which cannot hold every name: a letter that it lacks is refused or replaced, and two names become one"
    elif collation.lower().endswith("_bin"):
        what = f"not by {wanted} as the other tables: MySQL then refuses to compare the two"
    else:
        what = "so that different names can count as one: writing Huahiné would delete the row of Huahine or of huahine"
    yield Problem(f"{place} is compared by {collation}, {what}.", convertible)


def _unknown_columns(table: Table, found: ExistingTable) -> Iterator[Problem]:
    for column in found.columns:
        if column.name not in table.columns and not column.nullable and not column.has_default:
            yield Problem(
                f"{table.name} has a column {column.name} ({column.declared}) that must always be filled, and that "
                "ReefSteps does not know: give it a default, or let it be empty."
            )


def _key_problems(table: Table, found: ExistingTable) -> Iterator[Problem]:
    wanted = [column.name for column in table.primary_key]
    if set(found.primary_key) != set(wanted):
        has = f"({', '.join(found.primary_key)})" if found.primary_key else "missing"
        yield Problem(
            f"{table.name}: the primary key is {has}, not ({', '.join(wanted)}): rows could be doubled, or replace "
            "each other."
        )
    for column in found.shortened_keys:
        yield Problem(f"{table.name}: a key compares only the beginning of {column}, so that two names can be one.")
    for key in found.unique_keys:
        if not set(wanted) <= set(key):
            yield Problem(
                f"{table.name}: a unique key on ({', '.join(key)}) does not allow two rows that differ only in "
                f"{', '.join(name for name in wanted if name not in key)}."
            )


def conversion(table: ExistingTable, copy: str, dialect: str) -> tuple[str, ...]:
    """Return the statements that keep `coral_coverage` as `copy` and then change its collation and engine.

    In MySQL and MariaDB columns, types and key stay as they are, and the statements can be repeated. SQLite cannot
    change a column's collation, so the table is made again in its agreed form; it undoes a change that fails halfway.
    The old one is dropped and not renamed: views would follow it to its new name.
    """
    names = ", ".join(quoted(column.name) for column in table.columns if not column.generated)
    if dialect == "mysql":
        return (
            f"CREATE TABLE IF NOT EXISTS `{copy}` LIKE `{table.name}`",
            f"INSERT IGNORE INTO `{copy}` ({names}) SELECT {names} FROM `{table.name}`",  # noqa: S608 (quoted names)
            f"ALTER TABLE `{table.name}` CONVERT TO CHARACTER SET utf8mb4 COLLATE {COLLATION}, ENGINE=InnoDB",
        )
    return (
        f"CREATE TABLE `{copy}` AS SELECT * FROM `{table.name}`",  # noqa: S608 (quoted names)
        f"DROP TABLE `{table.name}`",
        next(sql for sql in create_statements("sqlite") if f" {table.name} (" in sql),
        f"INSERT INTO `{table.name}` ({names}) SELECT {names} FROM `{copy}`",  # noqa: S608 (quoted names)
    )


def quoted(name: str) -> str:
    """Return the name of a table or column as MySQL, MariaDB and SQLite quote it."""
    return "`" + name.replace("`", "``") + "`"
