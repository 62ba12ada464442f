"""Gallery: the pictures by island, year and position."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from frontend import address, navigation
from frontend.components import filters, marks, states, survey_choice
from frontend.components.text import count, plain
from frontend.domain.executions import RunStatus
from frontend.domain.measurements import is_imported, is_ours, reasons_of, survey_of
from frontend.domain.verified import Checks
from frontend.services import measurements, photos
from frontend.services.aws import link, link_to
from frontend.settings import settings
from reefsteps.coverage_queries import CoverageRow
from reefsteps.derived_objects import OVERLAY, REFRAMED_PICTURE, shown_pictures
from reefsteps.formats import SHOWN_BY_BROWSERS, stored_extension
from reefsteps.surveys import SurveyKey

ALL, TO_BE_LOOKED_AT = "All", navigation.TO_BE_LOOKED_AT
PAGE = 24
RAW_PAGE = 6  # originals have no thumbnail, and 8 MB each
RAW = "Raw"
_FIRST = REFRAMED_PICTURE, OVERLAY


def show() -> None:
    """Show the page."""
    states.title("Gallery", "Every quadrat by island, year and position.")
    rows = states.coverage()
    if not rows:
        states.nothing_yet()
    pictures = sorted(shown_pictures(), key=lambda item: _FIRST.index(item) if item in _FIRST else len(_FIRST))
    versions = [*(str(item.label) for item in pictures), RAW]
    version = address.choice("Picture", versions, name="picture", default=versions[0], drops=("page",))
    only = _only(rows)
    chosen = filters.campaign_filter(rows, lambda other: navigation.to_gallery(other, version, only=only))
    if version is None or chosen is None:
        return
    found = chosen.apply(row for row in rows if only != TO_BE_LOOKED_AT or reasons_of(row))
    marks.say_of_others(found)
    if not found:
        st.info("No result fits these filters. Remove one.", icon=":material/filter_alt_off:")
        return
    without_pictures = len(found)
    found = [row for row in found if is_ours(row)]
    without_pictures -= len(found)
    if without_pictures:
        st.caption(f"{count(without_pictures, 'result')} of another program, without pictures, shown in Coverage only.")
    if not found:
        return
    size = RAW_PAGE if version == RAW else PAGE
    pages = (len(found) + size - 1) // size
    number = _page_number(pages)
    if number is None:
        first = navigation.to_gallery(chosen, version, only=only)
        navigation.link(first, "Go to the first page", icon="arrow_forward")
        return
    st.caption(f"{count(len(found), 'quadrat')}, page {number} of {pages}")
    _grid(found[(number - 1) * size : number * size], version, states.from_database(measurements.checked))
    _turn(number, pages)
    if len(chosen.islands) == 1 and len(chosen.years) == 1:
        _without_result(chosen.islands[0], chosen.years[0], rows)


def _only(rows: Sequence[CoverageRow]) -> str | None:
    """Show a choice of all results or those to be looked at, where there are such or the address names them."""
    if address.text("only") is None and not any(map(reasons_of, rows)):
        return None
    return address.choice("Results", (ALL, TO_BE_LOOKED_AT), name="only", default=ALL, drops=("page",))


def _page_number(pages: int) -> int | None:
    """Return the page of pictures that the address names; None, after saying so, where there is no such page."""
    named = address.text("page")
    number = 1 if named is None else address.number("page")
    if number is None or not 1 <= number <= pages:
        st.warning(
            f"There is no page {plain(named or '')}: there {'is 1 page' if pages == 1 else f'are {pages} pages'}.",
            icon=":material/search_off:",
        )
        return None
    if pages > 1:
        st.session_state.page = number
        st.number_input("Page", 1, pages, value=None, step=1, key="page", on_change=_turned, width=160)
    return number


def _turned() -> None:
    address.write({"page": st.session_state.page or 1})


def _turn(number: int, pages: int) -> None:
    """Show the way on below the pictures, where a reader arrives."""
    if pages == 1:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Previous", disabled=number == 1, icon=":material/chevron_left:", on_click=_go_to, args=(number - 1,))
        st.caption(f"Page {number} of {pages}", width="content")
        st.button(
            "Next", disabled=number == pages, icon=":material/chevron_right:", icon_position="right",
            on_click=_go_to, args=(number + 1,),
        )  # fmt: skip


def _go_to(number: int) -> None:
    address.write({"page": number})


def _grid(rows: Sequence[CoverageRow], version: str, checks: Checks) -> None:
    with st.container(horizontal=True, key="cards"):
        for row in rows:
            _card(row, version, checks)


def _card(row: CoverageRow, version: str, checks: Checks) -> None:
    survey = survey_of(row)
    with st.container(gap="xsmall"):
        address = _address(row, survey, version)
        if address:
            alt = f"{version} picture of quadrat {row.location}, {row.island} {row.year}"
            st.image(address, alt=alt, width="stretch")
        else:
            st.caption("Browsers cannot show this format; download it from the quadrat's page.")
        navigation.link(navigation.to_quadrat(row), survey_choice.words(row))
        marks.under_a_picture(row, checks)


def _address(row: CoverageRow, survey: SurveyKey, version: str) -> str | None:
    if version == RAW:
        if row.raw_key is None or stored_extension(row.raw_key) not in SHOWN_BY_BROWSERS:
            return None
        return link(settings().raw_bucket, row.raw_key, row.raw_version_id)
    return link_to(next(item.small for item in shown_pictures() if item.label == version), survey)


def _without_result(island: str, year: int, rows: Sequence[CoverageRow]) -> None:
    """Name the photographs of the campaign that have no result: what did not work must not be invisible."""
    measured = {survey_of(row) for row in rows if is_ours(row) or is_imported(row)}
    missing = sorted(survey for survey in photos.originals(year, island) if survey not in measured)
    if not missing:
        return
    st.subheader("Photographs without a result", anchor=False)
    st.write(", ".join(f"no. {survey.location}" for survey in missing))
    navigation.link(navigation.to_runs(RunStatus.FAILED), "See why", icon="arrow_forward")


show()
