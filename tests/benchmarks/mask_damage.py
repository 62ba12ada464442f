"""What a Mask R-CNN's mask head does to a perfect mask.

The head answers on 28 x 28 cells within a box that is itself a little off (He et al. 2017); the answer is pasted back
bilinearly and cut at 0.5. On top come errors of its own: a wobbling outline (smooth and cell-wise noise of the
logits), missing and spurious cells, and whole-instance errors: the frame found twice, in two pieces, or with a false
instance elsewhere. ``amount`` scales all of it; 1 is a usable model, 1.5 a poor one.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from reefsteps.masks import mask_box

CELLS = 28
Mask = NDArray[np.bool_]


def damaged(mask: Mask, random: np.random.Generator, amount: float) -> Mask:
    """Return the union (H, W) of the instance masks that a model might give for a perfect mask (H, W)."""
    draw = random.random()
    if draw < 0.78:
        return _through_mask_head(mask, random, amount)
    if draw < 0.86:
        return _through_mask_head(mask, random, amount) | _through_mask_head(mask, random, 1.6 * amount)
    if draw < 0.93:
        return _in_two_pieces(mask, random, amount)
    return _through_mask_head(mask, random, amount) | _false_instance(mask.shape, random)


def _in_two_pieces(mask: Mask, random: np.random.Generator, amount: float) -> Mask:
    y, x = np.nonzero(mask)
    angle, extent = random.uniform(0, np.pi), max(float(np.ptp(x)), float(np.ptp(y)), 1.0)
    rows, columns = np.indices(mask.shape)
    distance = (columns - x.mean()) * np.cos(angle) + (rows - y.mean()) * np.sin(angle)
    overlap = random.uniform(-0.05, 0.2) * extent
    parts = (mask & (distance < overlap), mask & (distance > -overlap))
    first, second = (_through_mask_head(part, random, amount) for part in parts)
    return first | second


def _false_instance(shape: tuple[int, ...], random: np.random.Generator) -> Mask:
    height, width = shape
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radius = random.uniform(0.05, 0.12) * height * (1 + 0.2 * np.cos(2 * t + random.uniform(0, 6)))
    centre = random.uniform([0, 0], [width, height])
    outline = centre + np.stack([np.cos(t), np.sin(t)], axis=1) * radius[:, None]
    return cv2.fillPoly(np.zeros((height, width), np.uint8), [np.round(outline).astype(np.int32)], 1) > 0


def _through_mask_head(mask: Mask, random: np.random.Generator, amount: float) -> Mask:
    height, width = mask.shape
    found = mask_box(mask)
    if found is None or min(np.count_nonzero(mask.any(0)), np.count_nonzero(mask.any(1))) < 8:
        return np.zeros_like(mask)
    box = np.array(found, float)
    box += random.normal(0, 0.012 * amount, 4) * np.tile([box[2] - box[0], box[3] - box[1]], 2)
    x0, y0, x1, y1 = np.clip(box, 0, [width, height, width, height])
    coverage = _resampled(mask.astype(np.float32), (x0, y0, x1, y1))
    logits = 6 * (coverage - 0.42) + amount * (0.9 * _smooth_noise(random) + random.normal(0, 0.4, (CELLS, CELLS)))
    for count, change, largest in ((random.poisson(0.8 * amount), -4, 4), (random.poisson(0.4 * amount), 4, 3)):
        for _ in range(count):
            row, column = random.integers(0, CELLS, 2)
            size = int(random.integers(1, largest))
            logits[max(0, row - size) : row + size, max(0, column - size) : column + size] += change
    probability = (1 / (1 + np.exp(-logits))).astype(np.float32)
    return _pasted(probability, (x0, y0, x1, y1), mask.shape)


def _resampled(mask: NDArray[np.float32], box: tuple[float, float, float, float]) -> NDArray[np.float32]:
    """Return the mean of the mask in each of 28 x 28 cells of the box, by way of 112 x 112 points."""
    x0, y0, x1, y1 = box
    soft = cv2.GaussianBlur(mask, (0, 0), max(1.0, 0.25 * (x1 - x0) / 112))
    matrix = np.array([[(x1 - x0) / 112, 0, x0], [0, (y1 - y0) / 112, y0]], np.float32)
    fine = cv2.warpAffine(soft, matrix, (112, 112), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return np.asarray(cv2.resize(fine, (CELLS, CELLS), interpolation=cv2.INTER_AREA), np.float32)


def _pasted(probability: NDArray[np.float32], box: tuple[float, float, float, float], shape: tuple[int, ...]) -> Mask:
    x0, y0, x1, y1 = box
    scale_x, scale_y = CELLS / max(x1 - x0, 1), CELLS / max(y1 - y0, 1)
    matrix = np.array([[scale_x, 0, -x0 * scale_x - 0.5], [0, scale_y, -y0 * scale_y - 0.5]], np.float32)
    size = (shape[1], shape[0])
    full = cv2.warpAffine(probability, matrix, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    rows, columns = np.indices(shape)
    return np.asarray((full > 0.5) & (columns >= x0) & (columns < x1) & (rows >= y0) & (rows < y1))


def _smooth_noise(random: np.random.Generator) -> NDArray[np.float64]:
    coarse = cv2.resize(random.normal(size=(9, 9)), (CELLS, CELLS), interpolation=cv2.INTER_CUBIC)
    fine = cv2.resize(random.normal(size=(14, 14)), (CELLS, CELLS), interpolation=cv2.INTER_CUBIC)
    return np.asarray((coarse + 0.55 * fine) / 1.14)
