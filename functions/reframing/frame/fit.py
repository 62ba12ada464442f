"""Fit a frame without strings: the four sides' inner edges.

The best few hypotheses are fitted in full resolution and scored again by the exact fit. A second search around the
first fit and a measurement in narrowing windows follow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reefsteps.errors import QuadratNotFoundError
from reframing.frame.colour import FrameColour
from reframing.frame.hypotheses import Hypothesis, ranked_hypotheses
from reframing.frame.side_points import EdgePoints
from reframing.frame.side_search import search_side
from reframing.frame.sides import (
    ON_MODEL,
    bevel_ends,
    fit_points,
    measure_sides,
    side_constraints,
    visible_shares,
)
from reframing.gate import WHAT_TO_DO, Evidence
from reframing.limits.frame import FRAME_FIT as LIMITS
from reframing.limits.frame import HYPOTHESES, SIDE_POINTS
from reframing.mask.rough_quad import RoughQuad
from reframing.plane.geometry import side_lengths
from reframing.plane.joint_fit import JointFit
from reframing.plane.sampling import ImagePyramid
from reframing.plane.side import Side
from reframing.plane.view import PlaneModel, squareness_error


@dataclass(frozen=True)
class _Measured:
    """A hypothesis measured in full resolution."""

    hypothesis: Hypothesis
    sides: list[EdgePoints | None]
    fit: JointFit | None  # None where a side shows too little of its edge
    score: float


def fit_without_strings(photo: ImagePyramid, start: PlaneModel, rough: RoughQuad) -> tuple[JointFit, Evidence]:
    """Return the fit of the four sides' inner edges and what speaks for it.

    All four sides are needed. Raises QuadratNotFoundError where a side shows too little of its edge.
    """
    measured = _search(photo, start, rough.window, rough.priors, LIMITS.max_slope)
    if measured[0].fit is not None:
        # A second search, at the first fit's slopes and around its place, sees bars that the mask's slopes had blurred.
        second = _search(
            photo, measured[0].fit.model, LIMITS.second_window, LIMITS.second_priors, LIMITS.second_max_slope
        )
        measured = second if second[0].fit is not None else measured
    best = measured[0]
    shares = visible_shares(best.sides)
    if min(shares) < SIDE_POINTS.min_share_to_fit or best.fit is None:
        raise QuadratNotFoundError(
            "The inner edge was found on too little of the sides (top, right, bottom, left: "
            f"{', '.join(f'{100 * share:.0f} %' for share in shares)}; needed without strings: "
            f"{100 * SIDE_POINTS.min_share_to_fit:.0f} % of each). {WHAT_TO_DO}"
        )
    fit, sides = _refined(photo, best.fit, best.sides)
    similarity, inner_rival = best.hypothesis.similarity, best.hypothesis.inner_rival
    return fit, Evidence(visible_shares(sides), best.score, _lead(measured), similarity, inner_rival)


def _refined(
    photo: ImagePyramid, fit: JointFit, sides: list[EdgePoints | None]
) -> tuple[JointFit, list[EdgePoints | None]]:
    """Measure the sides again around the fit, in narrowing windows and at last where the bars really end."""
    extent = fit.model.extent
    for window in LIMITS.windows:
        again = measure_sides(photo, fit.model, (ON_MODEL,) * len(Side), window)
        if min(visible_shares(again)) < SIDE_POINTS.min_share_to_fit:
            break
        fit, sides = fit_points(side_constraints(again, extent), fit.model), again
    ends = bevel_ends(photo, fit.model)
    if ends is not None:
        sides = measure_sides(photo, fit.model, ends, LIMITS.bevel_window)
        if min(visible_shares(sides)) >= SIDE_POINTS.min_share_to_fit:
            fit = fit_points(side_constraints(sides, extent), fit.model)
    return fit, sides


def _lead(measured: list[_Measured]) -> float:
    """Return the best hypothesis' lead in score over the next that comes to other corners."""
    best = measured[0]
    for rival in measured[1:]:
        if best.fit is None or rival.fit is None:
            return best.score - rival.score
        corners = best.fit.model.corners_px
        apart = np.linalg.norm(rival.fit.model.corners_px - corners, axis=1).max()
        if apart > LIMITS.same_corners * side_lengths(corners).mean():
            return best.score - rival.score
    return LIMITS.certain


def _search(
    photo: ImagePyramid,
    start: PlaneModel,
    window: tuple[float, float],
    priors: tuple[tuple[float, float], ...],
    max_slope: float,
) -> list[_Measured]:
    """Return the hypotheses about the four sides around a model, measured, best first."""
    colour = FrameColour.learn(photo, start, window)
    searches = [search_side(photo, start, side, window, max_slope, colour) for side in Side]
    hypotheses = ranked_hypotheses(searches, priors, start)
    least = hypotheses[0].score - LIMITS.within_best
    near_best = [item for item in hypotheses if item.score - item.square_score >= least]
    return sorted((_measured(photo, start, item) for item in near_best), key=lambda item: -item.score)


def _measured(photo: ImagePyramid, start: PlaneModel, hypothesis: Hypothesis) -> _Measured:
    """Fit a hypothesis in full resolution, and replace the square's part of its score by what the exact fit shows."""
    sides = measure_sides(photo, start, hypothesis.candidates, LIMITS.first_window)
    shares = visible_shares(sides)
    fit = None
    score = hypothesis.score - hypothesis.square_score - HYPOTHESES.max_square_penalty
    if min(shares) >= SIDE_POINTS.min_share_to_fit:
        fit = fit_points(side_constraints(sides, start.extent), start)
        off = squareness_error(fit.model.matrix) / LIMITS.square_spread
        score += HYPOTHESES.max_square_penalty - min(0.5 * off**2, HYPOTHESES.max_square_penalty)
    return _Measured(hypothesis, sides, fit, score + LIMITS.share_weight * float(np.mean(shares)))
