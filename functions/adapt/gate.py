"""Whether an adapted model may be published: its error on photographs that it had not seen, against two others.

The others are the model in use, and saying for each photograph the mean of the rest, which needs no model. A person
decides after that; below three photographs nobody can.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from reefsteps.adaptation import LEAST_PHOTOGRAPHS, Error, LeftOut, Verdict
from reefsteps.arrays import Float64Array


def photographs_needed(count: int) -> str | None:
    """Return why that many photographs are too few, in a sentence; None where they are enough."""
    if count >= LEAST_PHOTOGRAPHS:
        return None
    return (
        f"There are points of a person on {count} photograph{'' if count == 1 else 's'}. A model learns from "
        f"{LEAST_PHOTOGRAPHS} or more, better five, each with points inside its quadrat."
    )


def judge(left_out: Sequence[LeftOut]) -> Verdict:
    """Return whether a model with these left-out predictions may be published; raises ValueError for too few."""
    if len(left_out) < LEAST_PHOTOGRAPHS:
        raise ValueError("Too few photographs to judge a model by.")
    true = np.array([one.true_percent for one in left_out])
    errors = {
        name: np.abs(np.array([getattr(one, f"{name}_percent") for one in left_out]) - true)
        for name in ("found", "in_use", "mean")
    }
    adapted, in_use, mean = (_error(errors[name]) for name in ("found", "in_use", "mean"))
    gain_in_use, gain_mean = (_error(errors[name] - errors["found"]) for name in ("in_use", "mean"))
    bias = float(np.mean([one.found_percent - one.true_percent for one in left_out]))
    worse = []
    if adapted.mean_points >= in_use.mean_points:
        worse.append(f"the model in use ({in_use})")
    if adapted.mean_points >= mean.mean_points:
        worse.append(f"saying the mean of the other photographs ({mean})")
    figures = f"On {len(left_out)} photographs, each left out in turn, the adapted model misses {adapted}"
    if worse:
        sentence = f"{figures}. That is no less than {' and than '.join(worse)}, so it is not published."
    else:
        sentence = (
            f"{figures}, the model in use {in_use}, and saying the mean of the others {mean} (± standard error). "
            f"The gain on the model in use is {gain_in_use}."
        )
    return Verdict(
        passed=not worse,
        sentence=sentence,
        photographs=len(left_out),
        adapted=adapted,
        bias_points=round(bias, 2),
        in_use=in_use,
        mean=mean,
        gain_in_use=gain_in_use,
        gain_mean=gain_mean,
    )


def _error(values: Float64Array) -> Error:
    return Error(round(float(values.mean()), 4), round(float(values.std(ddof=1)) / math.sqrt(len(values)), 4))
