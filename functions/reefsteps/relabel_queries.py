"""Reading the journal of relabellings, for people: what was asked for, how far it came, what was refused and why."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from reefsteps.relabel_states import DONE, REFUSED, UNFINISHED
from reefsteps.surveys import SurveyKey
from reefsteps.tables import relabelled_photo, relabelling


@dataclass(frozen=True)
class Relabelling:
    """One list of changes, and how many of them are in which state."""

    id: str
    requested_at: str  # ISO 8601, UTC
    requested_by: str | None
    undoes: str | None
    done: int
    refused: int
    unfinished: int


@dataclass(frozen=True)
class RelabelledPhoto:
    """One change of a list."""

    old: SurveyKey
    new: SurveyKey
    size: str | None
    changes_fields: bool
    state: str
    reason: str | None


def relabellings(connection: Connection, *, most: int = 20) -> list[Relabelling]:
    """Return the newest lists, the newest first."""
    r, p = relabelling.c, relabelled_photo.c
    newest = list(connection.execute(select(relabelling).order_by(r.requested_at.desc(), r.id.desc()).limit(most)))
    counted: dict[str, dict[str, int]] = {row.id: {} for row in newest}
    states = select(p.relabelling_id, p.state, func.count()).where(p.relabelling_id.in_(counted))
    for relabelling_id, state, count in connection.execute(states.group_by(p.relabelling_id, p.state)):
        counted[relabelling_id][state] = count
    return [
        Relabelling(
            row.id,
            row.requested_at,
            row.requested_by,
            row.undoes,
            counted[row.id].get(DONE, 0),
            counted[row.id].get(REFUSED, 0),
            sum(counted[row.id].get(state, 0) for state in UNFINISHED),
        )
        for row in newest
    ]


def relabelled_photos(connection: Connection, relabelling_id: str) -> list[RelabelledPhoto]:
    """Return the changes of a list in the order in which they were asked for."""
    p = relabelled_photo.c
    query = select(relabelled_photo).where(p.relabelling_id == relabelling_id).order_by(p.number)
    return [
        RelabelledPhoto(
            SurveyKey(row.year, row.island, row.location),
            SurveyKey(row.new_year, row.new_island, row.new_location),
            row.size_after,
            bool(row.fields_after),
            row.state,
            row.reason,
        )
        for row in connection.execute(query)
    ]
