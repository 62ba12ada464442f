"""Writing results that another program measured, all of an import in one transaction."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, tuple_

from reefsteps.coverage_store import (
    ImportedPhotograph,
    lock_surveys,
    refuse_other_name,
    timestamp,
    write_coverage,
)
from reefsteps.database import Database
from reefsteps.surveys import SurveyKey
from reefsteps.tables import coral_coverage, coverage_provenance, imported_result
from reefsteps.text_columns import fitted

_AT_ONCE = 200  # surveys in one condition


@dataclass(frozen=True)
class ImportedResult:
    """A row of another program and its photograph, which lies in the raw bucket."""

    survey: SurveyKey
    coverage: float  # percent
    last_update: datetime.date | None
    photograph: ImportedPhotograph
    origin: str  # the file that the row was read from


@dataclass(frozen=True)
class KnownResult:
    """What the database holds of a quadrat."""

    coverage: float | None
    measured: bool
    imported: bool


def known_results(connection: Connection, surveys: Collection[SurveyKey]) -> dict[SurveyKey, KnownResult]:
    """Return what the database holds of these quadrats."""
    c, p, i = coral_coverage.c, coverage_provenance.c, imported_result.c
    found: dict[SurveyKey, KnownResult] = {}
    ordered = sorted(surveys)
    for start in range(0, len(ordered), _AT_ONCE):
        keys = [(key.island, key.location, key.year) for key in ordered[start : start + _AT_ONCE]]
        joined = coral_coverage.outerjoin(
            coverage_provenance, (c.island == p.island) & (c.location == p.location) & (c.year == p.year)
        ).outerjoin(imported_result, (c.island == i.island) & (c.location == i.location) & (c.year == i.year))
        query = select(c.island, c.location, c.year, c.coverage, p.written_at, i.imported_at).select_from(joined)
        for row in connection.execute(query.where(tuple_(c.island, c.location, c.year).in_(keys))):
            key = SurveyKey(row.year, row.island, row.location)
            found[key] = KnownResult(row.coverage, row.written_at is not None, row.imported_at is not None)
    return found


def record_imports(database: Database, results: Sequence[ImportedResult]) -> list[SurveyKey]:
    """Write the rows and their marks, all or none; returns those that were measured meanwhile and are left alone.

    Raises DatabaseUnavailableError.
    """
    ordered = sorted(results, key=lambda result: result.survey)

    def work(connection: Connection) -> list[SurveyKey]:
        lock_surveys(connection, [result.survey for result in ordered])
        known = known_results(connection, [result.survey for result in ordered])
        skipped = [result.survey for result in ordered if result.survey in known and known[result.survey].measured]
        for result in ordered:
            if result.survey not in skipped:
                _write(connection, result)
        return skipped

    return database.write(work)


def _write(connection: Connection, result: ImportedResult) -> None:
    key, image = result.survey, result.photograph.image
    refuse_other_name(connection, key)
    names = {"island": key.island, "location": key.location, "year": key.year}
    write_coverage(connection, names | {"coverage": result.coverage, "last_update": result.last_update})
    i = imported_result.c
    connection.execute(
        delete(imported_result).where(i.island == key.island, i.location == key.location, i.year == key.year)
    )
    values = names | {
        "imported_at": timestamp(),
        "origin": result.origin,
        "raw_bucket": image.bucket,
        "raw_key": image.key,
        "raw_version_id": image.version_id,
        "etag": result.photograph.etag,
        "uploaded_at": timestamp(result.photograph.uploaded_at),
    }
    connection.execute(insert(imported_result), fitted(imported_result, values))
