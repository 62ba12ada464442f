"""How a figure of cover is written: with as many decimals as its model's error allows, and with a mark beside it.

Every place that shows cover to people writes it here: the page, its charts and exports, and the local commands.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TypeGuard

from reefsteps.detection.manifest import Manifest
from reefsteps.evaluation import BIAS_LIMIT_POINTS, ERRORS, REAL
from reefsteps.results import ModelIdentity, Trust

DEMONSTRATION = "demonstration"
NOT_MEASURED = "not measured"
BIASED = "biased"
TRUSTED = "trusted"

MARK = "△"  # a shape, so that it needs no colour; always beside its label
UNKNOWN_MODEL = "unknown model"

LABELS = {
    DEMONSTRATION: "demonstration",
    NOT_MEASURED: "error not measured",
    BIASED: "known bias",
    UNKNOWN_MODEL: "unknown model",
}
_WORST_FIRST = (DEMONSTRATION, UNKNOWN_MODEL, NOT_MEASURED, BIASED, TRUSTED)
_FINE_BELOW_POINTS = 1.0  # of measured error; from there on a decimal says nothing


def trust_of(manifest: Manifest) -> Trust:
    """Return how far to trust a model's figures, by the errors that were measured of this very checkpoint."""
    measured = manifest.measured
    real = [entry for entry in measured.sets if entry.kind == REAL] if measured else []
    biases = [bias for entry in real if (bias := entry.value("bias_points")) is not None]
    error_points = max((error for entry in real if (error := entry.value("mae_points")) is not None), default=None)
    if measured and measured.demonstration:
        return Trust(
            DEMONSTRATION,
            f"The model '{manifest.name}' is a demonstration: its figures show how ReefSteps works and are no "
            "measurement.",
            error_points,
        )
    if not any(entry.value(name) is not None for entry in real for name in ERRORS):
        return Trust(NOT_MEASURED, f"Nobody has measured how wrong the model '{manifest.name}' is on real photographs.")
    worst = max(biases, key=abs, default=0.0)
    if abs(worst) > BIAS_LIMIT_POINTS:
        direction = "too low" if worst < 0 else "too high"
        return Trust(
            BIASED,
            f"On real photographs the cover that the model '{manifest.name}' finds was {abs(worst):.0f} points "
            f"{direction} on average.",
            error_points,
        )
    sentence = f"The errors of the model '{manifest.name}' were measured on real photographs; see Help."
    return Trust(TRUSTED, sentence, error_points)


def unknown_model(model: ModelIdentity) -> Trust:
    """Return what is known of a model whose manifest is gone and whose results do not say how far to trust it."""
    sentence = f"No measured error is known of the model '{model.name}' (sha256 {model.sha256[:12]})."
    return Trust(UNKNOWN_MODEL, sentence)


def worst(trusts: Iterable[Trust | None]) -> Trust | None:
    """Return the trust that a figure made of several deserves; None where another program measured all of them."""
    known = [trust for trust in trusts if trust is not None]
    return min(known, key=_rank, default=None)


def _rank(trust: Trust) -> tuple[int, float]:
    error_points = math.inf if trust.error_points is None else trust.error_points
    return _WORST_FIRST.index(trust.state) if trust.state in _WORST_FIRST else 0, -error_points


def is_marked(trust: Trust | None) -> TypeGuard[Trust]:
    """Say whether figures carry a mark; those of another program are marked as such by whoever shows them."""
    return trust is not None and not trust.trusted


def label(trust: Trust | None) -> str:
    """Return the mark with its word, as it stands beside a figure; empty for a figure without a mark."""
    if trust is None or trust.trusted:
        return ""
    return f"{MARK} {LABELS.get(trust.state, trust.state)}"


def marked(text: str, trust: Trust | None) -> str:
    """Return a figure with its mark."""
    return f"{text} {MARK}" if is_marked(trust) else text


def decimals(trusts: Iterable[Trust | None]) -> int:
    """Return the decimals of cover and of its change: 1 where every model's error is below a point, else 0.

    An error that nobody measured counts as a large one. Cover that another program measured is written with 1.
    """
    return 1 if all(trust is None or _is_fine(trust) for trust in trusts) else 0


def _is_fine(trust: Trust) -> bool:
    return trust.trusted and trust.error_points is not None and trust.error_points < _FINE_BELOW_POINTS


def reasons_to_look(reasons: Sequence[str] | None, *, grey: bool | None, low_resolution: bool | None) -> list[str]:
    """Return why somebody should look at a result before using its cover, in sentences.

    ``reasons`` are segmentation's; ``grey`` and ``low_resolution`` are flags of the steps' records.
    """
    found = list(reasons or ())
    if grey:
        found.append("The photograph is grey, and the model learned from colours.")
    if low_resolution:
        found.append("The quadrat has fewer pixels than the model looks at.")
    return found


def cover_text(percent: float, places: int) -> str:
    """Return cover for people: "23 %"; "< 1 %" for coral that rounding would hide."""
    return f"{cover_number(percent, places)} %"


def cover_number(percent: float, places: int) -> str:
    """Return cover without its unit: "23", "23.4", "< 1"."""
    step = 10.0**-places
    return f"< {step:g}" if 0 < percent <= step / 2 else f"{percent:.{places}f}"


def change_text(points: float, places: int) -> str:
    """Return a change of cover for people: "+2 points"."""
    return f"{change_number(points, places)} points"


def change_number(points: float, places: int) -> str:
    """Return a change of cover without its unit: "+2", "-0.4"."""
    return f"{round(points, places) + 0.0:+.{places}f}"  # adding 0.0 turns -0 into 0
