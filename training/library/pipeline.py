"""The steps before segmentation, without AWS: what the coral model sees of a photograph in the product."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reefsteps.arrays import ByteArray, Float64Array, Pixels
from reefsteps.errors import QuadratNotFoundError
from reefsteps.images import decode, encode_jpeg
from reefsteps.quadrat_size import QuadratSize
from reframing.quadrat import find_quadrat
from reframing.rectification import rectify, source_side_px
from restoration.methods import DEFAULT_METHOD, restore
from training.library.examples import straighten
from training.library.prediction import Predictor

MIN_SCORE = 0.5


@dataclass(frozen=True, eq=False)
class Crop:
    """A straightened crop (H, W, 3) BGR, and the corners (4, 2) of the quadrat in the photograph."""

    crop_bgr: ByteArray
    corners_px: Float64Array


def treated(path: Path) -> ByteArray:
    """Return the photograph (H, W, 3) BGR as restoration hands it on, a JPEG's losses included."""
    return _as_stored(restore(decode(path.read_bytes()).pixels_bgr, DEFAULT_METHOD).pixels_bgr)


def reframed(picture_bgr: ByteArray, frame_model: Predictor, size: QuadratSize) -> Crop | None:
    """Return the crop of a treated picture, None where reframing finds no quadrat that can be measured safely."""
    mask = frame_model(picture_bgr).union(MIN_SCORE)
    if not mask.any():
        return None
    try:
        view = find_quadrat(picture_bgr, mask, size).model
    except QuadratNotFoundError:
        return None
    return Crop(_as_stored(rectify(picture_bgr, view, source_side_px(view))), np.asarray(view.corners_px, np.float64))


def straightened(picture_bgr: ByteArray, corners_px: Float64Array, side_px: int) -> ByteArray:
    """Return the picture inside four corners, as a square of ``side_px``."""
    return _as_stored(straighten(picture_bgr, np.zeros(picture_bgr.shape[:2], np.uint16), corners_px, side_px)[0])


def _as_stored(pixels_bgr: Pixels) -> ByteArray:
    return np.asarray(decode(encode_jpeg(np.asarray(pixels_bgr, np.uint8))).pixels_bgr, np.uint8)
