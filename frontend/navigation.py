"""The pages, and the way to each: no view writes a page's address or title by itself.

A new page is one line in `PAGES` and, where others link to it, one function ``to_...`` that returns its `Route`.
What a route's query names is read by the page through `frontend.address`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

import streamlit as st

from frontend.domain.executions import RunStatus
from frontend.domain.measurements import Filter


@dataclass(frozen=True)
class Page:
    """A page: its path in the address, its title, its icon, and its script in ``views/``."""

    path: str
    title: str
    icon: str
    view: str


OVERVIEW = Page("overview", "Overview", "home", "overview")
UPLOAD = Page("upload", "Upload", "upload", "upload")
RUNS = Page("runs", "Runs", "progress_activity", "runs")
GALLERY = Page("gallery", "Gallery", "photo_library", "gallery")
QUADRAT = Page("quadrat", "Quadrat", "crop_square", "quadrat")
COVERAGE = Page("coverage", "Coverage", "monitoring", "coverage")
CORNERS = Page("corners", "Fix corners", "crop_free", "corners")
SURVEYS = Page("surveys", "Surveys", "edit_note", "surveys")
DELETE = Page("delete", "Delete", "delete", "delete")
IMPORT = Page("import", "Import", "input", "importing")
HELP = Page("help", "Help", "help", "guide")

PAGES = (OVERVIEW, UPLOAD, RUNS, GALLERY, QUADRAT, COVERAGE, CORNERS, SURVEYS, DELETE, IMPORT, HELP)
"""In the order of the menu; the first is shown at the bare address."""


class CoveragePart(StrEnum):
    """The parts of the page Coverage, as its tabs and its address name them."""

    TREND = "Trend"
    SAME_QUADRATS = "Same quadrats"
    CHECKED = "Checked by people"
    SIZES = "Colony sizes"
    EXPORT = "Export"


class SurveysPart(StrEnum):
    """What the page Surveys changes, as its choice and its address name it."""

    NAME = "Name"
    SIZE = "Quadrat size"
    FACTS = "Facts"
    LIST = "List"
    HISTORY = "History"


class HelpPart(StrEnum):
    """The parts of the page Help, as its tabs and its address name them."""

    GUIDE = "Guide"
    INTERVALS = "How sure is a number?"


TO_BE_LOOKED_AT = "To be looked at"  # which results the gallery shows, as its address names them

_REGISTERED: dict[str, Any] = {}  # Streamlit's page objects by path; they hold no state of a visitor's


class NamesSurvey(Protocol):
    """What names one quadrat in one year: a `SurveyKey`, or a row of the database under any name."""

    @property
    def island(self) -> str:
        """The island."""

    @property
    def year(self) -> int:
        """The year."""

    @property
    def location(self) -> int:
        """The position."""


@dataclass(frozen=True)
class Route:
    """A page, and what it shows: the pairs of its address's query."""

    page: Page
    query: tuple[tuple[str, str], ...] = ()


def to_overview() -> Route:
    """The way to the first page."""
    return Route(OVERVIEW)


def to_upload() -> Route:
    """The way to the upload."""
    return Route(UPLOAD)


def to_help(part: HelpPart | None = None) -> Route:
    """The way to the explanations, or to one part of them."""
    return Route(HELP, (("show", part.value),) if part else ())


def to_runs(status: RunStatus = RunStatus.ALL) -> Route:
    """The way to the runs of one status."""
    return Route(RUNS, (("status", status.value),))


def to_gallery(
    chosen: Filter | None = None,
    picture: str | None = None,
    number: int | None = None,
    only: str | None = None,
) -> Route:
    """The way to the pictures of some islands and years: which picture of each quadrat, and which page of them.

    ``only`` is `TO_BE_LOOKED_AT` for those results alone.
    """
    return Route(GALLERY, (*_pairs(picture=picture, only=only), *_filter(chosen or Filter()), *_pairs(page=number)))


def to_coverage(chosen: Filter | None = None, show: CoveragePart | None = None) -> Route:
    """The way to the statistics of some islands and years: one of the page's parts."""
    return Route(COVERAGE, (*_filter(chosen or Filter()), *_pairs(show=show)))


def to_quadrat(quadrat: NamesSurvey | None = None) -> Route:
    """The way to one quadrat in one year, or to choosing one."""
    return Route(QUADRAT, _quadrat(quadrat))


def to_corners(quadrat: NamesSurvey | None = None) -> Route:
    """The way to one photograph's corners, or to the list of photographs that wait for theirs."""
    return Route(CORNERS, _quadrat(quadrat))


def to_surveys(quadrat: NamesSurvey | None = None, what: SurveysPart | None = None) -> Route:
    """The way to other names, sizes and fields: of one quadrat, or of a place that is to be chosen."""
    return Route(SURVEYS, (*_pairs(what=what), *_quadrat(quadrat)))


def to_import() -> Route:
    """The way to importing what other programs have measured or people have answered."""
    return Route(IMPORT)


def to_delete(key: str | None = None) -> Route:
    """The way to deleting the photograph of this key."""
    return Route(DELETE, _pairs(key=key))


def link(route: Route, label: str, *, icon: str | None = None) -> None:
    """Show a link."""
    st.page_link(
        _REGISTERED[route.page.path],
        label=label,
        icon=f":material/{icon}:" if icon else None,
        query_params=route.query,
    )


def register() -> list[Any]:
    """Return the pages for st.navigation; the links of this run of the script lead to them."""
    made = {
        page.path: st.Page(
            f"views/{page.view}.py",
            title=page.title,
            icon=f":material/{page.icon}:",
            url_path=page.path,
            default=page is PAGES[0],
        )
        for page in PAGES
    }
    _REGISTERED.update(made)
    return list(made.values())


def _quadrat(quadrat: NamesSurvey | None) -> tuple[tuple[str, str], ...]:
    if quadrat is None:
        return ()
    return _pairs(island=quadrat.island, year=quadrat.year, location=quadrat.location)


def _filter(chosen: Filter) -> tuple[tuple[str, str], ...]:
    named: Sequence[tuple[str, object]] = (
        *(("island", island) for island in chosen.islands),
        *(("year", year) for year in chosen.years),
    )
    return tuple((name, str(value)) for name, value in named)


def _pairs(**values: object) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(value)) for name, value in values.items() if value is not None)
