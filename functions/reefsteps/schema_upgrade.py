"""Brings a database to this version's tables, or says why what is there cannot be used.

Used by the deployment (over Aurora's Data API) and by the local stack (over a connection). Nothing that exists is
changed but by adding columns to tables of ours and, if the operator asks, by converting `coral_coverage`.
"""

from __future__ import annotations

from datetime import UTC, datetime

from reefsteps.errors import ExistingTableError
from reefsteps.schema_check import ExistingTable, additions, conversion, problems, quoted
from reefsteps.schema_reading import Ask, existing_tables
from reefsteps.tables import coral_coverage, create_statements

_NAME = coral_coverage.name
_CONVERT = "Collation and engine can be converted, with a copy of the table kept: "


def bring_up_to_date(ask: Ask, dialect: str, *, convert: bool = False, how_to_convert: str) -> str | None:
    """Create missing tables and columns; returns the name of the copy if `coral_coverage` was converted, else None.

    `ask` runs a statement, `dialect` is ``mysql`` or ``sqlite``, `how_to_convert` ends the sentence that tells the
    operator how to ask for a conversion. Raises ExistingTableError, and has then changed nothing but the conversion.
    """
    found = existing_tables(ask, dialect)
    against = problems(found, dialect)
    copy = None
    if convert and against and all(problem.convertible for problem in against):
        copy = _convert(ask, found[_NAME], dialect)
        found = existing_tables(ask, dialect)
        against = problems(found, dialect)
    if against:
        offer = f" {_CONVERT}{how_to_convert}" if all(problem.convertible for problem in against) else ""
        raise ExistingTableError(" ".join(problem.text for problem in against) + offer)
    for statement in (*additions(found, dialect), *create_statements(dialect)):
        ask(statement)
    return copy


def _convert(ask: Ask, table: ExistingTable, dialect: str) -> str:
    copy = f"{_NAME}_before_{datetime.now(UTC):%Y%m%d_%H%M%S}"
    *keep, last = conversion(table, copy, dialect)
    for statement in keep:
        ask(statement)
    if dialect == "mysql" and (have := _count(ask, copy)) < (want := _count(ask, _NAME)):
        raise ExistingTableError(f"The copy {copy} holds {have} of {want} rows: {_NAME} was not converted.")
    ask(last)
    return copy


def _count(ask: Ask, table: str) -> int:
    return int(ask(f"SELECT COUNT(*) AS n FROM {quoted(table)}")[0]["n"])  # noqa: S608 (a name of ours)
