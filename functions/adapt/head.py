"""The part of a coral model that learns from points: a small head on the features of a frozen network.

Features are brought to mean 0 and spread 1, turned onto their principal axes, and given to a logistic regression or to
a perceptron of two layers. Everything up to the first ReLU is linear, so a head ends as one weight for each channel
and unit: convolutions of 1 x 1 in the graph (`reefsteps.detection.map_graph`). Only numpy; a fit takes seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reefsteps.arrays import Float32Array, Float64Array
from reefsteps.detection.map_head import Head

MOST_AXES = 200
_ROWS_FOR_AXES = 1500  # spread over all rows; more change the axes little and cost with their square
_SPREAD_FLOOR = 1e-3  # of the mean spread, for channels that never change
_NEWTON_STEPS = 20
_NEWTON_DONE = 1e-4
_LOGIT_LIMIT = 30.0
_BATCH = 128
_LEARNING_RATE = 3e-3
_KEPT = 0.7  # of the hidden units in each step; the rest rests (dropout, Srivastava et al. 2014)
_MOMENTS = (0.9, 0.999)  # of Adam (Kingma and Ba 2015)


@dataclass(frozen=True)
class HeadChoice:
    """Which head, and how strongly its weights are held small. ``hidden`` 0 is a logistic regression."""

    hidden: int
    decay: float

    def __str__(self) -> str:
        if self.hidden:
            return f"perceptron with {self.hidden} hidden units, weight decay {self.decay:g}"
        return f"logistic regression, weight decay {self.decay:g}"


@dataclass(frozen=True, eq=False)
class Axes:
    """The principal axes of features: ``centre`` (C,), ``spread`` (C,), ``directions`` (C, Q), all float32."""

    centre: Float32Array
    spread: Float32Array
    directions: Float32Array

    def coordinates(self, features: Float32Array) -> Float32Array:
        """Return (N, Q) coordinates of features (N, C)."""
        return np.asarray(((features - self.centre) / self.spread) @ self.directions, np.float32)


def principal_axes(features: Float32Array, count: int = MOST_AXES) -> Axes:
    """Return the leading axes of features (N, C): at most ``count``, and fewer than rows or channels.

    Found in the space of the rows, of which there are fewer than channels squared would cost.
    """
    step = -(-len(features) // _ROWS_FOR_AXES)
    rows = np.asarray(features[::step], np.float32)
    centre, spread = rows.mean(0), rows.std(0)
    spread = spread + np.float32(_SPREAD_FLOOR * max(float(spread.mean()), 1e-6))
    normal = (rows - centre) / spread
    _, vectors = np.linalg.eigh(normal @ normal.T)
    count = min(count, len(rows) - 1, rows.shape[1])
    directions = normal.T @ vectors[:, ::-1][:, :count]
    directions /= np.maximum(np.linalg.norm(directions, axis=0), 1e-12)
    return Axes(centre, spread, np.asarray(directions, np.float32))


def fit(coordinates: Float32Array, coral: Float32Array, axes: Axes, choice: HeadChoice, seed: int = 0) -> Head:
    """Return the head fitted to coordinates (N, Q) of points and what they are (N,): 1 coral, 0 not coral."""
    scale = float(max(coordinates.std(), 1e-6))
    scaled = np.asarray(coordinates / scale, np.float32)
    to_features = axes.directions / axes.spread[:, None] / np.float32(scale)
    if choice.hidden:
        first, first_bias, last, last_bias = _perceptron(scaled, coral, choice, seed)
    else:
        weights, last_bias = _logistic(scaled, coral, choice.decay)
        first, first_bias, last = weights[:, None], np.zeros(1, np.float32), np.ones(1, np.float32)
    moved = np.asarray(to_features @ first, np.float32)
    bias = np.asarray(first_bias - axes.centre @ moved, np.float32)
    return Head(moved, bias, np.asarray(last, np.float32), float(last_bias), bool(choice.hidden))


def probabilities(logits: Float64Array) -> Float64Array:
    """Return the logistic function of logits."""
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -_LOGIT_LIMIT, _LOGIT_LIMIT))))


def wrong_percent(logits: Float64Array, coral: Float32Array) -> float:
    """Return the share of points (N,) that the logits' signs take for what they are not, percent."""
    return float(100 * np.mean((logits > 0) != (coral > 0)))


def _logistic(rows: Float32Array, coral: Float32Array, decay: float) -> tuple[Float32Array, float]:
    """Return weights (Q,) and bias of a logistic regression with an L2 penalty, by Newton's method."""
    one = np.c_[rows, np.ones(len(rows), np.float32)].astype(np.float64)
    penalty = np.r_[np.full(rows.shape[1], decay), 1e-6]
    weights = np.zeros(one.shape[1])
    for _ in range(_NEWTON_STEPS):
        chance = probabilities(one @ weights)
        gradient = one.T @ (chance - coral) / len(one) + penalty * weights
        curvature = np.maximum(chance * (1 - chance), 1e-4) / len(one)
        hessian = (one * curvature[:, None]).T @ one + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        weights -= step
        if np.abs(step).max() < _NEWTON_DONE:
            break
    return np.asarray(weights[:-1], np.float32), float(weights[-1])


def _perceptron(
    rows: Float32Array, coral: Float32Array, choice: HeadChoice, seed: int
) -> tuple[Float32Array, Float32Array, Float32Array, float]:
    """Return the layers of a perceptron, fitted by Adam with a falling learning rate and decoupled weight decay."""
    rng = np.random.default_rng(seed)
    count, width = rows.shape
    layers = [
        rng.normal(0, 0.7 / np.sqrt(width), (width, choice.hidden)).astype(np.float32),
        np.zeros(choice.hidden, np.float32),
        rng.normal(0, 1 / np.sqrt(choice.hidden), choice.hidden).astype(np.float32),
        np.zeros(1, np.float32),
    ]
    decays = (choice.decay, 0.0, choice.decay, 0.0)
    first_moments, second_moments = ([np.zeros_like(layer) for layer in layers] for _ in range(2))
    batch = min(_BATCH, count)
    steps = max(400, 4 * count // batch)
    order = rng.permutation(count)
    place = 0
    for step in range(1, steps + 1):
        if place + batch > count:
            order, place = rng.permutation(count), 0
        chosen = order[place : place + batch]
        place += batch
        gradients = _gradients(rows[chosen], coral[chosen], layers, rng)
        rate = np.float32(_LEARNING_RATE * 0.5 * (1 + np.cos(np.pi * step / steps)))
        for index, gradient in enumerate(gradients):
            one, two = first_moments[index], second_moments[index]
            one += (1 - _MOMENTS[0]) * (gradient - one)
            two += (1 - _MOMENTS[1]) * (gradient**2 - two)
            move = one / (1 - _MOMENTS[0] ** step) / (np.sqrt(two / (1 - _MOMENTS[1] ** step)) + 1e-8)
            layers[index] -= rate * (move + np.float32(decays[index]) * layers[index])
    return layers[0], layers[1], layers[2], float(layers[3][0])


def _gradients(
    rows: Float32Array, coral: Float32Array, layers: list[Float32Array], rng: np.random.Generator
) -> list[Float32Array]:
    """Return the gradients of the mean cross-entropy for each layer, with some hidden units at rest."""
    before = rows @ layers[0] + layers[1]
    active = (rng.random(before.shape) < _KEPT).astype(np.float32) / np.float32(_KEPT)
    hidden = np.maximum(before, 0) * active
    logits = hidden @ layers[2] + layers[3]
    error = ((probabilities(logits.astype(np.float64)) - coral) / len(rows)).astype(np.float32)
    inner = error[:, None] * layers[2] * active * (before > 0)
    return [rows.T @ inner, inner.sum(0), hidden.T @ error, error.sum(keepdims=True)]
