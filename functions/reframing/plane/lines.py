"""Straight lines: through points, and where two meet."""

from __future__ import annotations

import numpy as np

from reefsteps.arrays import Float64Array


def through_points(a: Float64Array, b: Float64Array) -> Float64Array:
    """Return the line (nx, ny, c) with unit normal and n.p + c = 0 through two points."""
    direction = (b - a) / np.linalg.norm(b - a)
    normal = np.array([-direction[1], direction[0]])
    return np.append(normal, -normal @ a)


def intersection(first: Float64Array, second: Float64Array) -> Float64Array | None:
    """Return the point (2,) where two lines meet, or None when they are parallel."""
    (a, b, c), (d, e, f) = first.tolist(), second.tolist()
    scale = a * e - b * d
    if abs(scale) < 1e-9:
        return None
    return np.array([(b * f - c * e) / scale, (c * d - a * f) / scale])
