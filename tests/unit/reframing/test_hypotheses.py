"""Which of a side's parallel lines is taken for the frame's inner edge."""

from __future__ import annotations

import numpy as np

from reframing.frame.hypotheses import ranked_hypotheses
from reframing.frame.side_search import Candidate, SideSearch

OUTER, INNER = -0.03, 0.0
PRIORS = ((-0.015, 0.02),)  # the mask lies between the two


def search(inner_strength: float) -> SideSearch:
    """A side whose outer line looks a little more like a frame's edge than the one further in."""
    across = np.linspace(-0.1, 0.1, 280)
    profile = np.exp(-0.5 * ((across - OUTER) / 0.002) ** 2)
    candidates = (
        Candidate(OUTER, 0.0, 0.0, 1.0, 0.5, 0.3, 0.0),
        Candidate(INNER, 0.0, 0.0, inner_strength, 0.5, 0.0, 1.0),
    )
    return SideSearch(candidates, profile[None], across, 1.0)


def chosen(inner_strength: float) -> list[float]:
    best = ranked_hypotheses([search(inner_strength)] * 4, PRIORS, None)[0]
    return [item.offset for item in best.candidates if item is not None]


def test_a_line_with_as_strong_a_line_further_in_is_a_rulers_outer_edge() -> None:
    assert chosen(0.95) == [INNER] * 4


def test_a_weak_line_further_in_is_seabed() -> None:
    assert chosen(0.3) == [OUTER] * 4
