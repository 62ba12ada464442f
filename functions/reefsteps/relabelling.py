"""Which photograph gets which name: a list of wishes becomes groups of changes, and reasons for what cannot be done.

Pure decisions, shared by the page, the local commands and the function `relabel`.
"""

from __future__ import annotations

import difflib
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from reefsteps.errors import BadInputError, InvalidParameterError, InvalidSurveyKeyError
from reefsteps.quadrat_size import QuadratSize
from reefsteps.survey_fields import SurveyFields
from reefsteps.surveys import SurveyKey, normalise_island

MOST_CHANGES = 1000
"""Of one relabelling: its list travels in the execution's input, which Step Functions limits to 256 KB."""

MOST_BYTES = 200_000

_TWICE = "{} is named twice in the list, and the lines do not agree."

Value = str | float | None
Place = tuple[int | None, str, int | None]
"""Year, island, position: a quadrat, all quadrats of a campaign (no position), or of an island (no year either)."""


@dataclass(frozen=True)
class Change:
    """The new identity of one survey; `fields` replaces those that it names and keeps the rest."""

    old: SurveyKey
    new: SurveyKey
    size: QuadratSize | None = None
    fields: Mapping[str, Value] = field(default_factory=dict)

    @property
    def moves(self) -> bool:
        """Whether the photograph itself changes: its name or its quadrat's size."""
        return self.old != self.new or self.size is not None

    def to_json(self) -> dict[str, Any]:
        """Return the change as the execution's input holds it."""
        entry: dict[str, Any] = {"old": self.old.stem}
        entry |= {"new": self.new.stem} if self.new != self.old else {}
        entry |= {"size": str(self.size)} if self.size else {}
        return entry | ({"fields": dict(self.fields)} if self.fields else {})

    @classmethod
    def from_json(cls, entry: Any) -> Self:
        """Read an entry of the execution's input; raises InvalidParameterError or InvalidSurveyKeyError."""
        if not isinstance(entry, dict) or not isinstance(entry.get("old"), str):
            raise InvalidParameterError("Each change needs 'old', the name of a quadrat such as 2006-Takapoto-07.")
        fields = entry.get("fields") or {}
        try:
            SurveyFields(**_known(fields))
        except (TypeError, ValueError, OverflowError) as error:
            raise InvalidParameterError(f"'fields' holds something of another type ({str(error)[:100]}).") from None
        size = entry.get("size")
        return cls(
            SurveyKey.parse_stem(entry["old"]),
            SurveyKey.parse_stem(str(entry.get("new") or entry["old"])),
            QuadratSize.parse(str(size)) if size else None,
            fields,
        )


def _known(fields: Any) -> dict[str, Any]:
    if not isinstance(fields, dict) or not fields.keys() <= SurveyFields.__dataclass_fields__.keys():
        raise InvalidParameterError(f"'fields' may hold {', '.join(SurveyFields.__dataclass_fields__)}.")
    return fields


@dataclass(frozen=True)
class Refusal:
    """Something of the list that is not done, and why."""

    what: str
    why: str


@dataclass(frozen=True)
class Inventory:
    """What there is: the keys of the photographs by survey, and the surveys that have a result."""

    photographs: Mapping[SurveyKey, Collection[str]]
    results: Collection[SurveyKey]

    def has(self, survey: SurveyKey) -> bool:
        """Tell whether the name is taken."""
        return bool(self.photographs.get(survey)) or survey in self.results


@dataclass(frozen=True)
class RelabelPlan:
    """What will be done. Changes of one group depend on each other: a chain of names, or a swap."""

    groups: tuple[tuple[Change, ...], ...]
    refused: tuple[tuple[Change, str], ...]

    @property
    def changes(self) -> list[Change]:
        """All changes that will be made."""
        return [change for group in self.groups for change in group]


def plan(changes: Sequence[Change], inventory: Inventory) -> RelabelPlan:
    """Return what can be done of the changes, in groups, and what cannot, each with its reason.

    A name may be given to one photograph only, and only if it is free or becomes free by the same list. What depends
    on a refused change is refused too.
    """
    refused: dict[int, str] = {}
    olds = Counter(change.old for change in changes)
    for number, change in enumerate(changes):
        why = _alone(change, inventory) or (_TWICE.format(change.old) if olds[change.old] > 1 else None)
        if why:
            refused[number] = why
    while fresh := _conflicts(changes, refused, inventory):
        refused |= fresh
    kept = [change for number, change in enumerate(changes) if number not in refused]
    return RelabelPlan(_groups(kept), tuple((changes[number], refused[number]) for number in sorted(refused)))


def _alone(change: Change, inventory: Inventory) -> str | None:
    """Return why the change cannot be made, whichever changes come with it."""
    keys = sorted(inventory.photographs.get(change.old, ()))
    if not inventory.has(change.old):
        return f"There is no photograph and no result of {change.old}."
    if not (change.moves or change.fields):
        return f"{change.old} would stay as it is."
    if change.moves and len(keys) > 1:
        return f"{change.old} has {len(keys)} photographs ({', '.join(keys)}): delete those that are not used first."
    if change.size and not keys:
        return f"{change.old} has no photograph here: another program wrote its result, and keeps its size."
    return None


def _conflicts(changes: Sequence[Change], refused: Mapping[int, str], inventory: Inventory) -> dict[int, str]:
    kept = {number: change for number, change in enumerate(changes) if number not in refused}
    leaving = {change.old for change in kept.values() if change.new != change.old}
    wanted: dict[SurveyKey, list[SurveyKey]] = defaultdict(list)
    for change in kept.values():
        if change.new != change.old:
            wanted[change.new].append(change.old)
    found = {}
    for number, change in kept.items():
        if change.new == change.old:
            continue
        rivals = sorted(old.stem for old in wanted[change.new] if old != change.old)
        if rivals:
            found[number] = f"{change.new} would also be the name of {', '.join(rivals)}."
        elif inventory.has(change.new) and change.new not in leaving:
            found[number] = f"{change.new} exists already: delete it, or give it another name in the same list."
    return found


def _groups(changes: Sequence[Change]) -> tuple[tuple[Change, ...], ...]:
    """Put changes together that share a name, old or new."""
    leader: dict[SurveyKey, SurveyKey] = {}

    def lead(survey: SurveyKey) -> SurveyKey:
        while leader.setdefault(survey, survey) != survey:
            survey = leader[survey]
        return survey

    for change in changes:
        leader[lead(change.old)] = lead(change.new)
    groups: dict[SurveyKey, list[Change]] = defaultdict(list)
    for change in changes:
        groups[lead(change.old)].append(change)
    return tuple(tuple(group) for group in groups.values())


def factor_between(old: QuadratSize, new: QuadratSize) -> float | None:
    """Return by how much the new size is longer; None if the shape is another, so that the picture would be too."""
    factor = new.short_cm / old.short_cm
    return factor if math.isclose(new.long_cm / old.long_cm, factor, rel_tol=1e-9) else None


@dataclass(frozen=True)
class Wish:
    """A line as a person wrote it: `old` and `new` name a quadrat, a campaign or an island; no `new` keeps the name."""

    old: str
    new: str | None = None
    size: QuadratSize | None = None
    fields: Mapping[str, Value] = field(default_factory=dict)


def readings(name: str) -> list[Place]:
    """Return what a name may mean: ``2006-Takapoto-07.jpg``, ``2006-Takapoto-07``, ``2006-Takapoto`` or ``Takapoto``.

    The narrowest meaning comes first. Which one is meant depends on what there is: an island may be called
    ``Reef-07``.
    """
    text = name.strip()
    found: list[Place] = []
    for read in (_quadrat, _campaign, _island):
        try:
            place = read(text)
        except BadInputError:
            continue
        if place not in found:
            found.append(place)
    return found


def _quadrat(text: str) -> Place:
    try:
        survey = SurveyKey.parse_stem(text)
    except InvalidSurveyKeyError:
        survey = SurveyKey.parse(text)
    return survey.year, survey.island, survey.location


def _campaign(text: str) -> Place:
    survey = SurveyKey.parse_stem(f"{text}-1")
    return survey.year, survey.island, None


def _island(text: str) -> Place:
    return None, normalise_island(text), None


def resolve(wishes: Sequence[Wish], known: Collection[SurveyKey]) -> tuple[list[Change], list[Refusal]]:
    """Return the changes that the wishes mean for the quadrats that there are, and the wishes that match nothing."""
    by_place: dict[Place, list[SurveyKey]] = defaultdict(list)
    for survey in sorted(known):
        by_place[survey.year, survey.island, survey.location].append(survey)
        by_place[survey.year, survey.island, None].append(survey)
        by_place[None, survey.island, None].append(survey)
    changes: list[Change] = []
    unmatched: list[Refusal] = []
    for wish in wishes:
        place = next((place for place in readings(wish.old) if place in by_place), None)
        if place is None:
            unmatched.append(Refusal(wish.old, _nothing_like(wish.old, by_place)))
            continue
        try:
            renamed = _renaming(place, wish.new)
        except BadInputError as error:
            unmatched.append(Refusal(wish.old, str(error)))
            continue
        changes += [Change(old, renamed(old), wish.size, wish.fields) for old in by_place[place]]
    return _merged(changes), unmatched


def _merged(changes: Sequence[Change]) -> list[Change]:
    """Make one change of several that concern one quadrat and agree: its campaign gets a name, itself a site.

    What does not agree stays apart, and `plan` refuses it.
    """
    by_old: dict[SurveyKey, list[Change]] = defaultdict(list)
    for change in changes:
        by_old[change.old].append(change)
    merged: list[Change] = []
    for old, found in by_old.items():
        names = {change.new for change in found if change.new != old}
        sizes = {change.size for change in found if change.size}
        values = {pair for change in found for pair in change.fields.items()}
        fields = dict(values)
        agree = len(names) <= 1 and len(sizes) <= 1 and len(fields) == len(values)
        one = Change(old, next(iter(names), old), next(iter(sizes), None), fields)
        merged += [one] if agree and len(found) > 1 else found
    return merged


def _renaming(place: Place, new: str | None) -> Callable[[SurveyKey], SurveyKey]:
    """Return what the new name makes of each quadrat of the place; raises InvalidParameterError."""
    if new is None or not new.strip():
        return lambda old: old
    kind = _kind(place)
    targets = readings(new)
    alike = [target for target in targets if _kind(target) == kind]
    # An island's name may hold a year, but whoever writes 2012-Moorea for an island has probably mixed up two columns.
    if not alike or (kind == "an island" and alike[0] != targets[0]):
        raise InvalidParameterError(f"The old name is that of {kind}, and the new name '{new.strip()}' is not.")
    year, island, location = alike[0]
    return lambda old: SurveyKey(year or old.year, island, location or old.location)


def _kind(place: Place) -> str:
    year, _, location = place
    if year is None:
        return "an island"
    return "a campaign (year and island)" if location is None else "a quadrat"


def _nothing_like(name: str, by_place: Iterable[Place]) -> str:
    names = {place_name(place) for place in by_place}
    close = difflib.get_close_matches(name.strip(), sorted(names), n=3, cutoff=0.6)
    return f"There is no such name.{' Is it ' + ' or '.join(close) + '?' if close else ''}"


def place_name(place: Place) -> str:
    """Return the place as people write it."""
    year, island, location = place
    if year is None:
        return island
    return f"{year}-{island}" if location is None else SurveyKey(year, island, location).stem
