"""Straight lines in the plane: through points, where two meet, and the one that most points of a profile lie on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reefsteps.arrays import BoolArray, Float64Array, IndexArray
from reframing.limits.plane import LINES, RansacLimits


def through_points(a: Float64Array, b: Float64Array) -> Float64Array:
    """Return the line (nx, ny, c) with unit normal and n.p + c = 0 through two points (2,)."""
    direction = (b - a) / np.linalg.norm(b - a)
    normal = np.array([-direction[1], direction[0]])
    return np.append(normal, -normal @ a)


def intersection(first: Float64Array, second: Float64Array) -> Float64Array | None:
    """Return the point (2,) where two lines meet, or None when they are parallel."""
    (a, b, c), (d, e, f) = first.tolist(), second.tolist()
    scale = a * e - b * d
    if abs(scale) < LINES.parallel_below:
        return None
    return np.array([(b * f - c * e) / scale, (c * d - a * f) / scale])


@dataclass(frozen=True)
class LineModels:
    """Straight lines y(x), many at once: each goes through (``x``, ``y``) with a ``slope``; all (lines,) float64."""

    x: Float64Array
    y: Float64Array
    slope: Float64Array

    @staticmethod
    def estimate(x: Float64Array, y: Float64Array, first: IndexArray, second: IndexArray) -> LineModels:
        """Return the lines through pairs of the points (N,): number ``first`` and number ``second`` (lines,)."""
        slope = (y[second] - y[first]) / (x[second] - x[first])
        return LineModels(x[first], y[first], slope)

    def residuals(self, x: Float64Array, y: Float64Array) -> Float64Array:
        """Return how far the points (N,) lie from the lines, along y, (lines, N)."""
        expected = self.y[:, None] + self.slope[:, None] * (x[None] - self.x[:, None])
        return np.asarray(np.abs(y[None] - expected))


def ransac(
    x: Float64Array, y: Float64Array, usable: BoolArray, tolerance: float, limits: RansacLimits
) -> BoolArray | None:
    """Return which of the usable points (N,) lie on the line that most of them lie on, (N,); None for too few points.

    Random sample consensus (Fischler and Bolles 1981) with a fixed seed, so the same points always give the same line.
    ``tolerance`` is in the unit of y.
    """
    index = np.nonzero(usable)[0]
    if len(index) < limits.min_points:
        return None
    pairs = np.random.default_rng(0).choice(index, (limits.pairs, 2))
    pairs = pairs[np.abs(x[pairs[:, 0]] - x[pairs[:, 1]]) > limits.min_run]
    if len(pairs) == 0:
        return None
    near = LineModels.estimate(x, y, pairs[:, 0], pairs[:, 1]).residuals(x[index], y[index]) < tolerance
    inlier = np.zeros(len(x), bool)
    inlier[index] = near[int(np.argmax(near.sum(1)))]
    return inlier
