"""What an adapted model learned from, and how wrong it was on photographs that it had not seen."""

from __future__ import annotations

from dataclasses import dataclass

from reefsteps.results import ModelIdentity, Record

LEAST_PHOTOGRAPHS = 3  # with points: below, no left-out error says anything


@dataclass(frozen=True)
class LeftOut(Record):
    """One photograph's cover, percent: by a person's points, by the model that learned without it, and by the others.

    ``in_use_percent`` is by the model in use, learned without the photograph if it has learned from it.
    """

    key: str  # of the original in the raw bucket
    version_id: str | None
    points: int  # that cover is made of
    coral_points: int
    true_percent: float
    found_percent: float
    in_use_percent: float
    mean_percent: float  # of the points of the other photographs


@dataclass(frozen=True)
class Error(Record):
    """A mean absolute error over photographs and its standard error, points of cover."""

    mean_points: float
    standard_error_points: float

    def __str__(self) -> str:
        return f"{self.mean_points:.1f} ± {self.standard_error_points:.1f} points"


@dataclass(frozen=True)
class Verdict(Record):
    """What the gate says. ``gain_in_use`` and ``gain_mean`` are how much smaller the adapted model's error is."""

    passed: bool
    sentence: str
    photographs: int
    adapted: Error
    bias_points: float  # found minus true
    in_use: Error
    mean: Error
    gain_in_use: Error
    gain_mean: Error


@dataclass(frozen=True)
class Adaptation(Record):
    """How an adapted model came to be; part of its manifest."""

    parent: ModelIdentity  # whose network it uses
    compared_with: str  # the model that was in use
    head: str  # which head was chosen, in words
    learned_at: str  # ISO 8601, UTC
    verdict: Verdict
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class AdaptResult(Record):
    """What a run of ``adapt`` did. ``model`` is a new adapted model, which a person may choose, or the one chosen."""

    adapted: bool  # a new model lies in the bucket
    sentence: str  # what happened, for people
    elapsed_s: float
    model: str | None = None
    in_use: str | None = None  # the model in use after the run
    adaptation: Adaptation | None = None
