"""Filters that are kept in the page's address, so that a link shows the same."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from frontend.domain.measurements import Filter, islands_of, years_of
from frontend.services import measurements
from reefsteps.coverage_queries import CoverageRow


def survey_filter(rows: Sequence[CoverageRow]) -> Filter:
    """Show island and year filters and return the choice."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        islands = st.multiselect(
            "Islands", islands_of(rows), key="island", bind="query-params", placeholder="All islands", width=340
        )
        years = st.multiselect(
            "Years", years_of(rows), key="year", bind="query-params", placeholder="All years", width=260
        )
        refresh()
    return Filter(tuple(islands), tuple(years))


def refresh() -> None:
    """Show a button that reads the database again; nothing does so by itself."""
    if st.button("Refresh", icon=":material/refresh:", help="Results are read anew every five minutes, or now."):
        measurements.forget()
        st.rerun()
