"""GCRMN's and MERMAID's tables are filled as far as the data allow, and every gap is on the list."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from frontend.domain import gcrmn, mermaid
from frontend.domain.templates import FilledTemplate, missing_rows
from reefsteps.coverage_queries import CoverageRow
from reefsteps.survey_fields import SurveyFields
from reefsteps.surveys import SurveyKey
from tests.support.coverage_rows import coverage_row

GCRMN_COLUMNS = [
    *("datasetID", "higherGeography", "country", "territory", "locality", "habitat", "parentEventID", "eventID"),
    *("decimalLatitude", "decimalLongitude", "verbatimDepth", "year", "month", "day", "eventDate", "samplingProtocol"),
    *("recordedBy", "category", "subcategory", "condition", "phylum", "class", "order", "family", "genus"),
    *("scientificName", "measurementValue"),
]
MERMAID_REQUIRED = (
    *("Site *", "Management *", "Sample date: Year *", "Sample date: Month *", "Sample date: Day *", "Depth *"),
    *("Transect number *", "Transect length surveyed *", "Number of quadrats *", "Quadrat size *"),
    *("Number of points per quadrat *", "Observer emails *", "Quadrat *", "Benthic attribute *", "Number of points *"),
)
WHOLE = SurveyFields("Tiahura", 12.34, "2006-04-15", "2", -17.48, -149.9, "hina@example.org")


def row(location: int = 7, **values: Any) -> CoverageRow:
    known = {
        "island": "Moorea",
        "location": location,
        "year": 2006,
        "cover_percent": 23.45,
        "captured_at": "2006-04-15T09:10:11",
        "side_cm": 100.0,
        "model_name": "detectron2-classifier",
        "written_at": "2026-05-01T00:00:00",
    }
    return coverage_row(**(known | values))


def key(location: int = 7) -> SurveyKey:
    return SurveyKey(2006, "Moorea", location)


def gaps(template: FilledTemplate) -> dict[str, int]:
    return {m.column: m.rows for m in template.missing}


def test_gcrmn_has_its_columns_and_what_is_known() -> None:
    template = gcrmn.gcrmn([row()], {key(): WHOLE})
    (filled,) = template.rows
    assert list(filled) == GCRMN_COLUMNS
    expected = {
        "locality": "Moorea Tiahura", "parentEventID": "2", "eventID": 7, "decimalLatitude": -17.48,
        "decimalLongitude": -149.9, "verbatimDepth": 12.34, "year": 2006, "month": 4, "day": 15,
        "eventDate": "2006-04-15", "recordedBy": "hina@example.org", "category": "Hard coral",
        "measurementValue": 23.45,
        "samplingProtocol": "Photo-quadrat, area of 1 x 1 m, image analyzed by instance segmentation "
                            "(ReefSteps, detectron2-classifier). Status: not verified.",
    }  # fmt: skip
    assert {name: filled[name] for name in expected} == expected
    assert {name for name in GCRMN_COLUMNS if filled[name] is None} == gaps(template).keys()
    assert all(m.remedy for m in template.missing)


def test_gcrmn_lists_what_nobody_said_and_how_many_rows_lack_it() -> None:
    template = gcrmn.gcrmn([row(1), row(2), row(3, captured_at="2009-01-01T00:00:00")], {key(1): WHOLE})
    found = gaps(template)
    assert (found["verbatimDepth"], found["decimalLatitude"], found["month"], found["country"]) == (2, 2, 1, 3)
    assert template.rows[2]["eventDate"] is None
    (depth,) = [line for line in missing_rows(template.missing) if line["column"] == "verbatimDepth"]
    assert (depth["rows_without"], depth["rows"]) == (2, 3)


def test_gcrmn_says_nothing_of_the_method_of_another_program() -> None:
    template = gcrmn.gcrmn([row(island="a/b", written_at=None, model_name=None, side_cm=None)], {})
    assert template.rows[0]["samplingProtocol"] is None
    assert "samplingProtocol" in gaps(template)


def test_mermaid_has_every_required_column_in_points_that_hold_the_cover_exactly() -> None:
    template = mermaid.mermaid([row(3), row(4, cover_percent=0.0)], {key(3): WHOLE, key(4): WHOLE})
    assert all(set(MERMAID_REQUIRED) <= set(line) for line in template.rows)
    first, rest, *others = template.rows
    expected = {
        "Site *": "Tiahura", "Sample date: Year *": 2006, "Sample date: Month *": 4, "Sample date: Day *": 15,
        "Sample time": "09:10:11", "Depth *": 12.3, "Transect number *": 2, "Number of quadrats *": 2,
        "Quadrat size *": 1.0, "First quadrat number": 3, "Quadrat *": 3, "Number of points per quadrat *": 10_000,
        "Observer emails *": "hina@example.org", "Benthic attribute *": "Hard coral", "Number of points *": 2345,
    }  # fmt: skip
    assert {name: first[name] for name in expected} == expected
    assert (rest["Benthic attribute *"], rest["Number of points *"]) == ("Other", 7655)
    assert [line["Number of points *"] for line in others] == [0, 10_000]
    assert {"Management *", "Transect length surveyed *"} <= gaps(template).keys()
    assert "not verified. The points here were not counted" in first["Sample unit notes"]


def test_mermaid_counts_the_quadrats_of_each_of_its_sample_units() -> None:
    deeper = SurveyFields("Tiahura", 6.0, "2006-04-15", "2")
    template = mermaid.mermaid([row(1), row(2), row(3)], {key(1): WHOLE, key(2): WHOLE, key(3): deeper})
    counts = {line["Quadrat *"]: (line["Number of quadrats *"], line["First quadrat number"]) for line in template.rows}
    assert counts == {1: (2, 1), 2: (2, 1), 3: (1, 3)}


def test_mermaid_takes_no_name_for_a_number_and_no_observer_without_an_address() -> None:
    fields = SurveyFields(transect="T2", observer="Hina", depth_m=120.0)
    template = mermaid.mermaid([row()], {key(): fields})
    first = template.rows[0]
    assert (first["Transect number *"], first["Transect label"], first["Observer emails *"]) == (None, "T2", None)
    assert (first["Depth *"], first["Site *"]) == (None, "Moorea")
    assert {"Transect number *", "Observer emails *", "Depth *", "Site *"} <= gaps(template).keys()


def test_mermaid_says_when_two_decimals_cannot_hold_the_area() -> None:
    template = mermaid.mermaid([row(side_cm=75.0)], {})
    assert template.rows[0]["Quadrat size *"] == 0.56
    assert "0.5625" in next(m.remedy for m in template.missing if m.column == "Quadrat size *")
    for side_cm in (5.0, 1500.0):
        assert mermaid.mermaid([row(side_cm=side_cm)], {}).rows[0]["Quadrat size *"] is None


@given(st.decimals(0, 100, places=2), st.floats(1, 10_000), st.none() | st.floats(0, 200))
def test_mermaid_gets_only_values_that_its_import_takes(cover: Decimal, side_cm: float, depth_m: float | None) -> None:
    template = mermaid.mermaid(
        [row(cover_percent=float(cover), side_cm=side_cm)], {key(): SurveyFields(depth_m=depth_m)}
    )
    coral, rest = template.rows
    assert coral["Number of points *"] == int(cover * 100)
    assert coral["Number of points *"] + rest["Number of points *"] == coral["Number of points per quadrat *"]
    for column, digits, decimals in (("Quadrat size *", 4, 2), ("Depth *", 3, 1)):
        value = coral[column]
        if value is None:
            assert column in gaps(template)
        else:
            exact = Decimal(str(value)).as_tuple()
            assert -exact.exponent <= decimals  # type: ignore[operator]
            assert value < 10 ** (digits - decimals)
