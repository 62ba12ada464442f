"""The one place where a quadrat in one year is chosen; the choice is in the page's address.

The page shows what the address names. If there is no such result, it says so and offers what exists. It never shows
another quadrat and never rewrites the address.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import streamlit as st

from frontend import address, navigation
from frontend.components import filters, states
from frontend.components.text import plain
from frontend.domain.measurements import islands_of, years_of
from frontend.services import measurements, photos
from reefsteps.coverage_queries import CoverageRow
from reefsteps.errors import InvalidSurveyKeyError
from reefsteps.surveys import SurveyKey

NAMES = ("island", "year", "location")
OFFERED = 3  # links of a kind


@dataclass(frozen=True)
class Named:
    """What the address names, as it stands there; None for what it does not name."""

    island: str | None
    year: str | None
    location: str | None

    @property
    def nothing(self) -> bool:
        """Whether the address names no part of a survey."""
        return self.island is None and self.year is None and self.location is None

    @property
    def survey(self) -> SurveyKey | None:
        """The survey, if the address names one that can exist."""
        if self.island is None or self.year is None or self.location is None:
            return None
        try:
            return SurveyKey(int(self.year), self.island, int(self.location))
        except (ValueError, InvalidSurveyKeyError):
            return None

    def __str__(self) -> str:
        parts = [self.island or "an island", self.year or "a year", f"no. {self.location or '…'}"]
        return f"{parts[0]} {parts[1]}, {parts[2]}"


def named() -> Named:
    """Return what the page's address names."""
    return Named(*(address.text(name) for name in NAMES))


def words(quadrat: navigation.NamesSurvey) -> str:
    """Return how a quadrat in one year is called on every page, as harmless Markdown."""
    return f"{plain(quadrat.island)} {quadrat.year}, no. {quadrat.location}"


def choose_row(rows: Sequence[CoverageRow], *, drops: Sequence[str]) -> CoverageRow | None:
    """Show island, year and position and return the row that the address names.

    None, after saying why and what there is, where the address names no result. Another choice takes the names
    ``drops`` out of the address, because they belong to the quadrat that was shown.
    """
    wanted = named()
    row = _row(rows, wanted)
    if row is None and wanted.survey and measurements.still_there([wanted.survey]):
        measurements.forget()  # it is newer than what was kept
        rows = states.coverage()
        row = _row(rows, wanted)
    _controls(rows, wanted, drops)
    if row is None:
        _offer(rows, wanted)
    return row


def _row(rows: Sequence[CoverageRow], wanted: Named) -> CoverageRow | None:
    texts = (wanted.island, wanted.year, wanted.location)
    return next((row for row in rows if (row.island, str(row.year), str(row.location)) == texts), None)


def _controls(rows: Sequence[CoverageRow], wanted: Named, drops: Sequence[str]) -> None:
    islands = islands_of(rows)
    years = years_of(rows, wanted.island if wanted.island in islands else None)
    of_island = (row.location for row in rows if wanted.island not in islands or row.island == wanted.island)
    with st.container(horizontal=True):
        address.one_of("Island", islands, name="island", drops=drops, placeholder="Choose", width=260)
        address.one_of("Year", years, name="year", drops=drops, placeholder="Choose", width=140)
        address.one_of(
            "Position", sorted(set(of_island)), name="location", drops=drops, placeholder="Choose", width=140
        )


def _offer(rows: Sequence[CoverageRow], wanted: Named) -> None:
    if wanted.nothing or None in (wanted.island, wanted.year, wanted.location):
        st.info("Choose island, year and position, or open a picture in the gallery.", icon=":material/crop_square:")
        navigation.link(navigation.to_gallery(), "Go to the gallery", icon="photo_library")
        return
    st.warning(f"There is no result for {plain(str(wanted))}.", icon=":material/search_off:")
    survey = wanted.survey
    if survey and survey in photos.originals(survey.year, survey.island):
        st.write("Its photograph is here but has not been measured: its run is under way, or it has failed.")
        with st.container(horizontal=True):
            navigation.link(navigation.to_runs(), "See its run", icon="arrow_forward")
            navigation.link(navigation.to_corners(survey), "Fix corners", icon="crop_free")
    else:
        st.write("It may have been renamed, moved to another year or deleted.")
    near = nearest(rows, wanted)
    if near:
        st.write("What there is:")
        with st.container(horizontal=True):
            for row in near:
                navigation.link(navigation.to_quadrat(row), words(row), icon="crop_square")
    filters.refresh()


def nearest(rows: Sequence[CoverageRow], wanted: Named) -> list[CoverageRow]:
    """Return results that may be meant: the position in other years, its neighbours, islands of a like name."""
    islands = islands_of(rows)
    like = [wanted.island] if wanted.island in islands else get_close_matches(wanted.island or "", islands, 2, 0.5)
    year, location = (int(text) if text and text.isdecimal() else 0 for text in (wanted.year, wanted.location))
    found: list[CoverageRow] = []
    for island in like:
        here = [row for row in rows if row.island == island]
        same = sorted((row for row in here if row.location == location), key=lambda row: abs(row.year - year))
        beside = sorted((row for row in here if row.year == year), key=lambda row: abs(row.location - location))
        found += [*same[:OFFERED], *beside[:OFFERED]] or here[:OFFERED]
    return list(dict.fromkeys(found))
