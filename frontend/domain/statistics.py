"""The figures of the Coverage page: means with their error, paired change with its interval, sizes of colonies.

A quadrat is the unit of replication: the mean of an island and year is the mean over its quadrats. Change is measured
on the same marked positions (paired). Quadrats are fixed for this purpose.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from frontend.domain.estimates.distributions import t_quantile
from reefsteps.results import Trust
from reefsteps.trust import worst

SIZE_CLASS_EDGES_CM2 = (0.0, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 640.0, math.inf)
"""Doubling classes: colony sizes are log-normal, so equal widths would put nearly all in the first class."""


@dataclass(frozen=True)
class Cover:
    """One quadrat's percent cover (0 to 100) in one year."""

    island: str
    year: int
    location: int
    cover_percent: float
    treatment: str | None = None  # of the photograph's colours; None where it is not known, as for the model
    model: str | None = None
    trust: Trust | None = None  # of the model; None for figures of another program


@dataclass(frozen=True)
class MeanCover:
    """Mean percent cover of an island in a year, over n quadrats.

    ``standard_deviation`` (n - 1 in the denominator) and ``standard_error`` are None when n is 1. ``locations`` are the
    positions measured, ``treatments`` and ``models`` what is known of how they were measured, each once. ``trust`` is
    the worst of the models'.
    """

    island: str
    year: int
    n: int
    mean: float
    standard_deviation: float | None
    standard_error: float | None
    locations: tuple[int, ...] = ()
    treatments: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    trust: Trust | None = None


@dataclass(frozen=True)
class PairedChange:
    """Change in percentage points between two years over the positions that were measured in both.

    ``low`` and ``high`` bound the 95 % interval of the mean change (Student's t with n - 1 degrees of freedom); None
    when fewer than two positions are shared.
    """

    island: str
    from_year: int
    to_year: int
    n: int
    mean_change: float
    low: float | None
    high: float | None
    locations: tuple[int, ...]
    treatments: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    trust: Trust | None = None


def mean_cover(covers: Iterable[Cover]) -> list[MeanCover]:
    """Return mean, standard deviation, standard error and n for each island and year, in that order."""
    groups: dict[tuple[str, int], list[Cover]] = defaultdict(list)
    for cover in covers:
        groups[cover.island, cover.year].append(cover)
    return [_mean_of(island, year, group) for (island, year), group in sorted(groups.items())]


def _mean_of(island: str, year: int, covers: Sequence[Cover]) -> MeanCover:
    values = [cover.cover_percent for cover in covers]
    n, mean = len(values), math.fsum(values) / len(values)
    deviation = sample_deviation(values)
    error = None if deviation is None else deviation / math.sqrt(n)
    locations = tuple(sorted({cover.location for cover in covers}))
    return MeanCover(island, year, n, mean, deviation, error, locations, *_methods(covers))


def _methods(covers: Iterable[Cover]) -> tuple[tuple[str, ...], tuple[str, ...], Trust | None]:
    """Return the colour treatments and the models that are known, each once, and the worst trust."""
    covers = list(covers)
    treatments = {cover.treatment for cover in covers if cover.treatment}
    models = {cover.model for cover in covers if cover.model}
    return tuple(sorted(treatments)), tuple(sorted(models)), worst(cover.trust for cover in covers)


def sample_deviation(values: Sequence[float]) -> float | None:
    """Return the standard deviation with n - 1 in the denominator, or None for fewer than two values."""
    n = len(values)
    if n < 2:
        return None
    mean = math.fsum(values) / n
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))


def paired_change(covers: Iterable[Cover], island: str, from_year: int, to_year: int) -> PairedChange | None:
    """Return the change over the positions measured in both years, or None when there is no such position."""
    years: dict[int, dict[int, Cover]] = {from_year: {}, to_year: {}}
    for cover in covers:
        if cover.island == island and cover.year in years:
            years[cover.year][cover.location] = cover
    shared = tuple(sorted(years[from_year].keys() & years[to_year].keys()))
    if not shared:
        return None
    pairs = [(years[from_year][location], years[to_year][location]) for location in shared]
    differences = [after.cover_percent - before.cover_percent for before, after in pairs]
    n, mean = len(shared), math.fsum(differences) / len(differences)
    deviation = sample_deviation(differences)
    half = None if deviation is None else t_quantile(0.975, n - 1) * deviation / math.sqrt(n)
    return PairedChange(
        island,
        from_year,
        to_year,
        n,
        mean,
        None if half is None else mean - half,
        None if half is None else mean + half,
        shared,
        *_methods(itertools.chain.from_iterable(pairs)),
    )


def successive_changes(covers: Sequence[Cover], island: str) -> list[PairedChange]:
    """Return the paired change between each measured year and the next, then from the first year to the last."""
    years = sorted({cover.year for cover in covers if cover.island == island})
    pairs = list(itertools.pairwise(years))
    if len(years) > 2:
        pairs.append((years[0], years[-1]))
    changes = (paired_change(covers, island, first, second) for first, second in pairs)
    return [change for change in changes if change is not None]


def positions_by_years(covers: Iterable[Cover], island: str) -> tuple[list[int], dict[int, dict[int, float]]]:
    """Return the years of an island, and for each position its cover by year; a missing year is a gap."""
    matrix: dict[int, dict[int, float]] = defaultdict(dict)
    years = set()
    for cover in covers:
        if cover.island == island:
            matrix[cover.location][cover.year] = cover.cover_percent
            years.add(cover.year)
    return sorted(years), dict(sorted(matrix.items()))


def size_frequency(areas_cm2: Iterable[float]) -> list[tuple[str, int]]:
    """Return (class label in cm2, number of colonies) for the doubling classes, smallest first."""
    edges = SIZE_CLASS_EDGES_CM2
    counts = [0] * (len(edges) - 1)
    for area in areas_cm2:
        index = next(i for i in range(len(counts)) if area < edges[i + 1] or i == len(counts) - 1)
        counts[index] += 1
    return [(_class_label(low, high), count) for low, high, count in zip(edges, edges[1:], counts, strict=False)]


def _class_label(low: float, high: float) -> str:
    return f"≥ {low:g}" if math.isinf(high) else f"{low:g} to {high:g}"
