"""Detections: what fits together is accepted, and masks end up where they belong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reefsteps.arrays import ByteArray
from reefsteps.detection import Detections, InstanceMask, Manifest
from reefsteps.detection.engine import Engine
from reefsteps.detection.resizing import network_shape, paste_mask, restore_boxes
from tests.support.manifests import manifest


def some(scores: list[float], shape: tuple[int, int] = (20, 30)) -> Detections:
    count = len(scores)
    return Detections(
        np.zeros((count, 4), np.float32),
        np.array(scores, np.float32),
        np.arange(count, dtype=np.int64) % 2,
        tuple(InstanceMask(i, 2 * i, np.ones((3, 4), np.uint8)) for i in range(count)),
        shape,
    )


def test_above_is_strict_and_keeps_the_order() -> None:
    kept = some([0.9, 0.5, 0.7]).above(0.5)
    np.testing.assert_allclose(kept.scores, [0.9, 0.7])
    assert [mask.x0 for mask in kept.masks] == [0, 2]


class TwoClasses(Engine):
    def _found(self, image_bgr: ByteArray, min_score: float) -> Detections:
        assert image_bgr.size
        return some([0.9, 0.8, 0.7, 0.6]).above(min_score)


@pytest.mark.parametrize(("counted", "others"), [(None, []), (["coral"], [0.8, 0.6]), (["coral", "rubble"], [])])
def test_what_does_not_count_is_remembered_by_its_score(counted: list[str] | None, others: list[float]) -> None:
    described = Manifest.from_json(manifest("m", classes=["coral", "rubble"], counted=counted))
    found = TwoClasses(described).detect(np.zeros((20, 30, 3), np.uint8))
    np.testing.assert_allclose(found.other_scores, others)
    np.testing.assert_allclose(found.above(0.65).other_scores, [score for score in others if score > 0.65])
    assert len(found) + len(others) == 4


def test_the_union_counts_overlaps_once() -> None:
    union = some([0.9, 0.8]).union_mask()
    assert union.dtype == np.uint8
    assert set(np.unique(union)) == {0, 255}
    assert np.count_nonzero(union) == 12 + 12 - 3  # the second lies one column and two rows further


def test_a_full_mask_has_the_pictures_size() -> None:
    full = some([0.9, 0.8]).full_mask(1)
    assert full.shape == (20, 30)
    assert np.argwhere(full == 255).min(axis=0).tolist() == [2, 1]
    assert np.count_nonzero(full) == 12


def test_no_detections_are_detections() -> None:
    assert len(some([])) == 0
    assert not some([]).union_mask().any()


@pytest.mark.parametrize(
    "changes",
    [
        {"boxes_px": np.zeros((2, 4), np.float32)},
        {"scores": np.zeros(1, np.float64)},
        {"classes": np.zeros((1, 1), np.int64)},
        {"image_shape": (2, 30)},
        {"masks": ()},
    ],
)
def test_parts_that_do_not_fit_are_refused(changes: dict[str, Any]) -> None:
    whole = some([0.9])
    parts = {name: getattr(whole, name) for name in ("boxes_px", "scores", "classes", "masks", "image_shape")}
    with pytest.raises(ValueError, match=r"expected|beyond"):
        Detections(**(parts | changes))


@pytest.mark.parametrize("bitmap", [np.ones(3, np.uint8), np.ones((2, 2), np.bool_), np.full((2, 2), 255, np.uint8)])
def test_a_bitmap_is_two_dimensional_zeros_and_ones(bitmap: Any) -> None:
    with pytest.raises(ValueError, match="bitmap"):
        InstanceMask(0, 0, bitmap)


@given(
    height=st.integers(1, 6000),
    width=st.integers(1, 6000),
    min_size=st.sampled_from([256, 480, 800]),
    max_size=st.sampled_from([256, 800, 1333]),
)
def test_the_network_never_sees_more_than_its_largest_size(
    height: int, width: int, min_size: int, max_size: int
) -> None:
    shape = network_shape(height, width, min_size, max_size)
    assert max(shape) <= max(min_size, max_size) + 1 or min(shape) == min_size
    assert max(shape) <= max_size or max(min_size, max_size) == min_size


@settings(deadline=None, max_examples=50)
@given(
    corners=st.tuples(*[st.floats(-50, 300, width=32)] * 4),
    seed=st.integers(0, 99),
)
def test_a_pasted_mask_stays_within_a_pixel_of_its_box(corners: tuple[float, ...], seed: int) -> None:
    picture = (120, 200)
    box = np.array([[min(corners[:2]), min(corners[2:]), max(corners[:2]), max(corners[2:])]], np.float32)
    boxes, filled = restore_boxes(box, picture, picture)
    if not filled[0]:
        return
    probabilities = np.random.default_rng(seed).random((28, 28), np.float32)
    mask = paste_mask(probabilities, boxes[0], picture, 0.5)
    rows, columns = np.nonzero(mask.bitmap)
    x0, y0, x1, y1 = boxes[0]
    assert columns.size == 0 or (columns.min() + mask.x0 + 1 >= x0 and columns.max() + mask.x0 <= x1 + 1)
    assert rows.size == 0 or (rows.min() + mask.y0 + 1 >= y0 and rows.max() + mask.y0 <= y1 + 1)


def test_a_certain_mask_fills_its_box() -> None:
    mask = paste_mask(np.ones((28, 28), np.float32), np.array([10, 5, 30, 25], np.float32), (40, 50), 0.5)
    full = np.zeros((40, 50), np.uint8)
    full[mask.window()] = mask.bitmap
    assert full[5:25, 10:30].all()
    assert full.sum() == 20 * 20
