"""The journal of relabellings, and the one transaction in which the rows of a group of photographs move.

A photograph's entry goes through `planned`, `copying`, `moved` and `done`, or ends as `refused`. Each state is written
before the work of the next one begins, so that an interrupted relabelling continues where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from reefsteps.coverage_store import (
    is_removed,
    lock_surveys,
    refuse_other_name,
    remember_removal,
    survey_rows,
    timestamp,
    where_survey,
)
from reefsteps.database import Database
from reefsteps.errors import RelabelRefusedError
from reefsteps.point_rows import Rows, give_points, take_points
from reefsteps.precedence import Upload
from reefsteps.quadrat_size import QuadratSize
from reefsteps.relabel_states import COPYING, DONE, MOVED, PLANNED, REFUSED, UNFINISHED
from reefsteps.relabelling import Change, Value
from reefsteps.removals import Removal
from reefsteps.survey_fields import SurveyFields
from reefsteps.surveys import SurveyKey
from reefsteps.tables import (
    colony,
    coral_coverage,
    coverage_provenance,
    imported_result,
    relabelled_photo,
    relabelling,
    survey_fields,
)

_LONGEST_REASON = 500
_LONGEST_NAME = 128
_MOVING = (coverage_provenance, colony, imported_result)  # in the order of writing: colonies need their provenance


@dataclass(frozen=True)
class JournalEntry:
    """One change of a relabelling, as the journal holds it."""

    relabelling_id: str
    number: int
    group: int
    change: Change
    state: str
    snapshot: Mapping[str, Any] | None

    @property
    def mark(self) -> str:
        """What the copies of this change carry in their metadata, so that a later attempt knows them."""
        return f"{self.relabelling_id}/{self.number}"


@dataclass(frozen=True)
class Landing:
    """A photograph whose copies are ready: the rows that it gets, and which version left which key."""

    entry: JournalEntry
    rows: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)  # by table, without the survey
    old: Removal | None = None  # the version that left; None where there was no photograph
    old_uploaded_at: str | None = None  # when it had been uploaded
    keeps_rows: bool = False  # the photograph is measured again under the same name, and until then its result stays
    copy: Upload | None = None  # the photograph under its new name


def register(
    database: Database,
    relabelling_id: str,
    groups: Sequence[Sequence[Change]],
    refused: Sequence[tuple[Change, str]],
    *,
    requested_by: str | None = None,
    undoes: str | None = None,
) -> None:
    """Write the list down and change the fields of what does not move; a list that is there already stays as it is."""

    def work(connection: Connection) -> None:
        if connection.execute(select(relabelling.c.id).where(relabelling.c.id == relabelling_id)).first():
            return
        head = {"id": relabelling_id, "requested_at": timestamp(), "undoes": undoes}
        connection.execute(insert(relabelling), head | {"requested_by": (requested_by or "")[:_LONGEST_NAME] or None})
        entries = [_values(relabelling_id, group, change) for group, changes in enumerate(groups) for change in changes]
        entries += [
            _values(relabelling_id, -1, change) | {"state": REFUSED, "reason": why[:_LONGEST_REASON]}
            for change, why in refused
        ]
        for number, values in enumerate(entries, start=1):
            connection.execute(insert(relabelled_photo), values | {"number": number})
        for number, change in enumerate((change for changes in groups for change in changes), start=1):
            if not change.moves:
                lock_surveys(connection, [change.old])
                before = _write_fields(connection, change.old, change.fields)
                _set(connection, relabelling_id, number, state=DONE, fields_before=before)

    database.write(work)


def _values(relabelling_id: str, group: int, change: Change) -> dict[str, Any]:
    return {
        "relabelling_id": relabelling_id,
        "group_number": group,
        "island": change.old.island,
        "location": change.old.location,
        "year": change.old.year,
        "new_island": change.new.island,
        "new_location": change.new.location,
        "new_year": change.new.year,
        "size_after": str(change.size) if change.size else None,
        "fields_after": dict(change.fields) or None,
        "state": PLANNED,
        "changed_at": timestamp(),
    }


def unfinished_groups(database: Database, relabelling_id: str) -> list[int]:
    """Return the groups that are not carried out yet."""
    t = relabelled_photo.c
    query = select(t.group_number).where(t.relabelling_id == relabelling_id, t.state.in_(UNFINISHED))
    with database.read() as connection:
        return sorted(set(connection.execute(query).scalars()))


def group_entries(database: Database, relabelling_id: str, group: int) -> list[JournalEntry]:
    """Return the changes of a group that move a photograph."""
    with database.read() as connection:
        entries = _entries(connection, relabelling_id, group)
    return [entry for entry in entries if entry.change.moves]


def _entries(connection: Connection, relabelling_id: str, group: int) -> list[JournalEntry]:
    t = relabelled_photo.c
    query = select(relabelled_photo).where(t.relabelling_id == relabelling_id, t.group_number == group)
    return [entry_of(row) for row in connection.execute(query.order_by(t.number))]


def entry_of(row: Row[Any]) -> JournalEntry:
    """Return a journal row as the entry that it keeps."""
    change = Change(
        SurveyKey(row.year, row.island, row.location),
        SurveyKey(row.new_year, row.new_island, row.new_location),
        QuadratSize.parse(row.size_after) if row.size_after else None,
        row.fields_after or {},
    )
    return JournalEntry(row.relabelling_id, row.number, row.group_number, change, row.state, row.snapshot)


def begin(
    database: Database,
    entries: Sequence[JournalEntry],
    take_snapshot: Callable[[Connection], Sequence[Mapping[str, Any]]],
) -> None:
    """Make the group `copying`, with a snapshot for each entry that is taken under the locks of all its surveys.

    From then on a run of one of these photographs writes no result under its old name. What `take_snapshot` raises
    goes on, and leaves the group as it was.
    """

    def work(connection: Connection) -> None:
        _lock_all(connection, entries)
        if any(_state(connection, entry) != PLANNED for entry in entries):
            return
        _refuse_under_way(connection, entries)
        for entry, snapshot in zip(entries, take_snapshot(connection), strict=True):
            photo = snapshot.get("photo") or {}
            _set(
                connection,
                entry.relabelling_id,
                entry.number,
                state=COPYING,
                snapshot=dict(snapshot),
                size_before=snapshot.get("size"),
                raw_key=photo.get("key"),
                raw_version_id=photo.get("version_id"),
            )

    database.write(work)


def _refuse_under_way(connection: Connection, entries: Sequence[JournalEntry]) -> None:
    """Raise RelabelRefusedError if another change copies or moves one of the surveys, which are locked."""
    t = relabelled_photo.c
    surveys = {survey for entry in entries for survey in (entry.change.old, entry.change.new)}
    for other in map(entry_of, connection.execute(select(relabelled_photo).where(t.state.in_((COPYING, MOVED))))):
        if surveys & {other.change.old, other.change.new}:
            raise RelabelRefusedError(
                f"Another change of {other.change.old}, '{other.relabelling_id}', is under way. Wait until it has "
                "ended, then try again. If it was interrupted, start 'relabel' with it as 'resume'."
            )


def refuse(database: Database, entries: Sequence[JournalEntry], why: str) -> None:
    """Say that the group is not carried out, and why."""

    def work(connection: Connection) -> None:
        for entry in entries:
            _set(
                connection,
                entry.relabelling_id,
                entry.number,
                state=REFUSED,
                reason=why[:_LONGEST_REASON],
                snapshot=None,
            )

    database.write(work)


def move(database: Database, landings: Sequence[Landing]) -> None:
    """Move the rows of a group, all at once: results, colonies, points, fields; leave tombstones; the group is `moved`.

    Only rows of the photograph that moves leave the old name: one that was uploaded there meanwhile keeps its own. A
    result that an upload has won under the new name meanwhile stays, as it does after any older photograph.
    """

    def work(connection: Connection) -> None:
        entries = [landing.entry for landing in landings]
        _lock_all(connection, entries)
        if any(_state(connection, entry) != COPYING for entry in entries):
            return  # another attempt has been here
        taken = {entry.change.new for entry in entries}
        for entry in entries:
            refuse_other_name(connection, entry.change.old)
            refuse_other_name(connection, entry.change.new)
        points = [_take_points(connection, landing) for landing in landings]
        for landing in landings:
            _leave(connection, landing, occupied=landing.entry.change.old in taken)
        for landing, rows in zip(landings, points, strict=True):
            _land(connection, landing)
            if landing.copy is not None:
                give_points(connection, landing.entry.change.new, landing.copy.image, landing.copy.uploaded_at, rows)

    database.write(work)


def _take_points(connection: Connection, landing: Landing) -> Rows:
    if landing.old is None:
        return []
    return take_points(connection, landing.entry.change.old, landing.old.version_id)


def _leave(connection: Connection, landing: Landing, *, occupied: bool) -> None:
    old = landing.entry.change.old
    if landing.keeps_rows:
        if landing.old is not None:  # a run of the former version that is still under way writes nothing more
            remember_removal(connection, old, landing.old)
        return
    if _results(connection, old) <= _written(landing.rows):
        for table in reversed(_MOVING):
            connection.execute(delete(table).where(*where_survey(table, old)))
        # Parked, not deleted: another program may keep columns of its own in this table.
        _rename_coverage(connection, old, _parked(old))
    if landing.old is not None:
        remember_removal(connection, old, landing.old)
        if not occupied:  # else what arrives under this name is newer than every run that is still under way
            # Older uploads of the key; one that came meanwhile is a photograph of its own.
            before = landing.old_uploaded_at or landing.old.removed_at
            whole = Removal(landing.old.key, None, before, requested_by=landing.old.requested_by)
            remember_removal(connection, old, whole)


def _land(connection: Connection, landing: Landing) -> None:
    entry, new = landing.entry, landing.entry.change.new
    if not landing.keeps_rows:
        _land_results(connection, landing)
    fields = {**next(iter(landing.rows.get(survey_fields.name, ())), {})}
    before = SurveyFields(**fields)
    if entry.change.new != entry.change.old:
        connection.execute(delete(survey_fields).where(*where_survey(survey_fields, entry.change.old)))
    _write_fields(connection, new, fields | dict(entry.change.fields))
    _set(
        connection,
        entry.relabelling_id,
        entry.number,
        state=MOVED,
        snapshot={name: value for name, value in (entry.snapshot or {}).items() if name != "rows"},
        new_key=landing.copy.image.key if landing.copy else None,
        new_version_id=landing.copy.image.version_id if landing.copy else None,
        fields_before=_plain(before) if entry.change.fields else None,
    )


def _land_results(connection: Connection, landing: Landing) -> None:
    new, parked = landing.entry.change.new, _parked(landing.entry.change.old)
    deleted = landing.copy is not None and is_removed(connection, new, landing.copy)
    if deleted or survey_rows(connection, coral_coverage, new):
        connection.execute(delete(coral_coverage).where(*_is_row(parked)))
        return
    if not _rename_coverage(connection, parked, _primary_key(new)):
        for row in landing.rows.get(coral_coverage.name, ()):  # an upload has taken the old name, and the row there
            connection.execute(insert(coral_coverage), _primary_key(new) | dict(row))
    for table in _MOVING:
        for row in landing.rows.get(table.name, ()):
            connection.execute(insert(table), _primary_key(new) | dict(row))


def _results(connection: Connection, survey: SurveyKey) -> set[str]:
    """Return what tells the survey's results apart: when each was written or imported."""
    rows = {table.name: survey_rows(connection, table, survey) for table in (coverage_provenance, imported_result)}
    return _written(rows)


def _written(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> set[str]:
    measured = {row["written_at"] for row in rows.get(coverage_provenance.name, ())}
    return measured | {row["imported_at"] for row in rows.get(imported_result.name, ())}


def _parked(survey: SurveyKey) -> dict[str, Any]:
    """Return a key that no survey has, under which a row waits for its new name within the transaction."""
    return _primary_key(survey) | {"location": -survey.location}


def _is_row(key: Mapping[str, Any]) -> list[Any]:
    return [coral_coverage.c[name] == value for name, value in key.items()]


def _rename_coverage(connection: Connection, old: SurveyKey | Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    key = _primary_key(old) if isinstance(old, SurveyKey) else old
    return connection.execute(update(coral_coverage).where(*_is_row(key)).values(**new)).rowcount > 0


def finish(database: Database, entry: JournalEntry, marker_version_id: str | None) -> None:
    """Say that nothing is left under the old name; the marker is that of the deleted key, if one was deleted."""

    def work(connection: Connection) -> None:
        values = {"marker_version_id": marker_version_id} if marker_version_id else {}
        _set(connection, entry.relabelling_id, entry.number, state=DONE, snapshot=None, **values)

    database.write(work)


def is_marker_of_relabelling(database: Database, key: str, marker_version_id: str) -> bool:
    """Tell whether a relabelling put this delete marker on the key."""
    t = relabelled_photo.c
    query = select(t.number).where(t.raw_key == key, t.marker_version_id == marker_version_id)
    with database.read() as connection:
        return connection.execute(query).first() is not None


def _lock_all(connection: Connection, entries: Sequence[JournalEntry]) -> None:
    """Lock every survey that the entries touch, always in one order, so that two groups never wait for each other."""
    lock_surveys(connection, sorted({key for entry in entries for key in (entry.change.old, entry.change.new)}))


def _state(connection: Connection, entry: JournalEntry) -> str:
    t = relabelled_photo.c
    query = select(t.state).where(t.relabelling_id == entry.relabelling_id, t.number == entry.number)
    return str(connection.execute(query).scalar_one())


def _set(connection: Connection, relabelling_id: str, number: int, **values: Any) -> None:
    t = relabelled_photo.c
    where = t.relabelling_id == relabelling_id, t.number == number
    connection.execute(update(relabelled_photo).where(*where).values(changed_at=timestamp(), **values))


def _write_fields(connection: Connection, survey: SurveyKey, fields: Mapping[str, Value]) -> dict[str, Value]:
    """Change the fields that are named, and return all of them as they were before."""
    known = survey_rows(connection, survey_fields, survey)
    before = SurveyFields(**(known[0] if known else {}))
    after = {**_plain(before), **fields}
    connection.execute(delete(survey_fields).where(*where_survey(survey_fields, survey)))
    if any(value is not None for value in after.values()):
        connection.execute(insert(survey_fields), _primary_key(survey) | after)
    return _plain(before)


def _plain(fields: SurveyFields) -> dict[str, Value]:
    return dict(vars(fields))


def _primary_key(survey: SurveyKey) -> dict[str, Any]:
    return {"island": survey.island, "location": survey.location, "year": survey.year}
