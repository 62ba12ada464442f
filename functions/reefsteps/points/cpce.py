"""CPCe's ``.cpc`` files: one picture, its points and their codes (Kohler and Gill 2006).

Line 1 holds the path of the codes, the path of the picture, its width and height and two lengths of the window. Four
lines give the border and one the number of points. Then come the places of all points, a line each, and after them
their codes, a line each. CPCe 4.1 adds 28 lines of headers, 3.5 none. Places and sizes are in Visual Basic's twips,
1,440 to an inch of the screen. A pixel has 15 at 96 dots per inch, which CPCe 4.1 insists on, and 12 at 120, which CPCe
3.5 allowed (coralnet/coralnet, issue 326). No file says which. The size of the picture tells:
`reefsteps.points.placing.units_of`.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

from reefsteps.points.picture_names import base_name
from reefsteps.spreadsheets import Fault, decode_text, refusal

_HEAD, _BORDER = 6, 4
_MOST_POINTS = 10_000


@dataclass(frozen=True)
class CpcFile:
    """What a ``.cpc`` file says; places and ``size_units`` are in the file's own units."""

    picture: str  # without its folders
    size_units: tuple[float, float]
    points: tuple[tuple[float, float, str], ...]  # x, y, code


def read_cpc(data: bytes, name: str) -> CpcFile:
    """Return the contents of a ``.cpc`` file; points without a code are left out.

    Raises SpreadsheetError, which names the line, for a file that is cut off or is none.
    """
    rows = list(csv.reader(io.StringIO(decode_text(data, name), newline="")))
    while rows and not any(cell.strip() for cell in rows[-1]):
        rows.pop()
    if not rows or len(rows[0]) != _HEAD:
        found = len(rows[0]) if rows else 0
        raise refusal(name, [Fault(1, f"A .cpc file begins with {_HEAD} entries, this one with {found}.")])
    picture, width, height = rows[0][1], _number(rows, 0, 2, name), _number(rows, 0, 3, name)
    if width <= 0 or height <= 0:
        raise refusal(name, [Fault(1, "The picture's width and height are not positive.")])
    count_line = 1 + _BORDER
    count = _number(rows, count_line, 0, name)
    if not (count.is_integer() and 1 <= count <= _MOST_POINTS):
        raise refusal(name, [Fault(count_line + 1, f"The number of points is {count:g}, not 1 to {_MOST_POINTS:,}.")])
    first, total = count_line + 1, int(count)
    places = [[_number(rows, first + index, cell, name, cells=2) for cell in (0, 1)] for index in range(total)]
    codes = [_cell(rows, first + total + index, 1, name, cells=4).strip() for index in range(total)]
    answered = tuple((x, y, code) for (x, y), code in zip(places, codes, strict=True) if code)
    if not answered:
        raise refusal(name, [Fault(None, "No point of it has a code: it has not been annotated yet.")])
    return CpcFile(base_name(picture.strip()), (width, height), answered)


def _cell(rows: Sequence[Sequence[str]], line: int, cell: int, name: str, cells: int | None = None) -> str:
    if line >= len(rows):
        raise refusal(name, [Fault(None, f"It ends at line {len(rows)}, before all points and codes: it is cut off.")])
    if cells is not None and len(rows[line]) != cells:
        raise refusal(name, [Fault(line + 1, f"There are {len(rows[line])} entries, not {cells}.")])
    if cell >= len(rows[line]):
        raise refusal(name, [Fault(line + 1, "The line is empty.")])
    return rows[line][cell]


def _number(rows: Sequence[Sequence[str]], line: int, cell: int, name: str, cells: int | None = None) -> float:
    text = _cell(rows, line, cell, name, cells)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise refusal(name, [Fault(line + 1, f"'{text}' is not a number.")])
    return value
