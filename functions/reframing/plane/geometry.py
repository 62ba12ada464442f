"""Plane geometry of a photographed quadrat.

Coordinates are pixels with the origin at the outer corner of the top-left pixel (``reefsteps.results``). In the
quadrat's own plane the frame's opening is the rectangle (0, 0) to ``extent`` (width, height), y down. Its first corner
is the one that is top-left in the photograph. The mean of width and height is 1, and both axes have the same scale. So
a square is the unit square, and lengths "in parts of the side" mean the same for squares and rectangles.
"""

from __future__ import annotations

import numpy as np

from reefsteps.arrays import Float64Array

Extent = tuple[float, float]
UNIT_SQUARE: Float64Array = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
SQUARE: Extent = (1.0, 1.0)


def opening(extent: Extent, inset: float = 0.0) -> Float64Array:
    """Return the corners (4, 2) of an opening of this width and height, moved inwards by ``inset``."""
    low, right, bottom = inset, extent[0] - inset, extent[1] - inset
    return np.array([[low, low], [right, low], [right, bottom], [low, bottom]])


def widened_by(edge_distance: float, extent: Extent) -> Float64Array:
    """Return the homography (3, 3) within the plane that moves the four sides outwards by ``edge_distance``."""
    width, height = extent
    return np.array(
        [
            [1 + 2 * edge_distance / width, 0, -edge_distance],
            [0, 1 + 2 * edge_distance / height, -edge_distance],
            [0, 0, 1],
        ]
    )


def narrowed_by(edge_distance: float, extent: Extent) -> Float64Array:
    """Return the inverse of ``widened_by``."""
    x, y = 1 / (1 + 2 * edge_distance / extent[0]), 1 / (1 + 2 * edge_distance / extent[1])
    return np.array([[x, 0, edge_distance * x], [0, y, edge_distance * y], [0, 0, 1]])


def signed_area(corners: Float64Array) -> float:
    """Return the area of a polygon (N, 2); positive when clockwise as seen in an image (y down)."""
    x, y = corners[:, 0], corners[:, 1]
    return float(0.5 * np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))


def is_convex(corners: Float64Array) -> bool:
    """Return whether the clockwise polygon (N, 2) turns the same way at every corner, so that it is convex."""
    sides = np.roll(corners, -1, 0) - corners
    following = np.roll(sides, -1, 0)
    return bool(np.all(sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0] > 0))


def side_lengths(corners: Float64Array) -> Float64Array:
    """Return the four side lengths (4,): top, right, bottom, left."""
    return np.asarray(np.linalg.norm(np.roll(corners, -1, 0) - corners, axis=1))


def order_corners(corners: Float64Array) -> Float64Array:
    """Return the four corners clockwise, starting with the one that is top-left in the photograph.

    Corners are sorted by their angle around the centre, so the result is never mirrored. The top is the side whose
    direction is nearest to the photograph's +x, so the quadrat's up is the photograph's up.
    """
    centred = corners - corners.mean(0)
    clockwise = corners[np.argsort(np.arctan2(centred[:, 1], centred[:, 0]))]
    direction = np.roll(clockwise, -1, 0) - clockwise
    turn = np.abs(np.arctan2(direction[:, 1], direction[:, 0]))
    return np.roll(clockwise, -int(np.argmin(turn)), axis=0)


def homography(source: Float64Array, target: Float64Array) -> Float64Array:
    """Return the homography (3, 3) from four points ``source`` (4, 2) to ``target`` (4, 2).

    Direct linear transform with h33 = 1 (Hartley and Zisserman, Multiple View Geometry, 2nd ed., section 4.1).
    """
    rows, values = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return np.append(np.linalg.solve(np.array(rows), np.array(values)), 1.0).reshape(3, 3)


def apply_homography(matrix: Float64Array, points: Float64Array) -> Float64Array:
    """Return the images (N, 2) of points (N, 2) under a homography (3, 3)."""
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    return np.asarray(moved[:, :2] / moved[:, 2:])
