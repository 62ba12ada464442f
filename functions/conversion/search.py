"""Which faster variants of a model are tried, in which order, and which of them is taken.

A search by coordinates: fewer proposals first, then a smaller input, then 8-bit layers. Each begins with its fastest
value and ends at the first that is accepted. So a search has at most 11 trials, where all combinations would be 75.
Half-precision weights are not searched: they are no faster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from reefsteps.detection.manifest import VariantTrial
from reefsteps.model_roles import ModelRole

SIDE_SHARES = (0.4, 0.5, 0.64, 0.8)  # of the model's own input: 320, 400, 512 and 640 of 800 pixels
_SIDE_STEP_PX = 8
_FASTER_BY = 0.95  # a variant that saves less than a twentieth is not worth a change of results


@dataclass(frozen=True)
class Proposals:
    """How many regions are kept on each pyramid level, how many for the box head, and how many instances at most."""

    before_suppression: int
    after_suppression: int
    instances: int


@dataclass(frozen=True)
class Candidate:
    """A variant that may be tried. ``layers`` is an index into ``variants.SCOPES``, None for fp32."""

    side_px: int
    proposals: Proposals
    layers: int | None = None

    @property
    def precision(self) -> str:
        """``fp32`` or ``int8``."""
        return "fp32" if self.layers is None else "int8"


# Fewest first. The quadrat is one large object. A quadrat holds many colonies, so the number of instances stays.
_FEWER = {
    ModelRole.FRAME: (Proposals(100, 30, 10), Proposals(300, 100, 30)),
    ModelRole.CORAL: (Proposals(300, 200, 1000), Proposals(600, 500, 1000)),
}


def fewer_proposals(own: Proposals, role: ModelRole) -> tuple[Proposals, ...]:
    """Return the numbers of proposals to try, fewest first; none is larger than the model's own."""
    smaller = (
        Proposals(
            min(fewer.before_suppression, own.before_suppression),
            min(fewer.after_suppression, own.after_suppression),
            min(fewer.instances, own.instances),
        )
        for fewer in _FEWER[role]
    )
    return tuple(dict.fromkeys(proposals for proposals in smaller if proposals != own))


def smaller_sides_px(own_px: int) -> tuple[int, ...]:
    """Return the input sizes to try, smallest first."""
    rounded = (max(1, round(share * own_px / _SIDE_STEP_PX)) * _SIDE_STEP_PX for share in SIDE_SHARES)
    return tuple(dict.fromkeys(side for side in rounded if side < own_px))


def search(
    full: Candidate,
    role: ModelRole,
    attempt: Callable[[Candidate], VariantTrial],
    scopes: Sequence[int],
    go_on: Callable[[], bool] = lambda: True,
) -> tuple[tuple[Candidate, VariantTrial], ...]:
    """Return the trials in their order. ``attempt`` judges a candidate; nothing is begun once ``go_on`` says False.

    ``scopes`` are the sets of 8-bit layers that differ in this model, as indices into ``variants.SCOPES``.
    """
    trials: list[tuple[Candidate, VariantTrial]] = []

    def first_accepted(candidates: Sequence[Candidate]) -> Candidate | None:
        for candidate in candidates:
            if not go_on():
                return None
            trials.append((candidate, attempt(candidate)))
            if trials[-1][1].accepted:
                return candidate
        return None

    best = full
    fewer = [replace(full, proposals=proposals) for proposals in fewer_proposals(full.proposals, role)]
    best = first_accepted(fewer) or best
    sides = smaller_sides_px(full.side_px)
    best = first_accepted([replace(best, side_px=side) for side in sides]) or best
    if first_accepted([replace(best, layers=layers) for layers in scopes]) is None and scopes:
        larger = [side for side in (*sides, full.side_px) if side > best.side_px]
        first_accepted([replace(best, side_px=side, layers=scopes[0]) for side in larger])
    return tuple(trials)


def fastest(trials: Sequence[tuple[Candidate, VariantTrial]]) -> tuple[Candidate, VariantTrial] | None:
    """Return the fastest accepted trial; None where none is clearly faster than the full model.

    Each is compared with the full model on its own machine, since trials may have been made on several.
    """
    accepted = [trial for trial in trials if trial[1].accepted and _FASTER_BY * trial[1].times_faster > 1]
    return max(accepted, key=lambda trial: trial[1].times_faster, default=None)
