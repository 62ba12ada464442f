"""What to verify next: how a number of photographs is best spread over islands and years."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from frontend.domain.estimates.campaign import Campaign
from frontend.domain.estimates.distributions import two_sided
from frontend.domain.estimates.two_phase import LEAST_VERIFIED, SLOPE_FROM, Target

_UNKNOWN_HALF_WIDTH = 50.0  # points; of a mean of which nothing has been verified
_UNKNOWN_RESIDUAL = 20.0  # points; standard deviation of points minus model where nobody has verified five quadrats


@dataclass(frozen=True)
class Advice:
    """How many more photographs to verify of an island and year, and what the interval becomes, as ± points.

    ``half_width_now`` is None where there is no interval yet; ``half_width_then`` is an expectation.
    """

    island: str
    year: int
    photographs: int
    half_width_now: float | None
    half_width_then: float


def what_to_verify(campaigns: Sequence[Campaign], photographs: int) -> list[Advice]:
    """Return how to spread a number of photographs, most of them first; islands and years that get none are left out.

    Each photograph goes where it lowers the sum of the squared half widths most. This is Neyman's optimal allocation,
    step by step, which is exact for a sum of convex functions. An island and year without an interval takes as many at
    once as it lacks for one. Raises ValueError for a negative number.
    """
    if photographs < 0:
        raise ValueError("what_to_verify needs a number of photographs from 0")
    residual = _usual_residual(campaigns)
    given = [0] * len(campaigns)
    steps: list[tuple[float, int, int]] = []  # gain of a photograph (negative), campaign, photographs at once

    def offer(index: int) -> None:
        chosen = campaigns[index]
        verified = chosen.verified + given[index]
        at_once = max(1, LEAST_VERIFIED - verified)
        if verified + at_once > chosen.quadrats:
            return
        now, then = (expected_half_width(chosen, n, residual) for n in (verified, verified + at_once))
        heapq.heappush(steps, (-(now**2 - then**2) / at_once, index, at_once))

    for index in range(len(campaigns)):
        offer(index)
    left = photographs
    while steps and left:
        gain, index, at_once = heapq.heappop(steps)
        if at_once > left or gain >= 0:
            continue
        given[index] += at_once
        left -= at_once
        offer(index)
    advice = [
        Advice(
            chosen.island,
            chosen.year,
            more,
            chosen.combined.interval.half_width if chosen.combined else None,
            _promised(chosen, more, residual),
        )
        for chosen, more in zip(campaigns, given, strict=True)
        if more
    ]
    return sorted(advice, key=lambda one: -one.photographs)


def expected_half_width(chosen: Campaign, verified: int, residual_points: float) -> float:
    """Return the half width, points, that an island and year would have with so many verified quadrats.

    ``residual_points`` stands in where nothing is known of its own quadrats.
    """
    if verified < LEAST_VERIFIED:
        return _UNKNOWN_HALF_WIDTH
    residual = (chosen.residual_points or residual_points) ** 2
    degrees = verified - (1 if verified < SLOPE_FROM else 2)
    variance = _first_phase(chosen, residual) + (1 / verified - 1 / chosen.quadrats) * residual
    return min(_UNKNOWN_HALF_WIDTH, two_sided(degrees) * math.sqrt(max(0.0, variance)))


def _first_phase(chosen: Campaign, residual: float) -> float:
    """Return the variance (points squared) that no verifying takes away."""
    if chosen.combined is None:
        return residual / chosen.quadrats if chosen.target is Target.REEF else 0.0
    choice = (1 / chosen.verified - 1 / chosen.quadrats) * residual
    return max(0.0, chosen.combined.standard_error**2 - choice)


def _promised(chosen: Campaign, more: int, residual: float) -> float:
    """Return the half width to come, on the scale of the one that is shown now: that one is cut off at 0 and 100."""
    then = expected_half_width(chosen, chosen.verified + more, residual)
    if chosen.combined is None:
        return then
    now = expected_half_width(chosen, chosen.verified, residual)
    return chosen.combined.interval.half_width * (then / now if now else 1.0)


def _usual_residual(campaigns: Sequence[Campaign]) -> float:
    known = [one.residual_points for one in campaigns if one.residual_points is not None]
    return float(np.sqrt(np.mean(np.square(known)))) if known else _UNKNOWN_RESIDUAL
