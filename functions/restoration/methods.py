"""The restoration methods by name, and the one call that applies them."""

from __future__ import annotations

from dataclasses import dataclass

from reefsteps.arrays import ByteArray, Pixels
from reefsteps.errors import InvalidParameterError
from restoration import dark_channel, equalisation, planar
from restoration.colour import eight_bit
from restoration.need import reason_to_skip

DEFAULT_METHOD = "planar"
METHODS = (DEFAULT_METHOD, "none", "histogram", "dark_channel")


@dataclass(frozen=True)
class Restored:
    """A picture of the original's size, HxWx3 BGR ``uint8``, and whether the method was used on it."""

    pixels_bgr: ByteArray
    applied: bool
    skipped_because: str | None = None


def restore(pixels_bgr: Pixels, method: str = DEFAULT_METHOD) -> Restored:
    """Restore an underwater photograph's colours (HxWx3 BGR, 8 or 16 bit) without moving a pixel; deterministic.

    ``planar`` does not change a photograph that it would not help, and the result says why. The other methods, kept for
    comparison, always act; ``none`` only reduces to 8 bits. Raises InvalidParameterError for an unknown method.
    """
    check_method(method)
    if method == "none":
        return Restored(eight_bit(pixels_bgr), applied=False)
    if method == "histogram":
        return Restored(equalisation.apply(pixels_bgr), applied=True)
    if method == "dark_channel":
        return Restored(dark_channel.apply(pixels_bgr), applied=True)
    reason = reason_to_skip(pixels_bgr)
    if reason is not None:
        return Restored(eight_bit(pixels_bgr), applied=False, skipped_because=reason)
    return Restored(planar.apply(planar.estimate(pixels_bgr), pixels_bgr), applied=True)


def check_method(method: str) -> None:
    """Raise InvalidParameterError if there is no such method."""
    if method not in METHODS:
        raise InvalidParameterError(f"restoration_method is '{method}', not one of {', '.join(METHODS)}.")
