"""The stream of training pictures: which are drawn anew, and which are seen again."""

from __future__ import annotations

import numpy as np
import pytest

from training.library.augment import Example
from training.library.examples import ReplayBuffer

CAPACITY = 40
BATCH = 4


def numbered(seed: int) -> Example:
    """An example that shows which seed it was drawn from."""
    return Example(np.full((2, 2, 3), seed, np.uint8), np.zeros((2, 2), np.uint16))


def seeds_of(batch: list[Example]) -> list[int]:
    return [int(example.image_bgr[0, 0, 0]) for example in batch]


def test_the_first_batches_show_every_picture_once() -> None:
    """A run that goes on from trained weights would otherwise learn its first dozen pictures by heart."""
    replay, rng = ReplayBuffer(numbered, 0, CAPACITY, fresh=0.5), np.random.default_rng(1)
    seen = [seed for _ in range(3) for seed in seeds_of(replay.batch(rng, BATCH))]
    assert seen == list(range(3 * BATCH))


@pytest.mark.parametrize("fresh", [0.0, 0.5, 2.0])
def test_later_batches_replace_as_many_as_asked_and_hold_no_picture_twice(fresh: float) -> None:
    drawn: list[int] = []

    def draw(seed: int) -> Example:
        drawn.append(seed)
        return numbered(seed)

    replay, rng = ReplayBuffer(draw, 0, CAPACITY, fresh), np.random.default_rng(1)
    for _ in range(3):
        replay.batch(rng, BATCH)
    first = len(drawn)
    batches = [seeds_of(replay.batch(rng, BATCH)) for _ in range(60)]
    assert all(len(set(batch)) == BATCH for batch in batches)
    assert (len(drawn) - first) / 60 == pytest.approx(fresh, abs=0.2)
