"""Estimates against figures of other packages, against their own invariants, and against what they must never do.

Reference figures were computed once with statsmodels 0.15.0 (`proportion_confint`, `cohens_kappa`) and ppi-python 0.2.3
(`ppi_mean_pointestimate`, `ppi_mean_ci`), which the project does not need otherwise.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend.domain.estimates import two_phase
from frontend.domain.estimates.agreement import agreement
from frontend.domain.estimates.allocation import what_to_verify
from frontend.domain.estimates.campaign import Campaign, Quadrat, Status, campaign
from frontend.domain.estimates.change import change
from frontend.domain.estimates.interval import wilson
from frontend.domain.estimates.quadrat import LEAST_POINTS, PointCount, confusion, difference
from frontend.domain.estimates.two_phase import SLOPE_FROM, Sample, Target

MODEL_12 = np.array([31, 44, 12, 60, 25, 38, 52, 20, 29, 47, 15, 33]) / 100
POINTS_5 = np.array([45, 58, 20, 66, 41]) / 100
MODEL_16 = np.array(
    [501, 486, 308, 239, 335, 240, 190, 403, 447, 258, 268, 516, 229, 259, 567, 352]
) / 1000  # fmt: skip
POINTS_16 = np.array(
    [5185, 5309, 2716, 4691, 3951, 2963, 1605, 4568, 4568, 2222, 3210, 6049, 2716, 2963, 6667, 4568]
) / 10000  # fmt: skip
PERCENT = st.floats(0, 100)


def sample(model: np.ndarray, shares: np.ndarray, points: int = 100) -> Sample:
    return Sample(model, shares, np.full(shares.shape, float(points)))


def quadrats(model: list[float], coral: list[int], points: int = 100) -> list[Quadrat]:
    """Return quadrats with the model's percent; the first ones are verified with so many points on coral."""
    counts = [PointCount(hits, points - hits) for hits in coral]
    return [
        Quadrat(number, percent, counts[number - 1] if number <= len(counts) else None)
        for number, percent in enumerate(model, 1)
    ]


def made(seed: int, verified: int, total: int, bias: float = -10.0) -> list[Quadrat]:
    rng = np.random.default_rng(seed)
    true = rng.beta(2, 3, total)
    model = np.clip(100 * true + bias + rng.normal(0, 5, total), 0, 100)
    return quadrats(model.tolist(), rng.binomial(100, true[:verified]).tolist())


@pytest.mark.parametrize(
    ("hits", "points", "low", "high"),
    [(0, 20, 0.0, 16.112516), (7, 193, 1.767800, 7.296073), (40, 81, 38.772116, 60.049215), (81, 81, 95.472191, 100)],
)
def test_wilson_is_that_of_statsmodels(hits: int, points: int, low: float, high: float) -> None:
    interval = wilson(hits, points)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-5)


def test_kappa_is_that_of_statsmodels() -> None:
    pairs = [(True, True)] * 40 + [(True, False)] * 9 + [(False, True)] * 6 + [(False, False)] * 45
    found = agreement(pairs)
    assert found is not None
    assert found.kappa == pytest.approx(0.6995192307692307)
    assert (found.points, found.percent) == (100, pytest.approx(85.0))


def test_kappa_is_not_known_where_both_give_one_answer() -> None:
    found = agreement([(True, True)] * 30)
    assert found is not None
    assert (found.percent, found.kappa) == (100.0, None)
    assert agreement([]) is None


def test_mean_is_that_of_prediction_powered_inference() -> None:
    figure, _ = two_phase.combined(sample(MODEL_12, POINTS_5), Target.REEF)
    assert float(figure.mean) == pytest.approx(0.45433333)


def test_mean_and_slope_are_those_of_power_tuned_inference() -> None:
    rest = [
        *(700, 296, 377, 177, 327, 171, 275, 149, 427, 343, 375, 569),
        *(250, 167, 369, 320, 128, 251, 184, 370, 397, 437, 370, 313),
    ]
    model = np.concatenate([MODEL_16, np.array(rest) / 1000])
    figure, found = two_phase.combined(sample(model, POINTS_16), Target.REEF)
    assert float(found.slope) == pytest.approx(1.0607664908633831)
    assert float(figure.mean) == pytest.approx(0.3823237, abs=5e-8)


@pytest.mark.parametrize(
    ("model", "shares", "mean", "variance"),
    [(MODEL_12[:5], POINTS_5, 0.46, 0.0014716), (MODEL_16, POINTS_16, 0.39969375, 0.00048534)],
)
def test_variance_is_that_of_prediction_powered_inference(
    model: np.ndarray, shares: np.ndarray, mean: float, variance: float
) -> None:
    # The rest is three copies of the verified ones, so that the model's variance is the same among both; ppi-python
    # divides squares by n, ours by the degrees of freedom.
    n = len(shares)
    figure, found = two_phase.combined(sample(np.tile(model, 4), shares), Target.REEF)
    ours = shares.var() / (4 * n) + (1 / n - 1 / (4 * n)) * float(found.residual) * found.degrees / n
    assert float(figure.mean) == pytest.approx(mean)
    assert ours == pytest.approx(variance, rel=1e-4)
    again = shares.var(ddof=1) / (4 * n) + (1 / n - 1 / (4 * n)) * float(found.residual)
    assert float(figure.variance) == pytest.approx(again)


@given(st.lists(PERCENT, min_size=5, max_size=40), st.integers(0, 2**32 - 1), st.floats(-20, 20))
def test_a_constant_error_of_the_model_changes_nothing(model: list[float], seed: int, bias: float) -> None:
    rng = np.random.default_rng(seed)
    coral = rng.integers(0, 101, rng.integers(5, len(model) + 1)).tolist()
    right = campaign("Takapoto", 2006, quadrats(model, coral))
    wrong = campaign("Takapoto", 2006, quadrats([percent + bias for percent in model], coral))
    assert right.combined is not None
    assert wrong.combined is not None
    if right.slope is not None and np.std(model[: len(coral)]) > 1e-3:
        assert wrong.combined.percent == pytest.approx(right.combined.percent, abs=1e-4)
        assert wrong.combined.interval.half_width == pytest.approx(right.combined.interval.half_width, abs=1e-4)


@given(st.integers(0, 2**32 - 1), st.integers(5, 20), st.integers(20, 60), st.sampled_from(Target))
def test_intervals_hold_their_estimate_and_stay_within_a_cover(
    seed: int, verified: int, total: int, target: Target
) -> None:
    found = campaign("Takapoto", 2006, made(seed, verified, total), target)
    for mean in (found.points, found.combined):
        assert mean is not None
        assert 0 <= mean.interval.low <= mean.percent <= mean.interval.high <= 100


def test_all_verified_still_has_the_width_of_the_points() -> None:
    found = campaign("Takapoto", 2006, made(1, 20, 20), Target.SURVEYED)
    assert found.status is Status.VERIFIED
    assert found.combined is not None
    assert found.points is not None
    within = [q.points.cover_percent * (100 - q.points.cover_percent) / 99 for q in made(1, 20, 20) if q.points]
    assert found.combined.standard_error == pytest.approx(math.sqrt(np.mean(within) / 20))
    assert found.combined.percent == pytest.approx(found.points.percent)
    reef = campaign("Takapoto", 2006, made(1, 20, 20), Target.REEF)
    assert reef.combined is not None
    assert reef.combined.interval.half_width > found.combined.interval.half_width


def test_no_coral_on_any_point_is_no_proof_that_there_is_none() -> None:
    found = campaign("Takapoto", 2006, quadrats([0.0] * 10, [0] * 8))
    assert found.combined is not None
    assert found.combined.percent == 0.0
    assert 0 < found.combined.interval.high < 2


@pytest.mark.parametrize("verified", [0, 1, 4])
def test_fewer_than_five_are_not_verified_and_say_what_is_needed(verified: int) -> None:
    found = campaign("Takapoto", 2006, made(2, verified, 20))
    assert found.status is Status.NOT_VERIFIED
    assert (found.points, found.combined, found.missing) == (None, None, 5 - verified)
    assert found.recommended_percent == found.model_percent
    assert f"{5 - verified} more verified quadrats" in found.method


@pytest.mark.parametrize(("verified", "word"), [(5, "difference"), (14, "difference"), (15, "regression")])
def test_the_estimator_goes_by_the_number_alone(verified: int, word: str) -> None:
    found = campaign("Takapoto", 2006, made(3, verified, 40))
    assert word in found.method
    assert found.combined is not None
    assert found.combined.degrees == verified - (1 if verified < SLOPE_FROM else 2)
    assert (found.slope == 1.0) == (verified < SLOPE_FROM)


def test_photographs_with_too_few_points_do_not_verify() -> None:
    few = [Quadrat(at, 30.0, PointCount(2, LEAST_POINTS - 3, unclear=50)) for at in range(1, 9)]
    assert campaign("Takapoto", 2006, few).verified == 0


def test_a_model_that_is_far_off_is_said() -> None:
    assert campaign("Takapoto", 2006, made(4, 10, 20, bias=-30)).is_model_off
    assert not campaign("Takapoto", 2006, made(4, 10, 20, bias=0)).is_model_off
    assert not campaign("Takapoto", 2006, made(4, 4, 20, bias=-30)).is_model_off


def test_change_of_model_is_no_change_of_the_reef() -> None:
    before, after = made(5, 12, 20, bias=-20), made(5, 12, 20, bias=15)  # the same reef, another model
    found = change(before, after)
    assert found is not None
    assert found.is_paired
    assert abs(found.points) < 3
    assert found.interval.holds(0)


def test_change_over_other_positions_is_not_paired_and_wider() -> None:
    before, after = made(6, 10, 20), made(6, 10, 20)
    elsewhere = [Quadrat(q.location + 100, q.model_percent, q.points) for q in after]
    same, other = change(before, after), change(before, elsewhere)
    assert same is not None
    assert other is not None
    assert not other.is_paired
    assert other.interval.half_width > same.interval.half_width


def test_change_needs_five_verified_in_both_years() -> None:
    assert change(made(7, 4, 20), made(7, 12, 20)) is None
    assert change([], made(7, 12, 20)) is None


def test_all_positions_verified_in_both_years_leave_the_paired_change_of_the_points() -> None:
    before, after = made(8, 10, 10), made(9, 10, 10)
    found = change(before, after)
    differences = [
        b.points.cover_percent - a.points.cover_percent
        for a, b in zip(before, after, strict=True)
        if a.points and b.points
    ]
    assert found is not None
    assert found.points == pytest.approx(np.mean(differences))
    # t quantile of 9 degrees of freedom, from the tables
    assert found.interval.half_width == pytest.approx(2.2622 * np.std(differences, ddof=1) / math.sqrt(10), rel=1e-4)


@pytest.mark.parametrize("locations", [range(1, 7), range(101, 107)])  # paired, and not
@pytest.mark.parametrize("target", Target)
def test_no_coral_in_both_years_is_no_proof_that_nothing_changed(locations: range, target: Target) -> None:
    before = quadrats([0.0] * 6, [0] * 6)
    after = [Quadrat(at, 0.0, PointCount(0, 100)) for at in locations]
    found = change(before, after, target)
    assert found is not None
    assert found.points == 0
    assert found.interval.low < -0.3
    assert found.interval.high > 0.3


def learned(quadrats: list[Quadrat], number: int, left_out: bool) -> list[Quadrat]:
    """Return the quadrats; the first are known by heart: what the model says of them is what the points say."""
    return [
        replace(q, model_percent=q.points.cover_percent, is_learned=True,
                left_out_percent=q.model_percent if left_out else None)
        if at < number and q.points else q
        for at, q in enumerate(quadrats)
    ]  # fmt: skip


@pytest.mark.parametrize("target", Target)
@pytest.mark.parametrize("verified", [8, 16])
def test_a_photograph_known_by_heart_verifies_by_a_model_that_was_fitted_without_it(
    target: Target, verified: int
) -> None:
    fair = made(14, verified, 30, bias=-20)
    honest = campaign("A", 2006, fair, target)
    found = campaign("A", 2006, learned(fair, 5, left_out=True), target)
    assert (found.combined, found.points, found.difference_points) == (
        honest.combined,
        honest.points,
        honest.difference_points,
    )
    assert (found.cross_fitted, found.left_out, found.quadrats) == (5, 0, 30)
    assert "5 quadrats by predictions of a model fitted without them" in found.method
    assert change(fair, learned(fair, 5, left_out=True)) == change(fair, fair)


def test_a_photograph_known_by_heart_without_such_a_model_is_left_out() -> None:
    fair = made(14, 12, 30, bias=-20)
    rest = campaign("A", 2006, fair[5:])
    found = campaign("A", 2006, learned(fair, 5, left_out=False))
    assert (found.combined, found.verified, found.quadrats) == (rest.combined, 7, 25)
    assert found.left_out == 5
    assert "without 5 quadrats that the model learned from" in found.method
    assert found.is_model_off  # by heart it would look right
    alone = campaign("A", 2006, learned(made(14, 6, 8), 6, left_out=False))
    assert alone.status is Status.NOT_VERIFIED
    assert alone.wanting == "2 quadrats can be verified, an interval needs 5"


def test_quadrats_of_another_program_are_no_part_of_the_interval() -> None:
    ours = made(15, 8, 20, bias=-20)
    others = [Quadrat(100 + at, 90.0, is_elsewhere=True) for at in range(10)]
    found = campaign("A", 2006, [*ours, *others])
    assert found.combined == campaign("A", 2006, ours).combined
    assert found.elsewhere == 10
    assert campaign("A", 2006, others).status is Status.ELSEWHERE
    assert change([*ours, *others], [*ours, *others]) == change(ours, ours)
    assert what_to_verify([campaign("A", 2006, others)], 20) == []


def test_change_of_a_quadrat_by_points_is_newcombes() -> None:
    change_points, interval = difference(PointCount(48, 32), PointCount(56, 14))  # Newcombe 1998, table II, row (a)
    assert change_points == pytest.approx(20.0)
    assert (interval.low, interval.high) == (pytest.approx(5.24, abs=0.01), pytest.approx(33.39, abs=0.01))


def test_confusion_at_the_points() -> None:
    found = confusion([True, True, False, False, True], [True, False, True, False, True])
    assert (found.both, found.model_only, found.person_only, found.neither) == (2, 1, 1, 1)
    assert found.agreement_percent == 60.0


def campaigns() -> list[Campaign]:
    return [
        campaign("Takapoto", 2006, made(10, 6, 40)),
        campaign("Takapoto", 2012, made(11, 20, 40)),
        campaign("Moorea", 2012, made(12, 0, 30)),
    ]


def test_advice_spends_what_there_is_and_begins_where_there_is_no_interval() -> None:
    advice = {(one.island, one.year): one for one in what_to_verify(campaigns(), 12)}
    assert sum(one.photographs for one in advice.values()) == 12
    assert advice["Moorea", 2012].photographs >= 5
    assert advice["Moorea", 2012].half_width_now is None
    assert all(one.half_width_now is None or one.half_width_then < one.half_width_now for one in advice.values())


@given(st.integers(0, 60))
def test_advice_never_asks_for_more_than_there_is(photographs: int) -> None:
    chosen = {(one.island, one.year): one for one in campaigns()}
    advice = what_to_verify([*chosen.values()], photographs)
    assert sum(one.photographs for one in advice) <= photographs
    assert all(
        one.photographs + chosen[one.island, one.year].verified <= chosen[one.island, one.year].quadrats
        for one in advice
    )


def test_what_the_advice_promises_is_what_verifying_brings() -> None:
    few, more = campaign("Takapoto", 2006, made(13, 10, 60)), campaign("Takapoto", 2006, made(13, 40, 60))
    (advice,) = what_to_verify([few], 30)
    assert more.combined is not None
    assert advice.half_width_then == pytest.approx(more.combined.interval.half_width, rel=0.25)
