"""One verified quadrat: its cover by points with an interval, and where the model differs from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from frontend.domain.estimates.interval import Interval, wilson

LEAST_POINTS = 10  # answered points within the quadrat; with fewer a photograph is not verified


@dataclass(frozen=True)
class PointCount:
    """How a person answered the points within a quadrat; ``unclear`` points count neither as coral nor as other."""

    coral: int
    other: int
    unclear: int = 0

    @property
    def answered(self) -> int:
        """The points that say something."""
        return self.coral + self.other

    @property
    def is_enough(self) -> bool:
        """Return whether the quadrat counts as verified."""
        return self.answered >= LEAST_POINTS

    @property
    def cover_percent(self) -> float:
        """Percent of the answered points that are coral; raises ZeroDivisionError where there is none."""
        return 100 * self.coral / self.answered

    @property
    def interval(self) -> Interval:
        """Wilson's 95 % interval of the cover, percent."""
        return wilson(self.coral, self.answered)


def difference(earlier: PointCount, later: PointCount) -> tuple[float, Interval]:
    """Return the change of a quadrat's cover by points, later minus earlier, in points, with its 95 % interval.

    Newcombe's hybrid of both Wilson intervals (1998, method 10), for points that were laid anew.
    """
    before, after = earlier.interval, later.interval
    change = later.cover_percent - earlier.cover_percent
    down = math.hypot(later.cover_percent - after.low, before.high - earlier.cover_percent)
    up = math.hypot(after.high - later.cover_percent, earlier.cover_percent - before.low)
    return change, Interval(change - down, change + up)


@dataclass(frozen=True)
class Confusion:
    """What the model says at the points that a person answered."""

    both: int  # coral for both
    model_only: int
    person_only: int
    neither: int

    @property
    def agreement_percent(self) -> float | None:
        """Percent of the points at which model and person agree; None without points."""
        points = self.both + self.model_only + self.person_only + self.neither
        return 100 * (self.both + self.neither) / points if points else None


def confusion(model: Sequence[bool], person: Sequence[bool]) -> Confusion:
    """Return how often model and person say coral, by the points; raises ValueError for unequal lengths."""
    pairs = list(zip(model, person, strict=True))
    return Confusion(
        both=sum(m and p for m, p in pairs),
        model_only=sum(m and not p for m, p in pairs),
        person_only=sum(p and not m for m, p in pairs),
        neither=sum(not m and not p for m, p in pairs),
    )
