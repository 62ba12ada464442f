"""The change of cover between two years of an island, with the model put right by points in both years.

A change of model between the years is no change of the reef: the points of each year take its own model's error away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from frontend.domain.estimates import two_phase
from frontend.domain.estimates.campaign import Campaign, Quadrat, campaign
from frontend.domain.estimates.distributions import two_sided
from frontend.domain.estimates.interval import Interval
from frontend.domain.estimates.two_phase import LEAST_VERIFIED, Target


@dataclass(frozen=True)
class CoverChange:
    """Change of the mean cover in points, later minus earlier, with its 95 % interval.

    ``is_paired``: over the same positions, ``verified`` of which have points in both years. Else the two years' figures
    are subtracted as if their positions had nothing in common, which can make the interval too wide, not too narrow.
    """

    points: float
    interval: Interval
    is_paired: bool
    quadrats: int
    verified: int


def change(earlier: Sequence[Quadrat], later: Sequence[Quadrat], target: Target = Target.REEF) -> CoverChange | None:
    """Return the change between two years, or None where too few quadrats are verified for an interval."""
    before = {quadrat.location: quadrat for quadrat in earlier}
    pairs = [(before[quadrat.location], quadrat) for quadrat in later if quadrat.location in before]
    checked = [pair for pair in pairs if all(quadrat.points and quadrat.points.is_enough for quadrat in pair)]
    if len(checked) >= LEAST_VERIFIED:
        return _paired(checked, [pair for pair in pairs if pair not in checked], target)
    if not earlier or not later:
        return None
    return _unpaired(campaign("", 0, earlier, target), campaign("", 0, later, target))


def _paired(
    checked: Sequence[tuple[Quadrat, Quadrat]], rest: Sequence[tuple[Quadrat, Quadrat]], target: Target
) -> CoverChange:
    model = np.array([after.model_percent - before.model_percent for before, after in (*checked, *rest)]) / 100
    shares, points = (np.array([_counts(pair)[index] for pair in checked]) for index in (0, 1))
    values = shares[:, 1] - shares[:, 0]
    if target is Target.REEF:
        first_phase = values.var(ddof=1) / len(model)
    else:
        within = [two_phase.within_photographs(shares[:, year], points[:, year]) for year in (0, 1)]
        first_phase = np.sum(within) / len(model)
    found = two_phase.regression(model, values, np.asarray(first_phase))
    half = 100 * two_sided(found.degrees) * float(np.sqrt(found.variance))
    mean = 100 * float(found.mean)
    interval = Interval(max(-100.0, mean - half), min(100.0, mean + half))
    return CoverChange(mean, interval, True, len(model), len(checked))


def _counts(pair: tuple[Quadrat, Quadrat]) -> tuple[list[float], list[float]]:
    counts = [quadrat.points for quadrat in pair if quadrat.points]
    return [count.coral / count.answered for count in counts], [float(count.answered) for count in counts]


def _unpaired(earlier: Campaign, later: Campaign) -> CoverChange | None:
    if earlier.combined is None or later.combined is None:
        return None
    variances = [figure.standard_error**2 for figure in (earlier.combined, later.combined)]
    # Welch (1947): degrees of freedom of a sum of two variances that were estimated apart.
    parts = (v**2 / figure.degrees for v, figure in zip(variances, (earlier.combined, later.combined), strict=True))
    spread = sum(parts)
    degrees = sum(variances) ** 2 / spread if spread else 1.0
    half = two_sided(degrees) * float(np.sqrt(sum(variances)))
    points = later.combined.percent - earlier.combined.percent
    interval = Interval(max(-100.0, points - half), min(100.0, points + half))
    verified = min(earlier.verified, later.verified)
    return CoverChange(points, interval, False, min(earlier.quadrats, later.quadrats), verified)
