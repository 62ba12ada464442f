"""What a map of coral learns from: real quadrats with experts' points, and drawn ones, as the pipeline shows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from adapt.learning import Lesson
from reefsteps.arrays import BoolArray, ByteArray
from training.library.coco import load_picture
from training.library.examples import coral_photo, restored, straighten
from training.library.point_examples import opening
from training.library.points import PointPhoto

QUADRAT_PX = 900  # about what the network sees
DRAWN_PX = 640
DRAWN_POINTS = 200


def quadrat_lessons(photo: PointPhoto) -> tuple[Lesson, Lesson]:
    """Return the area of a photograph's points, restored and as taken, with its points.

    Points on the frame teach that it is no coral, and count neither way.
    """
    raw = load_picture(photo.path)
    left, top, right, bottom = np.clip(opening(photo), 0, 1)
    places = (photo.places - (left, top)) / (right - left, bottom - top)
    seen = ((places >= 0) & (places <= 1)).all(1)
    coral = (photo.coral & ~photo.off_frame)[seen]
    counts = ~photo.off_frame[seen]

    def lesson(image: ByteArray) -> Lesson:
        height, width = image.shape[:2]
        x0, y0, x1, y1 = (round(value) for value in (left * width, top * height, right * width, bottom * height))
        crop = cv2.resize(image[y0:y1, x0:x1], (QUADRAT_PX, QUADRAT_PX), interpolation=cv2.INTER_AREA)
        return Lesson(photo.path.name, np.asarray(crop, np.uint8), places[seen], coral, counts)

    return lesson(restored(raw)), lesson(np.asarray(raw, np.uint8))


@dataclass(frozen=True, eq=False)
class DrawnQuadrat:
    """A drawn quadrat with points by chance, and where its corals are: (H, W) bool."""

    lesson: Lesson
    coral: BoolArray


def drawn_quadrat(seed: int, treat: Callable[[ByteArray], ByteArray] = lambda image: image) -> DrawnQuadrat:
    """Return a drawn quadrat, straightened out of its photograph, which ``treat`` may change before."""
    photo = coral_photo(seed, DRAWN_PX)
    picture, numbers = straighten(treat(photo.image_bgr), photo.coral_labels(), photo.corners_px, DRAWN_PX)
    coral = numbers > 0
    places = np.random.default_rng(seed).random((DRAWN_POINTS, 2))
    column, row = (places * DRAWN_PX).astype(int).T
    lesson = Lesson(f"drawn-{seed}", picture, places, coral[row, column], np.ones(DRAWN_POINTS, bool))
    return DrawnQuadrat(lesson, coral)
