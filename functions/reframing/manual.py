"""Corners set by a person: they are checked, put in order and used instead of detection."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reefsteps.arrays import Float64Array
from reefsteps.errors import InvalidParameterError
from reefsteps.quadrat_size import QuadratSize
from reframing.limits.gate import BY_HAND as LIMITS
from reframing.plane.geometry import is_convex, order_corners, side_lengths, signed_area
from reframing.plane.view import PlaneModel
from reframing.shape import by_hand, extents_of


def manual_model(
    corners_px: Sequence[Sequence[float]], width_px: int, height_px: int, size: QuadratSize | None = None
) -> PlaneModel:
    """Return the view of the plane whose opening has these corners, without lens term.

    ``size`` is the frame's size, None for any square. The corners may start anywhere and run either way round; they are
    put in order, so the quadrat is never mirrored. Raises InvalidParameterError if they are not a convex quadrilateral
    within the picture, or no view of a frame of this size.
    """
    corners = np.asarray(corners_px, np.float64)
    if corners.shape != (4, 2) or not np.isfinite(corners).all():
        raise InvalidParameterError("corners_px needs four pairs [x, y] in pixels of the treated picture.")
    _check_inside(corners, width_px, height_px)
    if signed_area(corners) < 0:
        corners = corners[::-1]
    if not is_convex(corners):
        raise InvalidParameterError(
            "The corners' outline crosses itself or is dented: give the four inner corners in turn, clockwise from the "
            "top left."
        )
    corners = order_corners(corners)
    lengths = side_lengths(corners)
    width, height = extents_of(size)[0]
    most = LIMITS.max_side_ratio * max(width / height, 1.0)
    if lengths.min() < LIMITS.min_side_px or lengths.max() > most * lengths.min():
        raise InvalidParameterError(
            f"The corners' sides are {', '.join(f'{length:.0f}' for length in lengths)} pixels long; each needs at "
            f"least {LIMITS.min_side_px:.0f}, and the longest at most {most:g} times the shortest."
        )
    return by_hand(corners, width_px, height_px, size)


def _check_inside(corners: Float64Array, width_px: int, height_px: int) -> None:
    for x, y in corners:
        inside = (
            -LIMITS.border_tolerance_px <= x <= width_px + LIMITS.border_tolerance_px
            and -LIMITS.border_tolerance_px <= y <= height_px + LIMITS.border_tolerance_px
        )
        if not inside:
            raise InvalidParameterError(
                f"Corner ({x:.1f}, {y:.1f}) lies outside the treated picture of {width_px} x {height_px} pixels."
            )
