"""Limits that decide what is accepted: from detection and from a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from reframing.limits.units import (
    CELL,
    CONVENTION,
    COUNT,
    DEFINITION,
    DEGREE,
    FINITE,
    FRAMES,
    HALF_DIAGONAL,
    PERCENT,
    PX,
    RATIO,
    RUN_TIME,
    SCORE,
    SEEDS,
    SIDE,
    Pair,
)


@dataclass(frozen=True)
class FitLimits:
    """Limits that differ with and without strings (gate.py)."""

    max_residual_percent: Annotated[float, PERCENT, SEEDS]  # right fits leave 0.08 at most
    max_uncertainty_percent: Annotated[float, PERCENT, SEEDS]
    max_squareness_percent: Annotated[float, PERCENT, SEEDS]  # no view of the frame's shape by so much
    max_mask_share_off_frame: Annotated[float, "share of the mask", SEEDS]


@dataclass(frozen=True)
class GateLimits:
    """What a fit must show before a picture is cut by it (gate.py)."""

    max_side_ratio: Annotated[float, RATIO, SEEDS] = 1.5  # longest to shortest side, each relative to the opening's
    angles_deg: Annotated[Pair, DEGREE, SEEDS] = (58.0, 122.0)
    min_area: Annotated[float, "share of the picture", SEEDS] = 0.05
    max_radial: Annotated[float, "PlaneModel.radial", SEEDS] = 0.12
    max_distance_percent: Annotated[float, PERCENT, SEEDS] = 16.0  # of the fit from the mask
    min_outline_agreement: Annotated[float, "share of the outline", SEEDS] = 0.5
    # With strings. Numbers of strings are of the nine of a square's 10 x 10 grid.
    strings_for_two_sides: Annotated[int, COUNT, SEEDS] = 7
    strings_for_no_side: Annotated[int, COUNT, SEEDS] = 8
    sides_with_few_strings: Annotated[int, COUNT, SEEDS] = 4
    sides_with_more_strings: Annotated[int, COUNT, SEEDS] = 2
    max_grid_disagreement_percent: Annotated[float, PERCENT, SEEDS] = 1.5
    max_strings_beyond: Annotated[float, "share of the strings' visibility inside", SEEDS] = 0.5
    min_end_cell: Annotated[float, "share of the strings' visibility elsewhere", SEEDS] = 0.06
    one_cell: Annotated[float, CELL, SEEDS] = 0.55  # nearer to the mask than this, the grid cannot be one cell off
    # Without strings.
    min_share: Annotated[float, "share of each side", SEEDS] = 0.45
    min_mean_share: Annotated[float, "share of the sides", SEEDS] = 0.8
    # 1. The hypothesis' score, less a penalty for each percent beyond the usual distance from the mask.
    min_score: Annotated[float, SCORE, SEEDS] = 7.5
    usual_distance_percent: Annotated[float, PERCENT, SEEDS] = 9.0
    score_per_distance_percent: Annotated[float, SCORE, SEEDS] = 1.75
    # 2. The score with the bars' similarity added and the hidden part of the least visible side and the deviation
    #    from a square subtracted.
    min_frame_score: Annotated[float, SCORE, SEEDS] = 12.0
    score_per_similarity: Annotated[float, SCORE, SEEDS] = 15.0
    score_per_hidden_side: Annotated[float, SCORE, SEEDS] = 20.0
    score_per_percent_off_square: Annotated[float, SCORE, SEEDS] = 20.0
    usual_percent_off_square: Annotated[float, PERCENT, FRAMES] = 0.5
    min_lead: Annotated[float, SCORE, SEEDS] = 0.8
    max_inner_rival: Annotated[float, RATIO, SEEDS] = 0.75  # right fits: median 0.24, 98th percentile 0.56


@dataclass(frozen=True)
class UncertaintyLimits:
    """From the statistical to the expected corner error (gate.py)."""

    floor_percent: Annotated[float, PERCENT, "errors of 245 accepted photographs"] = 0.1
    factor: Annotated[int, RATIO, "errors of 245 accepted photographs"] = 3
    doubt_percent: Annotated[float, PERCENT, "errors of 245 accepted photographs"] = 0.1
    doubtful_similarity: Annotated[float, "correlation", SEEDS] = 0.6
    confident_percent: Annotated[float, PERCENT, DEFINITION] = 1.0  # of confidence: every corner within this
    least_percent: Annotated[float, PERCENT, FINITE] = 1e-3


@dataclass(frozen=True)
class AcceptanceLimits:
    """What is measured on the finished fit (acceptance.py)."""

    widest_bar: Annotated[float, SIDE, FRAMES] = 0.14  # a bar's mask reaches this far outside of the inner edge
    deepest_bar: Annotated[float, SIDE, SEEDS] = 0.05  # and this far inside
    mask_places: Annotated[int, "pixel of the longer side", RUN_TIME] = 300
    residual_part: Annotated[float, "share of the points", SEEDS] = 0.9  # the rest are outliers
    partly_visible_below: Annotated[float, "share of a side", SEEDS] = 0.5


@dataclass(frozen=True)
class ShapeLimits:
    """Which way round a rectangle lies (shape.py)."""

    rough_lead: Annotated[float, RATIO, SEEDS] = 0.3  # by which the mask's corners may fit worse
    other_fits_within: Annotated[float, RATIO, "the gate's limit for the shape that was given"] = 0.0125
    max_miss_by_hand: Annotated[float, RATIO, SEEDS] = 0.15
    min_lead_by_hand: Annotated[float, RATIO, SEEDS] = 0.01  # of one way round over the other
    usual_focal_length: Annotated[float, HALF_DIAGONAL, "lenses as they are sold"] = 1.6
    miss_per_focal_length: Annotated[float, "ratio for a focal length e times longer or shorter", SEEDS] = 0.02
    # A tilted view changes by the step from one focal length to the next: here a fifth of the limits above.
    fine_focal_lengths: Annotated[int, COUNT, SEEDS] = 800


@dataclass(frozen=True)
class ByHandLimits:
    """Corners and hidden areas set by a person (manual.py, by_hand.py)."""

    border_tolerance_px: Annotated[float, PX, "rounding of the page's corners"] = 1.0
    min_side_px: Annotated[float, PX, CONVENTION] = 32.0
    max_side_ratio: Annotated[float, RATIO, SEEDS] = 3.0  # of sides that are equal on the frame
    min_measured: Annotated[float, "share of the quadrat", CONVENTION] = 0.1
    check_px: Annotated[int, PX, RUN_TIME] = 200  # side of the picture in which the measured share is counted


GATE = GateLimits()
WITH_STRINGS = FitLimits(
    max_residual_percent=0.1, max_uncertainty_percent=0.5, max_squareness_percent=1.5, max_mask_share_off_frame=0.6
)
WITHOUT_STRINGS = FitLimits(
    max_residual_percent=0.2, max_uncertainty_percent=1.0, max_squareness_percent=1.25, max_mask_share_off_frame=0.4
)
UNCERTAINTY = UncertaintyLimits()
ACCEPTANCE = AcceptanceLimits()
SHAPE = ShapeLimits()
BY_HAND = ByHandLimits()
