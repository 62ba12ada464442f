"""Filters that are kept in the page's address, so that a link shows the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches

import streamlit as st

from frontend import address, navigation
from frontend.components.text import plain
from frontend.domain.measurements import Filter, islands_of, years_of
from frontend.services import measurements
from reefsteps.coverage_queries import CoverageRow


def campaign_filter(rows: Sequence[CoverageRow], route: Callable[[Filter], navigation.Route]) -> Filter | None:
    """Show island and year filters and return the choice; ``route`` leads to this page with another filter.

    If the address names islands or years without a result, this says so and offers what exists. Those with results are
    shown. The answer is None if none of them has one, so that the page shows nothing instead of everything.
    """
    islands, years = islands_of(rows), years_of(rows)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        turned = ("page", "of")  # another choice begins at the first page, and may not hold the island of a part
        chosen_islands = address.several(
            "Islands", islands, name="island", drops=turned, placeholder="All islands", width=340
        )
        chosen_years = address.several("Years", years, name="year", drops=turned, placeholder="All years", width=260)
        refresh()
    chosen = Filter(tuple(chosen_islands), tuple(chosen_years))
    strange = {name: address.strangers(known, name=name) for name, known in (("island", islands), ("year", years))}
    if not any(strange.values()):
        return chosen
    _absent(strange["island"], strange["year"], islands, years, chosen, route)
    lost = (strange["island"] and not chosen_islands) or (strange["year"] and not chosen_years)
    return None if lost else chosen


def _absent(
    lost_islands: Sequence[str],
    lost_years: Sequence[str],
    islands: Sequence[str],
    years: Sequence[int],
    chosen: Filter,
    route: Callable[[Filter], navigation.Route],
) -> None:
    said = [f"the island {plain(name)}" for name in lost_islands] + [f"the year {plain(name)}" for name in lost_years]
    st.warning(
        f"There is no result of {', '.join(said)}. It may have been renamed or deleted, or be newer than what was "
        "read: Refresh reads it again.",
        icon=":material/search_off:",
    )
    with st.container(horizontal=True):
        for name in {near for lost in lost_islands for near in get_close_matches(lost, islands, 2, 0.5)}:
            other = Filter(tuple(dict.fromkeys((*chosen.islands, name))), chosen.years)
            navigation.link(route(other), f"{plain(name)} instead", icon="arrow_forward")
        if lost_years:
            span = f"{years[0]}–{years[-1]}" if len(years) > 1 else str(years[0])
            navigation.link(route(Filter(chosen.islands)), f"All years ({span})", icon="arrow_forward")
        navigation.link(route(Filter()), "Everything", icon="arrow_forward")


def refresh() -> None:
    """Show a button that reads the database again; nothing does so by itself."""
    if st.button("Refresh", icon=":material/refresh:", help="Results are read anew every five minutes, or now."):
        measurements.forget()
        st.rerun()
