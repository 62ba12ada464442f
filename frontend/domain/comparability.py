"""Whether figures of different years can be compared: same positions, same treatment of colours, same model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from frontend.domain.ordering import natural_key
from frontend.domain.statistics import MeanCover
from frontend.domain.statuses import Figures

_LEAST_SHARED = 0.5  # of the smaller year's positions


def share_positions(earlier: MeanCover, later: MeanCover) -> bool:
    """Return whether at least half of the positions of the year with fewer of them were measured in both years."""
    shared = len(set(earlier.locations) & set(later.locations))
    return shared > 0 and shared >= _LEAST_SHARED * min(len(earlier.locations), len(later.locations))


def not_corrected(means: Iterable[MeanCover], figures: Figures) -> list[MeanCover]:
    """Return the means that people's points do not put right: a change of method may look like the reef's."""
    return [m for m in means if (found := figures.get((m.island, m.year))) is None or found.combined is None]


def mixed_methods(means: Sequence[MeanCover]) -> list[str]:
    """Return one sentence for each island whose figures come from several colour treatments or several models."""
    islands = sorted({m.island for m in means}, key=natural_key)
    kinds: tuple[tuple[str, Callable[[MeanCover], tuple[str, ...]]], ...] = (
        ("colour treatments", lambda m: m.treatments),
        ("models", lambda m: m.models),
    )
    found = []
    for island in islands:
        of_island = sorted((m for m in means if m.island == island), key=lambda m: m.year)
        for kind, read in kinds:
            years: dict[str, list[str]] = defaultdict(list)
            for m in of_island:
                for method in read(m):
                    years[method].append(str(m.year))
            if len(years) > 1:
                parts = "; ".join(f"{method} in {', '.join(years[method])}" for method in sorted(years))
                found.append(f"{island} mixes {kind}: {parts}.")
    return found
