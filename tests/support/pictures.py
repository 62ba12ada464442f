"""Deterministic pictures for inference tests: edges, blobs and texture at several scales."""

from __future__ import annotations

import numpy as np

from reefsteps.arrays import ByteArray


def picture(height: int, width: int, seed: int) -> ByteArray:
    """Return a (height, width, 3) uint8 BGR picture of discs and bars on a noisy ground."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    values = np.full((height, width, 3), random.integers(40, 160, 3), np.int64)
    for _ in range(12):
        radius = random.integers(4, max(5, min(height, width) // 4))
        row, column = random.integers(0, height), random.integers(0, width)
        colour = random.integers(0, 256, 3)
        inside = (
            (rows - row) ** 2 + (columns - column) ** 2 < radius**2
            if random.random() < 0.6
            else (abs(rows - row) < radius) & (abs(columns - column) < radius // 3 + 1)
        )
        values[inside] = colour
    values += random.integers(-20, 21, values.shape)
    return values.clip(0, 255).astype(np.uint8)
