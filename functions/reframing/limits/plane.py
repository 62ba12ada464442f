"""Limits of geometry, sampling and fit in the quadrat's plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from reframing.limits.units import (
    COLOUR,
    CONVENTION,
    COUNT,
    DEFINITION,
    FINITE,
    HALF_DIAGONAL,
    LENGTH,
    PX,
    RATIO,
    RUN_TIME,
    SEEDS,
    SIDE,
    Pair,
)


@dataclass(frozen=True)
class RansacLimits:
    """A line through pairs of points (plane/lines.py; Fischler and Bolles 1981)."""

    pairs: Annotated[int, COUNT, SEEDS]
    min_points: Annotated[int, COUNT, SEEDS]
    min_run: Annotated[float, LENGTH, SEEDS] = 0.2  # nearer points do not give a direction


@dataclass(frozen=True)
class LineLimits:
    """Straight lines and peaks (plane/lines.py, plane/peaks.py)."""

    parallel_below: Annotated[float, "product of two unit normals", FINITE] = 1e-9
    min_curvature: Annotated[float, COLOUR, FINITE] = 1e-6


@dataclass(frozen=True)
class LensLimits:
    """What cameras there are (plane/view.py)."""

    # From a 14 mm fisheye-like wide angle to an 85 mm lens on 36 x 24 mm.
    focal_lengths: Annotated[Pair, HALF_DIAGONAL, "lenses as they are sold"] = (0.65, 4.0)
    focal_length_steps: Annotated[int, COUNT, RUN_TIME] = 40
    undistortion_steps: Annotated[int, COUNT, "error below 1e-6 for every accepted lens term"] = 5


@dataclass(frozen=True)
class SamplingLimits:
    """Looking up pixels (plane/sampling.py)."""

    smallest_level_px: Annotated[int, PX, RUN_TIME] = 1000  # half of this is the shorter side of the smallest copy
    level_rounding: Annotated[float, "level of the pyramid", SEEDS] = 0.25
    map_block: Annotated[int, PX, "interpolation errs by less than 0.01 px"] = 16
    bilinear_border_px: Annotated[Pair, PX, DEFINITION] = (0.5, 1.5)  # from the first and behind the last pixel


@dataclass(frozen=True)
class JointFitLimits:
    """Fit of the camera's view to all points (plane/joint_fit.py)."""

    soft_limit: Annotated[float, SIDE, SEEDS] = 0.0008  # beyond it a point counts linearly (soft L1)
    # A lens behind a dome or flat port; 0.03 moves a picture's corner by 3 % of the half diagonal.
    radial_prior: Annotated[float, "PlaneModel.radial", SEEDS] = 0.03
    edge_distance_prior: Annotated[float, SIDE, SEEDS] = 0.008  # from the strings' outermost cell to the inner edge
    prior_weight: Annotated[float, "share of the points", SEEDS] = 0.05
    max_steps: Annotated[int, COUNT, RUN_TIME] = 25
    max_trials: Annotated[int, COUNT, RUN_TIME] = 6  # of a step with more and more damping
    first_damping: Annotated[float, RATIO, CONVENTION] = 1e-4
    damping_after_success: Annotated[float, RATIO, SEEDS] = 0.2
    damping_after_failure: Annotated[int, RATIO, SEEDS] = 6
    min_gain: Annotated[float, "share of the cost", RUN_TIME] = 1e-5
    difference: Annotated[float, "share of a parameter", SEEDS] = 1e-6  # of numerical derivatives
    side_groups: Annotated[int, COUNT, SEEDS] = 8  # parts of a side whose errors go together


@dataclass(frozen=True)
class RectificationLimits:
    """Cutting the quadrat out (rectification.py)."""

    min_side_px: Annotated[int, PX, CONVENTION] = 64
    band_rows: Annotated[int, "row", "bounds the memory beside the picture"] = 256
    difference: Annotated[float, SIDE, SEEDS] = 1e-3  # along which the scale at a corner is measured
    one_point_up_to: Annotated[float, "pixel of the photograph in one of the output", SEEDS] = 1.25
    points_per_pixel: Annotated[int, "point per pixel of the photograph", "sampling theorem"] = 2


LINES = LineLimits()
LENSES = LensLimits()
SAMPLING = SamplingLimits()
JOINT_FIT = JointFitLimits()
RECTIFICATION = RectificationLimits()
