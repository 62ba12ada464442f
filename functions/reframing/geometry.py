"""Plane geometry of a photographed quadrat.

Coordinates are pixels with the origin at the outer corner of the top-left pixel (``reefsteps.results``). In the
quadrat's own plane the frame's opening is the rectangle (0, 0) to ``extent`` (width, height), y down. Its first corner
is the one that is top-left in the photograph. The mean of width and height is 1, and both axes have the same scale. So
a square is the unit square, and lengths "in parts of the side" mean the same for squares and rectangles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

Extent = tuple[float, float]

UNIT_SQUARE: Array = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
SQUARE: Extent = (1.0, 1.0)


def opening(extent: Extent, inset: float = 0.0) -> Array:
    """Return the corners (4, 2) of an opening of this width and height, moved inwards by ``inset``."""
    low, right, bottom = inset, extent[0] - inset, extent[1] - inset
    return np.array([[low, low], [right, low], [right, bottom], [low, bottom]])


def wider_by(rim: float, extent: Extent) -> Array:
    """Return the change of plane (3, 3) that moves the four sides of an opening outwards by ``rim``."""
    width, height = extent
    return np.array([[1 + 2 * rim / width, 0, -rim], [0, 1 + 2 * rim / height, -rim], [0, 0, 1]])


def narrower_by(rim: float, extent: Extent) -> Array:
    """Return the inverse of ``wider_by``."""
    x, y = 1 / (1 + 2 * rim / extent[0]), 1 / (1 + 2 * rim / extent[1])
    return np.array([[x, 0, rim * x], [0, y, rim * y], [0, 0, 1]])


def signed_area(corners: Array) -> float:
    """Return the area of a polygon (N, 2); positive when clockwise as seen in an image (y down)."""
    x, y = corners[:, 0], corners[:, 1]
    return float(0.5 * np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))


def is_convex(corners: Array) -> bool:
    """Return whether the clockwise polygon (N, 2) turns the same way at every corner (so it never crosses itself)."""
    sides = np.roll(corners, -1, 0) - corners
    following = np.roll(sides, -1, 0)
    return bool(np.all(sides[:, 0] * following[:, 1] - sides[:, 1] * following[:, 0] > 0))


def side_lengths(corners: Array) -> Array:
    """Return the four side lengths (4,): top, right, bottom, left."""
    return np.asarray(np.linalg.norm(np.roll(corners, -1, 0) - corners, axis=1))


def order_corners(corners: Array) -> Array:
    """Return the four corners clockwise, starting with the one that is top-left in the photograph.

    The order is by angle around the centre, so the result is never mirrored; of the four sides, the one whose
    direction is nearest to the photograph's +x becomes the top, so the quadrat's up is the photograph's up.
    """
    centred = corners - corners.mean(0)
    clockwise = corners[np.argsort(np.arctan2(centred[:, 1], centred[:, 0]))]
    direction = np.roll(clockwise, -1, 0) - clockwise
    turn = np.abs(np.arctan2(direction[:, 1], direction[:, 0]))
    return np.roll(clockwise, -int(np.argmin(turn)), axis=0)


def homography(source: Array, target: Array) -> Array:
    """Return the 3x3 homography that takes the four points ``source`` (4, 2) to ``target`` (4, 2).

    Direct linear transform with h33 = 1 (Hartley and Zisserman, Multiple View Geometry, 2nd ed., section 4.1).
    """
    rows, values = [], []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        values += [u, v]
    return np.append(np.linalg.solve(np.array(rows), np.array(values)), 1.0).reshape(3, 3)


def apply_homography(matrix: Array, points: Array) -> Array:
    """Return the points (N, 2) moved by a 3x3 homography."""
    moved = points @ matrix[:, :2].T + matrix[:, 2]
    return np.asarray(moved[:, :2] / moved[:, 2:])


def through_points(a: Array, b: Array) -> Array:
    """Return the line (nx, ny, c) with unit normal and n.p + c = 0 through two points."""
    direction = (b - a) / np.linalg.norm(b - a)
    normal = np.array([-direction[1], direction[0]])
    return np.append(normal, -normal @ a)


def intersection(first: Array, second: Array) -> Array | None:
    """Return the point (2,) where two lines meet, or None when they are parallel."""
    (a, b, c), (d, e, f) = first.tolist(), second.tolist()
    scale = a * e - b * d
    if abs(scale) < 1e-9:
        return None
    return np.array([(b * f - c * e) / scale, (c * d - a * f) / scale])


# Focal lengths that cameras have, in half diagonals of the picture: a 14 mm fisheye-like wide angle to an 85 mm lens
# on 36 x 24 mm.
FOCAL_LENGTHS: Array = np.geomspace(0.65, 4.0, 40)


def squareness_error(matrix: Array) -> float:
    """Return by how much the plane's image is no view of a plane, least over the possible focal lengths.

    For a camera with its principal point in the picture's centre, the images of the plane's unit vectors are orthogonal
    and equal once the focal length is taken out (Zhang 2000, section 2.3); returned is the larger of the log ratio of
    their lengths and the cosine between them: 0 where the opening has the shape that ``extent`` says, 0.02 where a side
    is 2 % off.
    """
    return float(np.min(squareness_errors(matrix, FOCAL_LENGTHS)))


def squareness_errors(matrix: Array, focal_lengths: Array) -> Array:
    """Return `squareness_error` for each of some focal lengths (N,), in half diagonals, (N,)."""
    first = np.stack(
        [matrix[0, 0] / focal_lengths, matrix[1, 0] / focal_lengths, np.full_like(focal_lengths, matrix[2, 0])]
    )
    second = np.stack(
        [matrix[0, 1] / focal_lengths, matrix[1, 1] / focal_lengths, np.full_like(focal_lengths, matrix[2, 1])]
    )
    lengths = np.linalg.norm(first, axis=0), np.linalg.norm(second, axis=0)
    stretch = np.abs(np.log(lengths[0] / lengths[1]))
    skew = np.abs(np.sum(first * second, axis=0)) / (lengths[0] * lengths[1])
    return np.asarray(np.maximum(stretch, skew))


@dataclass(frozen=True)
class PlaneModel:
    """The camera's view of the quadrat's plane: a homography followed by one radial distortion term.

    ``matrix`` (3, 3) takes the plane to image coordinates centred on the picture and divided by its half diagonal;
    ``radial`` is k in ``x_distorted = x (1 + k |x|^2)`` (Brown 1966, first term), on the same scale. ``extent`` is the
    opening's width and height in the plane.
    """

    matrix: Array
    radial: float
    width_px: int
    height_px: int
    extent: Extent = SQUARE

    @staticmethod
    def from_corners(corners_px: Array, width_px: int, height_px: int, extent: Extent = SQUARE) -> PlaneModel:
        """Return the model without distortion whose opening has these corners (4, 2)."""
        centre, scale = _normalisation(width_px, height_px)
        matrix = homography(opening(extent), (corners_px - centre) / scale)
        return PlaneModel(matrix, 0.0, width_px, height_px, extent)

    @property
    def corners_px(self) -> Array:
        """The opening's corners in the photograph (4, 2)."""
        return self.to_image(opening(self.extent))

    def to_image(self, plane: Array) -> Array:
        """Return image points (N, 2) of plane points (N, 2)."""
        centre, scale = _normalisation(self.width_px, self.height_px)
        ideal = apply_homography(self.matrix, plane)
        return np.asarray(centre + scale * ideal * (1 + self.radial * _squared_length(ideal)))

    def normalise(self, image: Array) -> Array:
        """Return image points (N, 2) in the centred, half-diagonal coordinates of ``matrix`` (still distorted)."""
        centre, scale = _normalisation(self.width_px, self.height_px)
        return np.asarray((image - centre) / scale)

    def to_plane(self, image: Array) -> Array:
        """Return plane points (N, 2) of image points (N, 2)."""
        inverse = np.asarray(np.linalg.inv(self.matrix), np.float64)
        return apply_homography(inverse, undistort(self.normalise(image), self.radial))

    def after(self, change: Array) -> PlaneModel:
        """Return the model whose plane is this one's image of ``change`` (a homography within the plane)."""
        matrix = self.matrix @ change
        return PlaneModel(matrix / matrix[2, 2], self.radial, self.width_px, self.height_px, self.extent)


def undistort(points: Array, radial: float) -> Array:
    """Return ideal points (N, 2) of distorted ones, both normalised, by fixed-point iteration (error < 1e-6)."""
    if radial == 0.0:
        return points
    ideal = points
    for _ in range(5):
        ideal = points / (1 + radial * _squared_length(ideal))
    return ideal


def _squared_length(points: Array) -> Array:
    """Return (N, 1); numpy's sum over an axis of two is several times slower."""
    return np.asarray(points[:, :1] ** 2 + points[:, 1:] ** 2)


def _normalisation(width_px: int, height_px: int) -> tuple[Array, float]:
    centre = np.array([width_px / 2, height_px / 2])
    return centre, float(np.hypot(*centre))
