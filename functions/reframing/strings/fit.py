"""Fit a frame with strings: grid and inner edges together."""

from __future__ import annotations

import numpy as np

from reframing.frame.colour import FrameColour
from reframing.frame.fit import CERTAIN
from reframing.frame.hypotheses import choose
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
from reframing.gate import Evidence
from reframing.plane.geometry import narrower_by, side_lengths
from reframing.plane.joint_fit import JointFit, on_a_side
from reframing.plane.sampling import Photograph
from reframing.plane.view import PlaneModel
from reframing.strings.grid import Grid
from reframing.strings.visibility import beyond_ratios, end_cell_ratio

# A measured string grid leaves the inner edge this far to move (tied on the rim, or drilled through the bar).
RIM_WINDOW = (-0.09, 0.03)
RIM_SPREAD = 0.0035
SIDE_WEIGHT = 0.5  # of a point on a side where strings are fitted too
MAX_SIDE_MISFIT = 0.0012


def fit_with_strings(photo: Photograph, grid: Grid) -> tuple[JointFit, Evidence]:
    """Fit strings and inner edges together; sides that do not show their edge near the grid are left out."""
    colour = FrameColour.learn(photo, grid.model, (-0.02, 0.01))
    searches = [search_side(photo, grid.model, side, RIM_WINDOW, 0.005, colour) for side in range(4)]
    choice = choose(searches, ((0.0, RIM_SPREAD),), None)[0]
    sides = measure_sides(photo, grid.model, choice.candidates, 0.004)
    offsets = [None if item is None else item.offset for item in choice.candidates]
    sides = _agreeing(sides, offsets)
    fit = _fit_both(grid, sides, grid.model)
    for window in (0.0045, 0.0035):
        fit, sides = _without_misfits(grid, sides, fit)
        sides = measure_sides(photo, fit.model, (ON_MODEL,) * 4, window)
        fit = _fit_both(grid, sides, _of_grid(fit))
    moved_sides = bars_reach_further_in(photo, fit.model)
    if moved_sides is not None:
        sides = measure_sides(photo, fit.model, moved_sides, 0.002)
        fit = _fit_both(grid, sides, _of_grid(fit))
    fit, sides = _without_misfits(grid, sides, fit)
    grid_corners = _of_grid(fit).corners_px
    moved = np.linalg.norm(grid_corners - grid.model.corners_px, axis=1)
    apart = float(moved.max() / side_lengths(grid_corners).mean())
    return fit, Evidence(
        visible_shares(sides),
        choice.score,
        CERTAIN,
        choice.likeness,
        choice.inner_rival,
        strings=grid.counts,
        mesh=grid.mesh,
        grid_disagreement_percent=100 * apart,
        beyond=float(beyond_ratios(photo, grid.model, grid.mesh).max()),
        end_cell=end_cell_ratio(photo, grid.model, grid.mesh),
        rim_percent=100 * fit.rim,
    )


def _fit_both(grid: Grid, sides: list[EdgePoints | None], start: PlaneModel) -> JointFit:
    return fit_points([*grid.constraints, *side_constraints(sides, grid.model.extent, SIDE_WEIGHT)], start)


def _of_grid(fit: JointFit) -> PlaneModel:
    """Return the model whose opening is the strings' grid, from the one whose opening is the inner edge."""
    return fit.model.after(narrower_by(fit.rim, fit.model.extent))


def _without_misfits(
    grid: Grid, sides: list[EdgePoints | None], fit: JointFit
) -> tuple[JointFit, list[EdgePoints | None]]:
    """Drop sides, worst first, whose points lie off the fit as a whole: a neighbouring line was taken for the edge."""
    while True:
        offs = [
            0.0 if item is None or item.share < MIN_SHARE_TO_FIT else _off_side(fit, s, item)
            for s, item in enumerate(sides)
        ]
        worst = int(np.argmax(offs))
        if offs[worst] < MAX_SIDE_MISFIT:
            return fit, sides
        sides = [None if index == worst else item for index, item in enumerate(sides)]
        fit = _fit_both(grid, sides, _of_grid(fit))


def _off_side(fit: JointFit, side: int, item: EdgePoints) -> float:
    """Return how far the thirds of a side's points lie from the fitted side, largest median, parts of the side."""
    own = on_a_side(side, fit.model.extent, item.points_px)
    signed = fit.model.to_plane(own.points_px)[:, own.axis] - own.position
    return max(abs(float(np.median(part))) for part in np.array_split(signed, 3))


def _agreeing(sides: list[EdgePoints | None], offsets: list[float | None]) -> list[EdgePoints | None]:
    """Drop sides, worst first, until the rest lie equally far (1 % of the side) from the grid."""
    kept = list(sides)
    while True:
        used = [i for i, item in enumerate(kept) if item is not None and item.share >= MIN_SHARE_TO_FIT]
        if len(used) < 2:
            return kept
        values = np.array([offsets[i] or 0.0 for i in used])
        distance = np.abs(values - np.median(values))
        if distance.max() < 0.010:
            return kept
        kept[used[int(np.argmax(distance))]] = None
