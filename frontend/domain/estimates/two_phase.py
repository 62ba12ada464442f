"""Two-phase sampling: a model looks at all N quadrats, a person at n of them that were drawn at random.

Cochran (1977), Sampling Techniques, 3rd edition: chapter 7 for the regression and the difference estimator, 12.6 for
their variance with two phases. Prediction-powered inference (Angelopoulos and others 2023, PPI++ 2311.01453) is the
same estimator for a mean. PPI++ with its tuning parameter at ``slope * (1 - n / N)`` gives the same figure.

Covers are fractions (0 to 1). The last axis is the quadrats; what stands before it is computed side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from frontend.domain.estimates.distributions import two_sided
from frontend.domain.estimates.interval import of_a_cover
from reefsteps.arrays import Float64Array

LEAST_VERIFIED = 5  # with fewer, the t quantile alone exceeds 3 and the interval says nothing
SLOPE_FROM = 15  # verified quadrats; below, a slope of one's own costs more than it brings


class Target(StrEnum):
    """What the mean stands for."""

    REEF = "reef"  # the reef that the quadrats are a sample of
    SURVEYED = "surveyed"  # the N quadrats and nothing else: no error is left but the points' once all are verified


@dataclass(frozen=True)
class Sample:
    """What is known of one island and year, or of many of one size side by side.

    ``model`` (..., N) is the model's cover of all quadrats, the verified ones first; ``shares`` (..., n) is the share
    of points on coral of the verified ones and ``points`` (..., n) how many points each of them has.
    """

    model: Float64Array
    shares: Float64Array
    points: Float64Array

    @property
    def quadrats(self) -> int:
        """N, the number of quadrats."""
        return int(self.model.shape[-1])

    @property
    def verified(self) -> int:
        """Return n, the number of verified quadrats."""
        return int(self.shares.shape[-1])


@dataclass(frozen=True)
class Estimate:
    """A mean cover with its variance; arrays of the shape that the sample has before its last axis."""

    mean: Float64Array
    variance: Float64Array
    low: Float64Array
    high: Float64Array
    degrees: int  # of freedom, of Student's t


@dataclass(frozen=True)
class Regression:
    """A mean of what a person would say of all quadrats, with its variance; ``residual`` is a quadrat's variance."""

    mean: Float64Array
    variance: Float64Array
    residual: Float64Array
    slope: Float64Array
    degrees: int


def points_alone(sample: Sample, target: Target) -> Estimate:
    """Return the mean of the verified quadrats' points, as if there were no model."""
    n = sample.verified
    mean, variance = _points(sample, target)
    low, high = of_a_cover(mean, variance, mean, variance, sample.points.sum(-1), two_sided(n - 1))
    return Estimate(mean, variance, low, high, n - 1)


def combined(sample: Sample, target: Target) -> tuple[Estimate, Regression]:
    """Return the model's mean over all quadrats, put right by what the points say on the verified ones."""
    found = regression(sample.model, sample.shares, _first_phase(sample, target))
    points_mean, points_variance = _points(sample, target)
    low, high = of_a_cover(
        found.mean, found.variance, points_mean, points_variance, sample.points.sum(-1), two_sided(found.degrees)
    )
    return Estimate(found.mean, found.variance, low, high, found.degrees), found


def regression(model: Float64Array, values: Float64Array, first_phase: Float64Array) -> Regression:
    """Return the mean that a person's values (..., n) and a model's (..., N), the same n first, come to together.

    Below `SLOPE_FROM` values, the mean difference between both is added to the model's mean (slope 1). From then on,
    the regression of the values on the model is used. The rule looks at n alone, never at which interval is narrower.
    ``first_phase`` is the variance that is left when a person has looked at all N.
    """
    n, total = values.shape[-1], model.shape[-1]
    seen, mean_seen, mean = model[..., :n], model[..., :n].mean(-1), values.mean(-1)
    off_model, off_values = seen - mean_seen[..., None], values - mean[..., None]
    gap, choice = model.mean(-1) - mean_seen, 1 / n - 1 / total
    if n < SLOPE_FROM:
        degrees, slope, wider = n - 1, np.ones_like(gap), np.zeros_like(gap)
    else:
        degrees = n - 2
        squares = (off_model**2).sum(-1)
        says_one_figure = squares < 1e-9
        slope = np.where(says_one_figure, 0, (off_model * off_values).sum(-1) / np.where(says_one_figure, 1, squares))
        # The slope is an estimate too, and counts where the verified quadrats are unlike the rest. One of them that is
        # far from all others must not make that endless. It counts at most as much as the choice of quadrats.
        wider = np.minimum(gap**2 / np.where(says_one_figure, np.inf, squares), choice)
    residual = ((off_values - slope[..., None] * off_model) ** 2).sum(-1) / degrees
    variance = first_phase + (choice + wider) * residual
    return Regression(mean + slope * gap, variance, residual, slope, degrees)


def within_photographs(shares: Float64Array, points: Float64Array) -> Float64Array:
    """Return the mean variance of a photograph's share of points, over the verified ones."""
    return np.asarray((shares * (1 - shares) / np.maximum(points - 1, 1)).mean(-1))


def _points(sample: Sample, target: Target) -> tuple[Float64Array, Float64Array]:
    between = sample.shares.var(-1, ddof=1)
    second_phase = (1 / sample.verified - 1 / sample.quadrats) * between
    return sample.shares.mean(-1), _first_phase(sample, target) + second_phase


def _first_phase(sample: Sample, target: Target) -> Float64Array:
    """Return the variance that is left when every quadrat has been verified.

    For the reef that is the quadrats' own as a sample of it. For the quadrats surveyed it is the points' within a
    photograph. A finite population's correction takes away the choice of quadrats, and never the points' error.
    """
    if target is Target.REEF:
        return np.asarray(sample.shares.var(-1, ddof=1) / sample.quadrats)
    return within_photographs(sample.shares, sample.points) / sample.quadrats
