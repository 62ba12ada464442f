"""What the templates of other programs have in common: rows of every column, and a list of what is missing in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from frontend.domain.exports import Row

SAY_IT = "Enter it for the survey, or fill it in here."
NO_DATE = "The date is not known, or contradicts the survey's year: see event_date_note in the table of quadrats."


@dataclass(frozen=True)
class Missing:
    """What a template lacks: a column, in how many of its rows, and what to do about it."""

    column: str
    rows: int
    of: int
    remedy: str


@dataclass(frozen=True)
class FilledTemplate:
    """A filled template; every column is there, also those that are empty."""

    rows: Sequence[Row]
    missing: Sequence[Missing]


def missing_rows(missing: Iterable[Missing]) -> list[Row]:
    """Return the list of what is missing as a table."""
    return [{"column": m.column, "rows_without": m.rows, "rows": m.of, "what_to_do": m.remedy} for m in missing]


def missing_in(rows: Sequence[Row], remedies: Mapping[str, str]) -> list[Missing]:
    """Return which of these columns have empty cells, with the remedy of each."""
    counts = {column: sum(row[column] is None for row in rows) for column in remedies}
    return [Missing(column, count, len(rows), remedies[column]) for column, count in counts.items() if count]
