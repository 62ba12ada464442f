"""The gate: below three photographs never, and only a model that is better than two others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapt.gate import judge, photographs_needed
from reefsteps.adaptation import LeftOut

PERCENT = st.floats(0, 100)


def photo(true: float, found: float, in_use: float, mean: float) -> LeftOut:
    return LeftOut("2020-Moorea-1.jpg", "v", 200, 80, true, found, in_use, mean)


def test_a_better_model_passes_and_its_sentence_has_all_figures() -> None:
    verdict = judge([photo(40, 44, 10, 30), photo(20, 18, 0, 40), photo(60, 54, 20, 30)])
    assert verdict.passed
    assert (verdict.adapted.mean_points, verdict.in_use.mean_points, verdict.mean.mean_points) == (4.0, 30.0, 20.0)
    assert verdict.adapted.standard_error_points == pytest.approx(2 / 3**0.5, abs=0.01)
    assert verdict.gain_in_use.mean_points == 26.0
    assert verdict.bias_points == pytest.approx(-4 / 3, abs=0.01)
    for figure in ("4.0 ± 1.2", "30.0 ± 5.8", "20.0 ±", "26.0 ±", "3 photographs"):
        assert figure in verdict.sentence


def test_a_model_no_better_than_the_one_in_use_says_so() -> None:
    verdict = judge([photo(40, 44, 44, 10), photo(20, 24, 24, 60), photo(60, 64, 64, 10)])
    assert not verdict.passed
    assert "no less than the model in use (4.0 ± 0.0 points), so it is not published" in verdict.sentence


def test_a_model_no_better_than_the_mean_says_so() -> None:
    verdict = judge([photo(40, 50, 0, 41), photo(42, 52, 0, 40), photo(38, 48, 0, 41)])
    assert not verdict.passed
    assert "saying the mean of the other photographs" in verdict.sentence
    assert "model in use (" not in verdict.sentence


@given(st.lists(st.tuples(PERCENT, PERCENT, PERCENT, PERCENT), min_size=3, max_size=12))
def test_what_passes_is_better_than_both(photographs: list[tuple[float, float, float, float]]) -> None:
    verdict = judge([photo(*one) for one in photographs])
    assert verdict.passed == (verdict.adapted.mean_points < min(verdict.in_use.mean_points, verdict.mean.mean_points))
    assert ("not published" in verdict.sentence) != verdict.passed


@pytest.mark.parametrize("count", [0, 1, 2])
def test_below_three_photographs_nothing_is_judged(count: int) -> None:
    needed = photographs_needed(count)
    assert needed is not None
    assert f"{count} photograph" in needed
    with pytest.raises(ValueError, match="Too few"):
        judge([photo(40, 40, 0, 0)] * count)


def test_three_are_enough() -> None:
    assert photographs_needed(3) is None
