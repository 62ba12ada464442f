"""Writing points that a person has answered, all of a request in one transaction, and reading them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from reefsteps.coverage_queries import PhotographVersion, photographs_of_results
from reefsteps.coverage_store import is_moving, lock_surveys, timestamp, where_survey
from reefsteps.database import Database
from reefsteps.errors import PointsRefusedError
from reefsteps.points.answers import UNANSWERED
from reefsteps.points.point_sets import PointSet
from reefsteps.surveys import SurveyKey
from reefsteps.tables import point_set
from reefsteps.text_columns import fitted

_MOST_NAMED = 10


def record_points(database: Database, sets: Sequence[PointSet]) -> int:
    """Keep the sets, each in place of the same person's earlier one on that photograph; returns how many were there.

    All are written or none. Raises PointsRefusedError where a photograph has no result, is another version by now, or
    is being given another name; DatabaseUnavailableError.
    """
    for one in sets:
        one.check()
    ordered = sorted(sets, key=lambda one: (one.survey, one.set_id))

    def work(connection: Connection) -> int:
        surveys = sorted({one.survey for one in ordered})
        lock_surveys(connection, surveys)
        photographs = photographs_of_results(connection, surveys)
        refuse_changed(connection, ordered, photographs)
        return sum(replace_set(connection, one, photographs[one.survey]) for one in ordered)

    return database.write(work)


def refuse_changed(
    connection: Connection, sets: Sequence[PointSet], photographs: Mapping[SurveyKey, PhotographVersion]
) -> None:
    """Raise PointsRefusedError where points are of a photograph that is no longer the one behind the result."""
    why = []
    for one in sets:
        photo = photographs.get(one.survey)
        if photo is None:
            why.append(f"{one.survey} has no result: measure its photograph first.")
        elif photo.version_id != one.raw_version_id:
            why.append(f"{one.survey} has another photograph by now: answer or read its points again.")
        elif is_moving(connection, one.survey, one.raw_version_id):
            why.append(f"{one.survey} is being given another name or size: try again when that is done.")
    if why:
        more = f" {len(why) - _MOST_NAMED} more." if len(why) > _MOST_NAMED else ""
        raise PointsRefusedError(f"{' '.join(why[:_MOST_NAMED])}{more} No point was kept.")


def replace_set(
    connection: Connection, one: PointSet, photo: PhotographVersion, at_ms: Sequence[int] | None = None
) -> int:
    """Write a set in place of the same person's earlier one; returns how many were there (0 or 1).

    ``at_ms`` is when each point was answered, where that is known. The survey must be locked.
    """
    version = one.raw_version_id or ""
    same = point_set.c.raw_version_id == version, point_set.c.set_id == one.set_id
    gone = connection.execute(delete(point_set).where(*where_survey(point_set, one.survey), *same)).rowcount
    values = {
        name: getattr(one, name)
        for name in ("island", "location", "year", "raw_key", "annotator", "annotated_at", "source", "origin")
    }
    values |= {name: getattr(one, name) for name in ("drawn", "layout", "width_px", "height_px", "answers")}
    values |= {
        "set_id": one.set_id,
        "raw_bucket": photo.bucket,
        "raw_version_id": version,
        "uploaded_at": photo.uploaded_at,
        "recorded_at": timestamp(),
        "points": {"x": list(one.x), "y": list(one.y), "labels": list(one.labels)}
        | ({} if at_ms is None else {"at_ms": list(at_ms)}),
    }
    connection.execute(insert(point_set), fitted(point_set, values))
    return gone


def point_sets(connection: Connection, survey: SurveyKey | None = None) -> list[PointSet]:
    """Return all complete sets (of a survey) by island, year, position and time of writing.

    Those of photographs that were replaced since are among them; those that a person is still answering are not.
    """
    c = point_set.c
    complete = c.answers.not_like(f"%{UNANSWERED}%")
    query = select(point_set).where(complete, *(where_survey(point_set, survey) if survey else ()))
    query = query.order_by(c.island, c.year, c.location, c.recorded_at, c.set_id)
    return [read_set(row) for row in connection.execute(query).mappings()]


def read_set(row: Mapping[Any, Any]) -> PointSet:
    """Return the set of a row of `point_set`."""
    points = row["points"]
    values = {name: row[name] for name in PointSet.__dataclass_fields__ if name in row}
    values |= {name: tuple(points[name]) for name in ("x", "y", "labels")}
    return PointSet(**values | {"raw_version_id": row["raw_version_id"] or None})
