"""How an adapted model came to be, as `adapt` tells it."""

from __future__ import annotations

from reefsteps.adaptation import Adaptation, Error, LeftOut, Verdict
from reefsteps.results import ModelIdentity

SENTENCE = "The adapted model misses 6.1 ± 1.2 points."
_ERROR = Error(6.1, 1.2)


def adaptation_of(parent: str) -> Adaptation:
    """Return what is told of a model that has learned on ``parent`` and passed the gate."""
    return Adaptation(
        parent=ModelIdentity(parent, "5e" * 32),
        compared_with=parent,
        head="perceptron with 32 hidden units",
        learned_at="2026-11-28T03:15:00Z",
        verdict=Verdict(True, SENTENCE, 3, _ERROR, -0.4, _ERROR, _ERROR, _ERROR, _ERROR),
        left_out=(LeftOut("2006-Takapoto-01.jpg", "v1", 200, 80, 40.0, 44.5, 3.0, 35.0),),
    )
