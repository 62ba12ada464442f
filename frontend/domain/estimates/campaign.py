"""One island in one year: the mean cover by the model alone, by the points alone, and by both together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from frontend.domain.estimates import two_phase
from frontend.domain.estimates.interval import Interval
from frontend.domain.estimates.quadrat import PointCount
from frontend.domain.estimates.two_phase import LEAST_VERIFIED, SLOPE_FROM, Sample, Target

NOTICEABLE_POINTS = 5.0  # a model that is further off than this on the verified quadrats is named on the first page


class Status(StrEnum):
    """How far a figure has been checked by a person."""

    VERIFIED = "verified"  # every quadrat
    ESTIMATED = "estimated"  # some of them, enough for an interval
    NOT_VERIFIED = "not verified"
    ELSEWHERE = "measured by another program"


@dataclass(frozen=True)
class Quadrat:
    """A quadrat with the model's cover (percent), and a person's points where they are enough to count."""

    location: int
    model_percent: float
    points: PointCount | None = None
    is_learned: bool = False  # the model learned from the photograph
    left_out_percent: float | None = None  # then: cover by a model that was fitted without it, where there is one
    is_elsewhere: bool = False  # another program measured it: points on our photographs say nothing of its error

    @property
    def unseen_percent(self) -> float | None:
        """Cover by a model of ours that has not seen the photograph (cross-fitting); None where there is none."""
        if self.is_elsewhere:
            return None
        return self.left_out_percent if self.is_learned else self.model_percent


@dataclass(frozen=True)
class Mean:
    """A mean cover, percent, with its 95 % interval."""

    percent: float
    interval: Interval
    standard_error: float
    degrees: int


@dataclass(frozen=True)
class Campaign:
    """The figures of an island and year: ``quadrats`` is N, ``verified`` n.

    ``model_percent`` is the model's mean over all quadrats. ``points`` and ``combined`` are None with fewer than
    `LEAST_VERIFIED` verified quadrats. ``difference_points`` is the mean of points minus model over the verified ones,
    None without any.

    Of a photograph that the model learned from, points and difference take the cover by a model fitted without it
    (``cross_fitted`` of them). Those without one are no part of N and n (``left_out`` of them), nor are quadrats that
    another program measured (``elsewhere`` of them).
    """

    island: str
    year: int
    target: Target
    quadrats: int
    verified: int
    model_percent: float
    difference_points: float | None
    points: Mean | None
    combined: Mean | None
    slope: float | None  # of the points on the model; 1 where the difference is added
    residual_points: float | None  # standard deviation of what the model leaves unexplained
    left_out: int = 0
    cross_fitted: int = 0
    elsewhere: int = 0

    @property
    def status(self) -> Status:
        """How far the recommended figure has been checked."""
        if self.combined is None:
            return Status.ELSEWHERE if self.is_elsewhere else Status.NOT_VERIFIED
        return Status.VERIFIED if self.verified == self.quadrats else Status.ESTIMATED

    @property
    def is_elsewhere(self) -> bool:
        """Return whether another program measured all quadrats."""
        return self.elsewhere > 0 and not self.quadrats and not self.left_out

    @property
    def missing(self) -> int:
        """How many more quadrats must be verified before there is an interval."""
        return max(0, LEAST_VERIFIED - self.verified)

    @property
    def wanting(self) -> str:
        """What is missing for an interval, in words; empty where there is one."""
        if not self.missing:
            return ""
        if self.quadrats < LEAST_VERIFIED:
            return f"{self.quadrats} quadrats can be verified, an interval needs {LEAST_VERIFIED}"
        return f"{self.missing} more verified quadrats are needed for an interval"

    @property
    def apart(self) -> list[str]:
        """Which quadrats are no part of the interval, in words."""
        found = []
        if self.left_out:
            found.append(f"without {self.left_out} quadrats that the model learned from")
        if self.elsewhere:
            found.append(f"without {self.elsewhere} quadrats that another program measured")
        return found

    @property
    def recommended_percent(self) -> float:
        """The combined figure, or the model's where there is none."""
        return self.model_percent if self.combined is None else self.combined.percent

    @property
    def is_model_off(self) -> bool:
        """Return whether the model is off by more than `NOTICEABLE_POINTS` on the verified quadrats."""
        enough = self.verified >= LEAST_VERIFIED and self.difference_points is not None
        return enough and abs(self.difference_points or 0) > NOTICEABLE_POINTS

    @property
    def method(self) -> str:
        """How the recommended figure was made, for exports."""
        if self.is_elsewhere:
            return self.status.value
        if self.combined is None:
            return "; ".join([f"model alone; {self.wanting}", *self.apart])
        how = "regression" if self.verified >= SLOPE_FROM else "difference"
        stands_for = "the reef" if self.target is Target.REEF else "the quadrats surveyed"
        parts = [
            f"two-phase {how} estimator, Student's t with {self.combined.degrees} degrees of freedom, for {stands_for}"
        ]
        if self.cross_fitted:
            parts.append(f"{self.cross_fitted} quadrats by predictions of a model fitted without them")
        return "; ".join([*parts, *self.apart])


def campaign(island: str, year: int, quadrats: Sequence[Quadrat], target: Target = Target.REEF) -> Campaign:
    """Return the figures of an island and year; raises ValueError without any quadrat."""
    if not quadrats:
        raise ValueError("campaign needs at least one quadrat")
    usable = [quadrat for quadrat in quadrats if quadrat.unseen_percent is not None]
    checked = [quadrat.points for quadrat in usable if quadrat.points and quadrat.points.is_enough]
    alone, both, found = None, None, None
    if len(checked) >= LEAST_VERIFIED:
        sample = _sample(usable, checked)
        alone = _mean(two_phase.points_alone(sample, target))
        figure, found = two_phase.combined(sample, target)
        both = _mean(figure)
    return Campaign(
        island=island,
        year=year,
        target=target,
        quadrats=len(usable),
        verified=len(checked),
        model_percent=float(np.mean([quadrat.model_percent for quadrat in quadrats])),
        difference_points=_mean_difference(usable),
        points=alone,
        combined=both,
        slope=float(found.slope) if found else None,
        residual_points=100 * float(np.sqrt(found.residual)) if found else None,
        left_out=sum(quadrat.unseen_percent is None and not quadrat.is_elsewhere for quadrat in quadrats),
        cross_fitted=sum(quadrat.is_learned for quadrat in usable),
        elsewhere=sum(quadrat.is_elsewhere for quadrat in quadrats),
    )


def _mean_difference(usable: Sequence[Quadrat]) -> float | None:
    differences = [
        quadrat.points.cover_percent - unseen(quadrat)
        for quadrat in usable
        if quadrat.points and quadrat.points.is_enough
    ]
    return float(np.mean(differences)) if differences else None


def unseen(quadrat: Quadrat) -> float:
    """Return the cover by a model that has not seen the quadrat; raises ValueError where there is none."""
    if quadrat.unseen_percent is None:
        raise ValueError("the model learned from this quadrat, and no prediction without it is known")
    return quadrat.unseen_percent


def _sample(usable: Sequence[Quadrat], points: Sequence[PointCount]) -> Sample:
    rest = [unseen(quadrat) for quadrat in usable if not (quadrat.points and quadrat.points.is_enough)]
    seen = [unseen(quadrat) for quadrat in usable if quadrat.points and quadrat.points.is_enough]
    return Sample(
        model=np.array([*seen, *rest], np.float64) / 100,
        shares=np.array([count.coral / count.answered for count in points], np.float64),
        points=np.array([count.answered for count in points], np.float64),
    )


def _mean(figure: two_phase.Estimate) -> Mean:
    mean = float(np.clip(figure.mean, 0, 1))
    interval = Interval(100 * float(figure.low), 100 * float(figure.high))
    return Mean(100 * mean, interval, 100 * float(np.sqrt(figure.variance)), figure.degrees)
