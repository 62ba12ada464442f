"""Tables as an Excel workbook, within Excel's limits on rows, text and titles."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from frontend.domain.exports import About, Row, columns_of, readable

# https://support.microsoft.com/office/1672b34d-7043-467e-8e27-269d656771c3 (Excel specifications and limits)
MOST_ROWS = 1_048_576  # of a sheet, the header included
LONGEST_TEXT = 32_767
LONGEST_TITLE = 31


def to_xlsx(tables: Mapping[str, Sequence[Row]], about: About) -> bytes:
    """Return an Excel workbook with a sheet for each table, after a sheet that says what it is.

    A table that is longer than a sheet continues in a second one. Text is written as text, so a name that looks like a
    formula stays as it is. Characters that a workbook cannot hold become a replacement mark.
    """
    from openpyxl import Workbook  # slow to load, and most visits take no table away

    book = Workbook(write_only=True)
    first = book.create_sheet("About")
    first.column_dimensions["A"].width, first.column_dimensions["B"].width = 14, 100
    for line in about.lines():
        first.append([_text(first, text) for text in line])
    for title, columns, rows in _sheets(tables):
        _write(book.create_sheet(title), columns, rows)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _sheets(tables: Mapping[str, Sequence[Row]]) -> Iterator[tuple[str, Sequence[str], Sequence[Row]]]:
    """Yield title, columns and rows of each sheet."""
    for name, rows in tables.items():
        for number, start in enumerate(range(0, max(1, len(rows)), MOST_ROWS - 1), start=1):
            suffix = f" {number}" if number > 1 else ""
            title = name[: LONGEST_TITLE - len(suffix)] + suffix
            yield title, columns_of(rows), rows[start : start + MOST_ROWS - 1]


def _write(sheet: Any, columns: Sequence[str], rows: Sequence[Row]) -> None:
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    sheet.freeze_panes = "A2"
    for number, column in enumerate(columns, start=1):
        sheet.column_dimensions[get_column_letter(number)].width = max(12, len(column) + 2)
    header = [_cell(sheet, column) for column in columns]
    for cell in header:
        cell.font = Font(bold=True)
    sheet.append(header)
    for row in rows:
        sheet.append([_text(sheet, value) if isinstance(value, str) else value for value in row.values()])


def _text(sheet: Any, text: str) -> Any:
    """Return what is to be appended for a text; a cell of its own costs time, so only where openpyxl would misread it.

    openpyxl takes what begins with ``=`` for a formula, and names such as ``#N/A`` for an error.
    """
    return _cell(sheet, text) if text[:1] in ("=", "#") else _clean(text)


def _cell(sheet: Any, text: str) -> Any:
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(sheet, _clean(text))
    cell.data_type = "s"
    return cell


def _clean(text: str) -> str:
    return readable(text).replace("\r", "\n")[:LONGEST_TEXT]
