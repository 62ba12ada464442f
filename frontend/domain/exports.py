"""The tables that people take away: which columns they have, and their CSV files.

Column names follow Darwin Core where it has a term (year, eventID, locality, eventDate, measurementValue), as GCRMN
asks for. Elsewhere they follow MERMAID (quadrat, quadrat size). A column is one line of a table below.

A CSV file is a plain table with the header in its first line. The description of the file is in its last columns and in
``about.csv`` beside it. R, readr and pandas read no other form without options.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from frontend.domain import statuses
from frontend.domain.estimates.campaign import Campaign, Mean, Status
from frontend.domain.estimates.quadrat import PointCount
from frontend.domain.event_dates import event_date
from frontend.domain.measurements import event_of, fields_of, reasons_of
from frontend.domain.statistics import MeanCover, PairedChange
from frontend.domain.statuses import Figures
from frontend.domain.verified import Checked, Checks, checked_of
from reefsteps.coverage_queries import ColonyRow, CoverageRow
from reefsteps.results import Trust
from reefsteps.survey_fields import SurveyFields
from reefsteps.surveys import SurveyKey
from reefsteps.trust import MARK, cover_text, decimals, is_marked, marked

Row = Mapping[str, Any]
Fields = Mapping[SurveyKey, SurveyFields]
Item = TypeVar("Item")

NOTHING_SAID: Fields = {}
NOT_CHECKED: Checks = {}
NO_FIGURES: Figures = {}

_PAIRED_METHOD = "model alone, paired, Student's t; without the model's own error"
_UNREADABLE = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\ud800-\\udfff\\ufffe\\uffff]")


@dataclass(frozen=True)
class About:
    """What an export says of itself."""

    query: str
    exported_at: datetime
    models: Sequence[str]
    link: str | None = None
    said: Sequence[str] = ()  # why figures are marked, in sentences
    intervals: Sequence[str] = ()  # how intervals were made, in sentences

    def lines(self) -> list[tuple[str, str]]:
        """Return (name, text) pairs for the about file or sheet."""
        lines = [
            ("query", self.query),
            ("exported", self.exported_at.strftime("%Y-%m-%d %H:%M UTC")),
            ("model", "; ".join(self.models) or "none recorded"),
            *(("mark", f"{MARK} {sentence}") for sentence in self.said),
            ("method", "Percent cover of hard coral in the quadrat's inner area, by Mask R-CNN (ReefSteps)."),
            *(("intervals", sentence) for sentence in self.intervals),
            ("times", "Dates and times of photographs are the camera's own clock, never shifted to UTC."),
        ]
        return [*lines, ("link", self.link)] if self.link else lines


@dataclass(frozen=True)
class QuadratRecord:
    """One quadrat in one year: what was measured, and what people know of it."""

    row: CoverageRow
    fields: SurveyFields
    checked: Checked | None = None

    @property
    def points(self) -> PointCount | None:
        """The points, where any of them says something."""
        return self.checked.count if self.checked and self.checked.count.answered else None


_QUADRATS: Mapping[str, Callable[[QuadratRecord], Any]] = {
    "eventID": lambda e: event_of(e.row),
    "locality": lambda e: e.row.island,
    "site": lambda e: e.fields.site,
    "year": lambda e: e.row.year,
    "eventDate": lambda e: event_date(e.row, e.fields).date,
    "eventTime": lambda e: event_date(e.row, e.fields).time,
    "event_date_note": lambda e: event_date(e.row, e.fields).note,
    "parentEventID": lambda e: e.fields.transect,
    "quadrat": lambda e: e.row.location,
    "quadrat_size_cm": lambda e: e.row.side_cm,
    "quadrat_height_cm": lambda e: e.row.side_cm if e.row.height_cm is None else e.row.height_cm,
    "px_per_cm": lambda e: _rounded(e.row.px_per_cm),
    "decimalLatitude": lambda e: e.fields.latitude,
    "decimalLongitude": lambda e: e.fields.longitude,
    "verbatimDepth": lambda e: e.fields.depth_m,
    "recordedBy": lambda e: e.fields.observer,
    "category": lambda _: "Hard coral",
    "measurementType": lambda _: "percent cover",
    "measurementValue": lambda e: e.row.cover_percent,
    "measurementUnit": lambda _: "%",
    "status": lambda e: statuses.word_of_a_quadrat(e.row, e.checked),
    "cover_shown": lambda e: _shown(e.row.cover_percent, e.row.trust),
    "trust": lambda e: e.row.trust.state if e.row.trust else None,
    "measurementAccuracy": lambda e: _accuracy(e.row.trust),
    "measurementRemarks": lambda e: _remarks(e.row.trust),
    "to_be_looked_at": lambda e: " ".join(reasons_of(e.row)) or None,
    "points_coral": lambda e: e.checked.count.coral if e.checked else None,
    "points_not_coral": lambda e: e.checked.count.other if e.checked else None,
    "points_cannot_tell": lambda e: e.checked.count.unclear if e.checked else None,
    "points_cover_percent": lambda e: _rounded(e.points.cover_percent if e.points else None),
    "points_ci95_low": lambda e: _rounded(e.points.interval.low if e.points else None),
    "points_ci95_high": lambda e: _rounded(e.points.interval.high if e.points else None),
    "points_by": lambda e: e.checked.annotator if e.checked else None,
    "photograph_drawn": lambda e: e.checked.drawn if e.checked else None,
    "points_interval_method": lambda e: "Wilson score interval, 95 %" if e.points else None,
    "model_learned_from_it": lambda e: e.row.learned,
    "left_out_cover_percent": lambda e: _rounded(e.row.left_out_percent),
    "colony_count": lambda e: e.row.colony_count,
    "corners_set_by_hand": lambda e: e.row.corners_manual,
    "frame_partly_visible": lambda e: e.row.partly_visible,
    "excluded_by_hand_percent": lambda e: e.row.excluded_percent,
    "restoration_method": lambda e: e.row.restoration_method,
    "restoration_applied": lambda e: e.row.restoration_applied,
    "model_name": lambda e: e.row.model_name,
    "model_sha256": lambda e: e.row.model_sha256,
    "pipeline_version": lambda e: e.row.pipeline_version,
    "original_file": lambda e: e.row.original_name,
    "original": lambda e: e.row.raw_key,
    "original_version": lambda e: e.row.raw_version_id,
    "execution": lambda e: e.row.execution_name,
    "last_update": lambda e: e.row.last_update.isoformat() if e.row.last_update else None,
}


@dataclass(frozen=True)
class MeanRecord:
    """An island in a year: the model's mean, and what people's points have made of it."""

    mean: MeanCover
    found: Campaign | None

    @property
    def combined(self) -> Mean | None:
        """The figure of model and points together, where there is one."""
        return self.found.combined if self.found else None


_MEANS: Mapping[str, Callable[[MeanRecord], Any]] = {
    "locality": lambda m: m.mean.island,
    "year": lambda m: m.mean.year,
    "n_quadrats": lambda m: m.mean.n,
    "mean_cover_percent": lambda m: round(m.mean.mean, 4),
    "mean_cover_shown": lambda m: _shown(m.mean.mean, m.mean.trust),
    "trust": lambda m: m.mean.trust.state if m.mean.trust else None,
    "standard_deviation": lambda m: _rounded(m.mean.standard_deviation),
    "standard_error": lambda m: _rounded(m.mean.standard_error),
    "status": lambda m: (m.found.status if m.found else Status.NOT_VERIFIED).value,
    "combined_cover_percent": lambda m: _rounded(m.combined.percent if m.combined else None),
    "combined_ci95_low": lambda m: _rounded(m.combined.interval.low if m.combined else None),
    "combined_ci95_high": lambda m: _rounded(m.combined.interval.high if m.combined else None),
    "combined_method": lambda m: m.found.method if m.found else None,
    "colour_treatments": lambda m: "; ".join(m.mean.treatments),
    "models": lambda m: "; ".join(m.mean.models),
}

_CHANGES: Mapping[str, Callable[[PairedChange], Any]] = {
    "locality": lambda c: c.island,
    "from_year": lambda c: c.from_year,
    "to_year": lambda c: c.to_year,
    "n_shared_quadrats": lambda c: c.n,
    "mean_change_points": lambda c: round(c.mean_change, 4),
    "trust": lambda c: c.trust.state if c.trust else None,
    "ci95_low": lambda c: _rounded(c.low),
    "ci95_high": lambda c: _rounded(c.high),
    "status": lambda _: Status.NOT_VERIFIED.value,
    "method": lambda _: _PAIRED_METHOD,
    "colour_treatments": lambda c: "; ".join(c.treatments),
    "models": lambda c: "; ".join(c.models),
}

_COLONIES: Mapping[str, Callable[[ColonyRow], Any]] = {
    "locality": lambda c: c.island,
    "year": lambda c: c.year,
    "quadrat": lambda c: c.location,
    "colony": lambda c: c.number,
    "area_cm2": lambda c: round(c.area_cm2, 3),
    "score": lambda c: round(c.score, 4),
    "cut_by_frame": lambda c: c.cut_by_frame,
}

# A colony's row repeats these of its quadrat: areas in cm2 mean nothing without the scale and the model behind them.
_OF_ITS_QUADRAT = (
    *("eventID", "quadrat_size_cm", "quadrat_height_cm", "px_per_cm"),
    *("status", "corners_set_by_hand", "model_name", "model_sha256", "trust", "to_be_looked_at"),
)


def measurement_rows(
    rows: Iterable[CoverageRow], fields: Fields = NOTHING_SAID, checks: Checks = NOT_CHECKED
) -> list[Row]:
    """Return one row for each quadrat and year."""
    return table(_QUADRATS, entries(rows, fields, checks))


def mean_rows(means: Iterable[MeanCover], figures: Figures = NO_FIGURES) -> list[Row]:
    """Return one row for each island and year: the model's mean, and the figure of model and points together."""
    return table(_MEANS, (MeanRecord(m, figures.get((m.island, m.year))) for m in means))


def change_rows(changes: Iterable[PairedChange]) -> list[Row]:
    """Return one row for each paired change."""
    return table(_CHANGES, changes)


def colony_rows(
    colonies: Iterable[ColonyRow], quadrats: Iterable[CoverageRow] = (), checks: Checks = NOT_CHECKED
) -> list[Row]:
    """Return one row for each colony, with the scale and the model of its quadrat where that is among the quadrats."""
    columns = {name: _QUADRATS[name] for name in _OF_ITS_QUADRAT}
    known = {
        (row.island, row.year, row.location): table(columns, entries([row], NOTHING_SAID, checks))[0]
        for row in quadrats
    }
    unknown = dict.fromkeys(_OF_ITS_QUADRAT)
    colonies = list(colonies)
    rows = (
        {**row, **known.get((colony.island, colony.year, colony.location), unknown)}
        for colony, row in zip(colonies, table(_COLONIES, colonies), strict=True)
    )
    return ExportTable((*_COLONIES, *_OF_ITS_QUADRAT), rows)


def entries(rows: Iterable[CoverageRow], fields: Fields, checks: Checks = NOT_CHECKED) -> list[QuadratRecord]:
    """Return each row with what people know of its photograph and have answered on it."""
    return [QuadratRecord(row, fields_of(row, fields), checked_of(row, checks)) for row in rows]


class ExportTable(list[Row]):
    """Rows that keep their columns where there is no row: a file's header does not depend on what was found."""

    def __init__(self, columns: Iterable[str], rows: Iterable[Row] = ()) -> None:
        """Take the columns' names, and the rows that have them."""
        super().__init__(rows)
        self.columns = tuple(columns)


def columns_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the columns' names; none where there is neither a row nor a `ExportTable`."""
    return rows.columns if isinstance(rows, ExportTable) else tuple(rows[0]) if rows else ()


def table(columns: Mapping[str, Callable[[Item], Any]], items: Iterable[Item]) -> ExportTable:
    """Return one row for each item, with these columns."""
    return ExportTable(columns, ({name: value(item) for name, value in columns.items()} for item in items))


def _shown(percent: float, trust: Trust | None) -> str:
    return marked(cover_text(percent, decimals((trust,))), trust)


def _remarks(trust: Trust | None) -> str | None:
    return trust.sentence if is_marked(trust) else None


def _accuracy(trust: Trust | None) -> str | None:
    """Return the model's error in words, as Darwin Core's measurementAccuracy wants the potential error of a value."""
    if trust is None or trust.error_points is None:
        return None
    return f"mean absolute error on real photographs {trust.error_points:.1f} points"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


@dataclass(frozen=True)
class CsvStyle:
    """How a CSV file separates cells and decimals, and whether it begins with a byte order mark."""

    separator: str
    decimal: str
    byte_order_mark: bool


# R in a locale other than UTF-8 makes the mark part of the first column's name (X...locality), so this has none.
PLAIN = CsvStyle(",", ".", byte_order_mark=False)
# Excel reads accents from a CSV file that begins with the mark only.
FRENCH_EXCEL = CsvStyle(";", ",", byte_order_mark=True)


def to_csv(rows: Sequence[Row], about: About | None, style: CsvStyle = PLAIN) -> bytes:
    """Return a CSV file in UTF-8 whose first line is the header.

    The last two columns are the query and its time; without ``about`` they are left out, because the templates of other
    programs have fixed columns. Logical values are TRUE and FALSE, what is not known is empty. Each row is one line:
    line breaks within a cell become spaces.
    """
    said = {"query": about.query, "exported": about.exported_at.strftime("%Y-%m-%dT%H:%MZ")} if about else {}
    text = io.StringIO()
    writer = csv.writer(text, delimiter=style.separator)
    writer.writerow([*columns_of(rows), *said])
    for row in rows:
        writer.writerow([_cell(value, style) for value in (*row.values(), *said.values())])
    return text.getvalue().encode("utf-8-sig" if style.byte_order_mark else "utf-8")


def about_csv(about: About, style: CsvStyle = PLAIN) -> bytes:
    """Return the about file: columns name and text."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=style.separator)
    writer.writerow(("name", "text"))
    writer.writerows((name, _cell(value, style)) for name, value in about.lines())
    return text.getvalue().encode("utf-8-sig" if style.byte_order_mark else "utf-8")


def to_zip(files: Mapping[str, bytes]) -> bytes:
    """Return a ZIP archive of these files."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for name, body in files.items():
            target.writestr(name, body)
    return archive.getvalue()


def readable(text: str) -> str:
    """Return the text with a replacement mark for each character that XML, and so a workbook, cannot hold."""
    return _UNREADABLE.sub("\ufffd", text)


def _cell(value: Any, style: CsvStyle) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return str(value).replace(".", style.decimal)
    if isinstance(value, str):
        return _harmless(" ".join(readable(value).splitlines()).replace("\t", " "))
    return str(value)


def _harmless(text: str) -> str:
    """Keep a spreadsheet from running a name that looks like a formula (CWE-1236); numbers never come here."""
    return "'" + text if text[:1] in ("=", "+", "-", "@") else text
