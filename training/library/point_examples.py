"""Training pictures from photographs with expert points, as the pipeline shows them: restored, and of a quadrat's size.

One array of labels goes through every change of a picture. Its low bits number the colonies, its two high bits hold
what an expert said of a pixel.
"""

from __future__ import annotations

import functools
import math
from pathlib import Path

import cv2
import numpy as np

from reefsteps.arrays import AnyArray, ByteArray, Float64Array, LabelArray
from training.library.augment import Example
from training.library.coco import load_picture
from training.library.examples import RESTORED_SHARE, restored
from training.library.points import PointPhoto

QUADRAT_PX = 448  # the side of a quadrat as the network sees it
WORKING_PX = 1000  # photographs are kept with their long side reduced to this
_KEPT_PHOTOS = 48  # in memory, each raw and restored: 290 MB
SCALES = (0.75, 1.3)
_MOST_TURN_DEG = 20.0
_GREY = (104.0, 117.0, 123.0)  # what the network takes as nothing, BGR
_FRAME_POINTS = 60  # added where the frame is, which experts leave out
_FRAME_MARGIN = 0.02  # of the picture's side: from the outermost points to the frame
NO_CORAL, CORAL = 1 << 14, 2 << 14  # an expert's word on a pixel
_COLONY_BITS = (1 << 14) - 1
UNKNOWN = 255  # detectron2's value for a pixel that the loss leaves out


def opening(photo: PointPhoto) -> Float64Array:
    """Return left, top, right and bottom of the area that holds the points inside the frame, shares of the sides."""
    inside = photo.places[~photo.off_frame]
    gap = (inside.max(0) - inside.min(0)) / max(len(inside) - 1, 1)
    return np.concatenate([inside.min(0) - gap / 2, inside.max(0) + gap / 2])


@functools.lru_cache(maxsize=_KEPT_PHOTOS)
def pictures(path: Path) -> tuple[ByteArray, ByteArray]:
    """Return the photograph reduced to WORKING_PX, raw and restored."""
    image = load_picture(path)
    factor = min(1.0, WORKING_PX / max(image.shape[:2]))
    small = np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
    return small, restored(small)


def point_example(
    rng: np.random.Generator,
    photo: PointPhoto,
    side_px: int,
    found: LabelArray | None = None,
    *,
    framed: bool = False,
) -> Example:
    """Return a square piece of the photograph, ``side_px`` wide, at a size and turn by chance, with its points.

    ``found`` are the photograph's colonies, of any size but of its shape. ``framed``: what lies outside the area of the
    points is the frame, so points without coral are added there.
    """
    raw, treated = pictures(photo.path)
    image = treated if rng.random() < RESTORED_SHARE else raw
    box = opening(photo)
    extent = box[2:] - box[:2]
    height, width = image.shape[:2]
    quadrat_px = math.sqrt(extent[0] * width * extent[1] * height)
    scale = QUADRAT_PX / quadrat_px * math.exp(rng.uniform(math.log(SCALES[0]), math.log(SCALES[1])))
    size = round(width * scale), round(height * scale)
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    turn = rng.uniform(-_MOST_TURN_DEG, _MOST_TURN_DEG) if rng.random() < 0.5 else 0.0
    centre = [_centre(rng, length, side_px) for length in size]
    matrix = np.asarray(cv2.getRotationMatrix2D((centre[0], centre[1]), turn, 1.0), np.float64)
    matrix[:, 2] += side_px / 2 - np.array(centre)
    piece = cv2.warpAffine(small, matrix, (side_px, side_px), borderMode=cv2.BORDER_CONSTANT, borderValue=_GREY)
    labels = np.zeros((side_px, side_px), np.uint16)
    if found is not None:
        flat = cv2.resize(found, size, interpolation=cv2.INTER_NEAREST)
        labels = np.asarray(cv2.warpAffine(flat, matrix, (side_px, side_px), flags=cv2.INTER_NEAREST), np.uint16)
    places = np.vstack([photo.places, *((frame_places(rng, photo),) if framed else ())]) * size
    coral = np.concatenate([photo.coral & ~photo.off_frame, np.zeros(len(places) - len(photo.coral), bool)])
    at = np.floor(places @ matrix[:, :2].T + matrix[:, 2]).astype(int)
    seen = ((at >= 0) & (at < side_px)).all(1)
    column, row = at[seen].T
    labels[row, column] |= np.where(coral[seen], CORAL, NO_CORAL).astype(np.uint16)
    return Example(np.asarray(piece, np.uint8), labels)


def quadrat_crop(photo: PointPhoto) -> ByteArray:
    """Return the area of the points in the restored photograph: about what reframing cuts out."""
    return inside(pictures(photo.path)[1], photo)


def inside(values: AnyArray, photo: PointPhoto) -> AnyArray:
    """Return the area of the points in an array (H, W, ...) that shows the whole photograph."""
    height, width = values.shape[:2]
    left, top, right, bottom = np.round(np.clip(opening(photo), 0, 1) * [width, height, width, height]).astype(int)
    return values[top:bottom, left:right]


def drawn_points(rng: np.random.Generator, example: Example, count: int = 120) -> Example:
    """Return a drawn picture with as many random points as experts would set."""
    labels = example.labels.copy()
    row, column = rng.integers(0, labels.shape[0], count), rng.integers(0, labels.shape[1], count)
    labels[row, column] |= np.where(labels[row, column] > 0, CORAL, NO_CORAL).astype(np.uint16)
    return Example(example.image_bgr, labels)


def colonies_of(labels: LabelArray) -> LabelArray:
    """Return the numbers of the colonies, 0 elsewhere."""
    return labels & np.uint16(_COLONY_BITS)


def experts_of(labels: LabelArray) -> ByteArray:
    """Return 1 at points of coral, 0 at other points, UNKNOWN elsewhere and where two points of one pixel differ."""
    said = labels >> np.uint16(14)
    return np.where((said == 1) | (said == 2), said - 1, UNKNOWN).astype(np.uint8)


def frame_places(rng: np.random.Generator, photo: PointPhoto) -> Float64Array:
    """Return places (N, 2) outside the area of the points, where the frame is."""
    box = opening(photo) + np.array([-1, -1, 1, 1]) * _FRAME_MARGIN
    places = rng.random((_FRAME_POINTS * 2, 2))
    outside = ((places < box[:2]) | (places > box[2:])).any(1)
    return places[outside][:_FRAME_POINTS]


def _centre(rng: np.random.Generator, length: int, side_px: int) -> float:
    return rng.uniform(side_px / 2, length - side_px / 2) if length > side_px else length / 2
