"""What people read when a file is not taken. A damaged file and one of another kind need different remedies."""

from __future__ import annotations


def damaged(what: str, reason: str) -> str:
    """Return the message for a file that has lost data, with the decoder's reason."""
    return f"The {what} file is damaged or incomplete ({reason}): copy it from the camera and upload it again."


def unsupported(
    what: str, remedy: str = "save it as TIFF with LZW or no compression, or as PNG, and upload that"
) -> str:
    """Return the message for a sound file of a kind that is not read; ``what`` begins a sentence."""
    return f"{what}, which ReefSteps does not read: {remedy}."


def too_large(max_megapixels: float, max_side_px: int) -> str:
    """Return what to do with a photograph beyond the limits."""
    return f"The photograph has more than {max_megapixels:g} megapixels or {max_side_px} px a side: upload it smaller."
