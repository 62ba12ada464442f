"""Photographs that a smaller variant is calibrated and judged on.

They are the pipeline's own JPEGs, so Pillow is enough; ``reefsteps.images`` would bring LibRaw and OpenCV into a
function that needs neither.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from reefsteps.arrays import ByteArray
from reefsteps.errors import InvalidParameterError
from reefsteps.results import ObjectRef
from reefsteps.storage import Storage

MAX_PHOTOS = 16
_SUFFIXES = (".jpg", ".jpeg", ".png")
_LONG_SIDE_PX = 2048  # beyond every network's input

Item = TypeVar("Item")


def from_folder(folder: Path) -> list[ByteArray]:
    """Return up to 16 of the folder's JPEG and PNG pictures, spread evenly over it, as (H, W, 3) uint8 BGR."""
    paths = sorted(path for path in folder.iterdir() if path.name.lower().endswith(_SUFFIXES))
    return [_decoded(path.read_bytes(), path.name) for path in _spread(paths)]


def from_bucket(storage: Storage, bucket: str) -> list[ByteArray]:
    """Return up to 16 of the bucket's pictures (thumbnails left out), spread evenly over it; see ``from_folder``."""
    keys = [item.ref.key for item in storage.list(bucket, "")]
    pictures = [key for key in keys if "/" not in key and key.lower().endswith(_SUFFIXES)]
    return [_decoded(storage.get(ObjectRef(bucket, key)).body, key) for key in _spread(pictures)]


def _spread(items: Sequence[Item]) -> list[Item]:
    if not items:
        return []
    chosen = np.linspace(0, len(items) - 1, min(MAX_PHOTOS, len(items))).round().astype(int)
    return [items[int(i)] for i in chosen]


def _decoded(content: bytes, name: str) -> ByteArray:
    """Return the picture; raises InvalidParameterError where the content is none."""
    try:
        with Image.open(io.BytesIO(content)) as picture:
            picture.draft("RGB", (_LONG_SIDE_PX, _LONG_SIDE_PX))
            return np.ascontiguousarray(np.asarray(picture.convert("RGB"))[:, :, ::-1])
    except (OSError, SyntaxError) as error:  # what Pillow raises for a damaged file; this one is in memory
        raise InvalidParameterError(
            f"{name} cannot be read as a picture, so no variant can be judged by it. Remove or replace it, and convert "
            "again."
        ) from error
