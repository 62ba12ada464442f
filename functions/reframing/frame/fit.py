"""Fit a frame without strings: the four sides' inner edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reefsteps.errors import QuadratNotFoundError
from reframing.frame.colour import FrameColour
from reframing.frame.hypotheses import SQUARE_LIMIT, Choice, choose
from reframing.frame.side_points import EdgePoints
from reframing.frame.side_search import search_side
from reframing.frame.sides import (
    MIN_SHARE_TO_FIT,
    ON_MODEL,
    bars_reach_further_in,
    fit_points,
    measure_sides,
    side_constraints,
    visible_shares,
)
from reframing.gate import WHAT_TO_DO, Evidence
from reframing.mask.rough_quad import RoughQuad
from reframing.plane.geometry import side_lengths
from reframing.plane.joint_fit import JointFit
from reframing.plane.sampling import Photograph
from reframing.plane.view import PlaneModel, squareness_error

FREE_SLOPE = 0.044
# A second look, at the first fit's slopes and around its place, sees bars that the mask's slopes had blurred.
SECOND_WINDOW = (-0.07, 0.06)
SECOND_PRIORS = ((0.0, 0.02),)
SECOND_SLOPE = 0.02
WITHIN_BEST = 3.0
FINE_SQUARE_SPREAD = 0.003
SHARE_WEIGHT = 3.0
SAME_CORNERS = 0.008
CERTAIN = 99.0  # lead of a reading without a rival


def fit_without_strings(photo: Photograph, start: PlaneModel, rough: RoughQuad) -> tuple[JointFit, Evidence]:
    """Fit the four sides' inner edges; all four are needed."""
    readings = _read(photo, start, rough.window, rough.priors, FREE_SLOPE)
    if readings[0].fit is not None:
        second = _read(photo, readings[0].fit.model, SECOND_WINDOW, SECOND_PRIORS, SECOND_SLOPE)
        readings = second if second[0].fit is not None else readings
    if min(visible_shares(readings[0].sides)) < MIN_SHARE_TO_FIT or readings[0].fit is None:
        raise QuadratNotFoundError(
            "The inner edge was found on too little of the sides (top, right, bottom, left: "
            f"{', '.join(f'{100 * share:.0f} %' for share in visible_shares(readings[0].sides))}; "
            "needed without strings: "
            f"{100 * MIN_SHARE_TO_FIT:.0f} % of each). {WHAT_TO_DO}"
        )
    choice, sides, fit = readings[0].choice, readings[0].sides, readings[0].fit
    margin = _lead(readings)
    for window_again in (0.005, 0.004):
        again = measure_sides(photo, fit.model, (ON_MODEL,) * 4, window_again)
        if min(visible_shares(again)) < MIN_SHARE_TO_FIT:
            break
        sides, fit = again, fit_points(side_constraints(again, start.extent), fit.model)
    moved = bars_reach_further_in(photo, fit.model)
    if moved is not None:
        sides = measure_sides(photo, fit.model, moved, 0.002)
        if min(visible_shares(sides)) >= MIN_SHARE_TO_FIT:
            fit = fit_points(side_constraints(sides, start.extent), fit.model)
    return fit, Evidence(visible_shares(sides), readings[0].score, margin, choice.likeness, choice.inner_rival)


@dataclass(frozen=True)
class _Reading:
    """A reading of the four sides, measured in full resolution."""

    choice: Choice
    sides: list[EdgePoints | None]
    fit: JointFit | None
    score: float


def _lead(readings: list[_Reading]) -> float:
    """Return the best reading's lead over the next that comes to other corners (by 0.8 % of the side or more)."""
    best = readings[0]
    for rival in readings[1:]:
        if best.fit is None or rival.fit is None:
            return best.score - rival.score
        corners = best.fit.model.corners_px
        apart = np.linalg.norm(rival.fit.model.corners_px - corners, axis=1).max()
        if apart > SAME_CORNERS * side_lengths(corners).mean():
            return best.score - rival.score
    return CERTAIN


def _read(
    photo: Photograph,
    start: PlaneModel,
    window: tuple[float, float],
    priors: tuple[tuple[float, float], ...],
    max_slope: float,
) -> list[_Reading]:
    """Return the readings of the four sides around a model, best first."""
    colour = FrameColour.learn(photo, start, window)
    searches = [search_side(photo, start, side, window, max_slope, colour) for side in range(4)]
    return _refitted(photo, start, choose(searches, priors, start))


def _refitted(photo: Photograph, start: PlaneModel, choices: list[Choice]) -> list[_Reading]:
    """Fit the readings that come near the best and judge them again by what the exact fit shows, best first."""
    readings = []
    for choice in choices:
        if choice.score - choice.score_as_square < choices[0].score - WITHIN_BEST:
            continue
        sides = measure_sides(photo, start, choice.candidates, 0.006)
        shares = visible_shares(sides)
        fit = None
        score = choice.score - choice.score_as_square - SQUARE_LIMIT
        if min(shares) >= MIN_SHARE_TO_FIT:
            fit = fit_points(side_constraints(sides, start.extent), start)
            off = squareness_error(fit.model.matrix) / FINE_SQUARE_SPREAD
            score += SQUARE_LIMIT - min(0.5 * off**2, SQUARE_LIMIT)
        readings.append(_Reading(choice, sides, fit, score + SHARE_WEIGHT * float(np.mean(shares))))
    return sorted(readings, key=lambda reading: -reading.score)
