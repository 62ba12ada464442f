"""Limits of the way from the frame's mask to a rough quadrilateral."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from reframing.limits.units import COUNT, DEGREE, FRAMES, LENGTH, PX, RATIO, RUN_TIME, SCORE, SEEDS, SIDE, Pair


@dataclass(frozen=True)
class OutlineLimits:
    """From the frame's mask to its outline (mask/outline.py, mask/rough_quad.py)."""

    work_side_px: Annotated[int, PX, RUN_TIME] = 480  # longer side of the reduced mask
    mask_level: Annotated[int, "grey level; half of 255", SEEDS] = 127
    closing_px: Annotated[int, PX, SEEDS] = 5  # holes smaller than this are closed
    min_piece_share: Annotated[float, "share of the largest piece", SEEDS] = 0.04
    border_px: Annotated[int, PX, SEEDS] = 3  # an outline this near to the picture's border is the border
    smoothing_px: Annotated[float, PX, SEEDS] = 3.0  # Gauss, before the gradient's direction is taken
    core_scale: Annotated[float, RATIO, SEEDS] = 0.7  # of the middle that tells a filled mask from a ring
    min_support: Annotated[float, "share of the outline", SEEDS] = 0.5  # for a quadrilateral to count
    ring_outside_from: Annotated[float, SIDE, SEEDS] = -0.005  # the outer outline of a ring lies outside the inner one
    widest_ring: Annotated[float, SIDE, FRAMES] = 0.16
    ring_unevenness: Annotated[float, SIDE, SEEDS] = 0.09  # the widest bar of a ring less the narrowest


@dataclass(frozen=True)
class EdgePlace:
    """Where the inner edge lies relative to the outline that was found.

    The search starts ``inset`` inside the outline and covers ``window`` around that start; each of ``priors`` (offset,
    spread) is a likely place. Lengths in shares of the side, set on seeds 0 to 499.
    """

    inset: float
    window: Pair
    priors: tuple[Pair, ...]
    filled: bool


# A filled mask ends at the inner edge (models trained on the opening) or at the bars' outer edge, 3 to 8 % further out.
FILLED = EdgePlace(0.025, (-0.085, 0.1), ((-0.025, 0.012), (0.028, 0.016), (0.055, 0.02)), True)
RING_INSIDE = EdgePlace(0.0, (-0.10, 0.05), ((0.0, 0.014),), False)
RING_OUTSIDE = EdgePlace(0.05, (-0.085, 0.07), ((0.0, 0.022),), False)


@dataclass(frozen=True)
class QuadrilateralLimits:
    """From an outline to four lines (mask/quadrilateral.py)."""

    angle_step_deg: Annotated[int, DEGREE, RUN_TIME] = 2
    full_turn_deg: Annotated[int, DEGREE, "definition"] = 360
    vote_within_deg: Annotated[int, DEGREE, SEEDS] = 16  # an outline point votes for lines near its direction
    offset_step_px: Annotated[float, PX, RUN_TIME] = 2.0
    vote_smoothing_bins: Annotated[float, "bin of the vote table", SEEDS] = 1.2
    wrapped_bins: Annotated[int, "bin of the vote table", SEEDS] = 4  # more than three sigmas of the smoothing
    max_lines: Annotated[int, COUNT, RUN_TIME] = 14
    min_votes: Annotated[float, "share of the strongest line's votes", SEEDS] = 0.12
    one_line_angles: Annotated[int, "bin of the vote table", SEEDS] = 5  # votes this near belong to the same line
    one_line_offsets: Annotated[int, "bin of the vote table", SEEDS] = 6
    min_points: Annotated[int, COUNT, SEEDS] = 60  # of the outline
    mask_stride_px: Annotated[int, PX, RUN_TIME] = 3
    min_score: Annotated[float, SCORE, SEEDS] = 0.6
    weakest_side_weight: Annotated[float, SCORE, SEEDS] = 0.5
    wrong_side_weight: Annotated[float, SCORE, SEEDS] = 1.5  # of the mask's share on the wrong side of the lines
    unevenness_weight: Annotated[float, SCORE, SEEDS] = 0.15
    excess_area_weight: Annotated[float, SCORE, SEEDS] = 0.3
    excess_area_from: Annotated[float, "share of the outline's convex hull", SEEDS] = 1.15
    turn_deg: Annotated[Pair, DEGREE, SEEDS] = (50, 130)  # from one line to the next
    max_unevenness: Annotated[float, RATIO, SEEDS] = 1.9  # longest to shortest side, each relative to the opening's
    corner_reach: Annotated[float, "longer side of the picture, from its centre", SEEDS] = 1.6
    area: Annotated[Pair, "share of the outline's convex hull", SEEDS] = (0.35, 2.2)
    support_along: Annotated[Pair, LENGTH, SEEDS] = (0.04, 0.96)
    support_places: Annotated[int, COUNT, RUN_TIME] = 48
    support_within: Annotated[float, SIDE, SEEDS] = 0.018
    min_visible_places: Annotated[int, COUNT, SEEDS] = 5
    unseen_support: Annotated[float, "share of a side", SEEDS] = 0.5  # of a side outside the picture
    outer_scale: Annotated[float, RATIO, SEEDS] = 1.03  # the mask may reach this far out of the outer quadrilateral
    inner_scale: Annotated[float, RATIO, SEEDS] = 0.95  # and this far into the inner one
    refit_within: Annotated[tuple[float, ...], SIDE, SEEDS] = (0.035, 0.022, 0.015)  # one band after the other
    refit_along: Annotated[Pair, LENGTH, SEEDS] = (0.03, 0.97)
    refit_min_points: Annotated[int, COUNT, SEEDS] = 15
    refit_huber: Annotated[float, SIDE, SEEDS] = 0.004
    refit_accuracy: Annotated[float, "pixel and radian of cv2.fitLine", "OpenCV's documentation"] = 0.01


OUTLINE = OutlineLimits()
QUADRILATERAL = QuadrilateralLimits()
