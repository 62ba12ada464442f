"""Layouts of points: within the quadrat, the same for the same key, and as they are called."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reefsteps.errors import InvalidParameterError
from reefsteps.points.layout_choice import PointLayout
from reefsteps.points.layouts import places

KEY = "2006-Takapoto-01.jpg"


@given(st.sampled_from(PointLayout), st.integers(4, 20), st.text(max_size=20))
def test_places_lie_in_the_quadrat_and_are_the_same_for_the_same_key(layout: PointLayout, side: int, key: str) -> None:
    found = places(layout, side * side, key)
    assert found.shape == (side * side, 2)
    assert found.min() >= 0
    assert found.max() <= 1
    assert np.array_equal(found, places(layout, side * side, key))


@pytest.mark.parametrize("layout", [PointLayout.RANDOM, PointLayout.STRATIFIED])
def test_photographs_have_places_of_their_own(layout: PointLayout) -> None:
    assert not np.array_equal(places(layout, 81, KEY), places(layout, 81, "2006-Takapoto-02.jpg"))


@pytest.mark.parametrize("layout", [PointLayout.STRATIFIED, PointLayout.REGULAR, PointLayout.STAGGERED])
def test_each_cell_has_one_point(layout: PointLayout) -> None:
    cells = np.floor(places(layout, 81, KEY) * 9).astype(int)
    assert len({tuple(cell) for cell in cells}) == 81


def test_81_points_lie_in_nine_rows_of_which_every_second_is_shifted_by_half_a_distance() -> None:
    found = places(PointLayout.STAGGERED, 81, KEY).reshape(9, 9, 2)
    assert np.allclose(found[:, :, 1], (np.arange(9)[:, None] + 0.5) / 9)
    assert np.allclose(found[1::2, :, 0] - found[0, :, 0], 0.5 / 9)
    assert np.allclose(found[::2, :, 0], found[0, :, 0])


@pytest.mark.parametrize(
    ("layout", "points", "why"),
    [
        (PointLayout.RANDOM, 9, "between 10 and 400"),
        (PointLayout.RANDOM, 401, "between"),
        (PointLayout.REGULAR, 80, "64 or 81"),
    ],
)
def test_numbers_that_cannot_be_laid_are_refused(layout: PointLayout, points: int, why: str) -> None:
    with pytest.raises(InvalidParameterError, match=why):
        places(layout, points, KEY)
