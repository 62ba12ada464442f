"""Sub-pixel points along one side's edge, in full resolution."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from reefsteps.arrays import BoolArray, Float64Array
from reframing.frame.side_search import Candidate
from reframing.plane.geometry import side_lengths
from reframing.plane.sampling import Photograph, on_side, side_strip
from reframing.plane.view import PlaneModel

FINE_COLUMNS = 320


@dataclass(frozen=True)
class EdgePoints:
    """Sub-pixel points of one side and the share of the whole side on which they were found."""

    points_px: Float64Array
    share: float


def edge_points(photo: Photograph, model: PlaneModel, side: int, candidate: Candidate, window: float) -> EdgePoints:
    """Return sub-pixel points of the edge near a candidate line, outliers to a parabola removed.

    The frame's colour is steady and the seabed's is not, so the step's main colour direction over the whole side is
    taken first (principal axis of the gradients), then each column's strongest step in that direction.
    """
    side_px = float(side_lengths(model.corners_px).mean())
    step = float(np.clip(0.7 / side_px, window / 40, window / 4))  # at least nine rows, however small the quadrat
    across = np.arange(-window, window + step / 2, step)
    along = np.linspace(0.015, 0.985, FINE_COLUMNS)
    strip = side_strip(photo, model, side, candidate.inward(along), across, along, step * side_px)
    smooth = cv2.GaussianBlur(strip.values, (0, 0), sigmaX=1.5, sigmaY=1.2)
    gradient = smooth[2:] - smooth[:-2]
    near = np.exp(-0.5 * (across[1:-1] / (0.6 * window)) ** 2)
    weighted = (gradient * near[:, None, None].astype(np.float32)).reshape(-1, 3)
    _, vectors = np.linalg.eigh((weighted.T @ weighted).astype(np.float64))
    step_size = np.abs(gradient @ vectors[:, -1].astype(np.float32)) * near[:, None].astype(np.float32)
    row = np.clip(step_size.argmax(0), 1, len(step_size) - 2)
    column = np.arange(FINE_COLUMNS)
    before, peak, after = step_size[row - 1, column], step_size[row, column], step_size[row + 1, column]
    curve = np.minimum(before - 2 * peak + after, -1e-6)
    position = across[1:-1][row] + np.clip(0.5 * (before - after) / curve, -0.5, 0.5) * step
    usable = strip.inside.all(0) & (peak > 0.006) & (np.abs(position) < 0.97 * window)
    inlier = _parabola_inliers(along, position, usable, max(0.0012, 1.5 / side_px))
    inward = candidate.inward(along) + position
    points = model.to_image(on_side(side, along[inlier], inward[inlier], model.extent))
    return EdgePoints(points, float(inlier.sum()) / FINE_COLUMNS)


def _parabola_inliers(along: Float64Array, position: Float64Array, usable: BoolArray, tolerance: float) -> BoolArray:
    """Return which points lie on the best straight line (200 pairs tried), then on a parabola refined from it."""
    index = np.nonzero(usable)[0]
    none = np.zeros(len(along), bool)
    if len(index) < 25:
        return none
    random = np.random.default_rng(0)
    pairs = random.choice(index, (200, 2))
    pairs = pairs[np.abs(along[pairs[:, 0]] - along[pairs[:, 1]]) > 0.2]
    if len(pairs) == 0:
        return none
    run = along[pairs[:, 1]] - along[pairs[:, 0]]
    slope = (position[pairs[:, 1]] - position[pairs[:, 0]]) / run
    start = position[pairs[:, 0]] - slope * along[pairs[:, 0]]
    distance = np.abs(position[index][None] - start[:, None] - slope[:, None] * along[index][None])
    best = int(np.argmax((distance < tolerance).sum(1)))
    inlier = none.copy()
    inlier[index] = distance[best] < tolerance
    for degree in (1, 2, 2):
        if inlier.sum() < 20:
            return none
        fitted = np.polyval(np.polyfit(along[inlier], position[inlier], degree), along)
        inlier = usable & (np.abs(position - fitted) < tolerance)
    return inlier
