"""The camera's view of the quadrat's plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reefsteps.arrays import Float64Array
from reframing.limits.plane import LENSES
from reframing.plane.geometry import SQUARE, Extent, apply_homography, homography, opening

# Focal lengths that cameras have, in half diagonals of the picture.
FOCAL_LENGTHS: Float64Array = np.geomspace(*LENSES.focal_lengths, LENSES.focal_length_steps)


def squareness_error(matrix: Float64Array) -> float:
    """Return how far a homography is from any camera's view of the opening, for the focal length that fits best.

    The camera's principal point is taken to be the picture's centre. Then the images of the plane's unit vectors are
    orthogonal and of equal length once the focal length is divided out (Zhang 2000, section 2.3). The error is the
    larger of the log ratio of their lengths and the cosine between them. It is 0 for an opening of the right shape, and
    0.02 if one side is 2 % too long.
    """
    return float(np.min(squareness_errors(matrix, FOCAL_LENGTHS)))


def squareness_errors(matrix: Float64Array, focal_lengths: Float64Array) -> Float64Array:
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

    matrix: Float64Array
    radial: float
    width_px: int
    height_px: int
    extent: Extent = SQUARE

    @staticmethod
    def from_corners(corners_px: Float64Array, width_px: int, height_px: int, extent: Extent = SQUARE) -> PlaneModel:
        """Return the model without distortion whose opening has these corners (4, 2)."""
        centre, scale = _normalisation(width_px, height_px)
        matrix = homography(opening(extent), (corners_px - centre) / scale)
        return PlaneModel(matrix, 0.0, width_px, height_px, extent)

    @property
    def corners_px(self) -> Float64Array:
        """The opening's corners in the photograph (4, 2)."""
        return self.to_image(opening(self.extent))

    def to_image(self, plane: Float64Array) -> Float64Array:
        """Return image points (N, 2) of plane points (N, 2)."""
        centre, scale = _normalisation(self.width_px, self.height_px)
        ideal = apply_homography(self.matrix, plane)
        return np.asarray(centre + scale * ideal * (1 + self.radial * _squared_length(ideal)))

    def normalise(self, image: Float64Array) -> Float64Array:
        """Return image points (N, 2) in the centred, half-diagonal coordinates of ``matrix`` (still distorted)."""
        centre, scale = _normalisation(self.width_px, self.height_px)
        return np.asarray((image - centre) / scale)

    def to_plane(self, image: Float64Array) -> Float64Array:
        """Return plane points (N, 2) of image points (N, 2)."""
        inverse = np.asarray(np.linalg.inv(self.matrix), np.float64)
        return apply_homography(inverse, undistort(self.normalise(image), self.radial))

    def compose(self, change: Float64Array) -> PlaneModel:
        """Return the view with ``matrix`` times ``change``, a homography (3, 3) within the plane."""
        matrix = self.matrix @ change
        return PlaneModel(matrix / matrix[2, 2], self.radial, self.width_px, self.height_px, self.extent)


def undistort(points: Float64Array, radial: float) -> Float64Array:
    """Return ideal points (N, 2) of distorted ones, both normalised. Fixed-point iteration; the error is below 1e-6."""
    if radial == 0.0:
        return points
    ideal = points
    for _ in range(LENSES.undistortion_steps):
        ideal = points / (1 + radial * _squared_length(ideal))
    return ideal


def _squared_length(points: Float64Array) -> Float64Array:
    """Return (N, 1); numpy's sum over an axis of two is several times slower."""
    return np.asarray(points[:, :1] ** 2 + points[:, 1:] ** 2)


def _normalisation(width_px: int, height_px: int) -> tuple[Float64Array, float]:
    centre = np.array([width_px / 2, height_px / 2])
    return centre, float(np.hypot(*centre))
