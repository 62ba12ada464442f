"""Cut the quadrat out: one warp from the photograph to a picture of the opening's shape."""

from __future__ import annotations

import cv2
import numpy as np

from reefsteps.arrays import ByteArray
from reframing.limits.plane import RECTIFICATION as LIMITS
from reframing.plane.geometry import UNIT_SQUARE, opening, side_lengths
from reframing.plane.sampling import lookup_map
from reframing.plane.view import PlaneModel


def source_side_px(model: PlaneModel) -> int:
    """Return the width of the output that keeps the photograph's mean scale within the quadrat."""
    least = LIMITS.min_side_px / min(model.extent)
    return round(max(least, float(side_lengths(model.corners_px).mean())) * model.extent[0])


def height_px(model: PlaneModel, side_px: int) -> int:
    """Return the height of a picture of the opening that is ``side_px`` wide, both ways at one scale."""
    return round(side_px / model.extent[0] * model.extent[1])


def rectify(image_bgr: ByteArray, model: PlaneModel, side_px: int) -> ByteArray:
    """Return the quadrat as a picture (height_px, side_px, 3) uint8, never mirrored.

    Each output pixel is interpolated from the photograph (bicubic). If the output has fewer pixels than the photograph,
    several points per pixel are averaged, so that fine texture does not alias. The same warp removes the lens
    distortion. Parts outside of the photograph are black.
    """
    per_pixel = _points_per_pixel(model, side_px)
    height, width_in_plane = height_px(model, side_px), model.extent[0]
    output = np.empty((height, side_px, 3), np.uint8)
    pitch = width_in_plane / side_px
    for first in range(0, height, LIMITS.band_rows):
        rows = min(LIMITS.band_rows, height - first)
        origin = (0.0, first / side_px * width_in_plane)
        points = lookup_map(model, origin, pitch, (rows, side_px), per_pixel) - np.float32(0.5)
        band = cv2.remap(image_bgr, points[..., 0], points[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT)
        if per_pixel > 1:
            band = cv2.resize(band, (side_px, rows), interpolation=cv2.INTER_AREA)
        output[first : first + rows] = band
    return output


def _points_per_pixel(model: PlaneModel, side_px: int) -> int:
    """Return how many points an output pixel needs each way: 1 up to 1.25 photograph pixels, else two a pixel."""
    step = LIMITS.difference
    densest = 0.0
    for corner, place in zip(opening(model.extent), UNIT_SQUARE, strict=True):
        inward = (0.5 - place) * 2 * step
        for direction in np.diag(inward):
            pair = model.to_image(np.stack([corner, corner + direction]))
            densest = max(densest, float(np.linalg.norm(pair[1] - pair[0])) / step)
    span = densest / side_px * model.extent[0]
    return 1 if span <= LIMITS.one_point_up_to else int(np.ceil(LIMITS.points_per_pixel * span))
