"""Functions that the restoration methods share: sRGB curve, reduction for statistics, conversion to 8 bits."""

from __future__ import annotations

import cv2
import numpy as np

from reefsteps.arrays import AnyArray, ByteArray, Float32Array, Float64Array, Pixels

ESTIMATION_PX = 400_000

# Work on the full picture goes strip by strip, so that temporaries stay small beside the picture itself.
STRIP_ROWS = 256

# BT.601, as OpenCV's grey and YCrCb.
LUMA_BGR = np.array([0.114, 0.587, 0.299])


def to_linear(encoded: Float64Array) -> Float64Array:
    """Return linear light of sRGB-encoded values in 0 to 1 (IEC 61966-2-1)."""
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def from_linear(linear: Float64Array) -> Float64Array:
    """Return sRGB-encoded values of linear light; negative light counts as none."""
    light = np.maximum(linear, 0.0)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def reduced(pixels_bgr: Pixels, limit_px: int = ESTIMATION_PX) -> Float32Array:
    """Return the picture as float32 in 0 to 1, scaled down by area to at most ``limit_px`` pixels."""
    height, width = pixels_bgr.shape[:2]
    scale = (limit_px / (height * width)) ** 0.5
    small: AnyArray = pixels_bgr
    if scale < 1:
        size = (max(1, int(width * scale)), max(1, int(height * scale)))
        small = cv2.resize(pixels_bgr, size, interpolation=cv2.INTER_AREA)
    return (small / np.float32(np.iinfo(pixels_bgr.dtype).max)).astype(np.float32)


def eight_bit(pixels_bgr: Pixels) -> ByteArray:
    """Return the picture with 8 bits a channel, rounded (a copy where it was deeper)."""
    if pixels_bgr.dtype == np.uint8:
        return pixels_bgr  # type: ignore[return-value]
    return np.asarray(cv2.convertScaleAbs(pixels_bgr, alpha=1 / 257), np.uint8)
