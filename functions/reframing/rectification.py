"""Cut the quadrat out: one warp from full-resolution pixels to a square."""

from __future__ import annotations

import cv2
import numpy as np

from reframing.geometry import UNIT_SQUARE, Array, PlaneModel, side_lengths
from reframing.sampling import Pixels

MIN_SIDE_PX = 64
BAND_ROWS = 256
GRID_STEP_PX = 16


def source_side_px(model: PlaneModel) -> int:
    """Return the output side that keeps the photograph's resolution: the quadrat's mean side in its pixels."""
    return max(MIN_SIDE_PX, round(float(side_lengths(model.corners_px).mean())))


def rectify(image_bgr: Pixels, model: PlaneModel, side_px: int) -> Pixels:
    """Return the quadrat as a square picture (side_px, side_px, 3) uint8, never mirrored.

    Each output pixel is interpolated (bicubic) from the photograph itself; where the square has fewer pixels than the
    photograph, several points per output pixel are averaged (area sampling), so fine texture does not alias. The lens
    term is undone in the same warp. Parts outside of the photograph are black.
    """
    per_pixel = _points_per_pixel(model, side_px)
    output = np.empty((side_px, side_px, 3), np.uint8)
    for first in range(0, side_px, BAND_ROWS):
        rows = min(BAND_ROWS, side_px - first)
        map_x, map_y = _band_maps(model, side_px, first, rows, per_pixel)
        band = cv2.remap(image_bgr, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT)
        if per_pixel > 1:
            band = cv2.resize(band, (side_px, rows), interpolation=cv2.INTER_AREA)
        output[first : first + rows] = band
    return output


def _points_per_pixel(model: PlaneModel, side_px: int) -> int:
    """Return how many photograph pixels an output pixel spans at the densest corner, rounded up from 1.25 on."""
    step = 1e-3
    densest = 0.0
    for corner in UNIT_SQUARE:
        inward = (0.5 - corner) * 2 * step
        for direction in np.diag(inward):
            pair = model.to_image(np.stack([corner, corner + direction]))
            densest = max(densest, float(np.linalg.norm(pair[1] - pair[0])) / step)
    return max(1, int(np.ceil(densest / side_px - 0.25)))


def _band_maps(
    model: PlaneModel, side_px: int, first: int, rows: int, per_pixel: int
) -> tuple[cv2.typing.MatLike, cv2.typing.MatLike]:
    """Return where to look in the photograph (pixel centres at integers) for a band of output rows."""
    nodes_x, at_x = _nodes(0, side_px, per_pixel)
    nodes_y, at_y = _nodes(first, rows, per_pixel)
    x, y = np.meshgrid(nodes_x / side_px, nodes_y / side_px)
    points = (model.to_image(np.stack([x.ravel(), y.ravel()], axis=1)) - 0.5).astype(np.float32)
    grid = points.reshape(len(nodes_y), len(nodes_x), 2)
    lookup_x, lookup_y = np.meshgrid(at_x, at_y)
    dense = cv2.remap(grid, lookup_x, lookup_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return dense[..., 0], dense[..., 1]


def _nodes(first: int, count: int, per_pixel: int) -> tuple[Array, cv2.typing.MatLike]:
    """Return output coordinates of exactly computed nodes, and for every sample its place between them.

    Between nodes 16 pixels apart a homography is linear to far below a hundredth of a pixel.
    """
    steps = count // GRID_STEP_PX + 2
    nodes = first + np.arange(steps + 1) * GRID_STEP_PX
    samples = (np.arange(count * per_pixel) + 0.5) / per_pixel
    return nodes.astype(np.float64), (samples / GRID_STEP_PX).astype(np.float32)
