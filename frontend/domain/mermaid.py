"""MERMAID's template of a benthic photo quadrat transect, filled as far as the data allow.

Source: https://github.com/data-mermaid/mermaid-api, src/api/ingest/benthicpqt_serializer.py for the columns and their
limits, src/api/fields.py and src/api/ingest/serializers.py for what the import does with them (November 2026).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from frontend.domain import statuses
from frontend.domain.event_dates import event_date
from frontend.domain.exports import NOT_CHECKED, Fields, QuadratRecord, Row, entries
from frontend.domain.measurements import size_of
from frontend.domain.templates import NO_DATE, FilledTemplate, Missing, missing_in
from frontend.domain.verified import Checks
from reefsteps.coverage_queries import CoverageRow
from reefsteps.trust import is_marked

# A hundredth of a percent is the smallest step of a cover, so this many "points" hold it exactly. MERMAID keeps numbers
# of points in 16 bits (32,767), and its import reads one that is not a whole number as 0.
MERMAID_POINTS = 10_000

_MERMAID_REMEDIES: Mapping[str, str] = {
    "Site *": "Enter the site; it must be one of your MERMAID project's.",
    "Management *": "Fill in the management regime; it must be one of your MERMAID project's.",
    "Sample date: Month *": NO_DATE,
    "Sample date: Day *": NO_DATE,
    "Sample time": "The camera's time is not known. It may stay empty.",
    "Depth *": "Enter the depth, below 100 m; MERMAID keeps one decimal.",
    "Transect number *": "MERMAID wants a whole number. A name that is none stands under Transect label.",
    "Transect length surveyed *": "Fill in the transect's length in metres.",
    "Quadrat size *": "The area in m2 is not known, or MERMAID's two decimals cannot hold it (0.01 to 99.99).",
    "Observer emails *": "Fill in the observer's e-mail address in your MERMAID project; a name is not taken.",
}


@dataclass(frozen=True)
class _SampleUnit:
    """What MERMAID takes for one transect: quadrats that differ in any of these become transects of their own."""

    site: str | None
    date: str | None
    year: int
    depth_m: float | None
    number: int | None
    label: str | None
    area_m2: float | None
    observer: str | None


def mermaid(rows: Iterable[CoverageRow], fields: Fields, checks: Checks = NOT_CHECKED) -> FilledTemplate:
    """Return MERMAID's columns, two rows for each quadrat: hard coral, and the rest as "Other".

    MERMAID divides by the points that it is given, so a quadrat without its rest would be all coral. It takes points
    and no percent; each point here is a hundredth of a percent.
    """
    units: dict[_SampleUnit, list[QuadratRecord]] = defaultdict(list)
    for entry in entries(rows, fields, checks):
        units[_unit(entry)].append(entry)
    filled = [row for unit, group in units.items() for entry in group for row in _mermaid_rows(unit, entry, group)]
    return FilledTemplate(filled, [*missing_in(filled, _MERMAID_REMEDIES), *_approximations(units, len(filled))])


def _unit(entry: QuadratRecord) -> _SampleUnit:
    f = entry.fields
    number = int(f.transect) if f.transect and f.transect.isascii() and f.transect.isdigit() else None
    label = f.transect if number is None else None
    depth_m = round(f.depth_m, 1) if f.depth_m is not None and f.depth_m < 99.95 else None
    date = event_date(entry.row, f).date
    area_m2 = _area_m2(entry)
    return _SampleUnit(f.site, date, entry.row.year, depth_m, number, label, area_m2, f.observer)


def _area_m2(entry: QuadratRecord) -> float | None:
    size = size_of(entry.row)
    area_m2 = None if size is None else round(size.area_cm2 / 1e4, 2)
    return area_m2 if area_m2 is not None and 0.01 <= area_m2 <= 99.99 else None


def _mermaid_rows(unit: _SampleUnit, entry: QuadratRecord, group: Sequence[QuadratRecord]) -> list[Row]:
    numbers = {e.row.location for e in group}
    month, day = (int(part) for part in unit.date.split("-")[1:]) if unit.date else (None, None)
    coral = round(entry.row.cover_percent * MERMAID_POINTS / 100)
    common = {
        "Site *": unit.site or entry.row.island,
        "Management *": None,
        "Sample date: Year *": unit.year,
        "Sample date: Month *": month,
        "Sample date: Day *": day,
        "Sample time": event_date(entry.row, entry.fields).time,
        "Depth *": unit.depth_m,
        "Transect number *": unit.number,
        "Transect label": unit.label,
        "Transect length surveyed *": None,
        "Number of quadrats *": len(numbers),
        "Quadrat size *": unit.area_m2,
        "First quadrat number": min(numbers),
        "Number of points per quadrat *": MERMAID_POINTS,
        "Reef slope": None,
        "Visibility": None,
        "Current": None,
        "Relative depth": None,
        "Tide": None,
        "Sample unit notes": _notes(entry),
        "Observer emails *": unit.observer if unit.observer and "@" in unit.observer else None,
        "Quadrat *": entry.row.location,
    }
    parts = (("Hard coral", coral), ("Other", MERMAID_POINTS - coral))
    return [
        common | {"Benthic attribute *": attribute, "Growth form": None, "Number of points *": points}
        for attribute, points in parts
    ]


def _notes(entry: QuadratRecord) -> str:
    model = entry.row.model_name or "another program"
    trust = entry.row.trust
    remark = f" {trust.sentence}" if is_marked(trust) else ""
    return (
        f"Island {entry.row.island}. Cover of hard coral from masks by {model} (ReefSteps), "
        f"{statuses.of_a_quadrat(entry.row, entry.checked)}.{remark} The points here were not counted: each is 0.01 %."
    )


def _approximations(units: Mapping[_SampleUnit, Sequence[QuadratRecord]], of: int) -> list[Missing]:
    """Return what is in the template but not exactly what was measured or entered."""
    found = []
    all_entries = [entry for group in units.values() for entry in group]
    rounded = [e for e in all_entries if (area := _area_m2(e)) and not math.isclose(area, _exact_m2(e), rel_tol=1e-6)]
    if rounded:
        areas = ", ".join(sorted({f"{_exact_m2(e):g}" for e in rounded})[:5])
        remedy = f"Rounded from {areas} m2: MERMAID refuses more than two decimals."
        found.append(Missing("Quadrat size *", 2 * len(rounded), of, remedy))
    without_site = sum(entry.fields.site is None for entry in all_entries)
    if without_site:
        found.append(Missing("Site *", 2 * without_site, of, "No site is entered, so the island stands in its place."))
    if all_entries:
        remedy = "What is not hard coral stands as Other, because the model does not tell it apart."
        found.append(Missing("Benthic attribute *", len(all_entries), of, remedy))
    return found


def _exact_m2(entry: QuadratRecord) -> float:
    size = size_of(entry.row)
    assert size is not None
    return size.area_cm2 / 1e4
