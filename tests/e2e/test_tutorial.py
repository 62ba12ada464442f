"""The tutorial, followed as printed: its commands and clicks. Its pictures are left in test-artifacts/tutorial.

They become the tutorial's own by: cp test-artifacts/tutorial/*.jpg docs/images/tutorial/
"""

from __future__ import annotations

import csv
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.conftest import REPOSITORY
from tests.e2e.looking import loaded_width
from tests.support.demo_models import stated_points

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TUTORIAL = (REPOSITORY / "docs/tutorial.md").read_text("utf-8")
PICTURES = REPOSITORY / "test-artifacts" / "tutorial"
COMMANDS = [line for block in re.findall(r"(?ms)^```\n(.*?)^```", TUTORIAL) for line in block.splitlines()]
START, DRAW, PROCESS = COMMANDS
FOLDER = "tutorial-photos"
START_TIMEOUT_S = 300
RUN_TIMEOUT_MS = 180_000
MEASURED = 11
CORNERS = ("Top left", "Top right", "Bottom right", "Bottom left")

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository's files, so that the reader's own stack is left alone."""
    folder = tmp_path_factory.mktemp("checkout")
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=REPOSITORY, check=True, capture_output=True).stdout.decode().split("\0")
    for name in filter(None, names):
        if (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name)
    (folder / ".venv").symlink_to(REPOSITORY / ".venv")
    return folder


@pytest.fixture(scope="module")
def page_address(checkout: Path, chromium: str) -> Iterator[str]:
    """The page that the tutorial's first command starts."""
    log = checkout / "up.log"
    with log.open("wb") as output:  # the environment is there already, so make must not install it again
        command = [*shlex.split(START), "-o", ".venv/.local"]
        process = subprocess.Popen(command, cwd=checkout, stdout=output, stderr=output, start_new_session=True)
    try:
        ends = time.monotonic() + START_TIMEOUT_S
        while "Ready" not in log.read_text() and process.poll() is None and time.monotonic() < ends:
            time.sleep(0.5)
        found = re.search(r"Page +(\S+)", log.read_text())
        assert found, log.read_text()
        yield found[1]
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    """A tab as wide as the tutorial's pictures."""
    page = browser.new_page(viewport={"width": 1200, "height": 860})
    page.set_default_timeout(60_000)
    yield page
    page.close()


def test_from_the_first_photograph_to_the_first_trend(checkout: Path, page_address: str, tab: Page) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    _run(checkout, DRAW)
    with (checkout / FOLDER / "truth.csv").open(newline="") as file:
        truth = {row["file"]: row for row in csv.DictReader(file)}

    tab.goto(page_address)
    _menu(tab, "Upload")
    first = "2006-Takapoto-01.jpg"
    tab.locator("input[type=file]").first.set_input_files(checkout / FOLDER / first)
    send = tab.get_by_role("button", name="Send 1 photograph")
    send.scroll_into_view_if_needed()
    _picture(tab, "upload")
    send.click()
    tab.get_by_text("1 of 1 photographs have arrived").wait_for()
    _menu(tab, "Runs")
    tab.get_by_role("link", name="See the result").click(timeout=RUN_TIMEOUT_MS)
    tab.get_by_text("Coral cover").first.wait_for()
    loaded_width(tab.locator("[data-testid=stMain] img").first)
    _picture(tab, "quadrat")

    said = _run(checkout, PROCESS, allowed=(0, 1))
    assert f"{MEASURED} of {len(truth)} measured" in said
    assert "2008-Takapoto-01.jpg (2008-Takapoto-01.jpg) refused - QuadratNotFoundError" in said
    covers = _covers(checkout)
    assert len(covers) == MEASURED
    for name, cover in covers.items():
        assert abs(cover - float(truth[name]["cover_percent"])) < stated_points() + 1

    _menu(tab, "Coverage")
    tab.locator("[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg").first.wait_for()
    tab.wait_for_timeout(1_500)  # the chart fades in
    _picture(tab, "trend")

    _menu(tab, "Runs")
    tab.get_by_role("link", name="Fix corners").nth(1).click()  # the first one is the menu's
    _drag_corners(tab, truth["2008-Takapoto-01.jpg"])
    _picture(tab, "corners")
    tab.get_by_role("button", name="Use these corners").click()
    tab.get_by_role("button", name="Measure this crop").click()
    tab.get_by_text("The run has started from these corners").wait_for()
    _menu(tab, "Runs")
    tab.get_by_text("12 done").or_(tab.get_by_text("13 done")).wait_for(timeout=RUN_TIMEOUT_MS)


def _run(checkout: Path, command: str, *, allowed: tuple[int, ...] = (0,)) -> str:
    environment = {**os.environ, "COLUMNS": "200"}
    ended = subprocess.run(shlex.split(command), cwd=checkout, env=environment, capture_output=True, text=True)
    assert ended.returncode in allowed, ended.stdout + ended.stderr
    return ended.stdout


def _covers(checkout: Path) -> dict[str, float]:
    with (checkout / "demo-output/results.csv").open(newline="", encoding="utf-8-sig") as file:
        return {
            Path(row["photo"]).name: float(row["cover_percent"]) for row in csv.DictReader(file) if row["cover_percent"]
        }


def _menu(tab: Page, title: str) -> None:
    tab.locator("[data-testid=stSidebarNav]").get_by_role("link", name=re.compile(f"{title}$")).click()
    tab.get_by_role("heading", name=title, exact=True).wait_for()


def _drag_corners(tab: Page, truth: dict[str, str]) -> None:
    photo = tab.locator("img.photo")
    loaded_width(photo)
    tab.get_by_role("button", name=re.compile("Top left corner")).wait_for()
    photo.scroll_into_view_if_needed()
    width_px, height_px = photo.evaluate("image => [image.naturalWidth, image.naturalHeight]")
    for i, name in enumerate(CORNERS):
        shown = photo.bounding_box()
        handle = tab.get_by_role("button", name=re.compile(f"{name} corner")).bounding_box()
        assert shown and handle
        tab.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
        tab.mouse.down()
        x, y = float(truth[f"x{i}"]) / width_px, float(truth[f"y{i}"]) / height_px
        tab.mouse.move(shown["x"] + x * shown["width"], shown["y"] + y * shown["height"], steps=8)
        tab.mouse.up()


def _picture(tab: Page, name: str) -> None:
    tab.screenshot(path=PICTURES / f"{name}.jpg", type="jpeg", quality=85)
