"""Boxes and overlaps of masks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from reefsteps.arrays import BoolArray
from reefsteps.masks import mask_box, mask_iou

MASKS = arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9)))


@given(MASKS)
def test_a_box_holds_every_pixel_and_touches_the_outermost(mask: BoolArray) -> None:
    box = mask_box(mask)
    if box is None:
        assert not mask.any()
        return
    x0, y0, x1, y1 = box
    inside = mask[y0:y1, x0:x1]
    assert inside.sum() == mask.sum()
    assert all(line.any() for line in (inside[0], inside[-1], inside[:, 0], inside[:, -1]))


@given(MASKS)
def test_a_mask_overlaps_itself_wholly_and_what_it_leaves_out_not_at_all(mask: BoolArray) -> None:
    assert mask_iou(mask, mask) == 1.0
    assert mask_iou(mask, ~mask) == 0.0


def test_half_overlapping_masks_share_a_third() -> None:
    first, second = np.zeros((2, 4, 6), np.uint8)
    first[:, :4], second[:, 2:] = 1, 255
    assert mask_iou(first, second) == pytest.approx(1 / 3)
