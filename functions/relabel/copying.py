"""The copies that a photograph gets under its new name, and what is deleted under the old one.

Everything may run again: a copy carries the mark of its change in its metadata, and is not made twice.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from reefsteps.copies import DECISIONS_FOLLOW, STARTS_NO_RUN, followed_by, quoted_key, without_run
from reefsteps.coverage_store import timestamp
from reefsteps.derived_objects import Kind, all_derived, decisions, derived_from
from reefsteps.errors import PhotoNotFoundError, RelabelRefusedError, SupersededError
from reefsteps.object_metadata import made_from, maker_of, renamed_metadata
from reefsteps.originals import Photograph, current_photographs, photograph
from reefsteps.precedence import Run
from reefsteps.relabel_store import JournalEntry, Landing
from reefsteps.removals import Removal
from reefsteps.results import ObjectRef
from reefsteps.run_writer import delete_in_order, head_or_none, is_there, put_in_order
from reefsteps.stamps import stamped
from reefsteps.storage import JSON, ObjectChangedError, ObjectInfo, Storage
from reefsteps.tables import colony, coral_coverage, coverage_provenance, imported_result, survey_fields
from relabel.rewriting import NewIdentity, renamed, renamed_imported, renamed_row, resized
from relabel.settings import Settings
from relabel.snapshots import database_row

MARK = "relabelling"  # metadata of every copy: which change made it
CAME_FROM = "relabelled-from"

_TAKEN = "A photograph was uploaded as {key} meanwhile: nothing was changed."


def copy_group(storage: Storage, settings: Settings, entries: Sequence[JournalEntry]) -> list[Landing]:
    """Copy the photographs of a group and all that was made from them; returns what moves in the database.

    Raises RelabelRefusedError, before anything but photographs was copied, if a name has been taken meanwhile.
    """
    leaving = {(old.image.key, old.image.version_id) for old in map(_old_photo, entries) if old}
    copies = [_copy_photograph(storage, settings, entry, leaving) for entry in entries]
    return [_landing(storage, settings, entry, copy) for entry, copy in zip(entries, copies, strict=True)]


def clear_deleted(storage: Storage, settings: Settings, entry: JournalEntry) -> bool:
    """Delete what was copied for a photograph whose copy was deleted meanwhile: `removal` may have looked before.

    Returns whether the copy was deleted.
    """
    key = _new_key(entry)
    if key is None or head_or_none(storage, ObjectRef(settings.raw_bucket, key)) is not None:
        return False
    for ref in derived_from(settings, entry.change.new.stem):
        delete_in_order(storage, ref, lambda info: info.metadata.get(MARK) == entry.mark)
    return True


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

    def is_left_over(info: ObjectInfo) -> bool:
        maker = maker_of(info, settings.raw_bucket)
        if maker is None:
            return all_gone or made_from(info, photo)
        return made_from(info, photo) or not is_there(storage, maker.upload)

    for ref in derived_from(settings, old.stem):
        delete_in_order(storage, ref, is_left_over)
    return marker


def _delete_if_current(storage: Storage, photo: Photograph) -> str | None:
    ref = ObjectRef(photo.image.bucket, photo.image.key)
    info = head_or_none(storage, ref)
    if info is None or (info.ref.version_id, info.etag) != (photo.image.version_id, photo.etag):
        return None
    try:
        return storage.delete_seen(info)
    except ObjectChangedError:
        return None  # another photograph was uploaded: it stays


def _copy_photograph(
    storage: Storage, settings: Settings, entry: JournalEntry, leaving: Collection[tuple[str, str | None]]
) -> Photograph | None:
    old, key = _old_photo(entry), _new_key(entry)
    if old is None or key is None:
        return None
    target = ObjectRef(settings.raw_bucket, key)
    there = head_or_none(storage, target)
    if there and there.metadata.get(MARK) == entry.mark:
        return photograph(there)
    if there and (there.ref.key, there.ref.version_id) not in leaving:
        raise RelabelRefusedError(_TAKEN.format(key=key))
    snapshot = _snapshot(entry)
    former = (STARTS_NO_RUN, DECISIONS_FOLLOW)
    metadata = {name: value for name, value in snapshot["photo"]["metadata"].items() if name not in former}
    metadata |= {MARK: entry.mark, CAME_FROM: quoted_key(old.image.key)}
    if not snapshot["starts_run"]:
        metadata |= without_run(key)
    elif decided := _decided(entry):
        metadata |= followed_by(key, decided)
    if entry.change.size:
        metadata["side-cm"] = str(entry.change.size)
    content_type = snapshot["photo"]["content_type"]
    try:
        copied = storage.replace_by_copy(there, old.image, target, content_type=content_type, metadata=metadata)
    except ObjectChangedError:
        raise RelabelRefusedError(_TAKEN.format(key=key)) from None
    except PhotoNotFoundError:
        raise RelabelRefusedError(f"{old.image.key} was deleted for good meanwhile: nothing was changed.") from None
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
    return Landing(entry, moved, gone, old.uploaded_at, keeps_rows, copy)


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
    rows = {(settings.name_of(item.bucket), item.key(entry.change.old.stem)): item for item in all_derived()}
    present = {(ref["bucket"], ref["key"]) for ref in snapshot["derived"]}
    # A record may name what has expired. Under the old name another photograph's may lie by now.
    objects |= {place: item.at(settings, entry.change.new.stem) for place, item in rows.items() if place not in present}
    for stored in map(ObjectRef.from_json, snapshot["derived"]):
        place = stored.bucket, stored.key
        if snapshot["starts_run"] and rows[place].kind is not Kind.DECISION:
            continue
        target = rows[place].at(settings, entry.change.new.stem)
        there = _marked(storage, target, entry)
        if there is None:
            now = NewIdentity(entry.change.new, copy, objects)
            there_ref = _copy_object(storage, stored, target, entry, snapshot["factor"], now)
        else:
            there_ref = there.ref
        objects[place] = there_ref
    return objects


def _decided(entry: JournalEntry) -> list[str]:
    """Return the names of what a person has decided about the photograph."""
    keys = {ref["key"] for ref in _snapshot(entry)["derived"]}
    return [item.name for item in decisions() if item.key(entry.change.old.stem) in keys]


def _copy_object(
    storage: Storage, stored: ObjectRef, target: ObjectRef, entry: JournalEntry, factor: float | None, now: NewIdentity
) -> ObjectRef:
    """Write the copy as its run's, now of the copied photograph, unless a newer photograph's run has been there."""
    found = storage.get(stored)
    kind, metadata = found.info.content_type, renamed_metadata(found.info.metadata, now.photo) | {MARK: entry.mark}
    if kind == JSON:
        record = json.loads(found.body)
        record = renamed(resized(record, factor) if factor else record, now)
        body = json.dumps(record, ensure_ascii=False, allow_nan=False).encode()
    else:
        body = stamped(found.body, kind, f"ReefSteps relabelling {entry.mark}")
    run = maker_of(dataclasses.replace(found.info, metadata=metadata), now.photo.image.bucket)
    # Objects from before the metadata named a run: the photograph's copy alone decides.
    run = run or Run(now.photo, now.photo.uploaded_at, entry.mark)
    try:
        return put_in_order(storage, run, target, body, content_type=kind, metadata=metadata)
    except SupersededError:
        return target


def _snapshot(entry: JournalEntry) -> Mapping[str, Any]:
    assert entry.snapshot is not None  # taken before the entry becomes `copying`
    return entry.snapshot


def _old_photo(entry: JournalEntry) -> Photograph | None:
    photo = _snapshot(entry)["photo"]
    if photo is None:
        return None
    return Photograph(ObjectRef.from_json(photo), photo["etag"], photo["uploaded_at"])


def _new_key(entry: JournalEntry) -> str | None:
    """Return the key of the copy; a photograph that keeps its name keeps exactly its key."""
    photo = _old_photo(entry)
    if photo is None:
        return None
    old, new = entry.change.old, entry.change.new
    return photo.image.key if old == new else new.key(photo.image.key.rpartition(".")[2])


def _marked(storage: Storage, ref: ObjectRef, entry: JournalEntry) -> ObjectInfo | None:
    """Return the current object if an earlier attempt at this change wrote it."""
    info = head_or_none(storage, ref)
    return info if info and info.metadata.get(MARK) == entry.mark else None
