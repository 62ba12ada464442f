"""The copies that a photograph gets under its new name, and what is deleted under the old one.

Everything may run again: a copy carries the mark of its change in its metadata, and is not made twice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from reefsteps.buckets import Photograph, current_photographs, made_from, photograph
from reefsteps.copies import STARTS_NO_RUN, quoted_key, without_run
from reefsteps.coverage_store import Removal, timestamp
from reefsteps.derived import renamed_metadata
from reefsteps.errors import PhotoNotFoundError, RelabelRefusedError
from reefsteps.relabel_store import JournalEntry, Landing
from reefsteps.results import ObjectRef
from reefsteps.storage import JSON, ObjectInfo, Storage
from reefsteps.surveys import SurveyKey
from reefsteps.tables import colony, coral_coverage, coverage_provenance, imported_result, survey_fields
from relabel.rewriting import NewIdentity, renamed, renamed_imported, renamed_row, resized
from relabel.settings import Settings
from relabel.snapshots import database_row

MARK = "relabelling"  # metadata of every copy: which change made it
CAME_FROM = "relabelled-from"


def copy_group(storage: Storage, settings: Settings, entries: Sequence[JournalEntry]) -> list[Landing]:
    """Copy the photographs of a group and all that was made from them; returns what moves in the database.

    Raises RelabelRefusedError, before anything but photographs was copied, if a name has been taken meanwhile.
    """
    leaving = {(old.image.key, old.image.version_id) for old in map(_old_photo, entries) if old}
    copies = [_copy_photograph(storage, settings, entry, leaving) for entry in entries]
    return [_landing(storage, settings, entry, copy) for entry, copy in zip(entries, copies, strict=True)]


def take_back(storage: Storage, settings: Settings, entries: Sequence[JournalEntry]) -> None:
    """Delete the photographs' copies of a group that is refused after all."""
    for entry in entries:
        key = _new_key(entry)
        copy = _marked(storage, ObjectRef(settings.raw_bucket, key), entry) if key else None
        if copy:
            storage.delete(copy.ref)


def clear_old_name(storage: Storage, settings: Settings, entry: JournalEntry) -> str | None:
    """Delete what is left under the old name; returns the delete marker of the photograph, if one was put.

    What belongs to another photograph stays: one of the same group that has this name now, or a new upload.
    """
    photo, old = _old_photo(entry), entry.change.old
    if photo is None or old == entry.change.new:
        return None
    marker = _delete_if_current(storage, photo)
    all_gone = not current_photographs(storage, settings.raw_bucket, old)
    for ref in settings.derived(old.stem):
        info = _head(storage, ref)
        if info and (all_gone or made_from(info, photo)):
            storage.delete(ref)
    return marker


def _delete_if_current(storage: Storage, photo: Photograph) -> str | None:
    ref = ObjectRef(photo.image.bucket, photo.image.key)
    info = _head(storage, ref)
    if info is None or (info.ref.version_id, info.etag) != (photo.image.version_id, photo.etag):
        return None
    return storage.delete(ref)


def _copy_photograph(
    storage: Storage, settings: Settings, entry: JournalEntry, leaving: Collection[tuple[str, str | None]]
) -> Photograph | None:
    old, key = _old_photo(entry), _new_key(entry)
    if old is None or key is None:
        return None
    target = ObjectRef(settings.raw_bucket, key)
    there = _head(storage, target)
    if there and there.metadata.get(MARK) == entry.mark:
        return photograph(there)
    if there and (there.ref.key, there.ref.version_id) not in leaving:
        raise RelabelRefusedError(f"A photograph was uploaded as {key} meanwhile: nothing was changed.")
    snapshot = _snapshot(entry)
    metadata = {name: value for name, value in snapshot["photo"]["metadata"].items() if name != STARTS_NO_RUN}
    metadata |= {MARK: entry.mark, CAME_FROM: quoted_key(old.image.key)}
    if not snapshot["starts_run"]:
        metadata |= without_run(key)
    if entry.change.size:
        metadata["side-cm"] = str(entry.change.size)
    copied = storage.copy(
        old.image, target.bucket, target.key, content_type=snapshot["photo"]["content_type"], metadata=metadata
    )
    return photograph(storage.head(copied))


def _landing(storage: Storage, settings: Settings, entry: JournalEntry, copy: Photograph | None) -> Landing:
    snapshot, old, new = _snapshot(entry), _old_photo(entry), entry.change.new
    rows: Mapping[str, Sequence[Mapping[str, Any]]] = snapshot["rows"]
    cover: Sequence[Mapping[str, Any]] = [database_row(row) for row in rows[coral_coverage.name]]
    fields = rows[survey_fields.name]
    if old is None or copy is None:
        return Landing(entry, {coral_coverage.name: cover, survey_fields.name: fields})
    now = NewIdentity(new, copy, _copy_derived(storage, settings, entry, old, copy))
    factor = snapshot["factor"]
    moved = {
        coral_coverage.name: cover,
        coverage_provenance.name: [_provenance_row(row, factor, now) for row in rows[coverage_provenance.name]],
        imported_result.name: [renamed_imported(row, now) for row in rows[imported_result.name]],
        colony.name: [resized(row, factor) if factor else row for row in rows[colony.name]],
        survey_fields.name: fields,
    }
    gone = Removal.by_relabelling(old.image.key, old.image.version_id, timestamp(), new.stem)
    keeps_rows = snapshot["starts_run"] and entry.change.old == new
    return Landing(entry, moved, gone, keeps_rows, copy.image.key, copy.image.version_id)


def _provenance_row(row: Mapping[str, Any], factor: float | None, now: NewIdentity) -> dict[str, Any]:
    changed = renamed_row(resized(row, factor) if factor else row, now)
    return changed | {"px_per_cm": changed["reframing"]["px_per_cm"]}


def _copy_derived(
    storage: Storage, settings: Settings, entry: JournalEntry, old: Photograph, copy: Photograph
) -> dict[tuple[str, str], ObjectRef]:
    """Copy what was made from the photograph, pictures before the records that name them; returns where it lies.

    A photograph that is to be measured takes only what a person has set: its run makes everything else.
    """
    snapshot = _snapshot(entry)
    objects = {(old.image.bucket, old.image.key): copy.image}
    targets = dict(zip(_places(settings, entry.change.old), _places(settings, entry.change.new), strict=True))
    by_hand = {(ref.bucket, ref.key) for ref in settings.set_by_hand(entry.change.old.stem)}
    for stored in map(ObjectRef.from_json, snapshot["derived"]):
        place = stored.bucket, stored.key
        if snapshot["starts_run"] and place not in by_hand:
            continue
        target = ObjectRef(*targets[place])
        there = _marked(storage, target, entry)
        if there is None:
            now = NewIdentity(entry.change.new, copy, objects)
            there_ref = _copy_object(storage, stored, target, entry, snapshot["factor"], now)
        else:
            there_ref = there.ref
        objects[place] = there_ref
    return objects


def _places(settings: Settings, survey: SurveyKey) -> list[tuple[str, str]]:
    return [(ref.bucket, ref.key) for ref in settings.derived(survey.stem)]


def _copy_object(
    storage: Storage, stored: ObjectRef, target: ObjectRef, entry: JournalEntry, factor: float | None, now: NewIdentity
) -> ObjectRef:
    info = storage.head(stored)
    metadata = renamed_metadata(info.metadata, now.photo) | {MARK: entry.mark}
    if info.content_type != JSON:
        return storage.copy(stored, target.bucket, target.key, content_type=info.content_type, metadata=metadata)
    record = storage.get_json(stored)
    return storage.put_json(
        target.bucket, target.key, renamed(resized(record, factor) if factor else record, now), metadata
    )


def _snapshot(entry: JournalEntry) -> Mapping[str, Any]:
    assert entry.snapshot is not None  # taken before the entry becomes `copying`
    return entry.snapshot


def _old_photo(entry: JournalEntry) -> Photograph | None:
    photo = _snapshot(entry)["photo"]
    if photo is None:
        return None
    return Photograph(ObjectRef.from_json(photo), photo["etag"], photo["uploaded_at"])


def _new_key(entry: JournalEntry) -> str | None:
    """Return the key of the copy; a photograph that keeps its name keeps its key to the letter."""
    photo = _old_photo(entry)
    if photo is None:
        return None
    old, new = entry.change.old, entry.change.new
    return photo.image.key if old == new else new.key(photo.image.key.rpartition(".")[2])


def _marked(storage: Storage, ref: ObjectRef, entry: JournalEntry) -> ObjectInfo | None:
    """Return the current object if an earlier attempt at this change wrote it."""
    info = _head(storage, ref)
    return info if info and info.metadata.get(MARK) == entry.mark else None


def _head(storage: Storage, ref: ObjectRef) -> ObjectInfo | None:
    try:
        return storage.head(ref)
    except PhotoNotFoundError:
        return None
