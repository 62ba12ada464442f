"""Writing coverage: one survey at a time, so that the newest photograph's newest result wins, once.

Every change of a survey begins by locking the survey's row, which keeps a late result, a newer one and a removal apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Row, Table, delete, insert, select
from sqlalchemy.dialects import mysql, sqlite

from reefsteps.database import Database
from reefsteps.document import Execution
from reefsteps.errors import ExistingTableError
from reefsteps.point_rows import remove_points
from reefsteps.precedence import Run, Upload, compare_runs, compare_uploads, instant, same_photo
from reefsteps.relabel_states import COPYING
from reefsteps.removals import Removal
from reefsteps.results import ObjectRef, Record, ReframingResult, RestorationResult, SegmentationResult, Source
from reefsteps.surveys import SurveyKey
from reefsteps.tables import (
    colony,
    coral_coverage,
    coverage_provenance,
    imported_result,
    relabelled_photo,
    removed_photo,
    survey,
)
from reefsteps.text_columns import fitted
from reefsteps.texts import storable

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Result:
    """A finished run: what the steps found, and which run found it."""

    survey: SurveyKey
    execution: Execution
    restoration: RestorationResult
    reframing: ReframingResult
    segmentation: SegmentationResult
    pipeline_version: str

    @property
    def source(self) -> Source:
        """The photograph that was measured."""
        return self.restoration.source

    @property
    def run(self) -> Run:
        """The run as it is compared with others."""
        started_at = timestamp(self.execution.started_at)
        return Run(self.source, started_at, self.execution.name, self.reframing.decided_at)


@dataclass(frozen=True)
class WriteOutcome(Record):
    """Whether the result is the survey's row now, and if not, why."""

    written: bool
    reason: str | None = None
    cover_percent: float | None = None  # that is the survey's row now; None for no row
    former_percent: float | None = None  # that was the survey's row before
    deleted: bool = False  # the photograph has no result, because it was deleted or has another name
    moving: bool = False  # it is being given another name or size


@dataclass(frozen=True)
class ImportedPhotograph:
    """A photograph that was imported together with its row."""

    image: ObjectRef
    etag: str
    uploaded_at: str
    sequencer: str | None = None

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        """Read a row of `imported_result`."""
        return cls(ObjectRef(row.raw_bucket, row.raw_key, row.raw_version_id), row.etag, row.uploaded_at)


def record_result(database: Database, result: Result) -> WriteOutcome:
    """Make the result the survey's row, unless what is there is newer or the photograph was deleted meanwhile.

    Running it again with the same result changes nothing but the time. Raises DatabaseUnavailableError.
    """

    def work(connection: Connection) -> WriteOutcome:
        former = _percent_of_row(connection, result.survey)
        refusal = _refusal(connection, result.survey, result.run)
        if refusal is not None:
            return replace(refusal, cover_percent=former, former_percent=former)
        refuse_other_name(connection, result.survey)
        _delete_rows(connection, result.survey, (imported_result, colony, coverage_provenance))
        write_coverage(connection, _coverage_row(result))
        connection.execute(insert(coverage_provenance), fitted(coverage_provenance, _provenance_row(result)))
        if result.segmentation.colonies:
            connection.execute(insert(colony), _colony_rows(result))
        return WriteOutcome(True, cover_percent=result.segmentation.cover_percent, former_percent=former)

    return _locked(database, result.survey, work)


def withdraw_result(database: Database, key: SurveyKey, run: Run, why: str) -> WriteOutcome:
    """Delete the survey's rows because a person says in `run` that its photograph shows no quadrat.

    ``why`` is the outcome's. Nothing is deleted where a newer photograph or a later decision has been recorded. Raises
    DatabaseUnavailableError.
    """

    def work(connection: Connection) -> WriteOutcome:
        former = _percent_of_row(connection, key)
        refusal = _refusal(connection, key, run)
        if refusal is not None:
            return replace(refusal, cover_percent=former, former_percent=former)
        refuse_other_name(connection, key)
        _delete_rows(connection, key, (imported_result, colony, coverage_provenance, coral_coverage))
        return WriteOutcome(written=False, reason=why, former_percent=former)

    return _locked(database, key, work)


def remove_result(
    database: Database, key: SurveyKey, removals: Iterable[Removal], is_kept: Callable[[Upload], bool]
) -> bool:
    """Remember the deletions, and delete rows and points unless `is_kept` says that their photograph still exists.

    Returns whether a coverage row was deleted. Raises DatabaseUnavailableError.
    """
    tombstones = list(removals)

    def work(connection: Connection) -> bool:
        for tombstone in tombstones:
            remember_removal(connection, key, tombstone)
        remove_points(connection, key, is_kept)
        photograph = _photograph_of_row(connection, key)
        if photograph is not None and is_kept(photograph):
            return False
        refuse_other_name(connection, key)
        found = _delete_rows(connection, key, (imported_result, colony, coverage_provenance, coral_coverage))
        return found > 0

    return _locked(database, key, work)


def kept_result(database: Database, key: SurveyKey, why: str) -> WriteOutcome:
    """Return the outcome of a run that leaves the survey's row as it is. Raises DatabaseUnavailableError."""
    with database.read() as connection:
        percent = _percent_of_row(connection, key)
    return WriteOutcome(written=False, reason=why, cover_percent=percent, former_percent=percent)


def has_result(database: Database, key: SurveyKey, photo: Upload) -> bool:
    """Tell whether the survey's row was measured on this photograph. Raises DatabaseUnavailableError."""
    with database.read() as connection:
        measured = _photograph_of_row(connection, key)
    return measured is not None and same_photo(measured, photo)


def forget_removals(database: Database, key: SurveyKey, current: Upload) -> int:
    """Forget deletions that cover a photograph which exists (again): a deletion that was undone. Returns how many."""

    def work(connection: Connection) -> int:
        undone = [removal for removal in kept_removals(connection, key) if removal.covers(current)]
        for removal in undone:
            _forget(connection, key, removal)
        return len(undone)

    return _locked(database, key, work)


def _locked(database: Database, key: SurveyKey, work: Callable[[Connection], Answer]) -> Answer:
    def locked(connection: Connection) -> Answer:
        lock_surveys(connection, [key])
        return work(connection)

    return database.write(locked)


def lock_surveys(connection: Connection, keys: Sequence[SurveyKey]) -> None:
    """Lock the surveys' rows until the end of the transaction, whether they were there before or not.

    Give several in their order, so that two writers cannot wait for each other.
    """
    rows = [_primary_key(key) for key in keys]
    if not rows:
        return
    if connection.dialect.name == "mysql":
        lock = mysql.insert(survey)
        connection.execute(lock.on_duplicate_key_update(year=lock.inserted.year), rows)
    else:
        connection.execute(sqlite.insert(survey).on_conflict_do_nothing(), rows)


def survey_rows(connection: Connection, table: Table, key: SurveyKey) -> list[dict[str, Any]]:
    """Return the survey's rows of a table without the columns that name the survey, in the order of the key."""
    query = select(table).where(*where_survey(table, key)).order_by(*table.primary_key.columns)
    named = _primary_key(key).keys()
    return [
        {name: value for name, value in row.items() if name not in named}
        for row in connection.execute(query).mappings()
    ]


def _refusal(connection: Connection, key: SurveyKey, run: Run) -> WriteOutcome | None:
    source = run.upload
    for removal in kept_removals(connection, key):
        if removal.covers(source):
            return WriteOutcome(written=False, reason=removal.reason, deleted=True)
    if is_moving(connection, key, source.image.version_id):
        why = "The photograph is being given another name or size."
        return WriteOutcome(written=False, reason=why, moving=True)
    present = _present(connection, key)
    if present is None:
        return None
    kept = _source_of(present)
    decided_at = present.reframing.get("decided_at")
    if compare_runs(Run(kept, present.execution_started_at, present.execution_name, decided_at), run) <= 0:
        return None
    why = f"A photograph uploaded later, at {kept.uploaded_at}, has been measured already."
    if compare_uploads(kept, source) == 0:
        what = "this photograph" if same_photo(kept, source) else "a photograph uploaded in the same second"
        why = (
            f"A run of {what} that started later, at {present.execution_started_at}, or that obeys a later decision of "
            "a person, has been recorded already."
        )
    return WriteOutcome(written=False, reason=why)


def is_moving(connection: Connection, key: SurveyKey, version_id: str | None) -> bool:
    """Tell whether a relabelling has looked at the photograph's rows and not moved them yet."""
    t = relabelled_photo.c
    same = t.state == COPYING, t.raw_version_id == (None if version_id is None else storable(version_id))
    return connection.execute(select(t.number).where(*where_survey(relabelled_photo, key), *same)).first() is not None


def _present(connection: Connection, key: SurveyKey) -> Row[Any] | None:
    return connection.execute(select(coverage_provenance).where(*where_survey(coverage_provenance, key))).first()


def _photograph_of_row(connection: Connection, key: SurveyKey) -> Upload | None:
    """Return the photograph that the survey's row was measured on, by ReefSteps or before it was imported."""
    present = _present(connection, key)
    if present is not None:
        return _source_of(present)
    row = connection.execute(select(imported_result).where(*where_survey(imported_result, key))).first()
    return None if row is None else ImportedPhotograph.of(row)


def _source_of(row: Row[Any]) -> Source:
    return RestorationResult.from_json(row.restoration).source


def kept_removals(connection: Connection, key: SurveyKey) -> list[Removal]:
    """Return the deletions that are kept of the survey's photographs."""
    rows = connection.execute(select(removed_photo).where(*where_survey(removed_photo, key)))
    return [
        Removal(row.raw_key, row.raw_version_id or None, row.removed_at, row.sequencer, row.requested_by)
        for row in rows
    ]


def remember_removal(connection: Connection, key: SurveyKey, removal: Removal) -> None:
    """Keep a deletion, unless a later one of the same version or key is kept already; the survey must be locked."""
    known = [
        known
        for known in kept_removals(connection, key)
        if known.key == removal.key and known.version_id == removal.version_id
    ]
    if any(instant(present.removed_at) > instant(removal.removed_at) for present in known):
        return  # an older event that was delivered late
    _forget(connection, key, removal)
    values = _primary_key(key) | {
        "raw_key": removal.key,
        "raw_version_id": removal.version_id or "",
        "removed_at": timestamp(removal.removed_at),
        "sequencer": removal.sequencer,
        "requested_by": removal.requested_by,
    }
    connection.execute(insert(removed_photo), fitted(removed_photo, values))


def is_removed(connection: Connection, key: SurveyKey, upload: Upload) -> bool:
    """Tell whether the photograph was deleted, as far as the table knows; the survey must be locked."""
    return any(removal.covers(upload) for removal in kept_removals(connection, key))


def _forget(connection: Connection, key: SurveyKey, removal: Removal) -> None:
    same = removed_photo.c.raw_key == removal.key, removed_photo.c.raw_version_id == (removal.version_id or "")
    connection.execute(delete(removed_photo).where(*where_survey(removed_photo, key), *same))


def refuse_other_name(connection: Connection, key: SurveyKey) -> None:
    """Raise ExistingTableError if the database takes another island's row for this survey's.

    Provisioning refuses a table that compares without case or accents; this one was exchanged since.
    """
    same = select(coral_coverage.c.island).where(*where_survey(coral_coverage, key))
    for name in connection.execute(same).scalars():
        if name != key.island:
            raise ExistingTableError(
                f"coral_coverage takes '{name}' and '{key.island}' for one island, so the row of {name} would be lost; "
                "nothing was changed. See docs/how-to/import-existing-data.md, Convert an existing table."
            )


def _delete_rows(connection: Connection, key: SurveyKey, tables: Iterable[Table]) -> int:
    """Delete the survey's rows; returns how many there were in the last of the tables."""
    count = 0
    for table in tables:
        count = connection.execute(delete(table).where(*where_survey(table, key))).rowcount
    return count


def write_coverage(connection: Connection, row: dict[str, Any]) -> None:
    """Write the field's own row; what another program keeps in columns of its own stays."""
    values = {name: row[name] for name in ("coverage", "last_update")}
    if connection.dialect.name == "mysql":
        connection.execute(mysql.insert(coral_coverage).values(row).on_duplicate_key_update(values))
    else:
        connection.execute(
            sqlite.insert(coral_coverage)
            .values(row)
            .on_conflict_do_update(index_elements=list(coral_coverage.primary_key), set_=values)
        )


def where_survey(table: Table, key: SurveyKey) -> tuple[Any, ...]:
    """Return the condition that a row belongs to the survey."""
    return table.c.island == key.island, table.c.location == key.location, table.c.year == key.year


def _primary_key(key: SurveyKey) -> dict[str, Any]:
    return {"island": key.island, "location": key.location, "year": key.year}


def _percent_of_row(connection: Connection, key: SurveyKey) -> float | None:
    row = connection.execute(select(coral_coverage.c.coverage).where(*where_survey(coral_coverage, key))).first()
    return None if row is None or row[0] is None else float(row[0])


def _coverage_row(result: Result) -> dict[str, Any]:
    today = datetime.now(UTC).date()
    return _primary_key(result.survey) | {"coverage": result.segmentation.cover_percent, "last_update": today}


def _provenance_row(result: Result) -> dict[str, Any]:
    image: ObjectRef = result.source.image
    return _primary_key(result.survey) | {
        "written_at": timestamp(),
        "execution_id": result.execution.id,
        "execution_name": result.execution.name,
        "execution_started_at": timestamp(result.execution.started_at),
        "pipeline_version": result.pipeline_version,
        "raw_bucket": image.bucket,
        "raw_key": image.key,
        "raw_version_id": image.version_id,
        "uploaded_at": timestamp(result.source.uploaded_at),
        "captured_at": result.source.captured_at,
        "side_cm": result.reframing.side_cm,
        "height_cm": result.reframing.height_cm,
        "px_per_cm": result.reframing.px_per_cm,
        "corners_manual": result.reframing.manual,
        "colony_count": result.segmentation.colony_count,
        "score_threshold": result.segmentation.score_threshold,
        "model_name": result.segmentation.model.name,
        "model_sha256": result.segmentation.model.sha256,
        "restoration": result.restoration.to_json(),
        "reframing": result.reframing.to_json(),
        "segmentation": result.segmentation.to_json() | {"colonies": []},
    }


def _colony_rows(result: Result) -> list[dict[str, Any]]:
    return [
        _primary_key(result.survey)
        | {
            "number": number,
            "area_cm2": found.area_cm2,
            "score": found.score,
            "cut_by_frame": found.cut_by_frame,
            "box_px": list(found.box_px),
        }
        for number, found in enumerate(result.segmentation.colonies, start=1)
    ]


def timestamp(moment: str | None = None) -> str:
    """Return a time (default: now) as the tables keep it: ISO 8601, UTC, microseconds."""
    when = datetime.now(UTC) if moment is None else instant(moment).astimezone(UTC)
    return when.isoformat(timespec="microseconds")
