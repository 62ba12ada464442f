"""GCRMN's table of benthic cover, filled as far as the data allow.

Source: https://github.com/GCRMN/gcrmndb_benthos, README, tables 2 to 4 (November 2026). Its column names are Darwin
Core's but for category, subcategory and condition. A transect is a parentEventID and a quadrat an eventID.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from frontend.domain import statuses
from frontend.domain.event_dates import event_date
from frontend.domain.exports import NOT_CHECKED, Fields, QuadratRecord, entries, table
from frontend.domain.measurements import size_of
from frontend.domain.templates import NO_DATE, SAY_IT, FilledTemplate, missing_in
from frontend.domain.verified import Checks
from reefsteps.coverage_queries import CoverageRow
from reefsteps.trust import is_marked

_TAXON = "The model finds hard coral and no taxon."
_FROM_COORDINATES = "GCRMN takes it from the coordinates."

_GCRMN: Mapping[str, tuple[Callable[[QuadratRecord], Any], str]] = {
    "datasetID": (lambda _: None, "GCRMN gives the number of your data set."),
    "higherGeography": (lambda _: None, _FROM_COORDINATES),
    "country": (lambda _: None, _FROM_COORDINATES),
    "territory": (lambda _: None, _FROM_COORDINATES),
    "locality": (lambda e: _locality(e), SAY_IT),
    "habitat": (lambda _: None, "Fill in the reef zone, such as Outer slope."),
    "parentEventID": (lambda e: e.fields.transect, SAY_IT),
    "eventID": (lambda e: e.row.location, SAY_IT),
    "decimalLatitude": (lambda e: e.fields.latitude, SAY_IT + " GCRMN leaves out sites without coordinates."),
    "decimalLongitude": (lambda e: e.fields.longitude, SAY_IT + " GCRMN leaves out sites without coordinates."),
    "verbatimDepth": (lambda e: e.fields.depth_m, SAY_IT),
    "year": (lambda e: e.row.year, SAY_IT),
    "month": (lambda e: _date_part(e, 1), NO_DATE),
    "day": (lambda e: _date_part(e, 2), NO_DATE),
    "eventDate": (
        lambda e: event_date(e.row, e.fields).date,
        NO_DATE,
    ),
    "samplingProtocol": (lambda e: _protocol(e), "Another program wrote these rows; describe its method."),
    "recordedBy": (lambda e: e.fields.observer, SAY_IT),
    "category": (lambda _: "Hard coral", _TAXON),
    "subcategory": (lambda _: None, "GCRMN has no subcategory of hard coral; leave it empty."),
    "condition": (
        lambda _: None,
        "The model tells living from dead or bleached coral only as far as it was trained to.",
    ),
    "phylum": (lambda _: None, _TAXON),
    "class": (lambda _: None, _TAXON),
    "order": (lambda _: None, _TAXON),
    "family": (lambda _: None, _TAXON),
    "genus": (lambda _: None, _TAXON),
    "scientificName": (lambda _: None, _TAXON),
    "measurementValue": (lambda e: e.row.cover_percent, SAY_IT),
}


def gcrmn(rows: Iterable[CoverageRow], fields: Fields, checks: Checks = NOT_CHECKED) -> FilledTemplate:
    """Return GCRMN's columns, one row for each quadrat and year."""
    filled = table({name: value for name, (value, _) in _GCRMN.items()}, entries(rows, fields, checks))
    return FilledTemplate(filled, missing_in(filled, {name: remedy for name, (_, remedy) in _GCRMN.items()}))


def _locality(entry: QuadratRecord) -> str:
    """Return island and site, as CRIOBE's own data set names its localities."""
    site = entry.fields.site
    return f"{entry.row.island} {site}" if site and entry.row.island not in site else site or entry.row.island


def _date_part(entry: QuadratRecord, part: int) -> int | None:
    date = event_date(entry.row, entry.fields).date
    return int(date.split("-")[part]) if date else None


def _protocol(entry: QuadratRecord) -> str | None:
    size = size_of(entry.row)
    if entry.row.model_name is None or size is None:
        return None
    protocol = (
        f"Photo-quadrat, area of {size.short_cm / 100:g} x {size.long_cm / 100:g} m, image analyzed by instance "
        f"segmentation (ReefSteps, {entry.row.model_name})"
    )
    trust, status = entry.row.trust, statuses.of_a_quadrat(entry.row, entry.checked)
    said = f"{protocol}. Status: {status}."
    return f"{said} {trust.sentence}" if is_marked(trust) else said
