"""CSV files as people's spreadsheets write them: read rightly, or refused with every line that is at fault.

Excel saves commas or semicolons, Windows-1252, UTF-8 or UTF-16, decimal commas, short lines and lines of separators
only. People write headers in capitals, with spaces and accents. All of this is read. What can be read in two ways is
refused, because a wrong date or a wrong place is worse than a question.

How a command uses it::

    sheet = read_sheet(data, "m.csv", columns={"file": ("fichier",), "year": ("annee",)}, needs=[("file", "year")])
    photos = sheet.convert(lambda row: Photo(row.required("file"), row.whole_number("year")))

`Sheet.convert` gathers the faults of all lines and raises one `SpreadsheetError` that lists them.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from reefsteps.errors import BadInputError, SpreadsheetError

Value = TypeVar("Value")

SAVE_AS = "Save it again as 'CSV UTF-8'."
"""The remedy that works in Excel, LibreOffice, Numbers and Google Sheets."""

_DELIMITERS = ",;\t"
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # zip (xlsx, ods, numbers) and OLE (xls)
_BYTE_ORDER_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
# Accented letters of Mac Roman and DOS (code page 850) lie where Windows-1252 has punctuation and rare letters. Only
# what French and English write in names is believed; punctuation not between two letters.
_WINDOWS_LETTERS = "’‘œ"
_WINDOWS_PUNCTUATION = "€…“”•–—™"
_EXCEL_ERRORS = frozenset({"#REF!", "#N/A", "#NAME?", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!"})
_EXCEL_TEXT = re.compile(r'="(.*)"', re.DOTALL)  # how a person keeps Excel from dropping leading zeros
_NEARLY = 0.8  # difflib's ratio: islnd and island, but not site and side
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:[.,][0-9]{1,15})?")
_PERHAPS_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")


# How accented Latin letters, dashes, quotes and the 'eta look when their UTF-8 is read as Windows-1252.
_SCRAMBLED = re.compile("[ÂÃÄÅ]|â€|Ê[»¼]")


class Fault(NamedTuple):
    """What is wrong in a line, counted from 1 as an editor shows it; in no particular line if that is None."""

    line: int | None
    text: str


def refusal(name: str, faults: Iterable[Fault]) -> SpreadsheetError:
    """Return the error that lists all faults of a file in the order of its lines, equal ones together."""
    lines: dict[str, list[int]] = {}
    for fault in sorted(faults, key=lambda fault: fault.line or 0):
        lines.setdefault(fault.text, []).extend([] if fault.line is None else [fault.line])
    told = [f"{_lines(numbers)}: {text}" if numbers else text for text, numbers in lines.items()]
    if len(told) == 1:
        return SpreadsheetError(f"{name}, {told[0]}" if any(lines.values()) else f"{name}: {told[0]}")
    return SpreadsheetError("\n".join([f"{name} has {len(told)} faults.", *(f"  {text}" for text in told)]))


@dataclass
class SheetRow:
    """One line of the sheet. What cannot be read becomes a fault of the row, and None in its place."""

    line: int
    cells: Mapping[str, str]
    decimal_comma: bool = False  # whether a comma in a number cannot separate thousands
    faults: list[str] = field(default_factory=list)

    def text(self, column: str) -> str | None:
        """Return the cell without blanks around it, or None where the column or the cell is empty."""
        return self.cells.get(column) or None

    def required(self, column: str) -> str | None:
        """Return the cell; an empty one is a fault."""
        text = self.text(column)
        if text is None:
            self.refuse(f"{column} is empty: fill it in.")
        return text

    def number(self, column: str) -> float | None:
        """Return the cell as a number; the decimal sign may be a point or a comma."""
        text = self.text(column)
        if text is None:
            return None
        if not _NUMBER.fullmatch(text):
            self.refuse(f"{column} is '{text}', not a number.")
            return None
        if not self.decimal_comma and _PERHAPS_THOUSANDS.fullmatch(text):
            self.refuse(f"{column} is '{text}', which can be read in two ways: write it with a point or without comma.")
            return None
        return float(text.replace(",", "."))

    def whole_number(self, column: str) -> int | None:
        """Return the cell as a whole number; ``2012.0``, as statistics programs write it, is one."""
        number = self.number(column)
        if number is None:
            return None
        if not number.is_integer():
            self.refuse(f"{column} is '{self.text(column)}', not a whole number.")
            return None
        return int(number)

    def value(self, column: str, parse: Callable[[str], Value]) -> Value | None:
        """Return what `parse` makes of the cell; a BadInputError that it raises becomes a fault of the row."""
        text = self.text(column)
        if text is None:
            return None
        try:
            return parse(text)
        except BadInputError as error:
            self.refuse(str(error))
            return None

    def refuse(self, text: str) -> None:
        """Note a fault of this row; the message says what to do."""
        self.faults.append(text)


@dataclass(frozen=True)
class Sheet:
    """A file's lines by column. Its faults so far are raised by `convert`, together with those of the values."""

    name: str
    columns: tuple[str, ...]  # normalised, in the file's order
    unknown_columns: tuple[str, ...]  # as the file spells them; the caller does not read them
    _rows: tuple[SheetRow, ...]
    _faults: tuple[Fault, ...]

    def convert(
        self,
        make: Callable[[SheetRow], Value | None],
        check: Callable[[Sequence[tuple[SheetRow, Value]]], Iterable[Fault]] = lambda _: (),
    ) -> list[Value]:
        """Return what `make` gives for each line, without None; `check` looks at the good lines together.

        Raises:
            SpreadsheetError: lists the faults of all lines, those of `read_sheet`, of the values and of `check`.
        """
        made: list[tuple[SheetRow, Value]] = []
        faults = list(self._faults)
        for row in self._rows:
            value = make(row)
            faults += [Fault(row.line, text) for text in row.faults]
            if value is not None and not row.faults:
                made.append((row, value))
        faults += check(made)
        if faults:
            raise refusal(self.name, faults)
        return [value for _, value in made]


def read_sheet(
    data: bytes, name: str, *, columns: Mapping[str, Sequence[str]], needs: Sequence[Sequence[str]]
) -> Sheet:
    """Return the rows of a CSV file.

    ``columns`` names the columns that the caller reads, each with its other spellings (see `normalise_header`, which
    is applied to the file's headers); ``needs`` the sets of columns of which the file must have one, complete.
    Encodings: UTF-8, UTF-16 and UTF-32 with a byte order mark, Windows-1252. Separators: comma, semicolon, tab.

    Raises:
        SpreadsheetError: the file is no text, or its header lacks columns. Faults of lines come from `Sheet.convert`.
    """
    text = decode_text(data, name)
    skipped, text = _without_separator_line(text)
    delimiter = _delimiter(text, {known for column, others in columns.items() for known in (column, *others)})
    numbered, broken = _lines_of(text, delimiter, first_line=1 + skipped)
    if not numbered:
        raise refusal(name, broken or [Fault(None, "It is empty.")])
    (header_line, header), *body = numbered
    names = _columns(header, columns)
    _check_header(name, header_line, header, names, needs)
    _check_misspelt(name, header_line, header, names, columns)
    faults = list(broken)
    rows = []
    for line, cells in body:
        faults += [Fault(line, problem) for problem in _problems(cells, len(header), delimiter)]
        filled = {column: cell for column, cell in zip(names, cells, strict=False) if column}
        rows.append(SheetRow(line, filled, decimal_comma=delimiter == ";"))
    known = set(columns)
    unknown = tuple(cell for cell, column in zip(header, names, strict=True) if column and column not in known)
    return Sheet(name, tuple(filter(None, names)), unknown, tuple(rows), tuple(faults))


def decode_text(data: bytes, name: str) -> str:
    """Return the text of a file; raises SpreadsheetError where its encoding cannot be told for certain."""
    if data.startswith(_WORKBOOKS):
        raise SpreadsheetError(f"{name} is a workbook, not a CSV file. {SAVE_AS}")
    encoding = next((encoding for mark, encoding in _BYTE_ORDER_MARKS if data.startswith(mark)), None)
    try:
        text = data.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if encoding:
            raise SpreadsheetError(f"{name} begins as {encoding} text, but is damaged. {SAVE_AS}") from error
        _refuse_zero_bytes(data.decode("latin-1"), name)  # a picture has no accents that could be wrong
        text = _decode_windows(data, name)
    _refuse_zero_bytes(text, name)
    return text


def _refuse_zero_bytes(text: str, name: str) -> None:
    if "\0" in text:
        raise SpreadsheetError(f"{name} holds zero bytes: it is UTF-16 without its mark, or no text. {SAVE_AS}")


def normalise_header(text: str) -> str:
    """Return a header without case and accents, words joined by underscores: ``Côté (cm)`` is ``cote_cm``."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    return "_".join(re.findall(r"[^\W_]+", plain))


def _decode_windows(data: bytes, name: str) -> str:
    encoding = "Its accents are neither UTF-8 nor Windows-1252"
    faults = []
    lines = re.split(rb"\r\n|\r|\n", data)
    for number, line in enumerate(lines, start=1):
        try:
            text = line.decode("cp1252")
        except UnicodeDecodeError:
            faults.append(Fault(number, f"{encoding}. {SAVE_AS}"))
            continue
        if any(_is_doubtful(text, at) for at, character in enumerate(text) if "\x80" <= _byte(character) <= "\x9f"):
            faults.append(Fault(number, f"{encoding}, as a Mac or DOS program writes them. {SAVE_AS}"))
    if faults:
        raise refusal(name, faults)
    return data.decode("cp1252")


def _byte(character: str) -> str:
    return character.encode("cp1252").decode("latin-1")


def _is_doubtful(text: str, at: int) -> bool:
    if text[at] in _WINDOWS_LETTERS:
        return False
    return text[at] not in _WINDOWS_PUNCTUATION or (text[at - 1 : at].isalpha() and text[at + 1 : at + 2].isalpha())


def _without_separator_line(text: str) -> tuple[int, str]:
    """Drop Excel's own first line, ``sep=;``; returns the number of lines dropped."""
    match = re.match(r'"?sep=[,;\t]"?[ ,;\t]*(\r\n|\r|\n)', text, re.IGNORECASE)
    return (1, text[match.end() :]) if match else (0, text)


def _delimiter(text: str, known: Collection[str]) -> str:
    """Return the separator that finds most known columns in the first line, then most columns at all."""
    first = next((line for line in text.splitlines() if line.strip(f"{_DELIMITERS} ")), "")

    def found(delimiter: str) -> tuple[int, int]:
        cells = next(csv.reader([first], delimiter=delimiter), [])
        return len({normalise_header(cell) for cell in cells} & set(known)), len(cells)

    return max(_DELIMITERS, key=found)


def _lines_of(text: str, delimiter: str, first_line: int) -> tuple[list[tuple[int, list[str]]], list[Fault]]:
    """Return the lines that hold anything, with their numbers, and the fault that ends the reading, if any."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    found: list[tuple[int, list[str]]] = []
    while True:
        line = first_line + reader.line_num
        try:
            cells = [_clean(cell) for cell in next(reader)]
        except StopIteration:
            return found, []
        except csv.Error as error:
            hint = f"The quotes of this line do not match ({error}); the lines after it were not read."
            return found, [Fault(line, hint)]
        if any(cells):
            found.append((line, cells))


def _clean(cell: str) -> str:
    text = cell.strip().strip("\ufeff\u200b").strip()
    match = _EXCEL_TEXT.fullmatch(text)
    return match[1].strip() if match else text


def _columns(header: Sequence[str], columns: Mapping[str, Sequence[str]]) -> list[str]:
    known = {normalise_header(other): column for column, others in columns.items() for other in (column, *others)}
    normalised = map(normalise_header, header)
    return [known.get(name, name) for name in normalised]


def _check_header(
    name: str, line: int, header: Sequence[str], names: Sequence[str], needs: Sequence[Sequence[str]]
) -> None:
    twice = [column for column, count in Counter(filter(None, names)).items() if count > 1]
    if twice:
        spelled = {column: [h for h, n in zip(header, names, strict=True) if n == column] for column in twice}
        faults = [Fault(line, f"The columns {' and '.join(s)} both mean {c}.") for c, s in spelled.items()]
        raise refusal(name, faults)
    if not any(set(need) <= set(names) for need in needs):
        wanted = "; or ".join(", ".join(need) for need in needs)
        there = ", ".join(filter(None, header))
        raise refusal(name, [Fault(line, f"The first line needs the columns {wanted}. It has {there}.")])


def _check_misspelt(
    name: str, line: int, header: Sequence[str], names: Sequence[str], columns: Mapping[str, Sequence[str]]
) -> None:
    """Raise SpreadsheetError for unknown columns that are nearly a known one that the file lacks.

    A typed year under ``anee`` would be passed over, and another one be taken from the photograph.
    """
    lacking = [normalise_header(s) for c, others in columns.items() if c not in names for s in (c, *others)]
    faults = []
    for spelled, known in zip(header, names, strict=True):
        near = difflib.get_close_matches(known, lacking, 1, _NEARLY) if known and known not in columns else []
        if near and not known.startswith(f"{near[0]}_"):  # quadrat_id is another thing than quadrat
            faults.append(Fault(line, f"The column '{spelled}' is not known: call it {near[0]}, or remove it."))
    if faults:
        raise refusal(name, faults)


def _problems(cells: Sequence[str], width: int, delimiter: str) -> Iterator[str]:
    if any(cells[width:]):
        sign = {",": "comma", ";": "semicolon", "\t": "tab"}[delimiter]
        yield f"There are {len(cells)} cells under {width} columns: a text with a {sign} in it needs quotes around it."
    for cell in cells:
        if cell in _EXCEL_ERRORS:
            yield f"A cell holds the spreadsheet's own error {cell}: correct the formula."
        elif "\ufffd" in cell:
            yield f"'{cell}' holds a character that was lost when the file was saved: type the text again."
        elif (right := _unscrambled(cell)) is not None:
            yield f"'{cell}' was UTF-8 read as Windows-1252, and probably meant '{right}': type the text again."


def _unscrambled(cell: str) -> str | None:
    """Return what a cell meant whose UTF-8 was read as Windows-1252 (``NoumÃ©a``), or None."""
    if not _SCRAMBLED.search(cell):
        return None
    try:
        return cell.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return None


def _lines(numbers: Sequence[int]) -> str:
    """Return ``line 3``, or ``lines 2, 4 to 9``."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    told = ", ".join(f"{first}" if first == last else f"{first} to {last}" for first, last in runs)
    return f"line{'s' if len(set(numbers)) > 1 else ''} {told}"
