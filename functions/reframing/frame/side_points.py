"""Sub-pixel points along one side's edge, in full resolution."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from reefsteps.arrays import BoolArray, Float64Array
from reframing.frame.side_search import Candidate
from reframing.limits.frame import SIDE_LINE
from reframing.limits.frame import SIDE_POINTS as LIMITS
from reframing.plane.geometry import side_lengths
from reframing.plane.lines import ransac
from reframing.plane.peaks import column_peaks
from reframing.plane.sampling import ImagePyramid, side_strip
from reframing.plane.side import Side
from reframing.plane.view import PlaneModel


@dataclass(frozen=True)
class EdgePoints:
    """Sub-pixel points of one side, (N, 2) in pixels, and the share of the side on which they were found."""

    points_px: Float64Array
    share: float


def edge_points(photo: ImagePyramid, model: PlaneModel, side: Side, candidate: Candidate, window: float) -> EdgePoints:
    """Return sub-pixel points of the edge within ``window`` of a candidate line, without outliers to a parabola.

    The frame's colour is steady and the seabed's is not. So the main colour direction of the step is taken over the
    whole side first (principal axis of the gradients). Then the strongest step of each column in that direction is
    taken.
    """
    side_px = float(side_lengths(model.corners_px).mean())
    step = float(np.clip(LIMITS.step_px / side_px, window / LIMITS.max_rows, window / LIMITS.min_rows))
    across = np.arange(-window, window + step / 2, step)
    along = np.linspace(*LIMITS.along, LIMITS.columns)
    strip = side_strip(photo, model, side, candidate.inward(along), across, along, step * side_px)
    smooth = cv2.GaussianBlur(strip.values, (0, 0), sigmaX=LIMITS.smoothing_along, sigmaY=LIMITS.smoothing_across)
    gradient = smooth[2:] - smooth[:-2]
    near = np.exp(-0.5 * (across[1:-1] / (LIMITS.near * window)) ** 2)
    weighted = (gradient * near[:, None, None].astype(np.float32)).reshape(-1, 3)
    _, vectors = np.linalg.eigh((weighted.T @ weighted).astype(np.float64))
    step_size = np.abs(gradient @ vectors[:, -1].astype(np.float32)) * near[:, None].astype(np.float32)
    peaks = column_peaks(step_size)
    position = across[1:-1][peaks.row] + peaks.shift * step
    usable = strip.inside.all(0) & (peaks.height > LIMITS.min_step) & (np.abs(position) < LIMITS.usable * window)
    inlier = _parabola_inliers(along, position, usable, max(LIMITS.min_tolerance, LIMITS.tolerance_px / side_px))
    inward = candidate.inward(along) + position
    points = model.to_image(side.points(along[inlier], inward[inlier], model.extent))
    return EdgePoints(points, float(inlier.sum()) / LIMITS.columns)


def _parabola_inliers(along: Float64Array, position: Float64Array, usable: BoolArray, tolerance: float) -> BoolArray:
    """Return which points lie on the best straight line, then on a parabola refined from it."""
    none = np.zeros(len(along), bool)
    inlier = ransac(along, position, usable, tolerance, SIDE_LINE)
    if inlier is None:
        return none
    for degree in LIMITS.degrees:
        if inlier.sum() < LIMITS.min_inliers:
            return none
        fitted = np.polyval(np.polyfit(along[inlier], position[inlier], degree), along)
        inlier = usable & (np.abs(position - fitted) < tolerance)
    return inlier
