"""Choosing one quadrat; the choice is kept in the page's address."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from frontend.domain.measurements import islands_of, years_of
from reefsteps.coverage_queries import CoverageRow
from reefsteps.errors import InvalidSurveyKeyError
from reefsteps.surveys import SurveyKey


def from_address() -> SurveyKey | None:
    """Return the survey that the page's address names (``island``, ``year``, ``location``), or None."""
    query = st.query_params
    try:
        return SurveyKey(int(query["year"]), query["island"], int(query["location"]))
    except (KeyError, ValueError, InvalidSurveyKeyError):
        return None


def choose_row(rows: Sequence[CoverageRow]) -> CoverageRow:
    """Show island, year and position and return the row; values in the address that do not exist are passed over."""
    query = st.query_params
    with st.container(horizontal=True):
        islands = islands_of(rows)
        island = st.selectbox("Island", islands, _index(islands, query.get("island")), width=260)
        years = years_of(rows, island)
        year = st.selectbox("Year", years, _index(years, query.get("year")), width=140)
        places = {row.location: row for row in rows if row.island == island and row.year == year}
        locations = sorted(places)
        location = st.selectbox("Position", locations, _index(locations, query.get("location")), width=140)
    row = places[location]
    query.update({"island": row.island, "year": str(row.year), "location": str(row.location)})
    return row


def _index(options: Sequence[object], wanted: str | None) -> int:
    texts = [str(option) for option in options]
    return texts.index(wanted) if wanted in texts else 0
