"""Looks of one picture that differ as photographs of one survey do: scale, exposure, colour cast, turn and mirror."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reefsteps.arrays import ByteArray, Float64Array
from reefsteps.detection.manifest import MAP_SCALE_SPREAD
from reefsteps.detection.resizing import network_shape, resize
from reefsteps.detection.stages import LONGEST_PX, SIDE_PX

# Standard deviations of the logarithm of gamma, of each channel's gain and of all gains together.
_GAMMA, _CAST, _EXPOSURE = 0.15, 0.10, 0.12


def plain_view(picture_bgr: ByteArray) -> ByteArray:
    """Return the picture as the adapted model will see it."""
    height, width = picture_bgr.shape[:2]
    return resize(picture_bgr, network_shape(height, width, SIDE_PX, LONGEST_PX))


def views(
    picture_bgr: ByteArray, places: Float64Array, count: int, rng: np.random.Generator
) -> Iterator[tuple[ByteArray, Float64Array]]:
    """Yield ``count`` looks of a (H, W, 3) uint8 picture, each with its places (N, 2), the plain one first.

    Places are x and y in parts of the picture's width and height.
    """
    plain = plain_view(picture_bgr)
    yield plain, places
    for _ in range(count - 1):
        height, width = plain.shape[:2]
        scale = np.exp(rng.uniform(-MAP_SCALE_SPREAD, MAP_SCALE_SPREAD))
        view = _recoloured(resize(plain, (round(height * scale), round(width * scale))), rng)
        moved = places
        if rng.integers(2):
            view, moved = view[:, ::-1], np.stack([1 - moved[:, 0], moved[:, 1]], axis=1)
        for _ in range(int(rng.integers(4))):
            view, moved = np.rot90(view), np.stack([moved[:, 1], 1 - moved[:, 0]], axis=1)
        yield np.ascontiguousarray(view), moved


def _recoloured(picture_bgr: ByteArray, rng: np.random.Generator) -> ByteArray:
    gamma = np.exp(rng.normal(0, _GAMMA))
    gains = np.exp(rng.normal(0, _CAST, 3) + rng.normal(0, _EXPOSURE))
    levels = np.linspace(0, 1, 256) ** gamma
    table = np.clip(255 * levels[:, None] * gains, 0, 255).round().astype(np.uint8)
    return np.stack([table[picture_bgr[:, :, channel], channel] for channel in range(3)], axis=2)
