"""The ancestor's table as a file: CSV, or the SQL that mysqldump writes. Nothing of it is ever executed.

A file is read whole or refused whole, with the lines that are at fault.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

from importing.sql_dump import rows_of_dump
from reefsteps.errors import InvalidSurveyKeyError, SpreadsheetError
from reefsteps.spreadsheets import Fault, SheetRow, read_sheet, refusal
from reefsteps.surveys import SurveyKey

MAX_BYTES = 50_000_000
_COLUMNS = {
    "island": ("ile",),
    "location": ("position", "quadrat", "localisation"),
    "year": ("annee",),
    "coverage": ("cover", "cover_percent", "recouvrement"),
    "last_update": ("updated", "mise_a_jour"),
}
_NEEDED = ("island", "location", "year", "coverage")
_NULL = frozenset({"", "\\N", "NULL"})  # how mysql's own exports write what is missing
_NO_DAY = "0000-00-00"  # MySQL's date that is none
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class TableRow:
    """One row of the ancestor's `coral_coverage`; `coverage` in percent, None where the row holds none."""

    line: int
    survey: SurveyKey
    coverage: float | None
    last_update: datetime.date | None


def read_table(data: bytes, name: str) -> list[TableRow]:
    """Return the rows of a table file: CSV, or SQL if its name ends in ``.sql``.

    Raises SpreadsheetError, whose message lists what is wrong by line, for a file that cannot be read as a whole.
    """
    if len(data) > MAX_BYTES:
        raise SpreadsheetError(f"{name} is larger than {MAX_BYTES // 1_000_000} MB: is it the table alone?")
    if name.lower().endswith(".sql"):
        rows = [_RawRow(line, values) for line, values in rows_of_dump(data, name)]
    else:
        sheet = read_sheet(data, name, columns=_COLUMNS, needs=[_NEEDED])
        rows = sheet.convert(_raw)
    return _typed(rows, name)


@dataclass(frozen=True)
class _RawRow:
    line: int
    values: dict[str, str | None]


def _raw(row: SheetRow) -> _RawRow:
    return _RawRow(row.line, {column: row.text(column) for column in _COLUMNS})


def _typed(raw: list[_RawRow], name: str) -> list[TableRow]:
    rows, faults = [], []
    for entry in raw:
        try:
            rows.append(_row(entry))
        except (ValueError, InvalidSurveyKeyError) as error:
            faults.append(Fault(entry.line, str(error)))
    if faults:
        raise refusal(name, faults)
    return rows


def _row(entry: _RawRow) -> TableRow:
    values = {column: None if (text or "").strip() in _NULL else text for column, text in entry.values.items()}
    survey = SurveyKey(_whole(values, "year"), values.get("island") or "", _whole(values, "location"))
    return TableRow(entry.line, survey, _percent(values.get("coverage")), _day(values.get("last_update")))


def _whole(values: dict[str, str | None], column: str) -> int:
    text = (values.get(column) or "").strip()
    if not re.fullmatch(r"[0-9]{1,10}(\.0+)?", text):
        raise ValueError(f"{column} is '{text}', not a whole number.")
    return int(text.partition(".")[0])


def _percent(text: str | None) -> float | None:
    if text is None:
        return None
    number = text.strip().removesuffix("%").rstrip()
    if not re.fullmatch(r"[0-9]{1,3}([.,][0-9]{1,15})?", number):
        raise ValueError(f"coverage is '{text}', not a percentage.")
    value = round(float(number.replace(",", ".")), 2)
    if value > 100:
        raise ValueError(f"coverage is {text}, more than 100 percent.")
    return value


def _day(text: str | None) -> datetime.date | None:
    if text is None:
        return None
    day = text.strip()[:10]  # a time of day may follow
    if day == _NO_DAY:
        return None
    try:
        return datetime.date.fromisoformat(day if _DAY.fullmatch(day) else "")
    except ValueError:
        raise ValueError(f"last_update is '{text}', not a date such as 2007-01-31.") from None
