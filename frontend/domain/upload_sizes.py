"""Whether the quadrats of one campaign have one size: an upload beside itself, and beside what was measured before."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from frontend.domain.measurements import size_of
from frontend.domain.upload_plan import PlannedFile, UploadStatus
from reefsteps.coverage_queries import CoverageRow
from reefsteps.quadrat_size import QuadratSize
from reefsteps.surveys import SurveyKey


@dataclass(frozen=True)
class Mixed:
    """A campaign (an island in a year) with more than one size of quadrat."""

    island: str
    year: int
    measured: tuple[tuple[QuadratSize, int], ...]  # how many quadrats that stay have this size
    planned: tuple[tuple[QuadratSize, int], ...]  # how many photographs of the upload would get it

    def __str__(self) -> str:
        parts = [
            *(f"{size.words} ({number:,} measured before)" for size, number in self.measured),
            *(f"{size.words} ({number:,} of this upload)" for size, number in self.planned),
        ]
        return f"{self.island} {self.year} would have more than one size of quadrat: {', '.join(parts)}."


def mixed(planned: Iterable[PlannedFile], usual: QuadratSize, measured: Iterable[CoverageRow]) -> list[Mixed]:
    """Return the campaigns in which this upload, with what was measured before, makes more than one size.

    ``usual`` is the size of a photograph of which nothing else is said. A measured quadrat whose photograph is replaced
    does not count.
    """
    sizes: dict[tuple[str, int], Counter[QuadratSize]] = defaultdict(Counter)
    replaced = set()
    for p in planned:
        survey = p.identity.survey() if p.can_be_sent else None
        if survey is not None:
            sizes[survey.island, survey.year][p.side or usual] += 1
            replaced.add((survey.island, survey.year, survey.location))
    before: dict[tuple[str, int], Counter[QuadratSize]] = defaultdict(Counter)
    for row in measured:
        size = size_of(row)
        if size is not None and (row.island, row.year, row.location) not in replaced:
            before[row.island, row.year][size] += 1
    return [
        Mixed(island, year, _ordered(before[island, year]), _ordered(ours))
        for (island, year), ours in sorted(sizes.items())
        if len(ours.keys() | before[island, year].keys()) > 1
    ]


def _ordered(counted: Counter[QuadratSize]) -> tuple[tuple[QuadratSize, int], ...]:
    return tuple(sorted(counted.items(), key=lambda item: (item[0].short_cm, item[0].long_cm)))


def stored_otherwise(
    planned: Iterable[PlannedFile], usual: QuadratSize, measured: Sequence[CoverageRow]
) -> list[tuple[SurveyKey, QuadratSize]]:
    """Return the photographs that are there already and were measured with another size than this upload would give.

    Sending them again would not change it; each comes with the size that it was measured with.
    """
    stored = {(row.island, row.year, row.location): size_of(row) for row in measured}
    found = []
    for p in planned:
        survey = p.identity.survey() if p.status is UploadStatus.PRESENT else None
        size = stored.get((survey.island, survey.year, survey.location)) if survey else None
        if survey is not None and size is not None and size != (p.side or usual):
            found.append((survey, size))
    return found
