"""COCO's run lengths: how many pixels outside and inside the instance follow each other, column by column."""

from __future__ import annotations

from typing import Any

import numpy as np

from reefsteps.arrays import ByteArray

_FIRST, _LAST = 48, 48 + 0x3F  # characters of packed run lengths


def problem(shape: dict[str, Any], width: int, height: int) -> str | None:
    """Return what is wrong with run lengths for a picture of that size, None when nothing is.

    pycocotools decodes run lengths of a wrong length without an error, so their sum is checked here.
    """
    size = shape.get("size")
    if not isinstance(size, list) or size != [height, width]:
        return f"its run lengths are for {size}, its image is {[height, width]} (height, width)"
    counts = shape.get("counts")
    if isinstance(counts, str):
        counts = unpacked(counts)
        if counts is None:
            return "its packed run lengths are damaged"
    if not isinstance(counts, list):
        return "its run lengths are missing"
    if not all(type(count) is int and count >= 0 for count in counts):
        return "its run lengths are no counts of pixels"
    if sum(counts) != height * width:
        return f"its run lengths add up to {sum(counts)} pixels instead of {height * width}"
    return None


def mask(shape: dict[str, Any], width: int, height: int) -> ByteArray:
    """Return the (height, width) uint8 mask of 0 and 1 of run lengths without a ``problem``."""
    counts = unpacked(shape["counts"]) if isinstance(shape["counts"], str) else shape["counts"]
    assert counts is not None
    flat = np.repeat(np.arange(len(counts)) % 2, counts).astype(np.uint8)
    return np.asarray(flat.reshape(width, height).T)


def unpacked(packed: str) -> list[int] | None:
    """Return the run lengths of COCO's packed string, None for a damaged one.

    Format (maskApi.c): 5 bits a character, lowest first; from the third on, differences to the one before the last.
    """
    counts: list[int] = []
    value, shift = 0, 0
    for character in packed:
        code = ord(character)
        if not _FIRST <= code <= _LAST or shift > 60:
            return None
        value |= ((code - _FIRST) & 0x1F) << shift
        shift += 5
        if (code - _FIRST) & 0x20:
            continue
        if (code - _FIRST) & 0x10:
            value |= -1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value, shift = 0, 0
    return counts if shift == 0 else None
