"""The four sides' points, measured and put together for the fit."""

from __future__ import annotations

import numpy as np

from reefsteps.errors import QuadratNotFoundError
from reframing.frame.bevel import inner_end
from reframing.frame.side_points import EdgePoints, edge_points
from reframing.frame.side_search import Candidate
from reframing.gate import WHAT_TO_DO
from reframing.plane.geometry import Extent
from reframing.plane.joint_fit import Constraint, JointFit, joint_fit, on_a_side
from reframing.plane.sampling import Photograph
from reframing.plane.view import PlaneModel

MIN_SHARE_TO_FIT = 0.2
ON_MODEL = Candidate(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0)


def side_constraints(sides: list[EdgePoints | None], extent: Extent, weight: float = 1.0) -> list[Constraint]:
    return [
        on_a_side(side, extent, item.points_px, weight)
        for side, item in enumerate(sides)
        if item is not None and item.share >= MIN_SHARE_TO_FIT
    ]


def visible_shares(sides: list[EdgePoints | None]) -> tuple[float, float, float, float]:
    top, right, bottom, left = (0.0 if item is None else item.share for item in sides)
    return top, right, bottom, left


def measure_sides(
    photo: Photograph, model: PlaneModel, candidates: tuple[Candidate | None, ...], window: float
) -> list[EdgePoints | None]:
    return [
        None if item is None else edge_points(photo, model, side, item, window) for side, item in enumerate(candidates)
    ]


def fit_points(constraints: list[Constraint], start: PlaneModel) -> JointFit:
    try:
        return joint_fit(constraints, start)
    except np.linalg.LinAlgError as error:
        raise QuadratNotFoundError(f"The points found on the frame do not determine it. {WHAT_TO_DO}") from error


def bars_reach_further_in(photo: Photograph, model: PlaneModel) -> tuple[Candidate, ...] | None:
    """Return the sides with those moved in whose bar ends further inside than fitted; None when none does."""
    ends = [inner_end(photo, model, side) for side in range(4)]
    return tuple(end or ON_MODEL for end in ends) if any(ends) else None
