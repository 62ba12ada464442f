"""Takes over an ancestor's installation: its photographs and its table, without measuring anything again.

Called by ``python -m local import`` and by the page with a bucket that holds both. Nothing is written unless the whole
table could be read; running it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from importing.matching import ImportPlan, LeftOut, Offered, Pair, Present, match, surveys_of
from importing.settings import Settings
from importing.table_files import TableRow, read_table
from reefsteps.copies import without_run
from reefsteps.coverage_store import ImportedPhotograph
from reefsteps.database import Database
from reefsteps.errors import InvalidParameterError
from reefsteps.import_store import ImportedResult, known_results, record_imports
from reefsteps.observability import logger, step_handler
from reefsteps.results import ObjectRef, Record
from reefsteps.storage import JPEG, Storage
from reefsteps.surveys import SurveyKey, survey_of

SETTINGS = Settings.from_environment()
DATABASE = Database.from_environment()
STORAGE = Storage()

IMPORTED_ETAG = "imported-etag"  # metadata of a copy: the hash of what it was copied from
_COPIES_AT_ONCE = 16
_MOST_TOLD = 2000  # an answer of Lambda may have 6 MB


@dataclass(frozen=True)
class ImportOutcome(Record):
    """What an import did, or (`written` is false) would do."""

    written: bool
    imported: tuple[str, ...]  # names of the quadrats
    unchanged: int  # imported before
    left_out_count: int
    left_out: tuple[LeftOut, ...]  # the first of them


@step_handler("importing")
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Import ``{"bucket", "prefix", "table", "dry_run"}``; returns an ImportOutcome as JSON.

    ``table`` is the key of a CSV or SQL file in the bucket, photographs are the other objects under ``prefix``. Raises
    SpreadsheetError for a table that cannot be read, InvalidParameterError for a malformed request, PhotoNotFoundError
    where the table is missing.
    """
    bucket, prefix, table = (_text(event, name) for name in ("bucket", "prefix", "table"))
    if not bucket or not table or bucket == SETTINGS.raw_bucket:
        raise InvalidParameterError(
            "Give 'bucket', which is not the bucket of original photographs, 'prefix', and 'table', the table's key."
        )
    rows = read_table(STORAGE.get(ObjectRef(bucket, table)).body, table)
    photos = [
        Offered(info.ref, info.etag, info.size_bytes)
        for info in STORAGE.list(bucket, prefix)
        if info.ref.key != table and not info.ref.key.endswith("/")
    ]
    plan = match(photos, rows, _present(photos, rows))
    late = [] if event.get("dry_run") else _import(plan, f"s3://{bucket}/{table}")
    left_out = (*plan.left_out, *(LeftOut(str(survey), "ReefSteps measured it meanwhile.") for survey in late))
    outcome = ImportOutcome(
        written=not event.get("dry_run"),
        imported=tuple(str(pair.survey) for pair in plan.pairs if pair.survey not in late),
        unchanged=len(plan.unchanged),
        left_out_count=len(left_out),
        left_out=left_out[:_MOST_TOLD],
    )
    logger.info("imported", written=outcome.written, count=len(outcome.imported), left_out=len(left_out))
    return outcome.to_json()


def _text(event: Mapping[str, Any], name: str) -> str:
    value = event.get(name, "")
    if not isinstance(value, str):
        raise InvalidParameterError(f"'{name}' is not text.")
    return value


def _present(photos: Sequence[Offered], rows: Sequence[TableRow]) -> dict[SurveyKey, Present]:
    """Return what is here already of the quadrats that the import concerns."""
    wanted = surveys_of(photos, rows)
    originals: dict[SurveyKey, dict[str, str | None]] = {survey: {} for survey in wanted}
    for year in sorted({survey.year for survey in wanted}):
        for listed in STORAGE.list(SETTINGS.raw_bucket, f"{year}-"):
            survey = survey_of(listed.ref.key)
            if survey in originals:
                originals[survey][listed.ref.key] = STORAGE.head(listed.ref).metadata.get(IMPORTED_ETAG)
    with DATABASE.read() as connection:
        known = known_results(connection, wanted)
    return {
        survey: Present(
            measured=survey in known and known[survey].measured,
            imported=survey in known and known[survey].imported,
            coverage=known[survey].coverage if survey in known else None,
            photographs=originals[survey],
        )
        for survey in wanted
    }


def _import(plan: ImportPlan, origin: str) -> list[SurveyKey]:
    """Copy the photographs, then write all rows at once; returns what was measured meanwhile."""
    with ThreadPoolExecutor(_COPIES_AT_ONCE) as pool:
        results = list(pool.map(lambda pair: _copied(pair, origin), plan.pairs))
    return record_imports(DATABASE, results) if results else []


def _copied(pair: Pair, origin: str) -> ImportedResult:
    ref = ObjectRef(SETTINGS.raw_bucket, pair.key)
    if not pair.copied:
        content_type = STORAGE.head(pair.photo.ref).content_type or JPEG
        metadata = without_run(pair.key) | {IMPORTED_ETAG: pair.photo.etag}
        ref = STORAGE.copy(pair.photo.ref, ref.bucket, ref.key, content_type=content_type, metadata=metadata)
    info = STORAGE.head(ref)
    assert pair.row.coverage is not None  # `match` leaves such rows out
    photograph = ImportedPhotograph(info.ref, info.etag, info.uploaded_at)
    return ImportedResult(pair.survey, pair.row.coverage, pair.row.last_update, photograph, origin)
