"""Looking up the photograph's pixels at points of the quadrat's plane."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from reefsteps.arrays import BoolArray, ByteArray, Float32Array, Float64Array
from reframing.limits.plane import SAMPLING as LIMITS
from reframing.plane.geometry import side_lengths
from reframing.plane.side import Side
from reframing.plane.view import PlaneModel


def largest_channel(colours: Float32Array) -> Float32Array:
    """Return the largest of three channels (..., 3); several times faster than numpy's ``max(-1)``."""
    return np.asarray(np.maximum(np.maximum(colours[..., 0], colours[..., 1]), colours[..., 2]))


@dataclass(frozen=True)
class Strip:
    """A resampled band: rows run across (``across``), columns along (``along``)."""

    values: Float32Array  # (rows, columns, 3), 0 to 1
    inside: BoolArray  # (rows, columns): within the photograph
    across: Float64Array  # (rows,), plane units
    along: Float64Array  # (columns,)


@dataclass(frozen=True)
class ImagePyramid:
    """A photograph and copies of half, a quarter, ... of its size, so that lookups at any scale are anti-aliased."""

    levels: tuple[ByteArray, ...]

    @staticmethod
    def of(image_bgr: ByteArray) -> ImagePyramid:
        """Return the photograph with its smaller copies, down to about 500 pixels on the shorter side."""
        levels = [image_bgr]
        while min(levels[-1].shape[:2]) >= LIMITS.smallest_level_px:
            height, width = levels[-1].shape[:2]
            even = levels[-1][: height // 2 * 2, : width // 2 * 2]
            levels.append(np.asarray(cv2.resize(even, (width // 2, height // 2), interpolation=cv2.INTER_AREA)))
        return ImagePyramid(tuple(levels))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the full picture in pixels."""
        return self.levels[0].shape[1], self.levels[0].shape[0]

    def sample(self, points_px: Float64Array, shape: tuple[int, int], step_px: float) -> tuple[Float32Array, BoolArray]:
        """Return colours (rows, columns, 3) in 0..1 at image points (N, 2), and which of them are in the picture.

        ``step_px`` is the distance between neighbouring points in full-size pixels. It selects the copy.
        """
        level = int(np.clip(np.floor(np.log2(max(step_px, 1.0)) + LIMITS.level_rounding), 0, len(self.levels) - 1))
        picture = self.levels[level]
        scaled = (points_px / 2**level - 0.5).astype(np.float32)
        map_x, map_y = scaled[:, 0].reshape(shape), scaled[:, 1].reshape(shape)
        colours = cv2.remap(picture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        height, width = picture.shape[:2]
        first, last = LIMITS.bilinear_border_px
        inside = (map_x > first) & (map_x < width - last) & (map_y > first) & (map_y < height - last)
        return colours.astype(np.float32) * np.float32(1 / 255), inside


def side_strip(
    photo: ImagePyramid,
    model: PlaneModel,
    side: Side,
    centre: Float64Array,
    across: Float64Array,
    along: Float64Array,
    step_px: float,
) -> Strip:
    """Sample a band along a side; ``centre`` (columns,) is the inward position of the band's middle line."""
    t = np.broadcast_to(along, (len(across), len(along)))
    inward = centre[None, :] + across[:, None]
    points = model.to_image(side.points(t, inward, model.extent))
    values, inside = photo.sample(points, t.shape, step_px)
    return Strip(values, inside, across, along)


def lookup_map(
    model: PlaneModel, origin: tuple[float, float], pitch: float, shape: tuple[int, int], per_pixel: int = 1
) -> Float32Array:
    """Return image points (rows * per_pixel, columns * per_pixel, 2) of a regular grid of the plane.

    The grid's first cell begins at plane point ``origin`` (x, y), cells are ``pitch`` wide, ``shape`` is (rows,
    columns). Every 16th is computed exactly, the rest interpolated: between them a view of a plane is linear to far
    below a hundredth of a pixel.
    """
    rows, columns = shape
    x = origin[0] + (np.arange(-1, columns // LIMITS.map_block + 2) + 0.5) * LIMITS.map_block * pitch
    y = origin[1] + (np.arange(-1, rows // LIMITS.map_block + 2) + 0.5) * LIMITS.map_block * pitch
    grid_x, grid_y = np.meshgrid(x, y)
    points = model.to_image(np.stack([grid_x.ravel(), grid_y.ravel()], axis=1))
    blocks = points.reshape(len(y), len(x), 2).astype(np.float32)
    step = LIMITS.map_block * per_pixel
    dense = cv2.resize(blocks, (len(x) * step, len(y) * step), interpolation=cv2.INTER_LINEAR)
    return np.asarray(dense[step : step + rows * per_pixel, step : step + columns * per_pixel], np.float32)


def rectified(photo: ImagePyramid, model: PlaneModel, size_px: int, margin: float) -> Float32Array:
    """Return the opening and ``margin`` around it as a float32 picture with ``size_px`` pixels per unit."""
    return with_margin(photo, model, size_px, margin)[0]


def with_margin(photo: ImagePyramid, model: PlaneModel, size_px: int, margin: float) -> tuple[Float32Array, BoolArray]:
    """Return what `rectified` does, and (rows, columns) which of its pixels lie within the photograph."""
    width, height = model.extent
    shape = round((height + 2 * margin) * size_px), round((width + 2 * margin) * size_px)
    points = lookup_map(model, (-margin, -margin), 1 / size_px, shape).reshape(-1, 2)
    step_px = float(side_lengths(model.corners_px).mean()) / size_px
    return photo.sample(points.astype(np.float64), shape, step_px)
