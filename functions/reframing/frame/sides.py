"""The four sides' points, measured and put together for the fit."""

from __future__ import annotations

import numpy as np

from reefsteps.errors import QuadratNotFoundError
from reframing.frame.bevel import bar_end
from reframing.frame.side_points import EdgePoints, edge_points
from reframing.frame.side_search import Candidate
from reframing.gate import WHAT_TO_DO
from reframing.limits.frame import SIDE_POINTS
from reframing.plane.geometry import Extent
from reframing.plane.joint_fit import Constraint, JointFit, joint_fit, side_constraint
from reframing.plane.sampling import ImagePyramid
from reframing.plane.side import Side
from reframing.plane.view import PlaneModel

# The side itself, without a shift.
ON_MODEL = Candidate(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)


def side_constraints(sides: list[EdgePoints | None], extent: Extent, weight: float = 1.0) -> list[Constraint]:
    """Return the constraints of the sides on which enough of the edge was found."""
    return [
        side_constraint(side, extent, item.points_px, weight)
        for side, item in zip(Side, sides, strict=True)
        if item is not None and item.share >= SIDE_POINTS.min_share_to_fit
    ]


def visible_shares(sides: list[EdgePoints | None]) -> tuple[float, float, float, float]:
    """Return the share of each side on which its edge was found, 0 for a side that was left out."""
    top, right, bottom, left = (0.0 if item is None else item.share for item in sides)
    return top, right, bottom, left


def measure_sides(
    photo: ImagePyramid, model: PlaneModel, candidates: tuple[Candidate | None, ...], window: float
) -> list[EdgePoints | None]:
    """Return the sides' points within ``window`` of their candidates; None for a side without a candidate."""
    return [
        None if item is None else edge_points(photo, model, side, item, window)
        for side, item in zip(Side, candidates, strict=True)
    ]


def fit_points(constraints: list[Constraint], start: PlaneModel) -> JointFit:
    """Return the joint fit; raises QuadratNotFoundError where the points do not determine it."""
    try:
        return joint_fit(constraints, start)
    except np.linalg.LinAlgError as error:
        raise QuadratNotFoundError(f"The points found on the frame do not determine it. {WHAT_TO_DO}") from error


def bevel_ends(photo: ImagePyramid, model: PlaneModel) -> tuple[Candidate, ...] | None:
    """Return where each side's bar really ends; None if no bar ends further inside than fitted."""
    ends = [bar_end(photo, model, side) for side in Side]
    return tuple(end or ON_MODEL for end in ends) if any(ends) else None
