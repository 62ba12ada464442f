"""The head: what it learns, and that its weights on features say what it learned on axes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapt.head import HeadChoice, fit, principal_axes, probabilities, wrong_percent

LOGISTIC, PERCEPTRON = HeadChoice(0, 0.01), HeadChoice(16, 0.01)


def two_clouds(seed: int, count: int = 400, channels: int = 12) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    coral = (rng.random(count) < 0.4).astype(np.float32)
    features = rng.normal(0, 1, (count, channels)) * rng.uniform(0.1, 30, channels) + rng.normal(0, 50, channels)
    features[:, 3] += 4 * features[:, 3].std() * coral
    return features.astype(np.float32), coral


@pytest.mark.parametrize("choice", [LOGISTIC, PERCEPTRON], ids=str)
def test_a_head_tells_two_clouds_apart_that_it_has_not_seen(choice: HeadChoice) -> None:
    features, coral = two_clouds(1)
    axes = principal_axes(features[:200])
    head = fit(axes.coordinates(features[:200]), coral[:200], axes, choice)
    assert ((head.logits(features[200:]) > 0) == coral[200:]).mean() > 0.9


@pytest.mark.parametrize("choice", [LOGISTIC, PERCEPTRON], ids=str)
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 1000))
def test_scaling_a_channel_changes_nothing(choice: HeadChoice, seed: int) -> None:
    features, coral = two_clouds(seed, count=120)
    scale = np.float32(np.random.default_rng(seed).uniform(0.5, 2, features.shape[1]))
    logits = []
    for seen in (features, features * scale):
        axes = principal_axes(seen)
        logits.append(fit(axes.coordinates(seen), coral, axes, choice).logits(seen))
    agree = ((logits[0] > 0) == (logits[1] > 0)).mean()
    assert agree > 0.97


def test_a_perceptron_learns_what_no_plane_divides() -> None:
    rng = np.random.default_rng(3)
    features = rng.uniform(-1, 1, (1200, 4)).astype(np.float32)
    coral = (np.abs(features[:, 0]) > 0.5).astype(np.float32)
    axes = principal_axes(features)
    rows = axes.coordinates(features)
    loss = {
        str(choice): wrong_percent(fit(rows, coral, axes, choice).logits(features), coral)
        for choice in (LOGISTIC, PERCEPTRON)
    }
    assert loss[str(LOGISTIC)] > 30
    assert loss[str(PERCEPTRON)] < 15


def test_stronger_decay_means_smaller_weights() -> None:
    features, coral = two_clouds(5)
    axes = principal_axes(features)
    rows = axes.coordinates(features)
    sizes = [float(np.abs(fit(rows, coral, axes, HeadChoice(0, decay)).first).sum()) for decay in (0.001, 0.1, 10)]
    assert sizes[0] > sizes[1] > sizes[2]


@pytest.mark.parametrize("said", [0.0, 1.0])
@pytest.mark.parametrize("choice", [LOGISTIC, PERCEPTRON], ids=str)
def test_photographs_of_one_answer_give_a_head_that_always_says_it(said: float, choice: HeadChoice) -> None:
    features, _ = two_clouds(7, count=100)
    axes = principal_axes(features)
    head = fit(axes.coordinates(features), np.full(100, said, np.float32), axes, choice)
    assert np.isfinite(head.logits(features)).all()
    assert ((head.logits(features) > 0) == bool(said)).all()


@given(st.integers(1, 40), st.integers(2, 30))
@settings(max_examples=20, deadline=None)
def test_axes_are_never_more_than_rows_or_channels_can_give(channels: int, rows: int) -> None:
    features = np.random.default_rng(channels * rows).normal(0, 1, (rows, channels)).astype(np.float32)
    axes = principal_axes(features)
    assert axes.directions.shape[1] <= min(rows - 1, channels)
    assert np.isfinite(axes.coordinates(features)).all()


def test_channels_that_never_change_do_no_harm() -> None:
    features, coral = two_clouds(9)
    features[:, 0] = 0
    axes = principal_axes(features)
    assert np.isfinite(fit(axes.coordinates(features), coral, axes, LOGISTIC).logits(features)).all()


def test_probabilities_stand_extreme_logits() -> None:
    assert probabilities(np.array([-1e6, 0.0, 1e6])).tolist() == pytest.approx([0, 0.5, 1])


def test_wrong_points_are_counted_by_sign() -> None:
    logits = np.array([-2.0, 0.1, 3.0, -0.1])
    assert wrong_percent(logits, np.array([0, 1, 0, 1], np.float32)) == 50
