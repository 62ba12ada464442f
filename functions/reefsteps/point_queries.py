"""Reading what points are placed by: the photographs behind results, and where their quadrats lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from reefsteps.coverage_store import where_survey
from reefsteps.points.matching import Measured
from reefsteps.points.placing import FrameInPhoto
from reefsteps.results import Point
from reefsteps.surveys import SurveyKey
from reefsteps.tables import coverage_provenance, point_set


def measured_photographs(
    connection: Connection, *, with_points: bool = False, survey: SurveyKey | None = None
) -> list[Measured]:
    """Return the photographs of all results of ours, or only those with points or of one survey.

    They come by island, year and position.
    """
    p, c = coverage_provenance.c, point_set.c
    query = select(p.island, p.location, p.year, p.raw_key, p.raw_version_id, p.restoration, p.reframing)
    if survey:
        query = query.where(*where_survey(coverage_provenance, survey))
    if with_points:
        same = c.island == p.island, c.location == p.location, c.year == p.year
        query = query.where(select(c.set_id).where(*same).exists())
    found = []
    for row in connection.execute(query.order_by(p.island, p.year, p.location)):
        source = row.restoration["source"]
        names = row.raw_key, row.raw_version_id, source.get("original_name")
        found.append(Measured(SurveyKey(row.year, row.island, row.location), *names, _frame(source, row.reframing)))
    return found


def _frame(source: Mapping[str, Any], reframing: Mapping[str, Any]) -> FrameInPhoto:
    """Read what places points from the steps' records, and nothing else: thousands are read for a page's first view."""
    return FrameInPhoto(
        source["width_px"],
        source["height_px"],
        _outline(reframing["corners_px"]),
        reframing.get("lens_term", 0.0),
        tuple(_outline(area) for area in reframing.get("excluded_px", ())),
    )


def _outline(points: Sequence[Sequence[float]]) -> tuple[Point, ...]:
    return tuple((float(x), float(y)) for x, y in points)
