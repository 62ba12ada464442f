"""What people's points say of each quadrat, and of each island and year together with the model."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from frontend.domain.estimates.agreement import Agreement, agreement
from frontend.domain.estimates.campaign import Campaign, Quadrat, campaign
from frontend.domain.estimates.change import CoverChange, change
from frontend.domain.estimates.quadrat import Confusion, PointCount, confusion
from frontend.domain.estimates.two_phase import Target
from frontend.domain.measurements import is_ours
from frontend.domain.ordering import natural_key
from reefsteps.arrays import ByteArray
from reefsteps.coverage_queries import CoverageRow
from reefsteps.points.answers import Answer
from reefsteps.points.matching import Measured
from reefsteps.points.placing import inside_each
from reefsteps.points.point_sets import PointSet, Selection
from reefsteps.surveys import SurveyKey


@dataclass(frozen=True)
class Checked:
    """A person's points on the photograph that a result was measured on.

    ``count`` is of the points within the quadrat, ``outside`` of them lie beside it. ``second`` compares another person
    who answered the same points.
    """

    count: PointCount
    outside: int
    annotator: str
    drawn: str
    second: Agreement | None = None

    @property
    def counts(self) -> bool:
        """Return whether intervals may use it: enough points, on a photograph that nobody picked."""
        return self.count.is_enough and self.drawn == Selection.AT_RANDOM


Checks = Mapping[SurveyKey, Checked]
"""By quadrat and year; those without points are left out."""


def checked_of(row: CoverageRow, found: Checks) -> Checked | None:
    """Return a person's points on the photograph of a row; None where there are none.

    A row of another program may have a name that we refuse; it has no points either.
    """
    return found.get(SurveyKey(row.year, row.island, row.location)) if found and is_ours(row) else None


def checks(sets: Iterable[PointSet], photographs: Iterable[Measured]) -> dict[SurveyKey, Checked]:
    """Return what points say of each quadrat; points on a photograph that was replaced since are left out.

    Where several persons have answered, the first set that intervals may use counts, else the first.
    """
    known = {photo.survey: photo for photo in photographs}
    own = [one for one in sets if _is_of(one, known.get(one.survey))]
    by_survey: dict[SurveyKey, list[tuple[PointSet, Checked]]] = defaultdict(list)
    for one, checked in zip(own, _counted(own, [known[one.survey] for one in own]), strict=True):
        by_survey[one.survey].append((one, checked))
    return {survey: _check(found) for survey, found in by_survey.items()}


def _is_of(one: PointSet, photo: Measured | None) -> bool:
    return photo is not None and photo.raw_version_id == one.raw_version_id


def _check(found: Sequence[tuple[PointSet, Checked]]) -> Checked:
    chosen, first = _chosen(found)
    return replace(first, second=_second(chosen, [one for one, _ in found if one is not chosen]))


def _chosen(found: Sequence[tuple[PointSet, Checked]]) -> tuple[PointSet, Checked]:
    return next((pair for pair in found if pair[1].counts), found[0])


def at_the_points(sets: Iterable[PointSet], photo: Measured, mask: ByteArray) -> Confusion | None:
    """Return what the model's mask (H, W), above 0 where it sees coral, says at a person's points; None without any.

    The points are those that `checks` counts.
    """
    own = [one for one in sets if one.survey == photo.survey and _is_of(one, photo)]
    if not own:
        return None
    chosen, _ = _chosen([*zip(own, _counted(own, [photo] * len(own)), strict=True)])
    places = np.stack([chosen.x, chosen.y], 1)
    said = np.array([*chosen.answers])
    counts = photo.frame.inside(places) & (said != Answer.UNCLEAR.value)
    height, width = mask.shape
    plane = photo.frame.to_plane(places[counts])
    column, row = np.minimum(plane * (width, height), (width - 1, height - 1)).astype(int).T
    return confusion((mask[row, column] > 0).tolist(), (said[counts] == Answer.CORAL.value).tolist())


def _counted(sets: Sequence[PointSet], photographs: Sequence[Measured]) -> list[Checked]:
    """Return what each set comes to on its photograph, without another person's."""
    places = [np.array([one.x, one.y], np.float64).T for one in sets]
    found = []
    for one, inside in zip(sets, inside_each([photo.frame for photo in photographs], places), strict=True):
        answers = "".join(itertools.compress(one.answers, inside.tolist()))
        coral, other, unclear = (answers.count(answer.value) for answer in Answer)
        outside = len(one.answers) - len(answers)
        found.append(Checked(PointCount(coral, other, unclear), outside, one.annotator, one.drawn))
    return found


def _second(first: PointSet, others: Sequence[PointSet]) -> Agreement | None:
    """Return how far another person agrees who answered the same points."""
    same = next((one for one in others if (one.x, one.y) == (first.x, first.y)), None)
    if same is None:
        return None
    said = {Answer.CORAL.value, Answer.OTHER.value}
    pairs = zip(first.answers, same.answers, strict=True)
    return agreement((a == Answer.CORAL, b == Answer.CORAL) for a, b in pairs if {a, b} <= said)


def _quadrats(rows: Iterable[CoverageRow], found: Checks) -> dict[tuple[str, int], list[Quadrat]]:
    groups: dict[tuple[str, int], list[Quadrat]] = defaultdict(list)
    for row in rows:
        checked = checked_of(row, found)
        points = checked.count if checked and checked.counts else None
        learned = bool(row.learned)
        left_out = row.left_out_percent if learned else None
        quadrat = Quadrat(row.location, row.cover_percent, points, learned, left_out, is_elsewhere=not is_ours(row))
        groups[row.island, row.year].append(quadrat)
    return groups


def campaigns(rows: Iterable[CoverageRow], found: Checks, target: Target = Target.REEF) -> list[Campaign]:
    """Return the figures of each island and year, in natural order."""
    groups = _quadrats(rows, found)
    keys = sorted(groups, key=lambda key: (natural_key(key[0]), key[1]))
    return [campaign(island, year, groups[island, year], target) for island, year in keys]


@dataclass(frozen=True)
class YearlyChange:
    """The change between two successive years of an island; None where too few quadrats are verified."""

    island: str
    from_year: int
    to_year: int
    change: CoverChange | None


def changes(rows: Iterable[CoverageRow], found: Checks, target: Target = Target.REEF) -> list[YearlyChange]:
    """Return the change between each year and the next, then from the first to the last, of the islands with points."""
    groups = _quadrats(rows, found)
    with_points = {island for (island, _), quadrats in groups.items() if any(q.points for q in quadrats)}
    result = []
    for island in sorted(with_points, key=natural_key):
        years = sorted(year for name, year in groups if name == island)
        for earlier, later in _pairs(years):
            one = change(groups[island, earlier], groups[island, later], target)
            result.append(YearlyChange(island, earlier, later, one))
    return result


def _pairs(years: Sequence[int]) -> list[tuple[int, int]]:
    return [*itertools.pairwise(years), *([(years[0], years[-1])] if len(years) > 2 else [])]


def models_that_are_off(found: Iterable[Campaign]) -> list[str]:
    """Return a sentence for each island and year whose model is off by more than 5 points on the verified quadrats."""
    return [
        f"{one.island} {one.year}: the model is {abs(one.difference_points or 0):.0f} points too "
        f"{'low' if (one.difference_points or 0) > 0 else 'high'} on {one.verified} verified quadrats."
        for one in found
        if one.is_model_off
    ]
