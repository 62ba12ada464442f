"""Tables about points: estimates with their intervals, change, and the points themselves, which import reads again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from frontend.domain.estimates.campaign import Campaign, Mean
from frontend.domain.exports import ExportTable, Row, table
from frontend.domain.verified import YearlyChange
from reefsteps.points.answers import NAMES, Answer
from reefsteps.points.point_sets import PointSet

_ESTIMATES: Mapping[str, Callable[[Campaign], Any]] = {
    "locality": lambda c: c.island,
    "year": lambda c: c.year,
    "status": lambda c: c.status.value,
    "recommended_cover_percent": lambda c: round(c.recommended_percent, 4),
    "ci95_low": lambda c: _low(c.combined),
    "ci95_high": lambda c: _high(c.combined),
    "method": lambda c: c.method,
    "stands_for": lambda c: c.target.value,
    "n_quadrats": lambda c: c.quadrats,
    "n_verified": lambda c: c.verified,
    "n_missing_for_an_interval": lambda c: c.missing,
    "model_cover_percent": lambda c: round(c.model_percent, 4),
    "points_minus_model": lambda c: _rounded(c.difference_points),
    "points_cover_percent": lambda c: _rounded(c.points.percent if c.points else None),
    "points_ci95_low": lambda c: _low(c.points),
    "points_ci95_high": lambda c: _high(c.points),
    "standard_error": lambda c: _rounded(c.combined.standard_error if c.combined else None),
    "degrees_of_freedom": lambda c: c.combined.degrees if c.combined else None,
    "slope": lambda c: _rounded(c.slope),
    "n_left_out_learned_from": lambda c: c.left_out,
    "n_predicted_without_it": lambda c: c.cross_fitted,
    "n_other_program": lambda c: c.elsewhere,
}

_CHANGES: Mapping[str, Callable[[YearlyChange], Any]] = {
    "locality": lambda c: c.island,
    "from_year": lambda c: c.from_year,
    "to_year": lambda c: c.to_year,
    "change_points": lambda c: _rounded(c.change.points if c.change else None),
    "ci95_low": lambda c: _rounded(c.change.interval.low if c.change else None),
    "ci95_high": lambda c: _rounded(c.change.interval.high if c.change else None),
    "paired": lambda c: c.change.is_paired if c.change else None,
    "n_quadrats": lambda c: c.change.quadrats if c.change else None,
    "n_verified": lambda c: c.change.verified if c.change else None,
    "method": lambda c: c.change.method if c.change else "too few verified quadrats",
}

POINTS = (
    *("eventID", "file", "x", "y", "label", "answer", "annotator", "annotated_at", "layout", "source", "drawn"),
    *("width", "height", "original_version"),
)


def estimate_rows(campaigns: Iterable[Campaign]) -> list[Row]:
    """Return one row for each island and year."""
    return table(_ESTIMATES, campaigns)


def change_rows(changes: Iterable[YearlyChange]) -> list[Row]:
    """Return one row for each two successive years of an island."""
    return table(_CHANGES, changes)


def point_rows(sets: Iterable[PointSet]) -> list[Row]:
    """Return one row for each point; `reefsteps.points.files.read_points` reads the file again without loss."""
    return ExportTable(POINTS, (row for one in sets for row in _points(one)))


def _points(one: PointSet) -> Iterable[Row]:
    for x, y, label, answer in zip(one.x, one.y, one.labels, one.answers, strict=True):
        values = (
            *(one.survey.stem, one.raw_key, x, y, label, NAMES[Answer(answer)], one.annotator, one.annotated_at),
            *(one.layout, one.source, one.drawn, one.width_px, one.height_px, one.raw_version_id),
        )
        yield dict(zip(POINTS, values, strict=True))


def _low(mean: Mean | None) -> float | None:
    return None if mean is None else round(mean.interval.low, 4)


def _high(mean: Mean | None) -> float | None:
    return None if mean is None else round(mean.interval.high, 4)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
