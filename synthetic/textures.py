"""A bank of periodic grey textures, made once per process from a fixed seed."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np

from reefsteps.arrays import Float32Array, Float64Array, Int32Array

TILE_PX = 512
VARIANTS = 3


def fractal(rng: np.random.Generator, exponent: float) -> Float32Array:
    """Return periodic noise with a 1/f**exponent amplitude, zero mean and unit deviation."""
    f = np.hypot(np.fft.fftfreq(TILE_PX)[:, None], np.fft.rfftfreq(TILE_PX)[None])
    f[0, 0] = np.inf
    return _inverse(rng, f**-exponent)


def band(rng: np.random.Generator, period_px: float, width: float = 0.25) -> Float32Array:
    """Return periodic noise of one wavelength; its level sets are the meanders of a brain coral."""
    f = np.hypot(np.fft.fftfreq(TILE_PX)[:, None], np.fft.rfftfreq(TILE_PX)[None])
    return _inverse(rng, np.exp(-(((f * period_px - 1) / width) ** 2)))


def _inverse(rng: np.random.Generator, amplitude: Float64Array) -> Float32Array:
    phase = np.exp(2j * np.pi * rng.random(amplitude.shape))
    out = np.fft.irfft2(amplitude * phase, (TILE_PX, TILE_PX))
    return np.asarray((out - out.mean()) / out.std(), np.float32)


def _cells(rng: np.random.Generator, period_px: int, jitter: float) -> tuple[Float32Array, Int32Array, int]:
    """Return distance to the nearest seed over the period, that seed's number, and how many seeds there are."""
    n = TILE_PX // period_px
    grid = np.stack(np.meshgrid(np.arange(n), np.arange(n)), -1).reshape(-1, 2).astype(np.float64)
    grid[:, 0] += 0.5 * (grid[:, 1] % 2)
    seeds = np.floor((grid + 0.5 + rng.uniform(-jitter, jitter, grid.shape)) * TILE_PX / n).astype(int) % TILE_PX
    tile = np.full((TILE_PX, TILE_PX), 255, np.uint8)
    tile[seeds[:, 1], seeds[:, 0]] = 0
    tiled = np.tile(tile, (3, 3))
    distance, label = cv2.distanceTransformWithLabels(tiled, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    mid = slice(TILE_PX, 2 * TILE_PX)
    _, inverse = np.unique(label[mid, mid], return_inverse=True)
    return (
        np.asarray(distance[mid, mid] / period_px, np.float32),
        inverse.reshape(TILE_PX, TILE_PX).astype(np.int32),
        int(inverse.max()) + 1,
    )


def _polyps(rng: np.random.Generator, period: int) -> Float32Array:
    d, _, _ = _cells(rng, period, 0.18)
    return np.asarray(1.3 * np.exp(-(((d - 0.38) / 0.14) ** 2)) - 1.1 * np.exp(-((d / 0.2) ** 2)), np.float32)


def _tips(rng: np.random.Generator, period: int) -> Float32Array:
    d, number, count = _cells(rng, period, 0.3)
    level = rng.uniform(0.5, 1.2, count).astype(np.float32)[number]
    return np.asarray(2.2 * level * np.exp(-((d / 0.33) ** 2)) - 1.3 * np.clip(d - 0.35, 0, 1), np.float32)


def _stones(rng: np.random.Generator, period: int) -> Float32Array:
    d, number, count = _cells(rng, period, 0.48)
    level = rng.normal(0, 1, count).astype(np.float32)[number]
    return np.asarray(level - 1.2 * np.clip(d - 0.45, 0, 1) + 0.3 * fractal(rng, 0.8), np.float32)


def _strokes(rng: np.random.Generator, length: int) -> Float32Array:
    canvas = np.zeros((TILE_PX, TILE_PX), np.float32)
    for x, y, a, v in zip(
        *rng.uniform(0, TILE_PX, (2, 5000)), rng.uniform(0, 2 * np.pi, 5000), rng.normal(0, 1, 5000), strict=True
    ):
        end = (int(x + length * np.cos(a)), int(y + length * np.sin(a)))
        cv2.line(canvas, (int(x), int(y)), end, float(v), 2)
    return np.asarray(canvas, np.float32)


@lru_cache(maxsize=1)
def bank() -> dict[str, list[list[Float32Array]]]:
    """Return for each name some variants, each a pyramid (full, half, quarter ... size) of zero-mean tiles."""
    rng = np.random.default_rng(20_031_217)
    makers: dict[str, Callable[[], Float32Array]] = {
        "rock": lambda: fractal(rng, 1.3) + 0.5 * fractal(rng, 0.7),
        "sand": lambda: 0.6 * fractal(rng, 0.25) + 0.5 * fractal(rng, 1.6),
        "rubble": lambda: _stones(rng, 32),
        "turf": lambda: _strokes(rng, 22) + 0.6 * fractal(rng, 1.2),
        "polyps": lambda: _polyps(rng, 32) + 0.15 * fractal(rng, 1.0),
        "meander": lambda: np.tanh(2.5 * band(rng, 32)) + 0.15 * fractal(rng, 1.0),
        "branches": lambda: _tips(rng, 32) + 0.2 * fractal(rng, 1.0),
        "table": lambda: 0.7 * _tips(rng, 16) + 0.7 * _tips(rng, 32),
        "crust": lambda: 0.8 * band(rng, 40, 0.5) - np.clip(band(rng, 20), 0, 2) + 0.2 * fractal(rng, 1.0),
        "smooth": lambda: 0.5 * fractal(rng, 1.6) + 0.35 * _polyps(rng, 16),
    }
    return {name: [_pyramid(make()) for _ in range(VARIANTS)] for name, make in makers.items()}


def _pyramid(tile: Float32Array) -> list[Float32Array]:
    levels = [np.asarray((tile - tile.mean()) / tile.std(), np.float32)]
    while levels[-1].shape[0] > 32:
        levels.append(
            np.asarray(cv2.resize(levels[-1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.float32)
        )
    return levels


def sample(
    rng: np.random.Generator, name: str, width: int, height: int, period_px: float, jacobian: Float64Array
) -> Float32Array:
    """Return a (height, width) cut of a texture whose 32-pixel period becomes ``period_px``, seen through ``jacobian``.

    Only the jacobian's direction and foreshortening matter; its scale is divided out.
    """
    levels = bank()[name][rng.integers(VARIANTS)]
    zoom = 32 / max(period_px, 0.5)
    level = int(np.clip(np.floor(np.log2(max(zoom, 1.0))), 0, len(levels) - 1))
    tile = levels[level]
    shape = jacobian / np.sqrt(abs(np.linalg.det(jacobian)))
    angle = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    to_tile = turn @ np.linalg.inv(shape) * (zoom / 2**level)
    offset = rng.uniform(0, tile.shape[0], 2)
    matrix = np.column_stack([to_tile, offset])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cut = cv2.warpAffine(tile, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_WRAP)
    return np.asarray(cut, np.float32)
