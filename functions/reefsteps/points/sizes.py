"""The sizes of annotated pictures, for points that were set on larger or smaller copies of the photographs."""

from __future__ import annotations

from reefsteps.spreadsheets import SheetRow, read_sheet

_COLUMNS = {
    "file": ("name", "image", "image_name", "photo", "photograph", "filename", "file_name", "fichier"),
    "width": ("width_px", "largeur"),
    "height": ("height_px", "hauteur"),
}


def read_sizes(data: bytes, name: str) -> dict[str, tuple[float, float]]:
    """Return width and height by picture of a CSV file with the columns file, width and height.

    Raises SpreadsheetError, which lists every line at fault.
    """
    return dict(read_sheet(data, name, columns=_COLUMNS, needs=[("file", "width", "height")]).convert(_row))


def _row(row: SheetRow) -> tuple[str, tuple[float, float]] | None:
    file, width, height = row.required("file"), row.number("width"), row.number("height")
    if width is None or height is None or width <= 0 or height <= 0:
        row.refuse("width and height are not both positive numbers.")
        return None
    return None if file is None else (file, (width, height))
