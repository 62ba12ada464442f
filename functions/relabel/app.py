"""Photographs get another name or quadrat size: what was made of them, and what is known, follows without a new run.

Two actions of the state machine `relabel`: `register` checks a list and writes it into the journal, `carry_out` does
one group of it. Both may run twice, and continue where an interrupted attempt stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from reefsteps import relabel_store as journal
from reefsteps import relabel_undo
from reefsteps.coverage_store import remove_result
from reefsteps.database import Database
from reefsteps.errors import InvalidParameterError, RelabelRefusedError
from reefsteps.observability import logger, step_handler
from reefsteps.originals import current_photographs
from reefsteps.relabel_states import COPYING, MOVED, PLANNED
from reefsteps.relabel_store import JournalEntry
from reefsteps.relabelling import MOST_CHANGES, Change, Inventory, plan
from reefsteps.run_writer import is_there
from reefsteps.storage import Storage
from relabel.copying import clear_deleted, clear_old_name, copy_group, take_back
from relabel.settings import Settings
from relabel.snapshots import find, look_around, measured_by, snapshot

SETTINGS = Settings.from_environment()
DATABASE = Database.from_environment()
STORAGE = Storage()


@step_handler("relabel")
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Return the groups of a list that are to be carried out, or what became of one group."""
    action = event.get("action")
    if action == "register":
        return _register(event["execution"]["name"], event.get("input") or {})
    if action == "carry_out":
        return _carry_out(event["relabelling_id"], int(event["group"]))
    raise InvalidParameterError("The action is neither 'register' nor 'carry_out': start the state machine 'relabel'.")


def _register(name: str, given: dict[str, Any]) -> dict[str, Any]:
    asked = [kind for kind in ("changes", "undo", "resume") if given.get(kind)]
    if len(asked) != 1:
        raise InvalidParameterError(
            "The input needs one of 'changes' (a list), 'undo' or 'resume' (a relabelling's id)."
        )
    if asked == ["resume"]:
        name = str(given["resume"])
    else:
        _write_down(name, given)
    groups = journal.unfinished_groups(DATABASE, name)
    logger.info("registered", relabelling=name, groups=len(groups))
    return {"relabelling_id": name, "groups": groups}


def _write_down(name: str, given: dict[str, Any]) -> None:
    undoes = str(given["undo"]) if given.get("undo") else None
    refused: list[tuple[Change, str]] = []
    if undoes:
        changes, refused = _undoing(undoes)
    elif isinstance(given["changes"], list) and len(given["changes"]) <= MOST_CHANGES:
        changes = [Change.from_json(entry) for entry in given["changes"]]
    else:
        raise InvalidParameterError(f"'changes' is not a list of at most {MOST_CHANGES} changes.")
    planned = plan(changes, _inventory(changes))
    journal.register(
        DATABASE,
        name,
        planned.groups,
        [*refused, *planned.refused],
        requested_by=given.get("requested_by"),
        undoes=undoes,
    )


def _undoing(relabelling_id: str) -> tuple[list[Change], list[tuple[Change, str]]]:
    changes, refused = relabel_undo.taken_back(DATABASE, relabelling_id)
    left = relabel_undo.versions_left_by(DATABASE, relabelling_id)
    kept = []
    for change in changes:
        present = {photo.image.version_id for photo in current_photographs(STORAGE, SETTINGS.raw_bucket, change.old)}
        if change.moves and change.old in left and present and not present <= left[change.old]:
            refused.append((change, f"{change.old} is another photograph by now."))
        else:
            kept.append(change)
    return kept, refused


def _inventory(changes: Sequence[Change]) -> Inventory:
    surveys = {survey for change in changes for survey in (change.old, change.new)}
    with DATABASE.read() as connection:
        return look_around(STORAGE, connection, SETTINGS.raw_bucket, surveys)


def _carry_out(relabelling_id: str, group: int) -> dict[str, Any]:
    def entries(state: str) -> list[JournalEntry]:
        return [entry for entry in journal.group_entries(DATABASE, relabelling_id, group) if entry.state == state]

    answer = {"relabelling_id": relabelling_id, "group": group}
    waiting = entries(PLANNED)
    try:
        if waiting:
            _begin(waiting)
    except RelabelRefusedError as error:
        journal.refuse(DATABASE, waiting, str(error))
        return answer | {"refused": str(error)}
    copying = entries(COPYING)
    try:
        if copying:
            journal.move(DATABASE, copy_group(STORAGE, SETTINGS, copying))
    except RelabelRefusedError as error:
        take_back(STORAGE, SETTINGS, copying)
        journal.refuse(DATABASE, copying, str(error))
        return answer | {"refused": str(error)}
    for entry in entries(MOVED):
        if clear_deleted(STORAGE, SETTINGS, entry):
            # S3's times cannot tell a copy from its deletion within the same second, so the rows may have landed.
            remove_result(DATABASE, entry.change.new, [], lambda photo: is_there(STORAGE, photo))
        journal.finish(DATABASE, entry, clear_old_name(STORAGE, SETTINGS, entry))
    return answer


def _begin(entries: Sequence[JournalEntry]) -> None:
    """Check buckets and database again, because they may have changed since the list was registered."""
    changes = [entry.change for entry in entries]
    inventory = _inventory(changes)
    planned = plan(changes, inventory)
    if planned.refused:
        raise RelabelRefusedError(planned.refused[0][1])
    with DATABASE.read() as connection:
        makers = [measured_by(connection, change.old) for change in changes]
    found = [find(STORAGE, SETTINGS, *one, inventory) for one in zip(changes, makers, strict=True)]

    def take(connection: Connection) -> list[dict[str, Any]]:
        return [snapshot(connection, one) for one in found]

    journal.begin(DATABASE, entries, take)
