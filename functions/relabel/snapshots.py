"""What there is before a photograph moves: the names that are taken, and all that belongs to the photograph."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Connection, select, tuple_

from reefsteps.coverage_store import kept_removals, survey_rows
from reefsteps.decisions import last_kept_decision, run_without_quadrat
from reefsteps.derived_objects import Kind, all_derived
from reefsteps.errors import PhotoNotFoundError, RelabelRefusedError
from reefsteps.object_metadata import made_from, maker_of, names_photograph
from reefsteps.originals import Photograph, originals, photograph
from reefsteps.precedence import Run, Upload, compare_runs, instant, same_photo
from reefsteps.quadrat_size import QuadratSize
from reefsteps.relabelling import Change, Inventory, factor_between
from reefsteps.results import ObjectRef, RestorationResult
from reefsteps.run_writer import head_or_none
from reefsteps.steps import Step
from reefsteps.storage import ObjectInfo, Storage
from reefsteps.surveys import SurveyKey
from reefsteps.tables import colony, coral_coverage, coverage_provenance, imported_result, survey_fields
from relabel.rewriting import size_of
from relabel.settings import Settings

_TABLES = (coral_coverage, coverage_provenance, colony, imported_result, survey_fields)
_CHUNK = 200  # surveys in one query


def look_around(storage: Storage, connection: Connection, raw_bucket: str, surveys: Collection[SurveyKey]) -> Inventory:
    """Return which of these surveys have photographs or results."""
    wanted = set(surveys)
    photographs: dict[SurveyKey, set[str]] = {}
    for year, island in sorted({(survey.year, survey.island) for survey in wanted}):
        for survey, listed in originals(storage, raw_bucket, year, island).items():
            if survey in wanted:
                photographs[survey] = {info.ref.key for info in listed}
    return Inventory(photographs, _with_results(connection, sorted(wanted)))


def _with_results(connection: Connection, surveys: Sequence[SurveyKey]) -> set[SurveyKey]:
    c = coral_coverage.c
    found: set[SurveyKey] = set()
    for start in range(0, len(surveys), _CHUNK):
        keys = [(survey.island, survey.location, survey.year) for survey in surveys[start : start + _CHUNK]]
        query = select(c.year, c.island, c.location).where(tuple_(c.island, c.location, c.year).in_(keys))
        found |= {SurveyKey(*row) for row in connection.execute(query)}
    return found


@dataclass(frozen=True)
class Found:
    """What S3 holds of a photograph that is to move; no photograph where another program wrote the result."""

    change: Change
    photo: ObjectInfo | None
    derived: tuple[ObjectRef, ...]
    makers: Mapping[Step, Collection[Run]] = field(default_factory=dict)  # the runs that wrote the step's objects
    is_whole: bool = True  # everything that each run makes was there
    is_settled: bool = True  # nothing of another photograph was there, and nobody has said that there is no quadrat
    decided_at: str | None = None  # start of the run in which a person decided last about the photograph
    row_before: str | None = None  # whose result the row was before S3 was looked at


def measured_by(connection: Connection, survey: SurveyKey) -> str | None:
    """Return the name of the run whose result the survey's row is: all that this run makes is in S3 before its row."""
    rows = survey_rows(connection, coverage_provenance, survey)
    return rows[0]["execution_name"] if rows else None


def find(storage: Storage, settings: Settings, change: Change, row_before: str | None, inventory: Inventory) -> Found:
    """Look for the photograph and what was made from it, each by its version.

    ``row_before`` is what `measured_by` returned before.
    """
    keys = inventory.photographs.get(change.old, ())
    if not keys:
        return Found(change, None, ())
    try:
        photo = storage.head(ObjectRef(settings.raw_bucket, next(iter(keys))))
    except PhotoNotFoundError:
        raise RelabelRefusedError(
            f"The photograph of {change.old} has been deleted since the list was checked."
        ) from None
    of_photo = photograph(photo)
    derived: list[ObjectRef] = []
    missing: list[ObjectRef] = []
    others: list[ObjectRef] = []
    makers: dict[Step, dict[str, Run]] = {}
    for item in all_derived():
        ref = item.at(settings, change.old.stem)
        info = head_or_none(storage, ref)
        if info is not None and (not names_photograph(info) or made_from(info, of_photo)):
            derived.append(info.ref)
            maker = None if item.kind is Kind.DECISION else maker_of(info, settings.raw_bucket)
            if maker:
                makers.setdefault(item.writer, {})[maker.name] = maker
        elif item.by_every_run:
            (missing if info is None else others).append(ref)
    # A second look: a run that has ended meanwhile wrote what had been missing.
    others += [ref for ref in missing if head_or_none(storage, ref)]
    here = storage, settings, change.old, of_photo
    return Found(
        change,
        photo,
        tuple(derived),
        {step: tuple(runs.values()) for step, runs in makers.items()},
        is_whole=not missing,
        is_settled=not others and run_without_quadrat(*here) is None,
        decided_at=last_kept_decision(*here),
        row_before=row_before,
    )


def snapshot(connection: Connection, found: Found) -> dict[str, Any]:
    """Return, as JSON, everything that the copies and rows of the new name are made from.

    ``starts_run`` says that the copy is to be measured: the photograph has no result, or its quadrat is given another
    shape. Raises RelabelRefusedError if the photograph cannot move as it is.
    """
    change, photo = found.change, found.photo
    rows = {table.name: survey_rows(connection, table, change.old) for table in _TABLES}
    provenance, imported = (next(iter(rows[table.name]), None) for table in (coverage_provenance, imported_result))
    _check_row(change, _measured(provenance, imported), photograph(photo) if photo else None)
    if provenance is not None:
        _check_settled(connection, found, provenance)
    size = size_of(provenance["reframing"]) if provenance else _size_beside(photo)
    factor = _factor(change, size, has_result=provenance is not None)
    return {
        "photo": None if photo is None else _photo_json(photo),
        "derived": [ref.to_json() for ref in found.derived],
        "rows": {name: [_as_json(row) for row in found_rows] for name, found_rows in rows.items()},
        "size": str(size) if size else None,
        "factor": factor,
        "starts_run": photo is not None
        and ((provenance is None and imported is None) or _changes_shape(change, provenance, factor)),
    }


def _changes_shape(change: Change, provenance: Mapping[str, Any] | None, factor: float | None) -> bool:
    return provenance is not None and change.size is not None and factor is None


def _measured(provenance: Mapping[str, Any] | None, imported: Mapping[str, Any] | None) -> Upload | None:
    """Return the photograph that the result was measured on, here or before it was imported."""
    if provenance is not None:
        return RestorationResult.from_json(provenance["restoration"]).source
    if imported is None:
        return None
    image = ObjectRef(imported["raw_bucket"], imported["raw_key"], imported["raw_version_id"])
    return Photograph(image, imported["etag"], imported["uploaded_at"])


def _check_row(change: Change, measured: Upload | None, photo: Photograph | None) -> None:
    if measured is None:
        return
    if photo is None:
        raise RelabelRefusedError(f"The photograph of {change.old} has been deleted; its result will be, too.")
    if not same_photo(measured, photo):
        raise RelabelRefusedError(
            f"The newest photograph of {change.old} has no result yet, only an older one has: wait for its run, or "
            "delete the newest photograph first."
        )


def _check_settled(connection: Connection, found: Found, provenance: Mapping[str, Any]) -> None:
    """Refuse a photograph while a run of it is under way: the run's result, or a person's decision, would be lost.

    A step's objects belong together, and the row is not older than the last step's, nor than a decision. Objects may be
    missing: older versions of ReefSteps made fewer, and pictures expire. But after a deletion a run makes them again.
    """
    of_row = _run_of(provenance)
    last = found.makers.get(Step.SEGMENTATION, ())
    mixed = any(len(runs) > 1 for runs in found.makers.values())
    newer = any(run.name != of_row.name and compare_runs(run, of_row) > 0 for run in last)
    decided = found.decided_at is not None and not _obeys(provenance["reframing"], found.decided_at)
    removing = not found.is_whole and _deleted_since(connection, found.change.old, of_row.started_at)
    changed = found.row_before != of_row.name
    if changed or mixed or newer or decided or removing or not found.is_settled:
        raise RelabelRefusedError(
            f"A run of {found.change.old} is under way, or ended in the middle: wait for it, or start it again, then "
            "give the name or size."
        )


def _obeys(reframing: Mapping[str, Any], decided_at: str) -> bool:
    obeyed = reframing.get("decided_at")
    # Records from before the field say no more than that the corners were set by hand.
    return bool(reframing["manual"]) if obeyed is None else instant(obeyed) >= instant(decided_at)


def _run_of(provenance: Mapping[str, Any]) -> Run:
    source = RestorationResult.from_json(provenance["restoration"]).source
    decided_at = provenance["reframing"].get("decided_at")
    return Run(source, provenance["execution_started_at"], provenance["execution_name"], decided_at)


def _deleted_since(connection: Connection, survey: SurveyKey, moment: str) -> bool:
    """Tell whether a photograph of the survey was deleted in the second of the moment or later."""
    since = instant(moment).replace(microsecond=0)
    return any(not one.lives_on and instant(one.removed_at) >= since for one in kept_removals(connection, survey))


def _size_beside(photo: ObjectInfo | None) -> QuadratSize | None:
    text = photo.metadata.get("side-cm") if photo else None
    return QuadratSize.parse(text) if text else None


def _factor(change: Change, size: QuadratSize | None, *, has_result: bool) -> float | None:
    """Return by how much the new size is longer; None if it does not change or the shape would be another."""
    if change.size is None or size is None:
        return None
    if change.size == size and change.old == change.new:
        raise RelabelRefusedError(f"{change.old} has the size {size} cm already.")
    factor = factor_between(size, change.size)
    if factor is None and change.old != change.new and has_result:
        raise RelabelRefusedError(
            f"{change.old} would change from {size} to {change.size} cm. That is another shape, so it has to be "
            "measured again: give it the new name first, then the new size."
        )
    return factor if has_result else None


def _photo_json(photo: ObjectInfo) -> dict[str, Any]:
    return photo.ref.to_json() | {
        "etag": photo.etag,
        "uploaded_at": photo.uploaded_at,
        "content_type": photo.content_type,
        "metadata": dict(photo.metadata),
    }


def _as_json(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in row.items()}


def database_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of a snapshot as the tables take it."""
    day = row.get("last_update")
    return {**row, "last_update": date.fromisoformat(day)} if day else dict(row)
