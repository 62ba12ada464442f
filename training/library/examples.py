"""Training pictures from the synthetic generator, through the pipeline's own restoration."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import cv2
import numpy as np

from reefsteps.arrays import ByteArray, Float64Array, LabelArray
from restoration import planar
from synthetic import PhotoConfig, SyntheticPhoto, generate
from training.library.augment import Example

RESTORED_SHARE = 0.8  # the rest stays raw, so that a photograph for which restoration is switched off works too
FIRST_TRAINING_SEED = 10_000_000
VALIDATION_SEED = 600_000  # for choosing thresholds
TEST_SEED = 700_000  # for the figures that are published; never trained on, never tuned on
# Pictures of one batch have one shape; the frame model sees whole photographs, the coral model square crops.
FRAME_SHAPES = ((384, 256), (344, 256), (256, 256))
CORAL_SIDE_PX = 320


def restored(image_bgr: ByteArray) -> ByteArray:
    """Return the picture as the pipeline's default restoration hands it on."""
    return np.asarray(planar.apply(planar.estimate(image_bgr), image_bgr), np.uint8)


def frame_example(seed: int, shape: tuple[int, int], easy: bool = False) -> Example:
    """Return a whole photograph of ``shape`` (width, height) with the opening as its only instance.

    ``easy``: a plain frame, whole, level and free, to start a training with.
    """
    config = PhotoConfig(*shape, blur_px=(0.3, 1.0), jpeg_quality=(75, 95))
    if easy:
        kind = ("aluminium", "pvc", "painted")[seed % 3]
        config = dataclasses.replace(config, frame=kind, framing="inside", occlusion=0.15, max_roll_deg=12.0)
    photo = generate(seed, config)
    return Example(_maybe_restored(seed, photo.image_bgr), photo.opening_mask().astype(np.uint16))


def coral_example(seed: int, side_px: int = CORAL_SIDE_PX) -> Example:
    """Return a straightened crop (side_px, side_px, 3) and its colonies, cut as reframing cuts, up to a small error."""
    photo = coral_photo(seed, side_px)
    rng = np.random.default_rng(seed + 1)
    corners = photo.corners_px + rng.normal(0, 0.004 * side_px, (4, 2))
    image, labels = straighten(_maybe_restored(seed, photo.image_bgr), photo.coral_labels(), corners, side_px)
    return Example(image, labels)


def coral_photo(seed: int, side_px: int = CORAL_SIDE_PX) -> SyntheticPhoto:
    """Return a photograph with a frame whose opening is about ``side_px`` wide."""
    rng = np.random.default_rng(seed)
    kind = str(rng.choice(["aluminium", "pvc", "patches", "rulers", "painted"]))
    size = round(side_px * 1.3)
    config = PhotoConfig(size, size, frame=kind, max_roll_deg=12, framing="inside", blur_px=(0.3, 1.0), occlusion=None)
    return generate(seed, config)


def straighten(
    image_bgr: ByteArray, labels: LabelArray, corners_px: Float64Array, side_px: int
) -> tuple[ByteArray, LabelArray]:
    """Return picture and labels warped so that the four corners become a square of ``side_px``."""
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * side_px
    matrix = cv2.getPerspectiveTransform((corners_px - 0.5).astype(np.float32), (square - 0.5).astype(np.float32))
    size = (side_px, side_px)
    image = cv2.warpPerspective(image_bgr, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    flat = cv2.warpPerspective(labels, matrix, size, flags=cv2.INTER_NEAREST)
    return np.asarray(image, np.uint8), np.asarray(flat, np.uint16)


def _maybe_restored(seed: int, image_bgr: ByteArray) -> ByteArray:
    return restored(image_bgr) if np.random.default_rng(seed + 2).random() < RESTORED_SHARE else image_bgr


class ReplayBuffer:
    """An endless stream of examples that draws each one several times, because drawing costs as much as learning.

    ``draw`` makes the example of a seed; ``capacity`` examples are kept, and each batch replaces ``fresh`` of them on
    average. Until a quarter of the capacity is filled, all of a batch is new. Otherwise a run that continues from
    trained weights would overfit its first dozen pictures.
    """

    def __init__(self, draw: Callable[[int], Example], first_seed: int, capacity: int, fresh: float) -> None:
        self._draw, self._capacity, self._fresh = draw, capacity, fresh
        self._next_seed = first_seed
        self._kept: list[Example] = []

    def batch(self, rng: np.random.Generator, size: int) -> list[Example]:
        """Return ``size`` of the examples that are kept."""
        filling = len(self._kept) < self._capacity / 4
        for _ in range(size if filling else int(self._fresh + rng.random())):
            self._add(rng)
        if filling:
            return self._kept[-size:]
        older = rng.choice(len(self._kept), size, replace=False)
        return [self._kept[i] for i in older]

    def _add(self, rng: np.random.Generator) -> None:
        example = self._draw(self._next_seed)
        self._next_seed += 1
        if len(self._kept) < self._capacity:
            self._kept.append(example)
        else:
            self._kept[int(rng.integers(self._capacity))] = example
