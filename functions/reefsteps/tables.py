"""The coverage tables, described once for Aurora MySQL, MariaDB and SQLite.

`coral_coverage` is the table that the field's own tools read. `coverage_provenance` and `colony` say where each of its
rows comes from. `imported_result` says which of them another program measured. `point_set` holds points that a person
has answered on a photograph. `removed_photo` remembers what was deleted. `survey` holds a row for every survey ever
written or removed. Writers lock it, so two of them never work on the same survey at once. `survey_fields` holds what
people know of a survey beside its name. `relabelling` and `relabelled_photo` are the journal of photographs that got
another name or another quadrat size.

Text is compared by code point (utf8mb4_bin): Huahine and Huahiné, moorea and Moorea are different names, in MySQL as in
SQLite and Python.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Date,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
)
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateTable

metadata = MetaData()

COLLATION = "utf8mb4_bin"
_MYSQL: Any = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": COLLATION}
_DIALECTS: dict[str, type[Dialect]] = {"mysql": mysql.dialect, "sqlite": sqlite.dialect}


# A missing value is SQL's NULL, not JSON's.
_OPTIONAL_JSON = JSON(none_as_null=True)


def _survey_columns() -> tuple[Column[Any], ...]:
    return (
        Column("island", String(30), primary_key=True),
        Column("location", Integer, primary_key=True, autoincrement=False),
        Column("year", Integer, primary_key=True, autoincrement=False),
    )


coral_coverage = Table(
    "coral_coverage",
    metadata,
    *_survey_columns(),
    Column("coverage", Numeric(5, 2, asdecimal=False)),  # percent
    Column("last_update", Date),
    **_MYSQL,
)

survey = Table("survey", metadata, *_survey_columns(), **_MYSQL)

# Times are ISO 8601 text in UTC with microseconds: the same in the three databases, and in order when sorted.
coverage_provenance = Table(
    "coverage_provenance",
    metadata,
    *_survey_columns(),
    Column("written_at", String(32), nullable=False),
    Column("execution_id", String(512), nullable=False),
    Column("execution_name", String(128), nullable=False),
    Column("execution_started_at", String(32), nullable=False),
    Column("pipeline_version", String(128), nullable=False),
    Column("raw_bucket", String(63), nullable=False),
    Column("raw_key", String(255), nullable=False),
    Column("raw_version_id", String(255)),
    Column("uploaded_at", String(32), nullable=False),
    Column("captured_at", String(32)),
    Column("side_cm", Double, nullable=False),  # along the top of the reframed picture
    Column("height_cm", Double),  # a rectangle's other length; empty for a square
    Column("px_per_cm", Double, nullable=False),
    Column("corners_manual", Boolean, nullable=False),
    Column("colony_count", Integer, nullable=False),
    Column("score_threshold", Double, nullable=False),
    Column("model_name", String(255), nullable=False),
    Column("model_sha256", String(64), nullable=False),
    Column("restoration", JSON, nullable=False),  # the steps' records, complete but for the colonies
    Column("reframing", JSON, nullable=False),
    Column("segmentation", JSON, nullable=False),
    Index("coverage_provenance_written_at", "written_at"),
    Index("coverage_provenance_year", "year", "island", "location"),
    **_MYSQL,
)

colony = Table(
    "colony",
    metadata,
    *_survey_columns(),
    Column("number", Integer, primary_key=True, autoincrement=False),  # from 1, best score first
    Column("area_cm2", Double, nullable=False),
    Column("score", Double, nullable=False),
    Column("cut_by_frame", Boolean, nullable=False),
    Column("box_px", JSON, nullable=False),  # x0, y0, x1, y1 in the reframed picture
    ForeignKeyConstraint(
        ["island", "location", "year"],
        ["coverage_provenance.island", "coverage_provenance.location", "coverage_provenance.year"],
        name="colony_of_result",
        ondelete="CASCADE",
    ),
    Index("colony_year", "year", "island"),
    **_MYSQL,
)

# Rows of `coral_coverage` that another program measured, with the photograph that was imported beside each.
imported_result = Table(
    "imported_result",
    metadata,
    *_survey_columns(),
    Column("imported_at", String(32), nullable=False),
    Column("origin", String(255), nullable=False),  # the file that the row was read from
    Column("raw_bucket", String(63), nullable=False),
    Column("raw_key", String(255), nullable=False),
    Column("raw_version_id", String(255)),
    Column("etag", String(64), nullable=False),
    Column("uploaded_at", String(32), nullable=False),
    **_MYSQL,
)

# What a person has answered at points of a photograph. Positions are in the original's pixels, so they outlive a run;
# `removed_photo` and relabellings act on them by the photograph's version.
point_set = Table(
    "point_set",
    metadata,
    *_survey_columns(),
    Column("raw_version_id", String(255), primary_key=True),  # empty where the bucket keeps no versions
    Column("set_id", String(32), primary_key=True),  # of annotator and source
    Column("raw_bucket", String(63), nullable=False),
    Column("raw_key", String(255), nullable=False),
    Column("uploaded_at", String(32), nullable=False),
    Column("recorded_at", String(32), nullable=False),
    Column("annotator", String(128), nullable=False),
    Column("annotated_at", String(32)),  # as the person's program wrote it
    Column("source", String(32), nullable=False),  # CoralNet, CPCe, CSV, ...
    Column("origin", String(255), nullable=False),  # the file that it was read from
    Column("drawn", String(16), nullable=False),  # how the photograph was chosen: at random, by hand
    Column("layout", String(32), nullable=False),
    Column("width_px", Integer, nullable=False),  # of the original photograph
    Column("height_px", Integer, nullable=False),
    Column("answers", String(2000), nullable=False),  # a letter for each point: c coral, o other, u cannot tell
    Column("points", JSON, nullable=False),  # {"x": [...], "y": [...], "labels": [...]}
    **_MYSQL,
)

removed_photo = Table(
    "removed_photo",
    metadata,
    *_survey_columns(),
    Column("raw_key", String(255), primary_key=True),
    # A version that is gone for good; empty where the key was deleted, which covers all that was uploaded before.
    Column("raw_version_id", String(255), primary_key=True),
    Column("removed_at", String(32), nullable=False),
    Column("sequencer", String(64)),
    Column("requested_by", String(64)),
    **_MYSQL,
)

survey_fields = Table(
    "survey_fields",
    metadata,
    *_survey_columns(),
    Column("site", String(120)),
    Column("depth_m", Double),
    Column("event_date", String(10)),  # ISO 8601
    Column("transect", String(120)),
    Column("latitude", Double),
    Column("longitude", Double),
    Column("observer", String(120)),
    **_MYSQL,
)

relabelling = Table(
    "relabelling",
    metadata,
    Column("id", String(80), primary_key=True),  # the execution's name
    Column("requested_at", String(32), nullable=False),
    Column("requested_by", String(128)),
    Column("undoes", String(80)),  # the relabelling that this one takes back
    Index("relabelling_requested_at", "requested_at"),
    **_MYSQL,
)

relabelled_photo = Table(
    "relabelled_photo",
    metadata,
    Column("relabelling_id", String(80), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),  # from 1, in the order of the request
    Column("group_number", Integer, nullable=False),  # what must move together
    Column("island", String(30), nullable=False),
    Column("location", Integer, nullable=False),
    Column("year", Integer, nullable=False),
    Column("new_island", String(30), nullable=False),
    Column("new_location", Integer, nullable=False),
    Column("new_year", Integer, nullable=False),
    Column("size_before", String(32)),
    Column("size_after", String(32)),  # None: the size stays
    Column("fields_before", _OPTIONAL_JSON),
    Column("fields_after", _OPTIONAL_JSON),  # None: the fields stay
    Column("state", String(16), nullable=False),  # planned, copying, moved, done, refused
    Column("reason", String(500)),  # of a refusal
    Column("raw_key", String(255)),
    Column("raw_version_id", String(255)),
    Column("new_key", String(255)),
    Column("new_version_id", String(255)),
    Column("marker_version_id", String(255)),  # of the delete marker that took the old key away
    Column("snapshot", _OPTIONAL_JSON),  # what the copies are made from, until the photograph has moved
    Column("changed_at", String(32), nullable=False),
    Index("relabelled_photo_key", "raw_key"),
    Index("relabelled_photo_survey", "island", "year", "location"),
    **_MYSQL,
)


def create_statements(dialect: str) -> list[str]:
    """Return the ``CREATE TABLE IF NOT EXISTS`` (and, for SQLite, index) statements for ``mysql`` or ``sqlite``.

    For MySQL the indices are part of the tables, so that running the statements again changes nothing.
    """
    compiler = _DIALECTS[dialect]()
    statements: list[str] = []
    for table in metadata.sorted_tables:
        create = str(CreateTable(table, if_not_exists=True).compile(dialect=compiler)).strip()
        indices = sorted(table.indexes, key=lambda index: str(index.name))
        if dialect == "mysql":
            inline = "".join(f",\n\tINDEX {index.name} ({', '.join(index.columns.keys())})" for index in indices)
            body, end, options = create.rpartition("\n)")
            create = body + inline + end + options
            statements.append(create)
        else:
            statements.append(create)
            statements += [
                f"CREATE INDEX IF NOT EXISTS {index.name} ON {table.name} ({', '.join(index.columns.keys())})"
                for index in indices
            ]
    return statements


def type_sql(column: Column[Any], dialect: str) -> str:
    """Return the column's type as ``mysql`` or ``sqlite`` writes it."""
    return str(column.type.compile(dialect=_DIALECTS[dialect]()))
