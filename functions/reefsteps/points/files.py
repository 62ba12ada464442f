"""Files of points as other programs write them: CoralNet's CSV, Moorea LTER's, CPCe's ``.cpc``, and plain tables.

A file is read whole or refused whole, with the lines that are at fault.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reefsteps.errors import InvalidParameterError
from reefsteps.points.answers import Answer, parse_answer
from reefsteps.points.cpce import read_cpc
from reefsteps.points.picture_names import picture_of
from reefsteps.spreadsheets import SheetRow, read_sheet

MAX_BYTES = 50_000_000

_COLUMNS = {
    "file": ("name", "image", "image_name", "photo", "photograph", "filename", "file_name", "fichier", "nom"),
    "row": ("ligne",),
    "column": ("col", "colonne"),
    "x": ("x_px",),
    "y": ("y_px",),
    "label": ("label_code", "code", "taxon", "id"),
    "answer": ("reponse",),
    "annotator": ("annotateur", "observer", "verified_by"),
    "annotated_at": ("date_annotated",),
    "layout": (),
    "drawn": (),
    "source": (),
    "width": ("width_px", "largeur"),
    "height": ("height_px", "hauteur"),
}
_NEEDED = [("row", "column", "label"), ("x", "y", "label"), ("x", "y", "answer"), ("row", "column", "answer")]


@dataclass(frozen=True)
class FilePoint:
    """One point of a file: where it lies in the annotated picture, and what was said of it."""

    x: float  # pixels from the left edge of the annotated picture
    y: float  # from its top edge
    label: str
    answer: Answer | None = None  # where the file says it itself


@dataclass(frozen=True)
class PhotoPoints:
    """The points of one annotated picture. ``size`` is its width and height, None where the file does not say."""

    file: str  # the picture's name
    origin: str  # the file that the points were read from
    source: str  # CoralNet, CPCe, CSV
    points: tuple[FilePoint, ...]
    annotator: str | None = None
    annotated_at: str | None = None
    size: tuple[float, float] | None = None
    in_units: bool = False  # places and size are in CPCe's units, whose length only the photograph's size tells
    layout: str | None = None
    drawn: str | None = None

    def labels_without_answer(self) -> set[str]:
        """Return the labels of the points of which the file does not say the answer."""
        return {point.label for point in self.points if point.answer is None}


def read_points(data: bytes, name: str) -> list[PhotoPoints]:
    """Return the points of a file by annotated picture, in the file's order.

    A table needs the column label, and either row and column or x and y. Row and column are whole pixels from 0, as
    CoralNet counts them; x and y are pixels from the left and the top edge. Where no column names the picture, the
    file's own name does. Raises SpreadsheetError, which lists every line at fault.
    """
    if len(data) > MAX_BYTES:
        raise InvalidParameterError(f"{name} is larger than {MAX_BYTES // 1_000_000} MB: is it a table of points?")
    if name.lower().endswith(".cpc"):
        found = read_cpc(data, name)
        points = tuple(FilePoint(x, y, label) for x, y, label in found.points)
        return [PhotoPoints(found.picture, name, "CPCe", points, size=found.size_units, in_units=True)]
    sheet = read_sheet(data, name, columns=_COLUMNS, needs=_NEEDED)
    by_picture: dict[str, list[_Line]] = defaultdict(list)
    for line in sheet.convert(lambda row: _line(row, name)):
        by_picture[line.file].append(line)
    source = "CoralNet" if "row" in sheet.columns and "file" in sheet.columns else "CSV"
    return [_photo(file, name, source, lines) for file, lines in by_picture.items()]


@dataclass(frozen=True)
class _Line:
    file: str
    point: FilePoint
    annotator: str | None
    annotated_at: str | None
    size: tuple[float, float] | None
    layout: str | None
    drawn: str | None
    source: str | None


def _line(row: SheetRow, name: str) -> _Line | None:
    label, answer = row.text("label"), row.value("answer", parse_answer)
    if label is None and answer is None:
        row.refuse("label is empty: a point that nobody has answered cannot be imported; delete the line.")
        return None
    if row.text("x") is not None or row.text("y") is not None:
        x, y = row.number("x"), row.number("y")
    else:
        column, line = row.whole_number("column"), row.whole_number("row")
        x, y = (None if number is None else number + 0.5 for number in (column, line))  # the middle of the pixel
    if x is None or y is None:
        row.refuse("This line has no position: fill in row and column, or x and y.")
        return None
    width, height = row.number("width"), row.number("height")
    return _Line(
        file=row.text("file") or picture_of(name),
        point=FilePoint(x, y, label or "", answer),
        annotator=row.text("annotator"),
        annotated_at=row.text("annotated_at"),
        size=None if width is None or height is None else (width, height),
        layout=row.text("layout"),
        drawn=row.text("drawn"),
        source=row.text("source"),
    )


def _photo(file: str, name: str, source: str, lines: Sequence[_Line]) -> PhotoPoints:
    sizes = {line.size for line in lines if line.size}
    if len(sizes) > 1:
        raise InvalidParameterError(f"{name}: the points of {file} have several sizes of the picture; it has one.")
    return PhotoPoints(
        file=file,
        origin=name,
        source=_one(line.source for line in lines) or source,
        points=tuple(line.point for line in lines),
        annotator=_one(line.annotator for line in lines),
        annotated_at=max((line.annotated_at for line in lines if line.annotated_at), default=None),
        size=next(iter(sizes), None),
        layout=_one(line.layout for line in lines),
        drawn=_one(line.drawn for line in lines),
    )


def _one(texts: Iterable[str | None]) -> str | None:
    """Return the texts that occur, each once, as one."""
    return ", ".join(dict.fromkeys(text for text in texts if text)) or None
