"""The page over the whole local stack: real handlers, state machines and events, from sending to deleting."""

from __future__ import annotations

import dataclasses
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import pytest
from PIL import Image

from local.samples import MEASURED_NAME, MEASURED_SEED, SAMPLE_SEED, sample_config
from synthetic import generate
from tests.e2e.looking import drawn_anew, loaded_width, settle
from tests.support.ports import reserved_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

REPOSITORY = Path(__file__).parents[2]
START_TIMEOUT_S = 240
RUN_TIMEOUT_MS = 180_000


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[dict[str, Any]]:
    """A running local stack with its page; what it says of itself."""
    state = tmp_path_factory.mktemp("stack")
    command = [sys.executable, "-m", "local", "up", "--state", str(state), "--page-port", str(reserved_port())]
    with (state / "up.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=subprocess.STDOUT)
    try:
        info = state / "stack.json"
        ends = time.monotonic() + START_TIMEOUT_S
        while not info.is_file() and process.poll() is None and time.monotonic() < ends:
            time.sleep(0.5)
        assert info.is_file(), (state / "up.log").read_text()
        yield json.loads(info.read_text())
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two of the demo's photographs; the last one shows no quadrat."""
    folder = tmp_path_factory.mktemp("samples")
    without = dataclasses.replace(sample_config(), frame="none", strings=None, framing=None)
    drawn = {MEASURED_NAME: (MEASURED_SEED, sample_config()), "2010-Takapoto-01.jpg": (SAMPLE_SEED + 6, without)}
    for name, (seed, config) in drawn.items():
        cv2.imwrite(str(folder / name), generate(seed, config).image_bgr)
    return [folder / name for name in drawn]


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    with browser.new_context(viewport={"width": 1366, "height": 900}) as context:
        yield context.new_page()


def _card(tab: Page, photo: Path) -> Locator:
    """The newest run of a photograph in the list."""
    return tab.locator("[class*=st-key-run-]").filter(has_text=photo.name).first


def test_a_photograph_travels_from_the_browser_to_a_result_and_is_deleted_again(
    tab: Page, stack: dict[str, Any], samples: list[Path], artifacts: Path
) -> None:
    from playwright.sync_api import expect

    url, photo = stack["page_url"], next(path for path in samples if path.name == MEASURED_NAME)
    tab.goto(f"{url}/upload")
    settle(tab)
    tab.locator("input.file-input").set_input_files(photo)
    tab.get_by_role("button", name=re.compile("Send 1 photograph")).click()
    tab.get_by_text("1 of 1 photographs have arrived").wait_for(timeout=60_000)

    tab.goto(f"{url}/runs")
    settle(tab)
    result = _card(tab, photo).get_by_text("See the result")
    result.wait_for(timeout=RUN_TIMEOUT_MS)
    tab.screenshot(path=artifacts / "stack-runs.png", full_page=True)
    result.click()
    settle(tab)
    tab.get_by_text("Coral cover").first.wait_for(timeout=60_000)
    picture = tab.locator("img.under")
    picture.wait_for(timeout=30_000)
    assert loaded_width(picture) > 300
    tab.screenshot(path=artifacts / "stack-quadrat.png", full_page=True)

    tab.get_by_role("link", name="Delete").last.click()
    tab.get_by_text("What will be removed").wait_for(timeout=60_000)
    name = tab.get_by_label("Name of the photograph")
    expect(name).not_to_have_value("")  # the browser fills it in a moment later than the page
    key = name.input_value()
    tab.get_by_label("Confirmation").fill(key)
    with drawn_anew(tab):
        tab.get_by_label("Confirmation").press("Enter")
    tab.get_by_role("button", name="Delete now").click()
    tab.get_by_text("No result of these photographs is left in the database.").wait_for(timeout=90_000)
    assert tab.get_by_text("Still being removed").count() == 0
    assert tab.get_by_text("There is no photograph with this name").count() == 0
    tab.screenshot(path=artifacts / "stack-deleted.png", full_page=True)


def test_a_frame_that_is_not_found_is_set_by_hand_and_the_run_goes_on(
    tab: Page, stack: dict[str, Any], samples: list[Path], artifacts: Path
) -> None:
    url, photo = stack["page_url"], samples[-1]
    tab.goto(f"{url}/upload")
    settle(tab)
    tab.locator("input.file-input").set_input_files(photo)
    tab.get_by_role("button", name=re.compile("Send 1 photograph")).click()
    tab.get_by_text("1 of 1 photographs have arrived").wait_for(timeout=60_000)
    tab.goto(f"{url}/runs?status=Failed")
    settle(tab)
    card = _card(tab, photo)  # the list follows live; it also holds the runs of the other test
    card.get_by_text("No quadrat frame was found").wait_for(timeout=RUN_TIMEOUT_MS)
    card.get_by_role("link", name="Fix corners").click()
    tab.get_by_role("button", name=re.compile("Top left corner")).press("Shift+ArrowRight", timeout=60_000)
    _hide(tab, (0.3, 0.3), (0.7, 0.3), (0.7, 0.5), (0.3, 0.5))  # 0.4 x 0.2 of the picture
    tab.get_by_role("button", name="Use these corners").click()
    tab.screenshot(path=artifacts / "stack-straightened.png", full_page=True)
    tab.get_by_role("button", name="Measure this crop").click()
    tab.get_by_text("The run has started from these corners").wait_for(timeout=60_000)
    editor = tab.url
    tab.goto(f"{url}/runs?status=Done")
    settle(tab)
    _card(tab, photo).get_by_text("See the result").click(timeout=RUN_TIMEOUT_MS)
    settle(tab)
    tab.get_by_text("corners set by hand").first.wait_for(timeout=60_000)
    left_out = tab.get_by_text(re.compile("% left out")).inner_text()
    with Image.open(photo) as picture:
        width, height = picture.size
    # The share of the square that the editor begins with: 70 % of the photograph's shorter side.
    share = 100 * 0.4 * width * 0.2 * height / (0.7 * min(width, height)) ** 2
    assert abs(float(re.findall(r"[0-9.]+", left_out)[0]) - share) < 0.5
    tab.screenshot(path=artifacts / "stack-manual.png", full_page=True)
    quadrat = tab.url

    tab.goto(f"{url}/runs?status=Failed")
    tab.get_by_text(re.compile("No run has failed|of this page need")).first.wait_for(timeout=60_000)
    assert _card(tab, photo).count() == 0  # what was fixed is no longer listed as failed

    tab.goto(editor)
    settle(tab)
    tab.get_by_role("button", name="No quadrat here").click(timeout=60_000)
    tab.get_by_role("button", name="Record that there is no quadrat").click()
    tab.get_by_text("Recorded: this photograph shows no quadrat").wait_for(timeout=60_000)
    _until(tab, editor, "A person has said that this photograph shows no quadrat")
    _until(tab, quadrat, "There is no result for")
    tab.goto(editor)
    settle(tab)
    tab.get_by_role("button", name="It does: look for the quadrat again").click(timeout=60_000)
    tab.get_by_text("the quadrat is looked for again").wait_for(timeout=60_000)
    _until(tab, quadrat, "corners set by hand")  # they are still kept


def _hide(tab: Page, *points: tuple[float, float]) -> None:
    """Outline an area, as shares of the photograph's width and height."""
    tab.get_by_role("button", name="Hide a fin or slate").click()
    box = tab.locator(".stage .photo").bounding_box()
    assert box is not None
    for x, y in points:
        tab.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    tab.get_by_role("button", name="Close the outline").click()


def _until(tab: Page, address: str, text: str) -> None:
    """Open a page again and again until it says what a run has brought about."""
    ends = time.monotonic() + RUN_TIMEOUT_MS / 1000
    while time.monotonic() < ends:
        tab.goto(address)
        settle(tab)
        refresh = tab.get_by_role("button", name="Refresh")
        if refresh.count():
            refresh.first.click()
        tab.wait_for_timeout(1500)
        if tab.get_by_text(text).count():
            return
    raise AssertionError(f"{address} never said: {text}")
