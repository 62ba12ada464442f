"""Errors of cover, masks and corners."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reefsteps.masks import mask_iou
from training.library.metrics import corner_error_percent, coverage_errors

COVERS = st.lists(st.floats(1, 100), min_size=2, max_size=30)


@given(COVERS, st.floats(-20, 20))
def test_a_constant_shift_is_all_bias(true: list[float], shift: float) -> None:
    truth = np.array(true)
    errors = coverage_errors(truth, truth + shift)
    assert errors.bias_points == pytest.approx(shift, abs=1e-9)
    assert errors.mae_points == pytest.approx(abs(shift), abs=1e-9)
    assert errors.rmse_points == pytest.approx(abs(shift), abs=1e-6)


def test_relative_error_leaves_out_bare_photographs_and_trims_outliers() -> None:
    errors = coverage_errors(np.array([0.0, 10.0, 20.0, 50.0]), np.array([1.0, 20.0, 18.0, 45.0]))
    assert errors.count == 4 and errors.relative_count == 3
    assert errors.relative_mean_percent == pytest.approx((100 - 10 - 10) / 3)
    assert errors.trimmed_mean_percent == pytest.approx(-10)
    assert errors.trimmed_sd_percent == pytest.approx(0)


def test_no_photographs_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        coverage_errors(np.array([]), np.array([]))


def test_iou_of_half_overlapping_masks() -> None:
    a, b = np.zeros((4, 6), bool), np.zeros((4, 6), bool)
    a[:, :4], b[:, 2:] = True, True
    assert mask_iou(a, b) == pytest.approx(8 / 24)
    assert mask_iou(a * 0, b * 0) == 1.0


@given(st.integers(0, 3), st.floats(-5, 5), st.floats(-5, 5))
def test_corner_error_ignores_where_the_order_starts(start: int, dx: float, dy: float) -> None:
    square = np.array([[0.0, 0.0], [100.0, 0.0], [100.0, 100.0], [0.0, 100.0]])
    found = square.copy()
    found[2] += [dx, dy]
    assert corner_error_percent(np.roll(found, start, 0), square) == pytest.approx(np.hypot(dx, dy), abs=1e-9)
