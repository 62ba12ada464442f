"""The part of Verify that leads to photographs: an island and year is chosen, drawn once, and gone through in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from frontend import address, navigation
from frontend.components import states
from frontend.components.text import count, moment, plain
from frontend.domain import verification as rules
from frontend.domain.estimates.two_phase import LEAST_VERIFIED
from frontend.domain.measurements import islands_of, years_of
from frontend.services import measurements, verification
from frontend.services.points import PointsNotKeptError
from frontend.services.verification import CampaignState
from reefsteps.coverage_queries import CoverageRow
from reefsteps.errors import InvalidParameterError
from reefsteps.points.draws import DrawRequest
from reefsteps.points.layout_choice import CRIOBE, FEWEST, MOST, LayoutChoice, PointLayout

_WORDS = {
    PointLayout.STAGGERED: "Staggered rows (CRIOBE: 81 points)",
    PointLayout.STRATIFIED: "Stratified random: one anywhere in each cell",
    PointLayout.RANDOM: "Simple random",
    PointLayout.REGULAR: "Regular: one in the middle of each cell",
}


def show(rows: Sequence[CoverageRow], person: str | None) -> None:
    """Show the choice of an island and year, and what is to be verified there; ``rows`` are results of ours."""
    islands = islands_of(rows)
    island = address.text("island")
    with st.container(horizontal=True):
        address.one_of("Island", islands, name="island", placeholder="Choose", width=260)
        years = years_of(rows, island if island in islands else None)
        year = address.one_of("Year", years, name="year", placeholder="Choose", width=140)
    strange = [*address.strangers(islands, name="island"), *address.strangers(years, name="year")]
    if strange:
        st.warning(f"There is no photograph of {plain(' '.join(strange))}. Choose.", icon=":material/search_off:")
    if strange or island is None or year is None:
        _overview(rows)
        return
    here = states.from_database(lambda: verification.campaign(island, year))
    if here.draw is None:
        _draw(island, year, here, person)
    else:
        _go_on(island, year, here, person)


def back(island: str, year: int, person: str | None) -> None:
    """Show the way back from a photograph to its island and year."""
    by = address.text("by") and person
    route = navigation.to_verify(island=island, year=year, by=by)
    navigation.link(route, f"All of {plain(island)} {year}", icon="arrow_back")


def _overview(rows: Sequence[CoverageRow]) -> None:
    st.info(
        f"Choose an island and year. {LEAST_VERIFIED} photographs of it, drawn at random and answered by a person, "
        "give its cover an interval; more make it narrower.",
        icon=":material/fact_check:",
    )
    found = states.from_database(measurements.checked)
    photographs = Counter((row.island, row.year) for row in rows)
    verified = Counter((survey.island, survey.year) for survey, checked in found.items() if checked.counts)
    st.dataframe(
        [
            {"Island": island, "Year": str(year), "Photographs": number, "Verified": verified[island, year]}
            for (island, year), number in photographs.items()
        ],
        hide_index=True,
        height=min(420, 40 + 35 * len(photographs)),
        alt="Photographs and verified ones by island and year",
    )
    route = navigation.to_coverage(show=navigation.CoveragePart.CHECKED)
    navigation.link(route, "Which ones make the intervals narrowest", icon="monitoring")


def _draw(island: str, year: int, here: CampaignState, person: str | None) -> None:
    st.write(
        f"No photograph of **{plain(island)} {year}** has been drawn yet. The system puts its "
        f"{count(len(here.photographs), 'photograph')} into one random order, once. You verify the first ones of it; "
        "more can be verified later in the same order. All get points of the same kind."
    )
    layout = st.selectbox("Layout of the points", [*_WORDS], format_func=_WORDS.__getitem__, key="layout", width=420)
    points = int(
        st.number_input("Points on each photograph", FEWEST, MOST, CRIOBE.points, key=f"points-{layout}", width=220)
    )
    try:
        LayoutChoice(layout, points)
    except InvalidParameterError as error:
        st.warning(str(error), icon=":material/grid_on:")
        return
    if st.button("Draw the photographs", type="primary", icon=":material/casino:", disabled=person is None):
        request = DrawRequest(island, year, layout.value, points, person or "")
        try:
            verification.draw(request)
        except PointsNotKeptError as error:
            st.error("Nothing was drawn.", icon=":material/error:")
            st.text(str(error))
            return
        st.rerun()
    if person is None:
        st.caption("Type your name first.")


def _go_on(island: str, year: int, here: CampaignState, person: str | None) -> None:
    draw = here.draw
    assert draw is not None
    found = rules.progress(draw, here.photographs, here.sets, person or "")
    number = len(found.order)
    st.progress(
        found.verified / number if number else 0.0,
        text=f"{found.verified} of {count(number, 'photograph')} verified; {LEAST_VERIFIED} give an interval.",
    )
    st.caption(
        f"Drawn by {plain(draw.drawn_by)} {moment(draw.drawn_at)}, seed {plain(draw.seed)}: "
        f"{draw.points} points each, {draw.layout}."
    )
    by = address.text("by") and person
    if person is None:
        st.caption("Type your name first.")
        return
    with st.container(horizontal=True):
        if found.following is None:
            st.success(f"Every photograph of {plain(island)} {year} is verified.", icon=":material/check_circle:")
        else:
            navigation.link(
                navigation.to_verify(found.following, by=by), "Verify the next photograph", icon="fact_check"
            )
        if found.second is not None:
            navigation.link(
                navigation.to_verify(found.second, by=by), "Answer one again as a second person", icon="group"
            )
    for one in here.sets:
        if one.annotator == person and not one.is_complete and one.survey != found.following:
            words = f"Go on with no. {one.survey.location} ({one.answered} of {one.points} answered)"
            navigation.link(navigation.to_verify(one.survey, by=by), words, icon="resume")
