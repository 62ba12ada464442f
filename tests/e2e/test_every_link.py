"""Every link of every page, from every state of it, is clicked: `make test-links`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.looking import settle
from tests.e2e.visiting import LINKS, Address, check, follow, links, stays

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.support.page_server import ServedPage

STATES = (
    "",
    "upload",
    "runs",
    "runs?status=Running",
    "runs?status=Done",
    "runs?status=Failed",
    "gallery",
    "gallery?island=Takapoto",
    "gallery?island=Takapoto&island=Mo%27orea&year=2008",
    "gallery?picture=Segmented&page=2",
    "gallery?page=5",
    "gallery?picture=Raw&island=Takapoto&year=2010&page=2",
    "gallery?island=Takapota",
    "gallery?year=1999",
    "gallery?page=99",
    "quadrat",
    "quadrat?island=Takapoto&year=2008&location=2",
    "quadrat?island=Mo%27orea&year=2010&location=3&compare=Years",
    "quadrat?island=Huahin%C3%A9&year=2006&location=4&compare=Versions",
    "quadrat?island=Takapoto&year=2008&location=99",
    "quadrat?island=Takapota&year=2008&location=2",
    "quadrat?island=Takapoto&year=2010&location=50",
    "coverage",
    "coverage?island=Takapota",
    "coverage?show=Dreams",
    "coverage?island=Takapoto&show=Dreams",
    "verify",
    "verify?island=Takapoto&year=2008",
    "verify?island=Takapoto&year=2008&location=2&by=Alice",
    "verify?island=Takapoto&year=2008&location=99",
    "verify?island=Takapota&year=2008",
    "corners",
    "corners?island=Takapoto&year=2010&location=50",
    "corners?island=Takapoto&year=2008&location=2",
    "corners?island=Takapoto&year=2008&location=99",
    "corners?island=Nowhere",
    "delete",
    "delete?key=2008-Takapoto-99.jpg",
    "delete?key=2008-Takapoto-02.jpg",
    "import",
    "help",
)
MENU_STATES = ("", "gallery?island=Takapoto&page=2", "quadrat?island=Takapoto&year=2008&location=2")


@pytest.mark.links
@pytest.mark.timeout(900)
@pytest.mark.parametrize("state", STATES)
def test_every_link_of_a_state_opens_what_it_names(browser: Browser, seeded_page: ServedPage, state: str) -> None:
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        tab = context.new_page()
        address = f"{seeded_page.url}/{state}"
        tab.goto(address)
        settle(tab)
        tab.wait_for_timeout(1500)
        found = links(tab)
        for number, (label, _) in enumerate(found):
            before = Address.of(tab.url)
            link = tab.locator(LINKS).nth(number)
            assert link.inner_text() == label
            target = follow(tab, seeded_page.url, link)
            if target == before:
                continue
            if number % 5 and number != len(found) - 1 and len(found) > 10:  # one card is as good as another
                tab.go_back()
                check(tab, before)
            else:
                stays(tab, target, before)
            settle(tab)
            tab.locator(LINKS).nth(len(found) - 1).wait_for(timeout=30_000)
        check(tab, Address.of(address))


@pytest.mark.links
@pytest.mark.parametrize(
    "state", ["", "gallery?island=Takapoto&page=2", "quadrat?island=Takapoto&year=2008&location=2"]
)
def test_every_entry_of_the_menu_opens_its_page_and_leaves_nothing_behind(
    browser: Browser, seeded_page: ServedPage, state: str
) -> None:
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        tab = context.new_page()
        for name in (
            "Upload",
            "Runs",
            "Gallery",
            "Quadrat",
            "Coverage",
            "Verify",
            "Fix corners",
            "Delete",
            "Import",
            "Help",
            "Overview",
        ):
            tab.goto(f"{seeded_page.url}/{state}")
            settle(tab)
            before = Address.of(tab.url)
            entry = tab.locator("[data-testid=stSidebarNav] a").filter(has_text=name)
            entry.click()
            path = {"Fix corners": "corners", "Overview": ""}.get(name, name.lower())
            target = Address(path, ())
            if before.path == target.path:  # Streamlit's menu keeps the address of the page that is open
                check(tab, before)
                continue
            check(tab, target)
            tab.go_back()
            check(tab, before)
