"""Where points lie in a quadrat that is to be verified: the same ones for the same photograph, however often asked.

Places are in the quadrat's plane (`reefsteps.points.placing`): x along the top and y down, both from 0 to 1.
"""

from __future__ import annotations

import hashlib
import math
from enum import StrEnum

import numpy as np

from reefsteps.arrays import Float64Array
from reefsteps.errors import InvalidParameterError

FEWEST, MOST = 10, 400
_STAGGER = 0.25  # of the distance between two points of a row


class PointLayout(StrEnum):
    """How points are laid."""

    STAGGERED = "staggered rows"  # 9 x 9 points, every second row shifted by half a distance: CRIOBE's 81
    STRATIFIED = "stratified random"  # one anywhere in each cell of k x k
    RANDOM = "random"
    REGULAR = "regular"  # in the middle of each cell of k x k


def places(layout: PointLayout, points: int, key: str) -> Float64Array:
    """Return the places (points, 2) in the quadrat of the photograph that has this key.

    All but random places need a square number, because the cells lie k x k. Raises InvalidParameterError.
    """
    if not FEWEST <= points <= MOST:
        raise InvalidParameterError(f"{points} points are not between {FEWEST} and {MOST}.")
    chance = np.random.default_rng(_seed(layout, points, key))
    if layout is PointLayout.RANDOM:
        return chance.random((points, 2))
    side = math.isqrt(points)
    if side * side != points:
        raise InvalidParameterError(
            f"{layout.value} needs a square number of points: {side * side} or {(side + 1) ** 2}, not {points}."
        )
    row, column = np.divmod(np.arange(points), side)
    within = np.full((points, 2), 0.5)
    if layout is PointLayout.STRATIFIED:
        within = chance.random((points, 2))
    elif layout is PointLayout.STAGGERED:
        within[:, 0] += np.where(row % 2, _STAGGER, -_STAGGER)
    return np.asarray((np.stack([column, row], 1) + within) / side)


def _seed(layout: PointLayout, points: int, key: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{layout.value}/{points}/{key}".encode()).digest()[:8], "big")
