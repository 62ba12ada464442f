"""What a list of wishes would do, in the words of the page; decisions are those of `reefsteps.relabelling`."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from reefsteps.coverage_queries import CoverageRow
from reefsteps.errors import InvalidSurveyKeyError
from reefsteps.quadrat_size import QuadratSize
from reefsteps.relabelling import (
    MOST_BYTES,
    MOST_CHANGES,
    Change,
    Inventory,
    Refusal,
    Wish,
    factor_between,
    plan,
    readings,
    resolve,
)
from reefsteps.surveys import SurveyKey


@dataclass(frozen=True)
class Preview:
    """What will be changed, what will not and why."""

    changes: tuple[Change, ...]
    notes: Mapping[SurveyKey, str]  # by old name
    refused: tuple[Refusal, ...]
    unmatched: tuple[Refusal, ...]  # lines that name nothing there is

    @property
    def too_many(self) -> bool:
        """Whether the list has to be sent in parts."""
        size = len(json.dumps([change.to_json() for change in self.changes]))
        return len(self.changes) > MOST_CHANGES or size > MOST_BYTES


def results_of(rows: Sequence[CoverageRow]) -> dict[SurveyKey, CoverageRow]:
    """Return the rows by quadrat; those under names that ReefSteps refuses are left out."""
    found = {}
    for row in rows:
        try:
            found[SurveyKey(row.year, row.island, row.location)] = row
        except InvalidSurveyKeyError:
            continue
    return found


def places_of(wishes: Sequence[Wish], results: Collection[SurveyKey]) -> set[tuple[int, str]]:
    """Return years and islands whose photographs the wishes may be about, under old and new names.

    Each costs a look into the bucket, so a name is read in another than its narrowest meaning only where an island is
    called so.
    """
    years, islands = {survey.year for survey in results}, {survey.island for survey in results}
    found: set[tuple[int, str]] = set()
    for wish in wishes:
        for name in (wish.old, wish.new or ""):
            narrowest, *others = readings(name) or [(None, "", None)]
            for year, island, _ in (narrowest, *(place for place in others if place[1] in islands)):
                found |= {(one, island) for one in ([year] if year else years)}
    return {(year, island) for year, island in found if island}


def preview(
    wishes: Sequence[Wish],
    results: Mapping[SurveyKey, CoverageRow],
    photographs: Mapping[SurveyKey, Sequence[str]],
    under_way: Collection[SurveyKey],
) -> Preview:
    """Return what the wishes would do now."""
    changes, unmatched = resolve(wishes, {*results, *photographs})
    waiting = {change.old for change in changes if change.moves and change.old in under_way}
    planned = plan(
        [change for change in changes if change.old not in waiting],
        Inventory({survey: tuple(keys) for survey, keys in photographs.items()}, set(results)),
    )
    refused = [Refusal(str(change.old), why) for change, why in planned.refused]
    refused += [Refusal(str(old), "It is being measured now: wait until its run has ended.") for old in sorted(waiting)]
    kept = planned.changes
    notes = {change.old: note for change in kept if (note := _note(change, results.get(change.old)))}
    return Preview(tuple(kept), notes, tuple(refused), tuple(unmatched))


def _note(change: Change, row: CoverageRow | None) -> str | None:
    if not change.moves:
        return None
    if row is None:
        return "has no result yet and is measured under its new name"
    if change.size is None or row.side_cm is None:
        return None
    factor = factor_between(size_of(row), change.size)
    if factor is None:
        return "gets another shape and is measured again"
    return f"colony areas become {factor**2:.4g} times as large; cover stays"


def size_of(row: CoverageRow) -> QuadratSize:
    """Return the quadrat's size of a row that ReefSteps measured."""
    assert row.side_cm is not None
    return QuadratSize.of(row.side_cm, row.height_cm)
