"""Batches of examples for ever: of drawn photographs, or of annotated ones."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from training.library.augment import Augmentation, Example, augment, quarter_turn
from training.library.coco import AnnotationError, load_example, read
from training.library.examples import (
    FIRST_TRAINING_SEED,
    FRAME_SHAPES,
    ReplayBuffer,
    coral_example,
    frame_example,
    restored,
)
from training.library.targets import TARGETS


def synthetic_batches(target: str, seed: int, size: int, fresh: float, easy: bool = False) -> Iterator[list[Example]]:
    """Yield batches of ``size`` examples of one shape for ever; the same seed gives the same batches."""
    rng = np.random.default_rng(seed)
    first = FIRST_TRAINING_SEED + seed * 1_000_000
    if target == "frame":
        pools = [
            ReplayBuffer(lambda s, shape=shape: frame_example(s, shape, easy), first + i * 300_000, 600, fresh)  # type: ignore[misc]
            for i, shape in enumerate(FRAME_SHAPES)
        ]
        shares = [0.45, 0.3, 0.25]
    else:
        pools, shares = [ReplayBuffer(coral_example, first, 1200, fresh)], [1.0]
    while True:
        pool = pools[int(rng.choice(len(pools), p=shares))]
        yield varied(rng, pool.batch(rng, size), TARGETS[target].augmentation)


def coco_batches(
    annotations: Path, images: Path, seed: int, size: int, target: str, merge: Collection[str] | None = None
) -> Iterator[list[Example]]:
    """Yield batches of augmented examples of the annotated photographs for ever, scaled as the demo models' are."""
    found = read(annotations, images, merge)
    if not found:
        raise AnnotationError(f"{annotations} names no photograph.")
    short_px = TARGETS[target].short_px
    rng = np.random.default_rng(seed)
    while True:
        chosen = rng.choice(len(found), size)
        examples = [load_example(found[i], short_px) for i in chosen]
        treated = [Example(restored(e.image_bgr) if rng.random() < 0.8 else e.image_bgr, e.labels) for e in examples]
        yield varied(rng, treated, TARGETS[target].augmentation)


def varied(rng: np.random.Generator, batch: list[Example], options: Augmentation) -> list[Example]:
    """Return the batch augmented, and turned by 90 degrees as a whole half of the time."""
    changed = [augment(rng, example, options) for example in batch]
    return [quarter_turn(example) for example in changed] if options.turn and rng.random() < 0.5 else changed
