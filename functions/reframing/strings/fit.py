"""Fit a frame with strings: grid and inner edges together."""

from __future__ import annotations

import numpy as np

from reframing.frame.colour import FrameColour
from reframing.frame.hypotheses import ranked_hypotheses
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
from reframing.gate import Evidence
from reframing.limits.frame import FRAME_FIT, SIDE_POINTS
from reframing.limits.strings import STRING_FIT as LIMITS
from reframing.plane.geometry import narrowed_by, side_lengths
from reframing.plane.joint_fit import JointFit, side_constraint
from reframing.plane.sampling import ImagePyramid
from reframing.plane.side import Side
from reframing.plane.view import PlaneModel
from reframing.strings.grid import Grid
from reframing.strings.visibility import end_cell_visibility, visibility_beyond_sides


def fit_with_strings(photo: ImagePyramid, grid: Grid) -> tuple[JointFit, Evidence]:
    """Return the fit of strings and inner edges together, and what speaks for it.

    Sides that do not show their edge near the grid are left out. Raises QuadratNotFoundError where the points do not
    determine the fit.
    """
    colour = FrameColour.learn(photo, grid.model, LIMITS.colour_window)
    searches = [search_side(photo, grid.model, side, LIMITS.edge_window, LIMITS.max_slope, colour) for side in Side]
    hypothesis = ranked_hypotheses(searches, ((0.0, LIMITS.edge_spread),), None)[0]
    sides = measure_sides(photo, grid.model, hypothesis.candidates, LIMITS.first_window)
    offsets = [None if item is None else item.offset for item in hypothesis.candidates]
    sides = _equally_far_from_grid(sides, offsets)
    fit = _fit_strings_and_sides(grid, sides, grid.model)
    for window in LIMITS.windows:
        fit, sides = _drop_misfits(grid, sides, fit)
        sides = measure_sides(photo, fit.model, (ON_MODEL,) * len(Side), window)
        fit = _fit_strings_and_sides(grid, sides, _grid_model(fit))
    ends = bevel_ends(photo, fit.model)
    if ends is not None:
        sides = measure_sides(photo, fit.model, ends, LIMITS.bevel_window)
        fit = _fit_strings_and_sides(grid, sides, _grid_model(fit))
    fit, sides = _drop_misfits(grid, sides, fit)
    grid_corners = _grid_model(fit).corners_px
    shifts = np.linalg.norm(grid_corners - grid.model.corners_px, axis=1)
    disagreement = float(shifts.max() / side_lengths(grid_corners).mean())
    return fit, Evidence(
        visible_shares(sides),
        hypothesis.score,
        FRAME_FIT.certain,
        hypothesis.similarity,
        hypothesis.inner_rival,
        strings=grid.counts,
        mesh=grid.mesh,
        grid_disagreement_percent=100 * disagreement,
        strings_beyond=float(visibility_beyond_sides(photo, grid.model, grid.mesh).max()),
        end_cell=end_cell_visibility(photo, grid.model, grid.mesh),
    )


def _fit_strings_and_sides(grid: Grid, sides: list[EdgePoints | None], start: PlaneModel) -> JointFit:
    return fit_points([*grid.constraints, *side_constraints(sides, grid.model.extent, LIMITS.side_weight)], start)


def _grid_model(fit: JointFit) -> PlaneModel:
    """Return the model whose opening is the strings' grid, from the one whose opening is the inner edge."""
    return fit.model.compose(narrowed_by(fit.edge_distance, fit.model.extent))


def _drop_misfits(
    grid: Grid, sides: list[EdgePoints | None], fit: JointFit
) -> tuple[JointFit, list[EdgePoints | None]]:
    """Drop sides, worst first, whose points all lie off the fit: there a neighbouring line was taken for the edge."""
    while True:
        misfits = [
            0.0 if item is None or item.share < SIDE_POINTS.min_share_to_fit else _misfit(fit, side, item)
            for side, item in zip(Side, sides, strict=True)
        ]
        worst = int(np.argmax(misfits))
        if misfits[worst] < LIMITS.max_misfit:
            return fit, sides
        sides = [None if index == worst else item for index, item in enumerate(sides)]
        fit = _fit_strings_and_sides(grid, sides, _grid_model(fit))


def _misfit(fit: JointFit, side: Side, item: EdgePoints) -> float:
    """Return the largest of the medians by which the thirds of a side's points miss the fit, share of the side."""
    own = side_constraint(side, fit.model.extent, item.points_px)
    signed = fit.model.to_plane(own.points_px)[:, own.axis] - own.position
    return max(abs(float(np.median(part))) for part in np.array_split(signed, LIMITS.misfit_parts))


def _equally_far_from_grid(sides: list[EdgePoints | None], offsets: list[float | None]) -> list[EdgePoints | None]:
    """Drop sides, worst first, until the rest lie equally far (1 % of the side) from the grid."""
    kept = list(sides)
    while True:
        used = [i for i, item in enumerate(kept) if item is not None and item.share >= SIDE_POINTS.min_share_to_fit]
        if len(used) < LIMITS.min_sides:
            return kept
        values = np.array([offsets[i] or 0.0 for i in used])
        distance = np.abs(values - np.median(values))
        if distance.max() < LIMITS.equal_within:
            return kept
        kept[used[int(np.argmax(distance))]] = None
