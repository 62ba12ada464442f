"""How far two persons agree who answered the same points blind."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Agreement:
    """Agreement of two persons over the points that both answered coral or not coral.

    ``kappa`` is Cohen's (1960): agreement beyond what chance alone would give; None where both gave one answer to all
    points, because chance alone explains that.
    """

    points: int
    percent: float
    kappa: float | None


def agreement(answers: Iterable[tuple[bool, bool]]) -> Agreement | None:
    """Return the agreement over pairs of answers (coral or not), or None without any."""
    pairs = list(answers)
    n = len(pairs)
    if not n:
        return None
    observed = sum(first == second for first, second in pairs) / n
    first_share, second_share = (sum(pair[person] for pair in pairs) / n for person in (0, 1))
    by_chance = first_share * second_share + (1 - first_share) * (1 - second_share)
    kappa = (observed - by_chance) / (1 - by_chance) if by_chance < 1 else None
    return Agreement(n, 100 * observed, kappa)
