"""detectron2's resizing before the network and its mask pasting after it, without torch.

Sources: detectron2 0.6 ``ResizeShortestEdge``/``ResizeTransform``, ``detector_postprocess`` and
``paste_masks_in_image``; torch's ``grid_sample(align_corners=False, padding_mode="zeros")``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from PIL import Image

from reefsteps.arrays import BoolArray, ByteArray, Float32Array
from reefsteps.detection.detections import InstanceMask

# OpenBLAS multiplies larger matrices on every core, and lets the cores wait in a loop. Half a megapixel then takes
# 5.5 ms of CPU instead of 0.7 (numpy 2.4.6, two cores).
_PRODUCTS_ON_ONE_CORE = 250_000


def network_shape(height: int, width: int, min_size: int, max_size: int) -> tuple[int, int]:
    """Return the (height, width) that detectron2's ResizeShortestEdge gives to a picture of that size."""
    scale = min_size * 1.0 / min(height, width)
    new_height, new_width = (min_size * 1.0, scale * width) if height < width else (scale * height, min_size * 1.0)
    if max(new_height, new_width) > max_size:
        scale = max_size * 1.0 / max(new_height, new_width)
        new_height, new_width = new_height * scale, new_width * scale
    return int(new_height + 0.5), int(new_width + 0.5)


def resize(image: ByteArray, shape: tuple[int, int]) -> ByteArray:
    """Return a (H, W, 3) uint8 picture resized to ``shape`` with Pillow's antialiased bilinear filter.

    Models are trained behind this very filter; OpenCV's linear and area filters differ by several grey levels.
    """
    if image.shape[:2] == shape:
        return image
    height, width = shape
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


def restore_boxes(
    boxes: Float32Array, network: tuple[int, int], picture: tuple[int, int]
) -> tuple[Float32Array, BoolArray]:
    """Return boxes (N, 4) in the picture's pixels, clipped to it, and which of them are not empty."""
    scale_y, scale_x = picture[0] / network[0], picture[1] / network[1]
    restored = boxes * np.array([scale_x, scale_y, scale_x, scale_y], np.float32)
    restored[:, 0::2] = restored[:, 0::2].clip(0, picture[1])
    restored[:, 1::2] = restored[:, 1::2].clip(0, picture[0])
    filled = (restored[:, 2] > restored[:, 0]) & (restored[:, 3] > restored[:, 1])
    return restored, filled


def paste_mask(
    probabilities: Float32Array, box: Float32Array, picture: tuple[int, int], threshold: float
) -> InstanceMask:
    """Return the instance's pixels: its (M, M) probabilities stretched over its box, at or above ``threshold``.

    Bilinear interpolation is separable, so two thin matrices do what grid_sample does point by point. Pixels differ
    only where the probability equals the threshold to within float32 rounding.
    """
    height, width = picture
    x0, y0, x1, y1 = (float(value) for value in box)
    left, top = max(math.floor(x0) - 1, 0), max(math.floor(y0) - 1, 0)
    right, bottom = min(math.ceil(x1) + 1, width), min(math.ceil(y1) + 1, height)
    side = probabilities.shape[-1]
    weights = _weights(left, right, box[0], box[2], side)
    across = np.empty((side, right - left), np.float32)
    for columns in _pieces(right - left, side * side):
        np.matmul(probabilities, weights[columns].T, out=across[:, columns])
    down = _weights(top, bottom, box[1], box[3], side)
    bitmap = np.empty((bottom - top, right - left), np.uint8)
    for rows in _pieces(bottom - top, side * (right - left)):
        np.greater_equal(down[rows] @ across, np.float32(threshold), out=bitmap[rows].view(np.bool_))
    return InstanceMask(left, top, bitmap)


def _pieces(length: int, products: int) -> Iterator[slice]:
    """Yield slices of ``length`` rows, of so many that a product of matrices stays on one core."""
    step = max(1, _PRODUCTS_ON_ONE_CORE // products)
    return (slice(start, start + step) for start in range(0, length, step))


def _weights(start: int, stop: int, low: np.float32, high: np.float32, side: int) -> Float32Array:
    """Return (stop - start, side): how much each of ``side`` bins, stretched over low..high, counts in each pixel."""
    one, two = np.float32(1), np.float32(2)
    centres = np.arange(start, stop, dtype=np.float32) + np.float32(0.5)
    grid = (centres - low) / (high - low) * two - one  # as grid_sample is called, rounding included
    position = ((grid + one) * np.float32(side) - one) / two
    lower = np.floor(position)
    fraction = position - lower
    lower_bin = np.clip(lower, -1, side).astype(np.intp)
    upper_bin = np.clip(lower + 1, -1, side).astype(np.intp)
    weights = np.zeros((stop - start, side + 2), np.float32)  # a bin of zeros on either side
    rows = np.arange(stop - start)
    weights[rows, lower_bin + 1] += one - fraction
    weights[rows, upper_bin + 1] += fraction
    return weights[:, 1:-1]
