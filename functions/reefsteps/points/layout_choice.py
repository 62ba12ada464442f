"""How many points are laid, and how: the choice that all photographs of a drawn sample share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from reefsteps.errors import InvalidParameterError

FEWEST, MOST = 10, 400


class PointLayout(StrEnum):
    """How points are laid."""

    STAGGERED = "staggered rows"  # 9 x 9 points, every second row shifted by half a distance: CRIOBE's 81
    STRATIFIED = "stratified random"  # one anywhere in each cell of k x k
    RANDOM = "random"
    REGULAR = "regular"  # in the middle of each cell of k x k


@dataclass(frozen=True)
class LayoutChoice:
    """So many points in a layout.

    All layouts but the random one need a square number, because the cells lie k x k. Raises InvalidParameterError.
    """

    layout: PointLayout
    points: int

    def __post_init__(self) -> None:
        """Refuse what cannot be laid."""
        if not FEWEST <= self.points <= MOST:
            raise InvalidParameterError(f"{self.points} points are not between {FEWEST} and {MOST}.")
        side = math.isqrt(self.points)
        if self.layout is not PointLayout.RANDOM and side * side != self.points:
            raise InvalidParameterError(
                f"{self.layout.value} needs a square number of points: {side * side} or {(side + 1) ** 2}, "
                f"not {self.points}."
            )


CRIOBE = LayoutChoice(PointLayout.STAGGERED, 81)
