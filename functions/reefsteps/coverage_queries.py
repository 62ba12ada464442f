"""Reading coverage: what the page shows, each in one query.

All functions take an open connection (`reefsteps.database.Database.read`). Filters that are None do not filter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Select, Table, and_, select

from reefsteps.document import Execution
from reefsteps.quadrat_size import QuadratSize
from reefsteps.results import ReframingResult, RestorationResult, SegmentationResult
from reefsteps.surveys import SurveyKey
from reefsteps.tables import colony, coral_coverage, coverage_provenance


@dataclass(frozen=True)
class CoverageRow:
    """One quadrat in one year. What follows `last_update` is None for rows that another program wrote."""

    island: str
    location: int
    year: int
    cover_percent: float
    last_update: date | None
    colony_count: int | None
    side_cm: float | None
    px_per_cm: float | None
    corners_manual: bool | None
    captured_at: str | None
    model_name: str | None
    model_sha256: str | None
    pipeline_version: str | None
    execution_name: str | None
    written_at: str | None
    raw_key: str | None
    raw_version_id: str | None
    height_cm: float | None = None  # a rectangle's other length; None for a square

    @property
    def size(self) -> QuadratSize | None:
        """The quadrat's size; None where another program wrote the row."""
        return None if self.side_cm is None else QuadratSize.of(self.side_cm, self.height_cm)


@dataclass(frozen=True)
class Provenance:
    """Where a coverage row comes from: the run and the records of its steps (colonies included)."""

    written_at: str
    execution: Execution
    pipeline_version: str
    restoration: RestorationResult
    reframing: ReframingResult
    segmentation: SegmentationResult


@dataclass(frozen=True)
class ColonyRow:
    """One colony, for size-frequency distributions."""

    island: str
    location: int
    year: int
    number: int
    area_cm2: float
    score: float
    cut_by_frame: bool


def coverage_rows(
    connection: Connection, *, island: str | None = None, year: int | None = None, location: int | None = None
) -> list[CoverageRow]:
    """Return coverage by island, year and position."""
    c = coral_coverage.c
    query = _filtered(_coverage(), coral_coverage, island, year, location).order_by(c.island, c.year, c.location)
    return [CoverageRow(*row) for row in connection.execute(query)]


def provenance(connection: Connection, survey: SurveyKey) -> Provenance | None:
    """Return where the survey's row comes from; None if there is no row, or another program wrote it."""
    query = _filtered(select(coverage_provenance), coverage_provenance, survey.island, survey.year, survey.location)
    row = connection.execute(query).first()
    if row is None:
        return None
    found = [
        {"area_cm2": c.area_cm2, "score": c.score, "box_px": c.box_px, "cut_by_frame": bool(c.cut_by_frame)}
        for c in connection.execute(
            _filtered(select(colony), colony, survey.island, survey.year, survey.location).order_by(colony.c.number)
        )
    ]
    return Provenance(
        written_at=row.written_at,
        execution=Execution(row.execution_id, row.execution_name, row.execution_started_at),
        pipeline_version=row.pipeline_version,
        restoration=RestorationResult.from_json(row.restoration),
        reframing=ReframingResult.from_json(row.reframing),
        segmentation=SegmentationResult.from_json(row.segmentation | {"colonies": found}),
    )


def colony_rows(connection: Connection, *, island: str | None = None, year: int | None = None) -> list[ColonyRow]:
    """Return colonies by island, year, position and number."""
    c = colony.c
    query = select(c.island, c.location, c.year, c.number, c.area_cm2, c.score, c.cut_by_frame)
    query = _filtered(query, colony, island, year, None).order_by(c.island, c.year, c.location, c.number)
    return [ColonyRow(*row) for row in connection.execute(query)]


def _coverage() -> Select[Any]:
    c, p = coral_coverage.c, coverage_provenance.c
    columns = (
        *(c.island, c.location, c.year, c.coverage, c.last_update),
        *(p.colony_count, p.side_cm, p.px_per_cm, p.corners_manual, p.captured_at, p.model_name, p.model_sha256),
        *(p.pipeline_version, p.execution_name, p.written_at, p.raw_key, p.raw_version_id),
        p.height_cm,
    )
    return select(*columns).select_from(_with_provenance()).where(c.coverage.is_not(None))


def _with_provenance() -> Any:
    c, p = coral_coverage.c, coverage_provenance.c
    same = and_(c.island == p.island, c.location == p.location, c.year == p.year)
    return coral_coverage.outerjoin(coverage_provenance, same)


def _filtered(
    query: Select[Any], table: Table, island: str | None, year: int | None, location: int | None
) -> Select[Any]:
    for column, value in ((table.c.island, island), (table.c.year, year), (table.c.location, location)):
        if value is not None:
            query = query.where(column == value)
    return query
