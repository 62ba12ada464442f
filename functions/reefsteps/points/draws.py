"""Which photographs of an island and year are to be verified: one random order, of which the first ones are taken.

Each position has a number that follows from the draw's seed alone (permanent random numbers: Ohlsson 1995, in Business
Survey Methods, chapter 9). The positions with the smallest numbers are a simple random sample, whatever their count.
A photograph that is measured after the draw gets its place in the same order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from reefsteps.errors import InvalidParameterError
from reefsteps.points.layout_choice import LayoutChoice, PointLayout
from reefsteps.results import Record


def in_order(seed: str, positions: Iterable[int]) -> list[int]:
    """Return the positions in the order that the seed gives them."""
    return sorted(set(positions), key=lambda position: (_number(seed, position), position))


def _number(seed: str, position: int) -> bytes:
    return hashlib.sha256(f"{seed}/{position}".encode()).digest()


@dataclass(frozen=True)
class DrawRequest(Record):
    """That a person wants photographs of an island and year to be drawn, and with which points on each."""

    island: str
    year: int
    layout: str
    points: int
    drawn_by: str

    def check(self) -> None:
        """Raise InvalidParameterError for a request that cannot be carried out."""
        _choice(self.layout, self.points)
        if not self.drawn_by.strip():
            raise InvalidParameterError("The request does not say who draws.")


@dataclass(frozen=True)
class Draw(Record):
    """A draw as it is kept. ``positions`` were there at that moment, in the order drawn."""

    island: str
    year: int
    seed: str
    layout: str
    points: int
    drawn_by: str
    drawn_at: str  # ISO 8601, UTC
    positions: tuple[int, ...]

    @property
    def choice(self) -> LayoutChoice:
        """The points of each of its photographs."""
        return _choice(self.layout, self.points)


def _choice(layout: str, points: int) -> LayoutChoice:
    if layout not in list(PointLayout):
        raise InvalidParameterError(f"The layout '{layout}' is not one of: {', '.join(PointLayout)}.")
    return LayoutChoice(PointLayout(layout), points)
