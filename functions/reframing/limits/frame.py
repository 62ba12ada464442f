"""Limits of the search for the frame's inner edge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from reframing.limits.plane import RansacLimits
from reframing.limits.units import (
    COLOUR,
    COUNT,
    FINITE,
    FRAMES,
    LENGTH,
    PX,
    RATIO,
    RUN_TIME,
    SCORE,
    SEEDS,
    SIDE,
    SLOPE,
    Pair,
)


@dataclass(frozen=True)
class ColourLimits:
    """What colours the frame has (frame/colour.py)."""

    bins: Annotated[int, "per channel", SEEDS] = 16
    smoothing_bins: Annotated[float, "bin", SEEDS] = 0.9
    size_px: Annotated[int, PX, RUN_TIME] = 280
    margin: Annotated[float, SIDE, SEEDS] = 0.22
    seabed_from: Annotated[float, SIDE, SEEDS] = 0.04  # inside of the band where the bars may lie
    widest_bar: Annotated[float, SIDE, FRAMES] = 0.12
    max_log_ratio: Annotated[float, "natural logarithm", SEEDS] = 2.5
    unseen_frequency: Annotated[float, "share of a colour cell, times the square of bins", SEEDS] = 0.02


@dataclass(frozen=True)
class SideSearchLimits:
    """Straight steps of colour along one side (frame/side_search.py)."""

    segments: Annotated[int, COUNT, SEEDS] = 24
    columns_per_segment: Annotated[int, COUNT, RUN_TIME] = 8
    rows_per_side: Annotated[int, "row per side", RUN_TIME] = 1400
    along: Annotated[Pair, LENGTH, SEEDS] = (0.02, 0.98)
    smoothing_along: Annotated[float, "column", SEEDS] = 0.8
    smoothing_across: Annotated[float, "row", SEEDS] = 1.2
    max_step: Annotated[float, COLOUR, SEEDS] = 0.12  # a glint counts no more than this
    slopes_wide: Annotated[int, COUNT, RUN_TIME] = 23
    slopes_narrow: Annotated[int, COUNT, RUN_TIME] = 9
    wide_from: Annotated[float, SLOPE, SEEDS] = 0.01  # a wider range of slopes than this gets more of them
    bows: Annotated[tuple[float, ...], SIDE, SEEDS] = (-0.003, -0.0015, 0.0, 0.0015, 0.003)
    hidden_part: Annotated[int, "one part in", SEEDS] = 4  # of the segments: may be hidden without a loss of strength
    strength_weight: Annotated[float, RATIO, SEEDS] = 0.6
    steadiness_weight: Annotated[float, RATIO, SEEDS] = 0.4
    min_range: Annotated[float, COLOUR, FINITE] = 1e-6
    max_candidates: Annotated[int, COUNT, SEEDS] = 9
    free_candidates: Annotated[int, COUNT, SEEDS] = 4  # of these: found at any slope
    parallel_within: Annotated[float, SIDE, SEEDS] = 0.0025
    crest_rows: Annotated[int, "row", SEEDS] = 4  # a crest is the strongest within this distance
    min_border_rows: Annotated[int, "row", SEEDS] = 3
    border: Annotated[float, SIDE, SEEDS] = 0.004  # no candidate lies this near to the window's ends
    min_over_level: Annotated[float, RATIO, SEEDS] = 1.15
    min_over_own_level: Annotated[float, RATIO, SEEDS] = 1.3
    strong: Annotated[float, "share of the side's strongest", SEEDS] = 0.5  # a strong line's direction is a bar's
    shared_within: Annotated[float, SIDE, SEEDS] = 0.0034  # two lines nearer than this over a part of their way are one
    shared_part: Annotated[float, "share of the segments", SEEDS] = 0.15
    pattern_depth: Annotated[float, SIDE, FRAMES] = 0.085  # how far outside of the edge the bars' steps are compared
    outer_line_from: Annotated[float, SIDE, SEEDS] = 0.004
    outer_line_slope: Annotated[float, SLOPE, SEEDS] = 0.004  # spread
    outer_line_bow: Annotated[float, SIDE, SEEDS] = 0.003  # spread
    texture_near: Annotated[tuple[Pair, Pair], SIDE, SEEDS] = ((0.0025, 0.007), (-0.006, -0.0025))  # inside, outside
    texture_far: Annotated[tuple[Pair, Pair], SIDE, SEEDS] = ((0.004, 0.022), (-0.012, -0.0035))
    texture_floor: Annotated[float, COLOUR, SEEDS] = 0.003  # noise of a camera
    unseen_texture: Annotated[float, COLOUR, SEEDS] = 0.01
    colour_outside: Annotated[Pair, SIDE, SEEDS] = (-0.012, -0.002)
    colour_inside: Annotated[tuple[Pair, Pair], SIDE, SEEDS] = ((0.002, 0.008), (0.004, 0.03))


@dataclass(frozen=True)
class HypothesisLimits:
    """One step a side, scored together (frame/hypotheses.py)."""

    strength_weight: Annotated[float, SCORE, SEEDS] = 0.8
    min_strength: Annotated[float, "share of the side's strongest", SEEDS] = 0.05
    contrast_weight: Annotated[float, SCORE, SEEDS] = 0.7
    contrast_range: Annotated[Pair, "natural logarithm", SEEDS] = (-1.0, 1.2)
    colour_weight: Annotated[float, SCORE, SEEDS] = 4.0
    rival_weight: Annotated[float, SCORE, SEEDS] = 4.0
    rival_from: Annotated[float, "share of the candidate's strength", SEEDS] = 0.5
    inside_step_weight: Annotated[float, SCORE, SEEDS] = 4.0
    inside_step_range: Annotated[Pair, SIDE, SEEDS] = (0.0045, 0.024)
    inside_step_places: Annotated[int, COUNT, RUN_TIME] = 28
    offset_spread: Annotated[float, SIDE, SEEDS] = 0.012  # of the four sides around their common offset
    without_a_side: Annotated[float, SCORE, SEEDS] = -3.0
    square_spread: Annotated[float, RATIO, SEEDS] = 0.006  # by which coarse lines of the right hypothesis miss a square
    max_square_penalty: Annotated[float, SCORE, SEEDS] = 6.0
    focal_length_step: Annotated[int, COUNT, RUN_TIME] = 3  # every third of the focal lengths
    max_hypotheses: Annotated[int, COUNT, SEEDS] = 5
    apart: Annotated[float, SIDE, SEEDS] = 0.006  # nearer hypotheses are one
    parallel: Annotated[float, SLOPE, SEEDS] = 0.004
    pattern_end: Annotated[float, SIDE, SEEDS] = -0.004  # the step itself is alike on all sides
    pattern_places: Annotated[int, COUNT, RUN_TIME] = 120
    similarity_end: Annotated[float, SIDE, SEEDS] = 0.006
    similarity_places: Annotated[int, COUNT, RUN_TIME] = 130
    min_similar_sides: Annotated[int, COUNT, SEEDS] = 3  # fewer are not compared
    min_common_places: Annotated[int, COUNT, SEEDS] = 15
    min_norm: Annotated[float, "product of two norms", FINITE] = 1e-9


@dataclass(frozen=True)
class SidePointLimits:
    """Sub-pixel points of one side (frame/side_points.py, frame/sides.py)."""

    columns: Annotated[int, COUNT, RUN_TIME] = 320
    along: Annotated[Pair, LENGTH, SEEDS] = (0.015, 0.985)
    step_px: Annotated[float, PX, SEEDS] = 0.7
    max_rows: Annotated[int, "row from the window's middle to its end", RUN_TIME] = 40
    min_rows: Annotated[int, "row from the window's middle to its end", SEEDS] = 4  # nine in all for small quadrats
    smoothing_along: Annotated[float, "column", SEEDS] = 1.5
    smoothing_across: Annotated[float, "row", SEEDS] = 1.2
    near: Annotated[float, "share of the window", SEEDS] = 0.6  # spread of the weight of a step
    min_step: Annotated[float, COLOUR, SEEDS] = 0.006
    usable: Annotated[float, "share of the window", SEEDS] = 0.97
    min_tolerance: Annotated[float, SIDE, SEEDS] = 0.0012
    tolerance_px: Annotated[float, PX, SEEDS] = 1.5
    degrees: Annotated[tuple[int, ...], "degree of a polynomial", SEEDS] = (1, 2, 2)  # from a line to a parabola
    min_inliers: Annotated[int, COUNT, SEEDS] = 20
    min_share_to_fit: Annotated[float, "share of the side", SEEDS] = 0.2


@dataclass(frozen=True)
class BevelLimits:
    """Where a bar really ends (frame/bevel.py)."""

    step_px: Annotated[float, PX, SEEDS] = 0.7
    finest_step: Annotated[float, SIDE, RUN_TIME] = 0.0003
    coarsest_step: Annotated[float, SIDE, SEEDS] = 0.002  # a quadrat of fewer pixels shows no bevel
    along: Annotated[Pair, LENGTH, SEEDS] = (0.02, 0.98)
    reach: Annotated[float, SIDE, FRAMES] = 0.009  # of a bevel
    profile_end: Annotated[float, "times reach", SEEDS] = 2.5
    seabed_from: Annotated[float, "times reach", SEEDS] = 1.2
    strong_step: Annotated[float, "share of the fitted edge's step", SEEDS] = 0.2
    crest: Annotated[float, "share of the fitted edge's step", SEEDS] = 0.06  # over the valley before it
    calm: Annotated[float, "share of the seabed's variation", SEEDS] = 0.5
    calm_between: Annotated[Pair, "share of the way to the step", SEEDS] = (0.3, 0.8)
    beyond: Annotated[float, SIDE, SEEDS] = 0.004  # how far beyond a step the seabed's variation is taken
    calm_from: Annotated[float, SIDE, SEEDS] = 0.006  # outside of the side: where the search for the end of calm begins
    calm_to: Annotated[float, SIDE, SEEDS] = 0.011  # inside of the side: where it ends
    min_rows: Annotated[int, "row", SEEDS] = 3  # of the calm part
    min_rise: Annotated[float, "natural logarithm", SEEDS] = 0.7
    lag: Annotated[float, SIDE, SEEDS] = 0.0008  # the seabed's variation beside a blurred edge is still the edge's own
    variation_floor: Annotated[float, COLOUR, SEEDS] = 0.002
    min_shift: Annotated[float, SIDE, SEEDS] = 0.0018
    own_step_within: Annotated[float, SIDE, SEEDS] = 0.0012
    min_rows_apart: Annotated[float, "row", SEEDS] = 3.5  # from the fitted step to another
    min_height: Annotated[float, COLOUR, SEEDS] = 0.004


@dataclass(frozen=True)
class FrameFitLimits:
    """Fit without strings (frame/fit.py)."""

    max_slope: Annotated[float, SLOPE, SEEDS] = 0.044
    second_window: Annotated[Pair, SIDE, SEEDS] = (-0.07, 0.06)  # around the first fit
    second_priors: Annotated[tuple[Pair, ...], SIDE, SEEDS] = ((0.0, 0.02),)
    second_max_slope: Annotated[float, SLOPE, SEEDS] = 0.02
    within_best: Annotated[float, SCORE, SEEDS] = 3.0  # hypotheses that are fitted in full resolution
    square_spread: Annotated[float, RATIO, SEEDS] = 0.003  # by which exact lines miss a square
    share_weight: Annotated[float, SCORE, SEEDS] = 3.0
    same_corners: Annotated[float, SIDE, SEEDS] = 0.008
    certain: Annotated[float, SCORE, SEEDS] = 99.0  # lead of a hypothesis without a rival
    first_window: Annotated[float, SIDE, SEEDS] = 0.006
    windows: Annotated[tuple[float, ...], SIDE, SEEDS] = (0.005, 0.004)  # of the fits that follow
    bevel_window: Annotated[float, SIDE, SEEDS] = 0.002


COLOUR_MODEL = ColourLimits()
SIDE_SEARCH = SideSearchLimits()
HYPOTHESES = HypothesisLimits()
SIDE_POINTS = SidePointLimits()
SIDE_LINE = RansacLimits(pairs=200, min_points=25)
BEVEL = BevelLimits()
FRAME_FIT = FrameFitLimits()
