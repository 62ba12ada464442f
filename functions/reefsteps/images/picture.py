"""A decoded photograph, and what every format's decoder does with pixels: limits, channels, orientation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from reefsteps.arrays import AnyArray, Pixels
from reefsteps.errors import InvalidImageError
from reefsteps.images.messages import damaged, too_large

DEFAULT_MAX_MEGAPIXELS = 100.0
MAX_SIDE_PX = 65_500  # libjpeg's limit: nothing longer could be written back

# Temporaries beside the picture stay this small; at 3,008 MB a 100 megapixel photograph leaves no room for a copy.
_BLOCK_PX = 1_000_000

# A JPEG of a grey scene keeps traces of colour: up to 3 of 255 levels between channels count as none.
_GREY_LEVELS = 3
_GREY_SHARE = 0.999
_GREY_SAMPLES = 512


@dataclass(frozen=True)
class DecodedImage:
    """A photograph in memory: upright BGR pixels (HxWx3, ``uint8`` or ``uint16``) and what its file says of it."""

    pixels_bgr: Pixels
    image_format: str  # JPEG, PNG, TIFF, NEF, ...
    captured_at: str | None = None  # ISO 8601, the camera's clock; with an offset only where the camera wrote one
    camera: str | None = None
    colour_encoding: str = "sRGB assumed: the file does not say"  # what was found, and whether it was converted
    grey: bool = False  # the picture holds no colours

    @property
    def width_px(self) -> int:
        """Width after orientation."""
        return int(self.pixels_bgr.shape[1])

    @property
    def height_px(self) -> int:
        """Height after orientation."""
        return int(self.pixels_bgr.shape[0])


def check_size(width: int, height: int, max_megapixels: float) -> None:
    """Raise InvalidImageError for an empty picture and for one beyond the limits."""
    if width < 1 or height < 1:
        raise InvalidImageError(damaged("picture", f"it says it is {width} x {height} pixels"))
    if width * height > max_megapixels * 1e6 or max(width, height) > MAX_SIDE_PX:
        raise InvalidImageError(f"{width} x {height} pixels: {too_large(max_megapixels, MAX_SIDE_PX)}")


def row_blocks(pixels: AnyArray) -> Iterator[slice]:
    """Return slices of rows that cover the picture, each of about a megapixel."""
    height, width = pixels.shape[:2]
    step = max(1, _BLOCK_PX // max(1, width))
    return (slice(top, min(top + step, height)) for top in range(0, height, step))


def on_white(colours: AnyArray, alpha: AnyArray, *, premultiplied: bool = False) -> AnyArray:
    """Return the colours (HxWxC) laid on white by their alpha (HxW), rounded, of the same dtype (8 or 16 bits).

    ``premultiplied`` colours hold their share of alpha already (associated alpha, TIFF 6.0 section 18).
    """
    white = np.uint32(np.iinfo(colours.dtype).max)
    if alpha.min() == white:
        return colours
    share = alpha[..., None].astype(np.uint32)
    if premultiplied:
        joined: AnyArray = np.minimum(colours + (white - share), white).astype(colours.dtype)
        return joined
    # Rounded division by 2**n - 1 without dividing (Blinn, Three wrongs make a right, 1995); 65535 squared fits.
    bits = np.uint32(8 * colours.dtype.itemsize)
    laid: AnyArray = colours * share
    laid += np.uint32(1) << (bits - np.uint32(1))
    laid += laid >> bits
    laid >>= bits
    laid += white - share
    return laid.astype(colours.dtype)


def three_channels(pixels: AnyArray) -> Pixels:
    """Return grey (HxW), BGR or BGRA pixels as BGR; transparent ones lie on white."""
    if pixels.ndim == 2:
        return cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)  # type: ignore[return-value]
    if pixels.shape[2] == 3:
        return pixels
    flat = np.empty((*pixels.shape[:2], 3), pixels.dtype)
    for rows in row_blocks(pixels):
        flat[rows] = on_white(pixels[rows, :, :3], pixels[rows, :, 3])
    return flat


def oriented(pixels: Pixels, orientation: object) -> Pixels:
    """Turn stored pixels upright; ``orientation`` is EXIF's 1 to 8, anything else means 1."""
    if orientation in (5, 6, 7, 8):
        pixels = cv2.transpose(pixels)  # type: ignore[assignment]
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation if isinstance(orientation, int) else 1)
    return pixels if flip is None else cv2.flip(pixels, flip)  # type: ignore[return-value]


def is_grey(pixels_bgr: Pixels) -> bool:
    """Return whether the picture holds no colours, judged on a regular sample of its pixels."""
    height, width = pixels_bgr.shape[:2]
    sample = pixels_bgr[:: max(1, height // _GREY_SAMPLES), :: max(1, width // _GREY_SAMPLES)].astype(np.int32)
    spread = sample.max(axis=2) - sample.min(axis=2)
    limit = _GREY_LEVELS * (np.iinfo(pixels_bgr.dtype).max // 255)
    return bool((spread <= limit).mean() >= _GREY_SHARE)
