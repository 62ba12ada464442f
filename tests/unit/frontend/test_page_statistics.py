"""Means, paired change and size classes against figures worked out by hand and against invariants."""

from __future__ import annotations

import math
import statistics as reference

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend.domain.estimates.distributions import t_quantile
from frontend.domain.statistics import (
    Cover,
    mean_cover,
    paired_change,
    positions_by_years,
    size_frequency,
    successive_changes,
)

# Quantiles of Student's t at 0.975, from the tables of any textbook.
T_975 = {
    1: 12.7062,
    2: 4.3027,
    3: 3.1824,
    4: 2.7764,
    5: 2.5706,
    9: 2.2622,
    10: 2.2281,
    19: 2.0930,
    30: 2.0423,
    120: 1.9799,
}
COVERS = st.lists(st.floats(0, 100), min_size=2, max_size=40)


def island(values: dict[int, dict[int, float]], name: str = "Takapoto") -> list[Cover]:
    """Build covers from {year: {location: cover}}."""
    return [Cover(name, year, at, cover) for year, covers in values.items() for at, cover in covers.items()]


@pytest.mark.parametrize(("degrees", "expected"), T_975.items())
def test_t_quantile_is_the_tables(degrees: int, expected: float) -> None:
    assert t_quantile(0.975, degrees) == pytest.approx(expected, abs=6e-5)


def test_t_quantile_tends_to_the_normal_one() -> None:
    assert t_quantile(0.975, 5000) == pytest.approx(reference.NormalDist().inv_cdf(0.975), abs=6e-4)


@pytest.mark.parametrize(("probability", "degrees"), [(0.5, 3), (1.0, 3), (0.975, 0)])
def test_t_quantile_refuses_what_it_cannot_answer(probability: float, degrees: int) -> None:
    with pytest.raises(ValueError, match="t_quantile"):
        t_quantile(probability, degrees)


def test_mean_and_standard_error_by_hand() -> None:
    (found,) = mean_cover(island({2006: {1: 10.0, 2: 20.0, 3: 30.0}}))
    assert (found.n, found.mean, found.standard_deviation) == (3, 20.0, 10.0)
    assert found.standard_error == pytest.approx(10 / math.sqrt(3))


def test_one_quadrat_has_a_mean_and_no_error() -> None:
    (found,) = mean_cover(island({2006: {1: 12.5}}))
    assert (found.mean, found.standard_deviation, found.standard_error) == (12.5, None, None)


@given(COVERS)
def test_mean_cover_agrees_with_the_standard_library(values: list[float]) -> None:
    (found,) = mean_cover([Cover("A", 2000, i, value) for i, value in enumerate(values)])
    assert found.mean == pytest.approx(reference.fmean(values))
    assert found.standard_deviation == pytest.approx(reference.stdev(values), abs=1e-9)


def test_paired_change_uses_only_shared_positions() -> None:
    covers = island({2006: {1: 10.0, 2: 20.0, 3: 30.0, 9: 99.0}, 2008: {1: 12.0, 2: 26.0, 3: 34.0, 8: 1.0}})
    change = paired_change(covers, "Takapoto", 2006, 2008)
    assert change is not None
    assert change.locations == (1, 2, 3)
    assert change.mean_change == pytest.approx(4.0)
    half = 4.3027 * 2.0 / math.sqrt(3)  # the differences 2, 6, 4 have a standard deviation of 2
    assert (change.low, change.high) == (pytest.approx(4 - half, abs=1e-3), pytest.approx(4 + half, abs=1e-3))


def test_paired_change_with_one_position_has_no_interval_and_with_none_is_none() -> None:
    covers = island({2006: {1: 10.0, 2: 3.0}, 2008: {1: 12.0}, 2010: {5: 1.0}})
    one = paired_change(covers, "Takapoto", 2006, 2008)
    assert one is not None
    assert (one.n, one.mean_change, one.low, one.high) == (1, 2.0, None, None)
    assert paired_change(covers, "Takapoto", 2008, 2010) is None
    assert paired_change(covers, "Elsewhere", 2006, 2008) is None


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=2, max_size=20))
def test_paired_change_is_antisymmetric_and_its_interval_holds_the_mean(pairs: list[tuple[float, float]]) -> None:
    covers = island({1: {i: a for i, (a, _) in enumerate(pairs)}, 2: {i: b for i, (_, b) in enumerate(pairs)}})
    there, back = paired_change(covers, "Takapoto", 1, 2), paired_change(covers, "Takapoto", 2, 1)
    assert there is not None and back is not None
    assert there.low is not None and there.high is not None
    assert there.low <= there.mean_change <= there.high
    assert there.mean_change == pytest.approx(-back.mean_change, abs=1e-9)


def test_successive_changes_end_with_first_to_last() -> None:
    covers = island({year: {1: year / 100, 2: 5.0} for year in (2006, 2008, 2010)})
    assert [(c.from_year, c.to_year) for c in successive_changes(covers, "Takapoto")] == [
        (2006, 2008),
        (2008, 2010),
        (2006, 2010),
    ]


def test_matrix_keeps_gaps_and_orders_positions_as_numbers() -> None:
    years, matrix = positions_by_years(island({2006: {10: 1.0, 2: 2.0}, 2008: {2: 3.0}}), "Takapoto")
    assert years == [2006, 2008]
    assert list(matrix) == [2, 10]
    assert matrix[10] == {2006: 1.0}


@given(st.lists(st.floats(0, 5000, allow_nan=False)))
def test_every_colony_is_counted_in_one_class(areas: list[float]) -> None:
    assert sum(number for _, number in size_frequency(areas)) == len(areas)


def test_classes_hold_their_lower_edge() -> None:
    counts = dict(size_frequency([0.0, 4.99, 5.0, 10.0, 640.0, 9999.0]))
    assert (counts["0 to 5"], counts["5 to 10"], counts["10 to 20"], counts["≥ 640"]) == (2, 1, 1, 2)
