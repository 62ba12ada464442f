"""Photographs that a smaller variant is calibrated and judged on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from reefsteps.detection.detections import ByteArray

MAX_PHOTOS = 16
_SUFFIXES = {".jpg", ".jpeg", ".png"}
_LONG_SIDE_PX = 2048  # beyond every network's input


def read_photos(folder: Path) -> list[ByteArray]:
    """Return up to 16 of the folder's JPEG and PNG pictures, spread evenly over it, as (H, W, 3) uint8 BGR."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)
    chosen = np.linspace(0, len(paths) - 1, min(MAX_PHOTOS, len(paths))).round().astype(int)
    return [_read(paths[int(i)]) for i in chosen]


def _read(path: Path) -> ByteArray:
    with Image.open(path) as picture:
        picture.draft("RGB", (_LONG_SIDE_PX, _LONG_SIDE_PX))
        return np.ascontiguousarray(np.asarray(picture.convert("RGB"))[:, :, ::-1])
