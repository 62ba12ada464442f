"""Keeps points that a person has answered on photographs: the one way in which they are written.

Called by ``python -m local points`` and by the page: with whole sets that they have read, placed and shown. The page
also sends batches of answers while a person verifies a photograph, and draws photographs for that. The same request
again changes nothing.
"""

from __future__ import annotations

from typing import Any

from reefsteps.database import Database
from reefsteps.errors import InvalidParameterError
from reefsteps.observability import logger, step_handler
from reefsteps.point_store import record_points
from reefsteps.points.batches import AnswerBatch
from reefsteps.points.draws import DrawRequest
from reefsteps.points.point_sets import PointSet
from reefsteps.verification_store import record_answers, record_draw

DATABASE = Database.from_environment()

_MOST_SETS = 5000


@step_handler("points")
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Keep what one of these requests holds.

    ``{"sets": [PointSet, ...]}``: all sets or none; returns how many were ``written``, and how many they ``replaced``.
    ``{"batch": AnswerBatch}``: returns the person's whole ``set`` as an AnswerBatch, and whether it is ``complete``.
    ``{"draw": DrawRequest}``: returns the ``draw``, the earlier one where there is one.

    Raises InvalidParameterError for a malformed request, PointsRefusedError where a photograph has no result, was
    replaced or is being given another name.
    """
    if "batch" in event:
        kept = record_answers(DATABASE, AnswerBatch.from_json(event["batch"]))
        logger.info("answers kept", answered=kept.answered, points=len(kept.at_ms))
        return {"set": kept.to_json(), "complete": kept.points.is_complete}
    if "draw" in event:
        draw = record_draw(DATABASE, DrawRequest.from_json(event["draw"]))
        logger.info("photographs drawn", island=draw.island, year=draw.year, seed=draw.seed)
        return {"draw": draw.to_json()}
    return _keep(event.get("sets"))


def _keep(given: Any) -> dict[str, Any]:
    if not isinstance(given, list) or not 1 <= len(given) <= _MOST_SETS:
        raise InvalidParameterError(f"'sets' is not a list of 1 to {_MOST_SETS} sets of points.")
    sets = [PointSet.from_json(one) for one in given if isinstance(one, dict)]
    if len(sets) != len(given):
        raise InvalidParameterError("A set of points is no JSON object.")
    replaced = record_points(DATABASE, sets)
    logger.info("points kept", sets=len(sets), points=sum(len(one.x) for one in sets), replaced=replaced)
    return {"written": len(sets), "replaced": replaced}
