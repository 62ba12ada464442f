"""The change of cover between two years of an island, with the model put right by points in both years.

A change of model between the years is no change of the reef: the points of each year take its own model's error away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from frontend.domain.estimates import two_phase
from frontend.domain.estimates.campaign import Campaign, Mean, Quadrat, campaign, unseen
from frontend.domain.estimates.distributions import two_sided
from frontend.domain.estimates.interval import Interval
from frontend.domain.estimates.two_phase import LEAST_VERIFIED, SLOPE_FROM, Target


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
    target: Target = Target.REEF

    @property
    def method(self) -> str:
        """How it was made, for exports."""
        stands_for = "the reef" if self.target is Target.REEF else "the quadrats surveyed"
        if not self.is_paired:
            return f"difference of two combined figures, Welch's t or MOVER, whichever is wider, for {stands_for}"
        how = "regression" if self.verified >= SLOPE_FROM else "difference"
        return f"two-phase {how} estimator of the change at the same positions, Student's t, for {stands_for}"


def change(earlier: Sequence[Quadrat], later: Sequence[Quadrat], target: Target = Target.REEF) -> CoverChange | None:
    """Return the change between two years, or None where too few quadrats are verified for an interval."""
    before = {quadrat.location: quadrat for quadrat in earlier if quadrat.unseen_percent is not None}
    after = [quadrat for quadrat in later if quadrat.unseen_percent is not None]
    pairs = [(before[quadrat.location], quadrat) for quadrat in after if quadrat.location in before]
    checked = [pair for pair in pairs if all(quadrat.points and quadrat.points.is_enough for quadrat in pair)]
    if len(checked) >= LEAST_VERIFIED:
        return _paired(checked, [pair for pair in pairs if pair not in checked], target)
    if not earlier or not later:
        return None
    return _unpaired(campaign("", 0, earlier, target), campaign("", 0, later, target))


def _paired(
    checked: Sequence[tuple[Quadrat, Quadrat]], rest: Sequence[tuple[Quadrat, Quadrat]], target: Target
) -> CoverChange:
    model = np.array([unseen(after) - unseen(before) for before, after in (*checked, *rest)]) / 100
    shares, points = (np.array([_counts(pair)[index] for pair in checked]) for index in (0, 1))
    values = shares[:, 1] - shares[:, 0]
    if target is Target.REEF:
        first_phase = values.var(ddof=1) / len(model)
    else:
        within = [two_phase.within_photographs(shares[:, year], points[:, year]) for year in (0, 1)]
        first_phase = np.sum(within) / len(model)
    found = two_phase.regression(model, values, np.asarray(first_phase))
    # Where no point of either year hits coral, or all do, the quadrats do not differ; the points have an error all the
    # same. It counts as if all of them were independent, one hit and one miss added (Agresti and Coull 1998).
    hits, all_points = (shares * points).sum(0) + 1, points.sum(0) + 2
    least = float((hits / all_points * (1 - hits / all_points) / all_points).sum())
    half = 100 * two_sided(found.degrees) * float(np.sqrt(max(float(found.variance), least)))
    mean = 100 * float(found.mean)
    interval = Interval(max(-100.0, mean - half), min(100.0, mean + half))
    return CoverChange(mean, interval, True, len(model), len(checked), target)


def _counts(pair: tuple[Quadrat, Quadrat]) -> tuple[list[float], list[float]]:
    counts = [quadrat.points for quadrat in pair if quadrat.points]
    return [count.coral / count.answered for count in counts], [float(count.answered) for count in counts]


def _unpaired(earlier: Campaign, later: Campaign) -> CoverChange | None:
    if earlier.combined is None or later.combined is None:
        return None
    before, after = earlier.combined, later.combined
    points = after.percent - before.percent
    half = _welch(before, after)
    # Towards 0 and 100 % standard errors vanish and intervals do not, so those of both years count too. The method
    # is MOVER (Zou and Donner 2008), as Newcombe 1998 has it for shares.
    down = np.hypot(after.percent - after.interval.low, before.interval.high - before.percent)
    up = np.hypot(after.interval.high - after.percent, before.percent - before.interval.low)
    interval = Interval(max(-100.0, points - max(half, float(down))), min(100.0, points + max(half, float(up))))
    verified = min(earlier.verified, later.verified)
    return CoverChange(points, interval, False, min(earlier.quadrats, later.quadrats), verified, earlier.target)


def _welch(before: Mean, after: Mean) -> float:
    """Return the half width of a difference of two means whose variances were estimated apart (Welch 1947)."""
    variances = [figure.standard_error**2 for figure in (before, after)]
    spread = sum(v**2 / figure.degrees for v, figure in zip(variances, (before, after), strict=True))
    degrees = sum(variances) ** 2 / spread if spread else 1.0
    return two_sided(degrees) * float(np.sqrt(sum(variances)))
