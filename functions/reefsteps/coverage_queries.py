"""Reading coverage: what the page shows, each in one query.

All functions take an open connection (`reefsteps.database.Database.read`). Filters that are None do not filter. The row
of the smoke test, which exists for some seconds, is returned only to a query for its island.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, and_, select, tuple_

from reefsteps.document import Execution
from reefsteps.results import ReframingResult, RestorationResult, SegmentationResult, Trust
from reefsteps.survey_fields import SurveyFields
from reefsteps.surveys import SMOKE_TEST_ISLAND, SurveyKey
from reefsteps.tables import colony, coral_coverage, coverage_provenance, imported_result
from reefsteps.tables import survey_fields as survey_fields_table

_AT_ONCE = 200  # surveys in one condition


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
    original_name: str | None = None  # of the file, as its owner named it
    restoration_method: str | None = None
    restoration_applied: bool | None = None
    partly_visible: bool | None = None
    excluded_percent: float | None = None  # share of the inner area that a person has left out; None: nothing
    trust: Trust | None = None  # of the model when it measured; None in rows older than the field
    to_be_looked_at: tuple[str, ...] | None = None  # why the picture is unlike what the model knows, in sentences
    imported_at: str | None = None  # of rows that another program measured and that were imported with a photograph
    imported_key: str | None = None  # that photograph
    grey: bool | None = None  # the photograph holds no colours
    low_resolution: bool | None = None  # the quadrat has fewer pixels than the model looks at
    original_sha256: str | None = None  # of the photograph's file; None in rows older than the field
    learned: bool | None = None  # the model learned from the photograph; None where it does not say from which
    left_out_percent: float | None = None  # then: cover by a model fitted without it; None where there is none


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
class PhotographVersion:
    """The photograph behind a result of ours."""

    bucket: str
    key: str
    version_id: str | None
    uploaded_at: str


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


@dataclass(frozen=True)
class ColonyBox(ColonyRow):
    """One colony and its box in the reframed picture: x0, y0, x1, y1 in pixels."""

    box_px: tuple[float, float, float, float]


def coverage_rows(
    connection: Connection, *, island: str | None = None, year: int | None = None, location: int | None = None
) -> list[CoverageRow]:
    """Return coverage by island, year and position."""
    c = coral_coverage.c
    query = _filtered(_coverage(), coral_coverage, island, year, location).order_by(c.island, c.year, c.location)
    return [_coverage_row(row) for row in connection.execute(query)]


def _coverage_row(row: Row[Any]) -> CoverageRow:
    values = dict(row._mapping)
    for name in ("restoration_applied", "partly_visible", "grey", "low_resolution", "learned"):
        values[name] = _truth(values[name])
    for name in ("excluded_percent", "left_out_percent"):
        values[name] = None if values[name] is None else float(values[name])
    values["trust"] = Trust.from_json(values["trust"]) if values["trust"] else None
    reasons = values["to_be_looked_at"]
    values["to_be_looked_at"] = None if reasons is None else tuple(reasons)
    return CoverageRow(**values)


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


def photographs_of_results(
    connection: Connection, surveys: Collection[SurveyKey]
) -> dict[SurveyKey, PhotographVersion]:
    """Return which photograph each of these surveys was measured on; surveys without a result of ours are left out."""
    p = coverage_provenance.c
    found = {}
    ordered = sorted(surveys)
    for start in range(0, len(ordered), _AT_ONCE):
        keys = [(key.island, key.location, key.year) for key in ordered[start : start + _AT_ONCE]]
        columns = p.island, p.location, p.year, p.raw_bucket, p.raw_key, p.raw_version_id, p.uploaded_at
        for row in connection.execute(select(*columns).where(tuple_(p.island, p.location, p.year).in_(keys))):
            survey = SurveyKey(row.year, row.island, row.location)
            found[survey] = PhotographVersion(row.raw_bucket, row.raw_key, row.raw_version_id, row.uploaded_at)
    return found


def colony_rows(connection: Connection, *, island: str | None = None, year: int | None = None) -> list[ColonyRow]:
    """Return colonies by island, year, position and number."""
    c = colony.c
    query = select(c.island, c.location, c.year, c.number, c.area_cm2, c.score, c.cut_by_frame)
    query = _filtered(query, colony, island, year, None).order_by(c.island, c.year, c.location, c.number)
    return [ColonyRow(*row) for row in connection.execute(query)]


def survey_fields(connection: Connection) -> dict[SurveyKey, SurveyFields]:
    """Return what people know of each survey beside its name; surveys of which nothing is known are left out."""
    found = {}
    for row in connection.execute(
        _filtered(select(survey_fields_table), survey_fields_table, None, None, None)
    ).mappings():
        fields = {name: row[name] for name in SurveyFields.__dataclass_fields__}
        found[SurveyKey(row["year"], row["island"], row["location"])] = SurveyFields(**fields)
    return found


def colony_boxes(connection: Connection, *, island: str) -> list[ColonyBox]:
    """Return the colonies of an island with their boxes, in the order of `colony_rows`."""
    c = colony.c
    query = select(c.island, c.location, c.year, c.number, c.area_cm2, c.score, c.cut_by_frame, c.box_px)
    query = _filtered(query, colony, island, None, None).order_by(c.year, c.location, c.number)
    return [ColonyBox(**{**row._mapping, "box_px": tuple(row.box_px)}) for row in connection.execute(query)]


# A JSON true as text: SQLite says 1, MySQL and MariaDB say true. SQLAlchemy's as_boolean() would read a key that is not
# there as false on MariaDB (SQLAlchemy 2.1), and a record older than the key says neither.
_TRUE = frozenset(("true", "1"))


def _truth(text: str | None) -> bool | None:
    return None if text is None else text in _TRUE


def _coverage() -> Select[Any]:
    c, p, i = coral_coverage.c, coverage_provenance.c, imported_result.c
    # Labelled by the fields of CoverageRow.
    columns = (
        *(c.island, c.location, c.year, c.coverage.label("cover_percent"), c.last_update),
        *(p.colony_count, p.side_cm, p.px_per_cm, p.corners_manual, p.captured_at, p.model_name, p.model_sha256),
        *(p.pipeline_version, p.execution_name, p.written_at, p.raw_key, p.raw_version_id, p.height_cm),
        p.restoration[("source", "original_name")].as_string().label("original_name"),
        p.restoration["method"].as_string().label("restoration_method"),
        p.restoration["applied"].as_string().label("restoration_applied"),
        p.reframing["partly_visible"].as_string().label("partly_visible"),
        p.segmentation["excluded_percent"].as_string().label("excluded_percent"),
        p.restoration[("source", "grey")].as_string().label("grey"),
        p.segmentation["low_resolution"].as_string().label("low_resolution"),
        p.restoration[("source", "sha256")].as_string().label("original_sha256"),
        p.segmentation["learned"].as_string().label("learned"),
        p.segmentation["left_out_cover_percent"].as_string().label("left_out_percent"),
        *(p.segmentation["trust"].label("trust"), p.segmentation["to_be_looked_at"].label("to_be_looked_at")),
        *(i.imported_at, i.raw_key.label("imported_key")),
    )
    return select(*columns).select_from(_with_provenance()).where(c.coverage.is_not(None))


def _with_provenance() -> Any:
    c, p = coral_coverage.c, coverage_provenance.c
    i = imported_result.c
    same = and_(c.island == p.island, c.location == p.location, c.year == p.year)
    imported = and_(c.island == i.island, c.location == i.location, c.year == i.year)
    return coral_coverage.outerjoin(coverage_provenance, same).outerjoin(imported_result, imported)


def _filtered(
    query: Select[Any], table: Table, island: str | None, year: int | None, location: int | None
) -> Select[Any]:
    if island is None:
        query = query.where(table.c.island != SMOKE_TEST_ISLAND)
    for column, value in ((table.c.island, island), (table.c.year, year), (table.c.location, location)):
        if value is not None:
            query = query.where(column == value)
    return query
