"""Tables to take away: CSV and XLSX with the query, the date and the model written in.

Column names follow Darwin Core where it has a term (year, eventID, locality, eventDate, measurementValue), as GCRMN
asks for, and MERMAID's words (quadrat, quadrat size) where it has not.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from frontend.domain.measurements import event_of
from frontend.domain.statistics import MeanCover, PairedChange
from reefsteps.coverage_queries import ColonyRow, CoverageRow

Row = Mapping[str, Any]


@dataclass(frozen=True)
class About:
    """What an export says of itself."""

    query: str
    exported_at: datetime
    models: Sequence[str]
    link: str | None = None

    def lines(self) -> list[tuple[str, str]]:
        """Return (name, text) pairs for the head of a file."""
        lines = [
            ("query", self.query),
            ("exported", self.exported_at.strftime("%Y-%m-%d %H:%M UTC")),
            ("model", "; ".join(self.models) or "none recorded"),
            ("method", "Percent cover of hard coral in the quadrat's inner area, by Mask R-CNN (ReefSteps)."),
        ]
        return [*lines, ("link", self.link)] if self.link else lines


def measurement_rows(rows: Iterable[CoverageRow]) -> list[Row]:
    """Return one row for each quadrat and year."""
    return [
        {
            "eventID": event_of(row),
            "locality": row.island,
            "year": row.year,
            "eventDate": row.captured_at[:10] if row.captured_at else None,
            "quadrat": row.location,
            "quadrat_size_cm": row.side_cm,
            "quadrat_height_cm": row.side_cm if row.height_cm is None else row.height_cm,
            "category": "Hard coral",
            "measurementType": "percent cover",
            "measurementValue": row.cover_percent,
            "measurementUnit": "%",
            "colony_count": row.colony_count,
            "px_per_cm": _rounded(row.px_per_cm),
            "corners_set_by_hand": row.corners_manual,
            "model_name": row.model_name,
            "model_sha256": row.model_sha256,
            "pipeline_version": row.pipeline_version,
            "original": row.raw_key,
            "original_version": row.raw_version_id,
            "execution": row.execution_name,
            "last_update": row.last_update.isoformat() if row.last_update else None,
        }
        for row in rows
    ]


def mean_rows(means: Iterable[MeanCover]) -> list[Row]:
    """Return one row for each island and year."""
    return [
        {
            "locality": m.island,
            "year": m.year,
            "n_quadrats": m.n,
            "mean_cover_percent": round(m.mean, 4),
            "standard_deviation": _rounded(m.standard_deviation),
            "standard_error": _rounded(m.standard_error),
        }
        for m in means
    ]


def change_rows(changes: Iterable[PairedChange]) -> list[Row]:
    """Return one row for each paired change."""
    return [
        {
            "locality": c.island,
            "from_year": c.from_year,
            "to_year": c.to_year,
            "n_shared_quadrats": c.n,
            "mean_change_points": round(c.mean_change, 4),
            "ci95_low": _rounded(c.low),
            "ci95_high": _rounded(c.high),
        }
        for c in changes
    ]


def colony_rows(colonies: Iterable[ColonyRow]) -> list[Row]:
    """Return one row for each colony."""
    return [
        {
            "locality": c.island,
            "year": c.year,
            "quadrat": c.location,
            "colony": c.number,
            "area_cm2": round(c.area_cm2, 3),
            "score": round(c.score, 4),
            "cut_by_frame": c.cut_by_frame,
        }
        for c in colonies
    ]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def to_csv(rows: Sequence[Row], about: About) -> bytes:
    """Return UTF-8 CSV (with a byte order mark, so that Excel reads accents); the head's lines begin with ``#``."""
    text = io.StringIO()
    for name, value in about.lines():
        text.write(f"# {name}: {_one_line(value)}\r\n")
    if rows:
        writer = csv.DictWriter(text, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows({name: _harmless(value) for name, value in row.items()} for row in rows)
    return text.getvalue().encode("utf-8-sig")


def to_xlsx(sheets: Mapping[str, Sequence[Row]], about: About) -> bytes:
    """Return an Excel workbook with one sheet for each table, after a sheet that says what it is."""
    from openpyxl import Workbook  # slow to load, and most visits take no table away
    from openpyxl.styles import Font
    from openpyxl.utils import get_column_letter

    book = Workbook()
    first = book.active
    assert first is not None
    first.title = "About"
    for line in about.lines():
        first.append(line)
    first.column_dimensions["A"].width, first.column_dimensions["B"].width = 14, 100
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        columns = list(rows[0]) if rows else []
        sheet.append(columns)
        for row in rows:
            sheet.append([_harmless(row[column]) for column in columns])
        sheet.freeze_panes = "A2"
        for number, column in enumerate(columns, start=1):
            sheet.cell(1, number).font = Font(bold=True)
            sheet.column_dimensions[get_column_letter(number)].width = max(12, len(column) + 2)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _harmless(value: Any) -> Any:
    """Keep a spreadsheet from running a name that looks like a formula (CWE-1236)."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return value


def _one_line(text: str) -> str:
    return " ".join(text.split())
