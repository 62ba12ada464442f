"""Limits of the search for the grid of strings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from reframing.limits.plane import RansacLimits
from reframing.limits.units import (
    CELL,
    COLOUR,
    COUNT,
    DEFINITION,
    FINITE,
    FRAMES,
    LENGTH,
    PX,
    RATIO,
    RUN_TIME,
    SEEDS,
    SIDE,
    SLOPE,
    Pair,
)


@dataclass(frozen=True)
class MeshLimits:
    """How strings divide an opening (strings/mesh.py); CRIOBE's frames have 10 x 10 cells."""

    cells: Annotated[int, COUNT, SEEDS] = 10  # of a square, each way
    round_cells_cm: Annotated[tuple[float, ...], "cm", SEEDS] = (10.0, 5.0)  # of a rectangle
    whole_within: Annotated[float, CELL, SEEDS] = 0.005
    max_cells: Annotated[int, COUNT, RUN_TIME] = 20
    min_strings: Annotated[int, COUNT, SEEDS] = 6  # each way


@dataclass(frozen=True)
class StringSearchLimits:
    """Strings in a small straightened picture (strings/search.py, strings/grid.py)."""

    size_px: Annotated[int, "pixel per side", RUN_TIME] = 640
    margin: Annotated[float, SIDE, SEEDS] = 0.14
    surroundings: Annotated[float, SIDE, SEEDS] = 0.03  # Gauss; removes shadows and vignetting
    segments: Annotated[int, COUNT, RUN_TIME] = 24
    max_slope: Annotated[float, SLOPE, SEEDS] = 0.045
    slope_step: Annotated[float, SLOPE, RUN_TIME] = 0.003
    along: Annotated[Pair, LENGTH, SEEDS] = (0.03, 0.97)
    blur_px: Annotated[tuple[int, int], PX, SEEDS] = (3, 5)  # across and along a string
    flank: Annotated[float, SIDE, SEEDS] = 0.0075  # what a string is lighter than lies this far beside it
    min_flank_px: Annotated[int, PX, SEEDS] = 3
    flank_difference_weight: Annotated[float, RATIO, SEEDS] = 0.25
    ridge_range: Annotated[Pair, COLOUR, SEEDS] = (-0.02, 0.10)
    reaches: Annotated[Pair, "share of a square's side", SEEDS] = (0.045, 0.018)  # one search after the other
    candidates_per_string: Annotated[int, COUNT, SEEDS] = 3
    min_peak: Annotated[float, "robust standard deviation", SEEDS] = 3.5
    deviations_per_median: Annotated[float, RATIO, "normal distribution (Rousseeuw and Croux 1993)"] = 1.48
    noise_floor: Annotated[float, COLOUR, FINITE] = 1e-5
    same_string: Annotated[float, SIDE, SEEDS] = 0.008
    min_pair_distance: Annotated[float, SIDE, SEEDS] = 0.25
    pitch: Annotated[Pair, RATIO, SEEDS] = (0.88, 1.12)  # found to due distance of two strings
    even_within: Annotated[float, SIDE, SEEDS] = 0.009
    weak_vote: Annotated[float, RATIO, SEEDS] = 0.4  # vote of a string without strength
    strength_vote: Annotated[float, RATIO, SEEDS] = 0.6
    full_vote_from: Annotated[int, "robust standard deviation", SEEDS] = 12
    constraint_points: Annotated[int, COUNT, SEEDS] = 6
    measure_reaches: Annotated[Pair, SIDE, SEEDS] = (0.008, 0.005)


@dataclass(frozen=True)
class StringMeasureLimits:
    """One string in full resolution (strings/measure.py)."""

    weight: Annotated[float, RATIO, SEEDS] = 0.35  # strings sag and are tied by hand: less than a side's weight
    step_px: Annotated[float, PX, SEEDS] = 0.7
    max_rows: Annotated[int, "row from the middle to the end", RUN_TIME] = 40
    min_rows: Annotated[int, "row from the middle to the end", SEEDS] = 4
    places: Annotated[int, COUNT, RUN_TIME] = 100
    along: Annotated[Pair, LENGTH, SEEDS] = (0.04, 0.96)
    smoothing_px: Annotated[float, "row and column", SEEDS] = 1.2
    ground_part: Annotated[int, "one part in", SEEDS] = 5  # of the rows, at either end
    near: Annotated[float, "share of the reach", SEEDS] = 0.7
    min_peak: Annotated[float, COLOUR, SEEDS] = 0.025
    usable: Annotated[float, "share of the reach", SEEDS] = 0.95
    tolerance: Annotated[float, SIDE, SEEDS] = 0.0018
    min_inliers: Annotated[int, COUNT, SEEDS] = 25
    point_stride: Annotated[int, COUNT, RUN_TIME] = 2


@dataclass(frozen=True)
class VisibilityLimits:
    """How visible strings are beside a side (strings/visibility.py)."""

    beyond: Annotated[Pair, CELL, SEEDS] = (-0.95, -0.70)
    within: Annotated[Pair, CELL, SEEDS] = (0.2, 0.8)
    cells_inwards: Annotated[int, COUNT, SEEDS] = 3
    min_strings: Annotated[int, COUNT, SEEDS] = 4
    half_width: Annotated[float, "share of a square's side", SEEDS] = 0.02
    rows: Annotated[int, COUNT, RUN_TIME] = 41
    columns: Annotated[int, COUNT, RUN_TIME] = 24
    ground_rows: Annotated[tuple[int, int], "row", SEEDS] = (15, 26)  # ground: before the first, from the second on
    string_rows: Annotated[tuple[int, int], "row", SEEDS] = (17, 24)
    pixel: Annotated[float, SIDE, SEEDS] = 0.001
    noise_floor: Annotated[float, COLOUR, SEEDS] = 0.008
    min_inside: Annotated[float, RATIO, SEEDS] = 2.0
    min_level: Annotated[float, RATIO, FINITE] = 1e-3


@dataclass(frozen=True)
class StringFitLimits:
    """Fit of strings and inner edges together (strings/fit.py)."""

    colour_window: Annotated[Pair, SIDE, SEEDS] = (-0.02, 0.01)
    edge_window: Annotated[Pair, SIDE, FRAMES] = (-0.09, 0.03)  # strings are tied on the bar or drilled through it
    max_slope: Annotated[float, SLOPE, SEEDS] = 0.005
    edge_spread: Annotated[float, SIDE, SEEDS] = 0.0035  # of the inner edge's distance from the grid
    first_window: Annotated[float, SIDE, SEEDS] = 0.004
    windows: Annotated[Pair, SIDE, SEEDS] = (0.0045, 0.0035)  # of the fits that follow
    bevel_window: Annotated[float, SIDE, SEEDS] = 0.002
    side_weight: Annotated[float, RATIO, SEEDS] = 0.5  # of a point on a side; compare StringMeasureLimits.weight
    max_misfit: Annotated[float, SIDE, SEEDS] = 0.0012  # of a side that is kept
    misfit_parts: Annotated[int, COUNT, SEEDS] = 3  # of a side, each judged by its median
    equal_within: Annotated[float, SIDE, SEEDS] = 0.010  # the sides lie equally far from the grid
    min_sides: Annotated[int, COUNT, DEFINITION] = 2  # to compare


MESH = MeshLimits()
STRING_SEARCH = StringSearchLimits()
STRING_MEASURE = StringMeasureLimits()
STRING_LINE = RansacLimits(pairs=120, min_points=20)
VISIBILITY = VisibilityLimits()
STRING_FIT = StringFitLimits()
