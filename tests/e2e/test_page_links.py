"""Links that are clicked: each opens what it names, and says so in the address, on reload, Back and in a second tab.

The short form, for every day. `test_every_link.py` clicks every link from every state.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Error, expect

from reefsteps.derived_objects import CORNERS
from reefsteps.surveys import SurveyKey
from tests.e2e.looking import drawn_anew, settle, stand_still
from tests.e2e.visiting import LINKS, Address, check, follow, stays
from tests.support import page_world

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.support.page_server import ServedPage


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        yield context.new_page()


def _choose(tab: Page, label: str, option: str) -> None:
    """Choose an option; the list closes by itself when the page is drawn anew in that moment, so it may open twice."""
    wanted = tab.get_by_role("option", name=option)
    for _ in range(5):
        settle(tab)
        tab.get_by_label(label, exact=True).click()
        try:
            wanted.click(timeout=6_000)
        except Error:
            continue
        return
    raise AssertionError(f"{label} never offered {option}")


def _open(tab: Page, served: ServedPage, path: str) -> Address:
    tab.goto(f"{served.url}/{path}")
    stand_still(tab)
    return Address.of(tab.url)


@pytest.mark.parametrize("state", ["gallery", "gallery?island=Takapoto&year=2008", "gallery?page=3"])
def test_a_card_opens_its_own_quadrat(tab: Page, seeded_page: ServedPage, state: str) -> None:
    before = _open(tab, seeded_page, state)
    cards = tab.locator(f".st-key-cards {LINKS.split('] ', 1)[1]}")
    expect(cards.nth(5)).to_be_visible(timeout=30_000)
    target = follow(tab, seeded_page.url, cards.nth(5))
    assert target.survey
    if "page=" in state:
        stays(tab, target, before)


def test_controls_write_the_address_and_back_undoes_them(tab: Page, seeded_page: ServedPage) -> None:
    _open(tab, seeded_page, "gallery")
    _choose(tab, "Islands", "Takapoto")
    tab.keyboard.press("Escape")
    filtered = Address("gallery", (("island", ("Takapoto",)),))
    check(tab, filtered)
    tab.get_by_role("button", name="Next").click()
    turned = Address("gallery", (("island", ("Takapoto",)), ("page", ("2",))))
    check(tab, turned)
    opened = follow(tab, seeded_page.url, tab.locator(".st-key-cards a").first)
    _choose(tab, "Year", "2006")
    expect(tab).to_have_url(re.compile("year=2006"), timeout=30_000)
    check(tab, Address.of(tab.url))
    for before in (opened, turned, filtered):
        tab.go_back()
        check(tab, before)


def test_controls_show_what_the_link_names_also_where_the_page_before_had_the_same(
    tab: Page, seeded_page: ServedPage
) -> None:
    def controls_name_the_quadrat(title: str) -> None:
        expect(tab.locator("h1")).to_have_text(title, timeout=30_000)
        settle(tab)
        for number, wanted in enumerate(("Takapoto", "2008", "3")):
            control = tab.locator("[data-testid=stSelectbox] input").nth(number)
            expect(control).to_have_value(wanted, timeout=30_000)

    _open(tab, seeded_page, "quadrat?island=Takapoto&year=2008&location=3")
    controls_name_the_quadrat("Quadrat")
    for link in ("Change the size", "Change the name"):
        tab.get_by_role("link", name=link).click()
        controls_name_the_quadrat("Surveys")
        tab.go_back()
        controls_name_the_quadrat("Quadrat")


def test_years_side_by_side_are_in_the_address(tab: Page, seeded_page: ServedPage) -> None:
    _open(tab, seeded_page, "quadrat?island=Takapoto&year=2008&location=7&compare=Years")
    _choose(tab, "Right", "2010")
    expect(tab).to_have_url(re.compile("right=2010"), timeout=30_000)
    tab.get_by_text("Change from 2006 to 2010").wait_for(timeout=30_000)
    tab.reload()
    tab.get_by_text("Change from 2006 to 2010").wait_for(timeout=30_000)
    _choose(tab, "Island", "Huahiné")
    expect(tab).to_have_url(re.compile(r"island=Huahin%C3%A9&year=2008&location=7&compare=Years$"), timeout=30_000)


ABSENT = {
    "quadrat?island=Takapoto&year=2008&location=99": ("There is no result for Takapoto 2008, no. 99", "Takapoto 2008"),
    "quadrat?island=Takapota&year=2008&location=2": ("There is no result for Takapota 2008, no. 2", "Takapoto 2008"),
    "quadrat?island=%3Cscript%3E&year=x&location=-1": ("There is no result for <script> x, no. -1", None),
    "quadrat?island=Takapoto&year=2010&location=50": ("Its photograph is here", "Fix corners"),
    "corners?island=Takapoto&year=2008&location=99": ("There is no photograph of Takapoto 2008", "Other photographs"),
    "corners?island=Takapoto": ("There is no photograph Takapoto", "Other photographs"),
    "delete?key=2008-Takapoto-99.jpg": ("There is no photograph with this name", "2008-Takapoto-12.jpg"),
    "gallery?island=Takapota": ("There is no result of the island Takapota", "Takapoto instead"),
    "gallery?year=1999": ("There is no result of the year 1999", "All years"),
    "gallery?page=99": ("There is no page 99", "Go to the first page"),
    "gallery?picture=Painted": ("The address names Painted", None),
    "coverage?island=Takapota&show=Export": ("There is no result of the island Takapota", "Takapoto instead"),
    "coverage?show=Dreams": ("This page has no part Dreams", "Colony sizes"),
    "coverage?show=Colony+sizes&of=Nowhere": ("There is no result of Nowhere", None),
    "runs?status=Lost": ("The address names Lost", None),
}


def test_what_does_not_exist_is_said_so_and_the_address_stays(tab: Page, seeded_page: ServedPage) -> None:
    for path, (said, offered) in ABSENT.items():
        named = _open(tab, seeded_page, path)
        expect(tab.get_by_text(said).first).to_be_visible(timeout=30_000)
        if offered:
            expect(tab.locator(LINKS).filter(has_text=offered).first).to_be_visible(timeout=30_000)
        assert Address.of(tab.url) == named == Address.of(f"{seeded_page.url}/{path}")
        assert tab.locator("[data-testid=stMetric], .st-key-cards a, .stage").filter(visible=True).count() == 0, path


def test_links_from_a_page_to_itself_move_the_address_too(tab: Page, seeded_page: ServedPage) -> None:
    before = _open(tab, seeded_page, "quadrat?island=Takapoto&year=2008&location=99")
    near = follow(tab, seeded_page.url, tab.locator(LINKS).filter(has_text="Takapoto 2008").first)
    with drawn_anew(tab):
        tab.get_by_text("Boxes around colonies").click()
    check(tab, near)
    stays(tab, near, before)
    lost = _open(tab, seeded_page, "gallery?island=Takapota")
    follow(tab, seeded_page.url, tab.locator(LINKS).filter(has_text="Takapoto instead"))
    tab.go_back()
    check(tab, lost)
    every = _open(tab, seeded_page, "corners")
    waiting = tab.locator(LINKS).filter(has_text="2010-Takapoto-50")
    target = follow(tab, seeded_page.url, waiting)
    tab.get_by_role("button", name="No quadrat here").click()
    check(tab, target)
    tab.go_back()
    check(tab, every)


def test_what_is_newer_than_what_was_read_is_shown(tab: Page, seeded_page: ServedPage) -> None:
    _open(tab, seeded_page, "quadrat?island=Takapoto&year=2008&location=2")
    new = page_world.Quadrat(SurveyKey(1999, "Rimatara", 1), 41.5, ())
    page_world.write_results(seeded_page.database, [new])
    try:
        _open(tab, seeded_page, "quadrat?island=Rimatara&year=1999&location=1")
        expect(tab.get_by_text("42 %").first).to_be_visible(timeout=30_000)
    finally:
        page_world.forget_results(seeded_page.database, [new])
        tab.get_by_label("Island").wait_for()
        tab.goto(f"{seeded_page.url}/gallery")
        tab.get_by_role("button", name="Refresh").click()
        expect(tab.get_by_text(f"{102} quadrats, page 1 of ").first).to_be_visible(timeout=30_000)


def test_delete_removes_the_photograph_that_is_shown_and_no_other(tab: Page, seeded_page: ServedPage) -> None:
    quadrat = _open(tab, seeded_page, "quadrat?island=Takapoto&year=2008&location=2")
    shown = follow(tab, seeded_page.url, tab.locator(LINKS).filter(has_text="Delete"))
    assert shown.value("key") == "2008-Takapoto-02.jpg"
    expect(tab.get_by_alt_text("Photograph 2008-Takapoto-02.jpg")).to_have_attribute(
        "src", re.compile("thumbnails/2008-Takapoto-02[.]jpg"), timeout=30_000
    )
    tab.go_back()
    check(tab, quadrat)
    keys = [f"2011-Tikehau-{n}.jpg" for n in ("60", "61", "62")]
    for key in keys:
        seeded_page.s3.put_object(Bucket=page_world.BUCKETS["RAW_BUCKET"], Key=key, Body=b"x")
    _open(tab, seeded_page, "delete?key=2011-Tikehau-65.jpg")
    follow(tab, seeded_page.url, tab.locator(LINKS).filter(has_text="2011-Tikehau-60.jpg"))
    tab.get_by_label("Confirmation").wait_for(timeout=30_000)
    tab.get_by_label("Name of the photograph").fill("2011-Tikehau-61.jpg")
    with drawn_anew(tab):
        tab.get_by_label("Name of the photograph").press("Enter")
    check(tab, Address("delete", (("key", ("2011-Tikehau-61.jpg",)),)))
    expect(tab.get_by_text("To confirm, type 2011-Tikehau-61.jpg")).to_be_visible(timeout=30_000)
    confirm = tab.get_by_label("Confirmation")
    confirm.fill("2011-Tikehau-61.jpg")
    with drawn_anew(tab):
        confirm.press("Enter")
    tab.get_by_role("button", name="Delete now").click()
    tab.get_by_text("1 photograph: 2011-Tikehau-61.jpg").wait_for(timeout=60_000)
    listed = seeded_page.s3.list_objects_v2(Bucket=page_world.BUCKETS["RAW_BUCKET"], Prefix="2011-Tikehau-")
    assert [item["Key"] for item in listed["Contents"]] == [keys[0], keys[2]]
    assert Address.of(tab.url) == Address("delete", ())


def test_a_frame_that_was_fixed_leaves_every_list(tab: Page, seeded_page: ServedPage) -> None:
    survey = SurveyKey(2010, "Takapoto", 55)
    page_world.write_pictures(seeded_page.s3, [survey], derived=False)
    failure = {"error": "QuadratNotFoundError", "cause": "reframing: No frame."}
    page_world.start(seeded_page.step_functions, seeded_page.pipeline_arn, "to-be-fixed", key=survey.key("jpg"),
                     bucket="test-raw", end="fail", **failure)  # fmt: skip
    _open(tab, seeded_page, "corners")
    follow(tab, seeded_page.url, tab.locator(LINKS).filter(has_text=survey.stem))
    corner = tab.get_by_role("button", name=re.compile("Bottom right corner"))
    use = tab.get_by_role("button", name="Use these corners")
    expect(tab.get_by_role("button", name="Hide a fin or slate")).to_be_enabled(timeout=30_000)
    expect(use).to_be_disabled()
    corner.press("Shift+ArrowLeft")
    tab.reload()  # what was moved is kept until a run has started from it
    expect(use).to_be_enabled(timeout=30_000)
    use.click()
    tab.get_by_role("button", name="Measure this crop").click()
    tab.get_by_text("The run has started from these corners").wait_for(timeout=30_000)
    given = _newest_input(seeded_page, "-corners-", survey.key("jpg"))
    assert given["key"] == survey.key("jpg")
    head = seeded_page.s3.head_object(Bucket="test-raw", Key=survey.key("jpg"))
    assert given["version_id"] == head["VersionId"]
    assert given["corners_px"][2] == [905, 765]
    ended = max(e["stopDate"] for e in seeded_page.step_functions.list_executions(
        stateMachineArn=seeded_page.pipeline_arn)["executions"] if e["name"] == "to-be-fixed")  # fmt: skip
    while True:  # S3 tells whole seconds: until this one is over
        seeded_page.s3.put_object(Bucket="test-reframed", Key=CORNERS.key(survey.stem), Body=b"{}")
        written = seeded_page.s3.head_object(Bucket="test-reframed", Key=CORNERS.key(survey.stem))["LastModified"]
        if written > ended:
            break
        tab.wait_for_timeout(100)
    for path in ("corners", "runs?status=Failed"):
        _until_gone(tab, seeded_page, path, survey.stem)


def _until_gone(tab: Page, served: ServedPage, path: str, name: str) -> None:
    ends = time.monotonic() + 120  # what the buckets hold is kept for 15 s
    while time.monotonic() < ends:
        _open(tab, served, path)
        tab.locator("h3, [class*=st-key-run-]").first.wait_for(timeout=30_000)
        if tab.get_by_text(name).count() == 0:
            return
        tab.wait_for_timeout(2500)
    raise AssertionError(f"{name} is still listed on {path}")


def _newest_input(served: ServedPage, purpose: str, key: str) -> dict[str, Any]:
    every = served.step_functions.list_executions(stateMachineArn=served.pipeline_arn)["executions"]
    inputs = [
        json.loads(served.step_functions.describe_execution(executionArn=e["executionArn"])["input"])
        for e in every
        if purpose in e["name"]
    ]
    return next(given for given in inputs if given.get("key") == key)
