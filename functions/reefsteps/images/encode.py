"""Pictures out: JPEG, PNG and thumbnails."""

from __future__ import annotations

import cv2
import numpy as np

from reefsteps.arrays import ByteArray, Pixels
from reefsteps.errors import InvalidImageError

THUMBNAIL_PX = 320
PICTURE_QUALITY = 95  # of JPEG, 0 to 100
THUMBNAIL_QUALITY = 85


def encode_jpeg(pixels_bgr: ByteArray, quality: int = PICTURE_QUALITY) -> bytes:
    """Encode as baseline JPEG without chroma subsampling (4:4:4): thin coloured edges matter to what follows."""
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    return _encode(".jpg", pixels_bgr, options)


def encode_png(pixels: Pixels) -> bytes:
    """Encode losslessly as PNG: HxW (masks) or HxWx3 BGR, 8 or 16 bit."""
    return _encode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 4])


def thumbnail(pixels_bgr: ByteArray, side_px: int = THUMBNAIL_PX) -> ByteArray:
    """Return the picture scaled so that its longer side is ``side_px``; never enlarged, never empty."""
    height, width = pixels_bgr.shape[:2]
    scale = side_px / max(height, width)
    if scale >= 1:
        return pixels_bgr.copy()
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels_bgr, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _encode(extension: str, pixels: Pixels, options: list[int]) -> bytes:
    ok, buffer = cv2.imencode(extension, pixels, options)
    if not ok:
        raise InvalidImageError(f"A picture of shape {pixels.shape} cannot be written as {extension}.")
    return bytes(buffer)
