"""The table of the ancestor's script, as tests of existing tables begin with it."""

from __future__ import annotations

from reefsteps.coverage_queries import coverage_rows
from reefsteps.database import Database

# What the ancestor's script made: the server's own collation, which compares without case and accents.
ANCESTOR = (
    "CREATE TABLE coral_coverage (island VARCHAR(30), location INT, year INT, coverage DECIMAL(5,2), last_update DATE, "
    "PRIMARY KEY (island, location, year))"
)
ROWS = "INSERT INTO coral_coverage VALUES ('Huahine', 1, 2006, 12.5, '2007-01-01'), ('Moorea', 2, 2006, 40, NULL)"
NOTES = (
    "CREATE TABLE notes (island VARCHAR(30){}, location INT, year INT, "
    "FOREIGN KEY (island, location, year) REFERENCES coral_coverage (island, location, year) ON DELETE CASCADE)"
)


def names(database: Database) -> list[str]:
    """Return the islands of all rows, in the order of the queries."""
    with database.read() as connection:
        return [row.island for row in coverage_rows(connection)]
