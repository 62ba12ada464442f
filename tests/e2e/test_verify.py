"""A person verifies photographs in a real browser, by keys alone: interruptions, two browsers, a second person."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import select, update

from reefsteps.derived_objects import REFRAMING_RECORD
from reefsteps.points.answers import UNANSWERED
from reefsteps.points.batches import AnswerBatch
from reefsteps.points.point_sets import Selection
from reefsteps.surveys import SurveyKey
from reefsteps.tables import coverage_provenance
from reefsteps.verification_store import answers_on
from tests.e2e.looking import PHONE, drawn_anew, settle, stand_still
from tests.support import page_world

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Page, Route, WebSocketRoute

    from tests.support.page_server import ServedPage

POINTS = 81
ALL = ("cou" * 27)[:POINTS]
KEYS = {"c": "c", "o": "n", "u": "u"}


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with browser.new_context(viewport={"width": 1280, "height": 900}) as found:
        yield found


@pytest.fixture
def tab(context: BrowserContext) -> Page:
    return context.new_page()


def survey(number: int, year: int = 2008) -> SurveyKey:
    return SurveyKey(year, "Huahiné", number)


def begin(tab: Page, served: ServedPage, where: SurveyKey, by: str = "Alice") -> None:
    """Open a photograph and wait until it takes answers."""
    tab.goto(f"{served.url}/verify?island={where.island}&year={where.year}&location={where.location}&by={by}")
    expect(tab.locator(".verify .where")).to_contain_text(f"of {POINTS}", timeout=30_000)
    expect(tab.locator(".verify .coral")).to_be_enabled(timeout=30_000)
    expect(tab.locator(".verify")).to_be_focused()


def press(tab: Page, letters: str) -> None:
    for letter in letters:
        tab.keyboard.press(KEYS[letter])


def finish(tab: Page) -> None:
    expect(tab.get_by_role("button", name="Finish")).to_be_focused()
    tab.keyboard.press("Enter")
    tab.get_by_text("Your points:").wait_for(timeout=30_000)


def kept(served: ServedPage, where: SurveyKey) -> list[AnswerBatch]:
    with served.database.read() as connection:
        return answers_on(connection, where)


def until_kept(tab: Page, served: ServedPage, where: SurveyKey, answered: int) -> AnswerBatch:
    """Wait until so many answers have reached the database."""
    for _ in range(600):
        found = kept(served, where)
        if found and found[-1].answered >= answered:
            return found[-1]
        tab.wait_for_timeout(100)
    raise AssertionError(f"{answered} answers never arrived")


def change_result(served: ServedPage, where: SurveyKey, **values: Any) -> None:
    p = coverage_provenance.c
    same = p.island == where.island, p.location == where.location, p.year == where.year
    served.database.write(
        lambda connection: connection.execute(update(coverage_provenance).where(*same).values(values))
    )


def test_a_photograph_with_81_points_by_keys_alone_and_a_reload_in_the_middle(
    tab: Page, seeded_page: ServedPage, artifacts: Path
) -> None:
    asked_for: list[str] = []
    tab.on("request", lambda request: asked_for.append(request.url))
    already = len(seeded_page.points.batches())
    begin(tab, seeded_page, survey(1))
    press(tab, "ooo")
    tab.keyboard.press("Backspace")
    tab.keyboard.press("ArrowLeft")
    tab.keyboard.press("ArrowLeft")
    press(tab, "c")  # the first point, a second time
    expect(tab.locator(".verify .where")).to_contain_text("Point 3 of 81: no answer yet. 2 answered.")
    press(tab, ALL[2:37])
    tab.screenshot(path=artifacts / "verify.png")
    until_kept(tab, seeded_page, survey(1), 30)
    tab.reload()
    expect(tab.locator(".verify .where")).to_contain_text("Point 38 of 81: no answer yet. 37 answered.", timeout=30_000)
    expect(tab.locator(".verify .coral")).to_be_enabled(timeout=30_000)
    press(tab, ALL[37:])
    expect(tab.locator(".verify .where")).to_contain_text("81 answered")
    assert not kept(seeded_page, survey(1))[-1].points.is_complete
    assert not any(bucket in url for url in asked_for for bucket in ("test-segmented", "test-masks"))
    finish(tab)
    settle(tab)
    tab.screenshot(path=artifacts / "verify-done.png")
    (one,) = kept(seeded_page, survey(1))
    assert one.points.answers == ALL
    assert (one.points.annotator, one.points.drawn, one.points.layout) == ("Alice", Selection.BY_HAND, "staggered rows")
    said = [sum(moment > 0 for moment in batch["at_ms"]) for batch in seeded_page.points.batches()[already:]]
    assert max(said) == 10
    assert len(said) <= 12
    assert any("test-segmented" in url for url in asked_for)
    expect(tab.locator(".verify .mask")).to_be_visible()
    tab.locator(".verify .cover").focus()
    tab.keyboard.press("m")
    expect(tab.locator(".verify .mask")).to_be_hidden()
    tab.reload()
    tab.get_by_text("Your points:").wait_for(timeout=30_000)
    assert tab.evaluate("Object.keys(localStorage).filter(key => key.startsWith('reefsteps-verify')).length") == 0


def test_answers_without_a_connection_are_kept_and_sent_later(tab: Page, seeded_page: ServedPage) -> None:
    cut = False

    def pass_on(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()
        socket.on_message(lambda message: None if cut else server.send(message))

    tab.route_web_socket(re.compile("_stcore/stream"), pass_on)
    begin(tab, seeded_page, survey(2))
    press(tab, ALL[:20])
    until_kept(tab, seeded_page, survey(2), 20)
    cut = True
    tab.context.set_offline(True)
    press(tab, ALL[20:60])
    expect(tab.locator(".verify .note")).to_contain_text(
        re.compile("No connection. [45]0 answers are kept in this browser")
    )
    assert kept(seeded_page, survey(2))[0].answered == 20
    cut = False
    tab.context.set_offline(False)
    until_kept(tab, seeded_page, survey(2), 60)
    press(tab, ALL[60:])
    finish(tab)
    assert kept(seeded_page, survey(2))[0].points.answers == ALL


def test_a_sleeping_database_holds_up_no_key(tab: Page, seeded_page: ServedPage) -> None:
    begin(tab, seeded_page, survey(3))
    seeded_page.points.asleep_for = 1
    press(tab, ALL[:30])
    expect(tab.locator(".verify .note")).to_contain_text("The page tries again by itself", timeout=30_000)
    expect(tab.locator(".verify .where")).to_contain_text("30 answered")
    tab.evaluate("window.dispatchEvent(new Event('online'))")  # as after ten seconds
    until_kept(tab, seeded_page, survey(3), 30)
    expect(tab.locator(".verify .note")).to_have_text("")


def test_another_browser_goes_on_from_what_has_arrived(tab: Page, browser: Browser, seeded_page: ServedPage) -> None:
    begin(tab, seeded_page, survey(4))
    press(tab, ALL[:25])
    until_kept(tab, seeded_page, survey(4), 20)
    with browser.new_context() as elsewhere:
        other = elsewhere.new_page()
        begin(other, seeded_page, survey(4))
        expect(other.locator(".verify .where")).to_contain_text("Point 21 of 81: no answer yet. 20 answered.")
        press(other, "c" * 10)
        until_kept(other, seeded_page, survey(4), 30)
    press(tab, ALL[25:])  # the first browser comes back, and the newer answer to each point counts
    finish(tab)
    answers = kept(seeded_page, survey(4))[0].points.answers
    assert answers == ALL[:20] + "c" * 5 + ALL[25:]


def test_a_second_person_answers_the_same_points_blind(tab: Page, browser: Browser, seeded_page: ServedPage) -> None:
    begin(tab, seeded_page, survey(5))
    press(tab, ALL)
    finish(tab)
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        second = context.new_page()
        begin(second, seeded_page, survey(5), by="Bob")
        expect(second.locator(".verify .where")).to_contain_text("no answer yet. 0 answered.")
        assert second.get_by_text("Alice").count() == 0
        press(second, "o" + ALL[1:])
        finish(second)
        expect(second.get_by_text("Alice agrees with you at 98 % of the same points")).to_be_visible(timeout=30_000)
    first, other = kept(seeded_page, survey(5))
    assert (first.points.x, first.points.y) == (other.points.x, other.points.y)


def test_a_newer_photograph_gets_no_answer_of_the_older_one(tab: Page, seeded_page: ServedPage) -> None:
    begin(tab, seeded_page, survey(6))
    press(tab, ALL[:5])
    change_result(seeded_page, survey(6), raw_version_id="newer")
    try:
        press(tab, ALL[5:10])
        expect(tab.locator(".verify .note")).to_contain_text("has another photograph by now", timeout=30_000)
        expect(tab.locator(".verify .coral")).to_be_disabled()
        assert kept(seeded_page, survey(6)) == []
    finally:
        change_result(seeded_page, survey(6), raw_version_id=None)


def test_corners_that_were_set_anew_leave_unsent_answers_at_their_points(tab: Page, seeded_page: ServedPage) -> None:
    where, bucket = survey(7), page_world.BUCKETS["REFRAMED_BUCKET"]
    begin(tab, seeded_page, where)
    press(tab, ALL[:7])
    tab.goto("about:blank")
    p = coverage_provenance.c
    with seeded_page.database.read() as connection:
        same = p.island == where.island, p.location == where.location, p.year == where.year
        record = connection.execute(select(p.reframing).where(*same)).scalar_one()
    corners = [[x + 40, y] for x, y in record["corners_px"]]
    change_result(seeded_page, where, reframing=record | {"corners_px": corners})
    stored = json.loads(seeded_page.s3.get_object(Bucket=bucket, Key=REFRAMING_RECORD.key(where.stem))["Body"].read())
    body = json.dumps(stored | {"corners_px": corners}).encode()
    seeded_page.s3.put_object(Bucket=bucket, Key=REFRAMING_RECORD.key(where.stem), Body=body)
    already, is_held = len(seeded_page.points.batches()), True
    held: list[Route] = []
    tab.route("**/test-reframed/**", lambda route: held.append(route) if is_held else route.continue_())
    tab.goto(f"{seeded_page.url}/verify?island={where.island}&year=2008&location=7&by=Alice")
    expect(tab.locator(".verify .where")).to_contain_text("Loading the photograph", timeout=30_000)
    stand_still(tab)
    assert len(seeded_page.points.batches()) == already  # a batch would now be followed by the picture's own report
    is_held = False
    for route in held:
        route.continue_()
    # The first point of every second row lies beside the quadrat now. One of them was answered.
    expect(tab.locator(".verify .where")).to_contain_text("of 76: no answer yet. 6 answered.", timeout=30_000)
    expect(tab.locator(".verify .coral")).to_be_enabled(timeout=30_000)
    (one,) = kept(seeded_page, where)
    assert one.points.answers == ALL[:7] + UNANSWERED * 74
    press(tab, "o" * 70)
    finish(tab)
    (one,) = kept(seeded_page, where)
    assert one.points.answers[:7] == ALL[:7]
    assert one.points.answers.count("u") == 2 + 4  # of the first row, and what lies beside the quadrat


def test_a_tablet_answers_by_touch(browser: Browser, seeded_page: ServedPage, artifacts: Path) -> None:
    with browser.new_context(**PHONE | {"viewport": {"width": 820, "height": 1180}}) as context:
        tab = context.new_page()
        begin(tab, seeded_page, survey(8))
        for button in tab.locator(".verify button").filter(visible=True).all():
            box = button.bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) >= 48
        tab.get_by_role("button", name="Not coral").tap()
        expect(tab.locator(".verify .where")).to_contain_text("Point 2 of 81: no answer yet. 1 answered.")
        whole = tab.locator(".verify .whole").bounding_box()
        assert whole is not None
        tab.touchscreen.tap(whole["x"] + 0.51 * whole["width"], whole["y"] + 0.49 * whole["height"])
        expect(tab.locator(".verify .where")).to_contain_text("Point 41 of 81")
        tab.locator(".verify .coral").tap()
        expect(tab.locator(".verify .where")).to_contain_text("Point 42 of 81: no answer yet. 2 answered.")
        tab.screenshot(path=artifacts / "verify-tablet.png")


def test_a_sample_is_drawn_and_gone_through_by_keys(tab: Page, seeded_page: ServedPage) -> None:
    tab.goto(f"{seeded_page.url}/verify?island=Mo%27orea&year=2006&by=Alice")
    settle(tab)
    tab.get_by_role("spinbutton", name="Points on each photograph").fill("16")
    with drawn_anew(tab):
        tab.get_by_role("spinbutton", name="Points on each photograph").press("Enter")
    tab.get_by_role("button", name="Draw the photographs").press("Enter")
    tab.get_by_text("16 points each, staggered rows").wait_for(timeout=30_000)
    tab.get_by_role("link", name="Verify the next photograph").press("Enter")
    expect(tab.locator(".verify .coral")).to_be_enabled(timeout=30_000)
    first = tab.locator("[data-testid=stMain] h3").first.inner_text()
    assert tab.get_by_text("A person picked").count() == 0
    press(tab, "c" * 16)
    finish(tab)
    expect(tab.get_by_role("button", name="Next photograph")).to_be_focused(timeout=30_000)
    tab.keyboard.press("Enter")
    expect(tab.locator(".verify .where")).to_contain_text("Point 1 of 16: no answer yet. 0 answered.", timeout=30_000)
    assert tab.locator("[data-testid=stMain] h3").first.inner_text() != first
    tab.get_by_role("link", name=re.compile("All of Mo'orea 2006")).click()
    tab.get_by_text(re.compile("1 of [0-9]+ photographs verified")).wait_for(timeout=30_000)
