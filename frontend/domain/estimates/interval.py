"""95 % intervals of a cover. Covers are fractions (0 to 1) in arrays of any shape; variances are squares of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from frontend.domain.estimates.distributions import CONFIDENCE, normal_quantile
from reefsteps.arrays import Float64Array


@dataclass(frozen=True)
class Interval:
    """Both ends of a 95 % interval, in percent or in points."""

    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half of the distance between the ends: the figure behind a "±"."""
        return (self.high - self.low) / 2

    def holds(self, value: float) -> bool:
        """Return whether the value lies within the interval, its ends included."""
        return self.low <= value <= self.high


def wilson(hits: int, points: int) -> Interval:
    """Return the interval (percent) of a share of points, by Wilson's score (1927); raises ValueError for no point.

    Points that were laid at random or in a grid are taken as independent. For a grid the interval is therefore too wide
    rather than too narrow.
    """
    if points < 1 or not 0 <= hits <= points:
        raise ValueError("wilson needs at least one point, and no more hits than points")
    z2, share = normal_quantile(0.5 + CONFIDENCE / 2) ** 2, hits / points
    centre = (share + z2 / (2 * points)) / (1 + z2 / points)
    half = np.sqrt(z2 * (share * (1 - share) / points + z2 / (4 * points**2))) / (1 + z2 / points)
    return Interval(100 * max(0.0, float(centre - half)), 100 * min(1.0, float(centre + half)))


def of_a_cover(
    estimate: Float64Array,
    variance: Float64Array,
    points_mean: Float64Array,
    points_variance: Float64Array,
    points: ArrayLike,
    quantile: float,
) -> tuple[Float64Array, Float64Array]:
    """Return the ends of the interval of a mean cover, each within 0 and 1.

    ``estimate`` and ``variance`` are of the figure itself; ``points_mean`` and ``points_variance`` are of the points
    alone, ``points`` is how many of them there are; ``quantile`` is that of Student's t.

    The interval is the union of two. The first is ``estimate ± quantile * sqrt(variance)``. A cover is a share, and the
    variance of a share falls to zero towards 0 and 1. Where coral is rare, an estimate that is too low comes with a
    variance that is too low, and the first interval misses too often. So the second is Wilson's with a design effect
    (Korn and Graubard 1998; Franco and others 2019). It holds all covers from which the estimate is at most
    ``quantile`` standard errors away. There, the part of the variance that is due to the points changes with p (1 - p).
    """
    plain = quantile * np.sqrt(variance)
    least = 1 / np.maximum(np.asarray(points, np.float64), 1)  # as of independent points: when none or all hit coral
    spread = points_mean * (1 - points_mean)
    with np.errstate(divide="ignore", invalid="ignore"):
        effect = np.where(spread > 0, np.minimum(variance, points_variance) / spread, 0)
    effect = np.clip(effect, least, 1)
    within = np.clip(estimate, 0, 1)
    # (estimate - p)^2 = quantile^2 (variance + effect (p (1 - p) - within (1 - within))), solved for p.
    t2 = quantile**2
    a, b = 1 + t2 * effect, 2 * estimate + t2 * effect
    c = estimate**2 - t2 * (variance - effect * within * (1 - within))
    root = np.sqrt(np.maximum(b**2 - 4 * a * c, 0))
    low = np.minimum(estimate - plain, (b - root) / (2 * a))
    high = np.maximum(estimate + plain, (b + root) / (2 * a))
    return np.clip(low, 0, 1), np.clip(high, 0, 1)
