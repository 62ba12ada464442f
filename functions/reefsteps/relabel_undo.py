"""Reading the journal of relabellings to take one back: what undoes it, and which versions it has left."""

from __future__ import annotations

from sqlalchemy import select

from reefsteps.database import Database
from reefsteps.quadrat_size import QuadratSize
from reefsteps.relabel_states import DONE, UNFINISHED
from reefsteps.relabel_store import entry_of
from reefsteps.relabelling import Change
from reefsteps.surveys import SurveyKey
from reefsteps.tables import relabelled_photo


def taken_back(database: Database, relabelling_id: str) -> tuple[list[Change], list[tuple[Change, str]]]:
    """Return the changes that undo a relabelling, and those that cannot be undone yet, each with the reason."""
    t = relabelled_photo.c
    query = select(relabelled_photo).where(t.relabelling_id == relabelling_id).order_by(t.number)
    changes: list[Change] = []
    refused: list[tuple[Change, str]] = []
    with database.read() as connection:
        for row in connection.execute(query):
            done = entry_of(row).change
            if row.state in UNFINISHED:
                refused.append((Change(done.new, done.old), "This change is still under way: let it finish first."))
            elif row.state == DONE:
                size = QuadratSize.parse(row.size_before) if row.size_after and row.size_before else None
                changes.append(Change(done.new, done.old, size, row.fields_before or {}))
    return changes, refused


def versions_left_by(database: Database, relabelling_id: str) -> dict[SurveyKey, set[str]]:
    """Return, by new name, the version that a relabelling left, and its copies by later relabellings."""
    t = relabelled_photo.c
    moved = t.raw_version_id.is_not(None), t.new_version_id.is_not(None)
    with database.read() as connection:
        pairs = connection.execute(select(t.raw_version_id, t.new_version_id).where(*moved))
        copies = {row.raw_version_id: row.new_version_id for row in pairs}
        own = connection.execute(select(relabelled_photo).where(t.relabelling_id == relabelling_id, *moved)).all()
    found: dict[SurveyKey, set[str]] = {}
    for row in own:
        versions = found.setdefault(entry_of(row).change.new, {row.new_version_id})
        version = row.new_version_id
        while (version := copies.get(version)) is not None and version not in versions:
            versions.add(version)
    return found
