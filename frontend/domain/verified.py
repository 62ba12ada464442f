"""What people's points say of each quadrat, and of each island and year together with the model."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

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


def checks(sets: Iterable[PointSet], photographs: Iterable[Measured]) -> dict[SurveyKey, Checked]:
    """Return what points say of each quadrat; points on a photograph that was replaced since are left out.

    Where several persons have answered, the first set that intervals may use counts, else the first.
    """
    known = {photo.survey: photo for photo in photographs}
    by_survey: dict[SurveyKey, list[PointSet]] = defaultdict(list)
    for one in sets:
        photo = known.get(one.survey)
        if photo is not None and photo.raw_version_id == one.raw_version_id:
            by_survey[one.survey].append(one)
    return {survey: _check(found, known[survey]) for survey, found in by_survey.items()}


def _check(sets: Sequence[PointSet], photo: Measured) -> Checked:
    chosen = _chosen(sets, photo) if len(sets) > 1 else sets[0]
    first = _of_one(chosen, photo)
    second = _second(chosen, [one for one in sets if one is not chosen])
    return Checked(first.count, first.outside, first.annotator, first.drawn, second)


def _chosen(sets: Sequence[PointSet], photo: Measured) -> PointSet:
    return next((one for one in sets if _of_one(one, photo).counts), sets[0])


def at_the_points(sets: Iterable[PointSet], photo: Measured, mask: ByteArray) -> Confusion | None:
    """Return what the model's mask (H, W), above 0 where it sees coral, says at a person's points; None without any.

    The points are those that `checks` counts.
    """
    own = [one for one in sets if one.survey == photo.survey and one.raw_version_id == photo.raw_version_id]
    if not own:
        return None
    chosen = _chosen(own, photo)
    places = np.stack([chosen.x, chosen.y], 1)
    said = np.array([*chosen.answers])
    counts = photo.frame.inside(places) & (said != Answer.UNCLEAR.value)
    height, width = mask.shape
    plane = photo.frame.to_plane(places[counts])
    column, row = np.minimum(plane * (width, height), (width - 1, height - 1)).astype(int).T
    return confusion((mask[row, column] > 0).tolist(), (said[counts] == Answer.CORAL.value).tolist())


def _of_one(one: PointSet, photo: Measured) -> Checked:
    inside = photo.frame.inside(list(zip(one.x, one.y, strict=True)))
    answers = [answer for answer, within in zip(one.answers, inside, strict=True) if within]
    coral, other, unclear = (answers.count(answer.value) for answer in Answer)
    return Checked(PointCount(coral, other, unclear), len(one.answers) - len(answers), one.annotator, one.drawn)


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
        # A row of another program may have a name that we refuse; it has no points either.
        checked = found.get(SurveyKey(row.year, row.island, row.location)) if is_ours(row) else None
        points = checked.count if checked and checked.counts else None
        groups[row.island, row.year].append(Quadrat(row.location, row.cover_percent, points))
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
    """Return the change between each year and the next of the islands that have points, in natural order."""
    groups = _quadrats(rows, found)
    with_points = {island for (island, _), quadrats in groups.items() if any(q.points for q in quadrats)}
    result = []
    for island in sorted(with_points, key=natural_key):
        years = sorted(year for name, year in groups if name == island)
        for earlier, later in itertools.pairwise(years):
            one = change(groups[island, earlier], groups[island, later], target)
            result.append(YearlyChange(island, earlier, later, one))
    return result


def models_that_are_off(found: Iterable[Campaign]) -> list[str]:
    """Return a sentence for each island and year whose model is off by more than 5 points on the verified quadrats."""
    return [
        f"{one.island} {one.year}: the model is {abs(one.difference_points or 0):.0f} points too "
        f"{'low' if (one.difference_points or 0) > 0 else 'high'} on {one.verified} verified quadrats."
        for one in found
        if one.is_model_off
    ]
