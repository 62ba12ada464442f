"""A visitor of the page who clicks, and checks that what is shown is what was clicked: picture, figure and address."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

from playwright.sync_api import expect

from reefsteps.surveys import SurveyKey
from reefsteps.trust import cover_text
from tests.e2e.looking import loaded_width, stand_still
from tests.support import page_world

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

TITLES = {"corners": "Fix corners", "": "Overview"}
COVERS: Mapping[SurveyKey, float] = {q.survey: q.cover_percent for q in page_world.several_surveys()}
WAITING = {SurveyKey(2010, "Takapoto", number) for number in (50, 55)}  # for their corners
LINKS = "[data-testid=stMain] [data-testid=stPageLink] a"


@dataclass(frozen=True)
class Address:
    """A page and what its query names, whatever the order and the way of escaping."""

    path: str
    query: tuple[tuple[str, tuple[str, ...]], ...]

    @classmethod
    def of(cls, url: str) -> Address:
        parts = urlsplit(url)
        pairs = parse_qs(parts.query, keep_blank_values=True).items()
        return cls(parts.path.strip("/"), tuple(sorted((name, tuple(values)) for name, values in pairs)))

    def value(self, name: str) -> str | None:
        return next((values[-1] for key, values in self.query if key == name), None)

    @property
    def survey(self) -> SurveyKey | None:
        island, year, location = (self.value(name) for name in ("island", "year", "location"))
        return SurveyKey(int(year), island, int(location)) if island and year and location else None


def links(tab: Page) -> list[tuple[str, str]]:
    """Return label and target of every link on the page but the menu's."""
    return [(link.inner_text(), str(link.get_attribute("href"))) for link in tab.locator(LINKS).all()]


def follow(tab: Page, base: str, link: Locator) -> Address:
    """Click a link and check that it leads where it says; returns that address."""
    # While the page is drawn, the n-th card of one moment is another card the next.
    stand_still(tab)
    target = Address.of(f"{base}/{str(link.get_attribute('href')).lstrip('/')}")
    link.click()
    check(tab, target)
    return target


def check(tab: Page, target: Address) -> None:
    """Check that the address is this, and that what is shown is what it names."""
    title = TITLES.get(target.path, target.path.capitalize())
    expect(tab.locator("h1")).to_have_text(title, timeout=30_000)
    tab.wait_for_function(
        "wanted => new URL(location.href).pathname.replace(/[/]/g, '') === wanted", arg=target.path, timeout=30_000
    )
    if target.path == "quadrat" and target.survey and target.survey in COVERS:
        _shows_quadrat(tab, target.survey)
    elif target.path == "quadrat" and target.survey:
        expect(tab.get_by_text(f"There is no result for {_words(target.survey)}")).to_be_visible(timeout=30_000)
    elif target.path == "corners" and target.survey and target.survey not in {*COVERS, *WAITING}:
        expect(tab.get_by_text(f"There is no photograph of {_words(target.survey)}")).to_be_visible(timeout=30_000)
    elif target.path == "corners" and target.survey:
        expect(_heading(tab)).to_have_text(_words(target.survey), timeout=30_000)
        picture = tab.locator(".stage .photo")
        expect(picture).to_have_attribute("src", _of("test-treated", target.survey), timeout=30_000)
    elif target.path == "delete" and target.value("key"):
        expect(tab.get_by_label("Name of the photograph")).to_have_value(str(target.value("key")), timeout=30_000)
    elif target.path == "runs":
        chosen = tab.get_by_role("radio", name=target.value("status") or "All", exact=True)
        expect(chosen).to_be_checked(timeout=30_000)
    elif target.path == "gallery":
        _shows_gallery(tab, target)
    # The address may come a moment after what is shown.
    tab.wait_for_url(lambda address: Address.of(address) == target, timeout=30_000)
    stand_still(tab)
    assert tab.locator("[data-testid=stException]").count() == 0


def stays(tab: Page, target: Address, before: Address) -> None:
    """Check that a reload, a second tab and Back all keep to what was clicked."""
    tab.reload()
    check(tab, target)
    second = tab.context.new_page()
    second.goto(tab.url)
    check(second, target)
    second.close()
    tab.go_back()
    check(tab, before)


def _shows_quadrat(tab: Page, survey: SurveyKey) -> None:
    expect(_heading(tab)).to_have_text(_words(survey), timeout=30_000)
    figure = tab.locator("[data-testid=stMetric]").filter(has_text="Coral cover")
    expect(figure).to_contain_text(cover_text(COVERS[survey], 0), timeout=30_000)
    picture = tab.locator(".base, img").filter(visible=True).first
    expect(picture).to_have_attribute("src", re.compile(re.escape(survey.stem) + "|" + _quoted(survey)), timeout=30_000)
    assert loaded_width(picture) > 0


def _shows_gallery(tab: Page, target: Address) -> None:
    named = dict(target.query)
    islands, years = named.get("island", ()), named.get("year", ())
    found = [s for s in COVERS if (not islands or s.island in islands) and (not years or str(s.year) in years)]
    number = target.value("page") or "1"
    if not found or int(number) > 5:
        expect(tab.get_by_text("There is no ").first).to_be_visible(timeout=30_000)
        return
    expect(tab.get_by_text(f"{len(found)} quadrats, page {number} of ").first).to_be_visible(timeout=30_000)


def _heading(tab: Page) -> Locator:
    return tab.locator("[data-testid=stMain] h3").filter(has_text=", no. ").first


def _words(survey: SurveyKey) -> str:
    return f"{survey.island} {survey.year}, no. {survey.location}"


def _quoted(survey: SurveyKey) -> str:
    return re.escape(quote(survey.stem))


def _of(bucket: str, survey: SurveyKey) -> re.Pattern[str]:
    return re.compile(rf"/{bucket}/({re.escape(survey.stem)}|{_quoted(survey)})[.]")
