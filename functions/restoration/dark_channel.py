"""Dark channel prior with guided filter, kept for comparison with results of the earlier desktop pipeline.

Source: He, Sun, Tang, "Single image haze removal using dark channel prior", CVPR 2009 (omega, t0, veil from the
brightest 0.1 % of the dark channel). The fast guided filter refines the transmission (He, Sun, arXiv:1505.00996, 2015).
Its coefficients are computed on the reduced picture and applied to the full one. The method was made for haze in air
and does not correct a colour cast.
"""

from __future__ import annotations

import cv2
import numpy as np

from reefsteps.arrays import ByteArray, Float32Array, Pixels
from restoration.colour import STRIP_ROWS, eight_bit, reduced

_PATCH_PX = 15
_OMEGA = 0.95
_MIN_TRANSMISSION = 0.1
_BRIGHTEST_SHARE = 0.001
_RADIUS_PX = 30
_EPSILON = 1e-3


def apply(pixels_bgr: Pixels) -> ByteArray:
    """Return the picture with its veil removed; HxWx3 ``uint8``."""
    picture = eight_bit(pixels_bgr)
    small = reduced(pixels_bgr)
    veil = _veil(small)
    transmission = 1 - np.float32(_OMEGA) * _dark_channel(small / veil)
    height, width = picture.shape[:2]
    coefficients = _guided_coefficients(np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.float32), transmission)
    slope, offset = (np.asarray(cv2.resize(plane, (width, height)), np.float32) for plane in coefficients)
    restored = np.empty_like(picture)
    for top in range(0, height, STRIP_ROWS):
        rows = slice(top, top + STRIP_ROWS)
        strip = picture[rows].astype(np.float32) / np.float32(255)
        refined = slope[rows] * cv2.cvtColor(strip, cv2.COLOR_BGR2GRAY) + offset[rows]
        refined = np.clip(refined, _MIN_TRANSMISSION, 1)[..., None]
        clear = (strip - veil) / refined + veil
        restored[rows] = (np.clip(clear, 0, 1) * 255 + np.float32(0.5)).astype(np.uint8)
    return restored


def _dark_channel(values: Float32Array) -> Float32Array:
    patch = cv2.getStructuringElement(cv2.MORPH_RECT, (_PATCH_PX, _PATCH_PX))
    return np.asarray(cv2.erode(values.min(axis=2), patch), np.float32)


def _veil(small: Float32Array) -> Float32Array:
    """Return the colour of the water (BGR, 0 to 1): the brightest pixel of those whose dark channel is highest."""
    dark = _dark_channel(small).ravel()
    count = max(1, int(dark.size * _BRIGHTEST_SHARE))
    candidates = small.reshape(-1, 3)[np.argsort(dark, kind="stable")[-count:]]
    veil: Float32Array = np.maximum(candidates[candidates.sum(axis=1).argmax()], np.float32(0.05))
    return veil


def _guided_coefficients(guide: Float32Array, target: Float32Array) -> tuple[Float32Array, Float32Array]:
    window = (2 * _RADIUS_PX + 1, 2 * _RADIUS_PX + 1)
    mean_guide, mean_target = cv2.blur(guide, window), cv2.blur(target, window)
    covariance = cv2.blur(guide * target, window) - mean_guide * mean_target
    variance = cv2.blur(guide * guide, window) - mean_guide * mean_guide
    slope = covariance / (variance + _EPSILON)
    offset = mean_target - slope * mean_guide
    return np.asarray(cv2.blur(slope, window), np.float32), np.asarray(cv2.blur(offset, window), np.float32)
