"""Per-channel histogram equalisation, kept for comparison with results of the earlier cloud pipeline.

Gonzalez and Woods, Digital Image Processing, 3.3.1. Each channel is spread over the whole range by itself, which makes
colours depend on what else is in the picture.
"""

from __future__ import annotations

import cv2

from reefsteps.arrays import ByteArray, Pixels
from restoration.colour import eight_bit


def apply(pixels_bgr: Pixels) -> ByteArray:
    """Return the picture with each channel's histogram equalised; HxWx3 ``uint8``."""
    channels = [cv2.equalizeHist(channel) for channel in cv2.split(eight_bit(pixels_bgr))]
    return cv2.merge(channels)  # type: ignore[return-value]
