"""Keeps points that a person has answered on photographs: the one way in which they are written.

Called by ``python -m local points`` and by the page with sets that they have read, placed and shown. All sets of a
request are written or none; the same request again changes nothing.
"""

from __future__ import annotations

from typing import Any

from reefsteps.database import Database
from reefsteps.errors import InvalidParameterError
from reefsteps.observability import logger, step_handler
from reefsteps.point_store import record_points
from reefsteps.points.point_sets import PointSet

DATABASE = Database.from_environment()

_MOST_SETS = 5000


@step_handler("points")
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Keep ``{"sets": [PointSet, ...]}``; returns how many were ``written``, and how many they ``replaced``.

    Raises InvalidParameterError for a malformed request, PointsRefusedError where a set is of a photograph that has no
    result, was replaced or is being given another name.
    """
    given = event.get("sets")
    if not isinstance(given, list) or not 1 <= len(given) <= _MOST_SETS:
        raise InvalidParameterError(f"'sets' is not a list of 1 to {_MOST_SETS} sets of points.")
    sets = [PointSet.from_json(one) for one in given if isinstance(one, dict)]
    if len(sets) != len(given):
        raise InvalidParameterError("A set of points is no JSON object.")
    replaced = record_points(DATABASE, sets)
    logger.info("points kept", sets=len(sets), points=sum(len(one.x) for one in sets), replaced=replaced)
    return {"written": len(sets), "replaced": replaced}
