"""The page with 2,000 surveys, all verified with 100 points: seconds to each first view, memory while files are sent.

Run by ``make bench`` or ``python -m tests.benchmarks.bench_frontend``; needs Debian's Chromium. The bars:
every first view under 2 s; memory grows by less than 50 MB. Seconds are from the request of the address to a page that
is drawn and at rest, in a browser context that has never seen it; the page has been asked for Help a few
seconds before, as a running service has been asked for something. Before each first view a run has ended, so that the
page reads the database anew. ``--without-points`` leaves the points out, for comparison.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from reefsteps.surveys import SurveyKey
from tests.e2e.conftest import _FLAGS
from tests.e2e.looking import ADDRESSES
from tests.support import page_world
from tests.support.page_server import ServedPage, served_page

ISLANDS = ("Takapoto", "Mo'orea", "Huahiné", "Bora-Bora", "Nuku Hiva")
YEARS = tuple(range(2004, 2024))
POSITIONS = 22  # with one gap in ten: about 2,000 results
WARM_UP_S = 5
POINTS = 100  # of each photograph
RUNS_KEPT_S = 3  # as long as the page keeps its list of runs
OBJECTS_OF = 800  # surveys with pictures; ten objects each


def main() -> None:
    """Print the tables."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--photos", type=int, default=200, help="photographs of 8 MB to send (0 leaves that part out)")
    options.add_argument("--files", type=int, default=2000, help="small files to choose at once and send (0: none)")
    options.add_argument("--without-points", action="store_true", help="nobody has verified anything")
    given = options.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        raise SystemExit("Chromium is missing: apt-get install chromium")
    with (
        tempfile.TemporaryDirectory() as folder,
        served_page(Path(folder), partial(_fill, with_points=not given.without_points)) as served,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=list(_FLAGS))
        _first_views(browser, served)
        if given.photos:
            _upload(browser, served, Path(folder), given.photos)
        if given.files:
            _many_files(browser, served, Path(folder), given.files)
        browser.close()


def _fill(served: ServedPage, with_points: bool) -> None:
    quadrats = list(page_world.several_surveys(ISLANDS, YEARS, POSITIONS))
    page_world.write_results(served.database, quadrats)
    points = page_world.write_points(served.database, POINTS) if with_points else 0
    surveys = [q.survey for q in quadrats[:OBJECTS_OF]]
    page_world.write_pictures(served.s3, surveys)
    page_world.write_pictures(served.s3, [SurveyKey(2010, "Takapoto", 50)], derived=False)
    page_world.write_runs(served.step_functions, served.pipeline_arn)
    print(f"{len(quadrats):,} results, {points:,} points, {10 * len(surveys):,} objects")


def _first_views(browser: Browser, served: ServedPage) -> None:
    _first_view(browser, f"{served.url}/help")
    time.sleep(WARM_UP_S)
    print(f"\nload of this machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"{'page':<12}{'first view (s)':>16}{'again (s)':>12}{'its CPU time (s)':>18}")
    for number, (name, address) in enumerate(ADDRESSES.items()):
        _forget(served, number)
        before = _cpu_s(served.process_id)
        first = _first_view(browser, f"{served.url}/{address}")
        used = _cpu_s(served.process_id) - before
        again = _first_view(browser, f"{served.url}/{address}")
        print(f"{name:<12}{first:>16.2f}{again:>12.2f}{used:>18.2f}{'' if first < 2 else '   over 2 s'}")


def _forget(served: ServedPage, number: int) -> None:
    """Let a run end, whereupon the page drops what it has kept of the database, and wait until it can know of it."""
    name = f"2006-Takapoto-01-jpg-run-{number}"
    page_world.start(served.step_functions, served.pipeline_arn, name, bucket="test-raw", key="2006-Takapoto-01.jpg")
    time.sleep(RUNS_KEPT_S + 1)


def _first_view(browser: Browser, url: str) -> float:
    with browser.new_context(viewport={"width": 1366, "height": 768}) as context:
        page = context.new_page()
        started = time.monotonic()
        page.goto(url)
        _at_rest(page)
        return time.monotonic() - started


def _at_rest(page: Page) -> None:
    page.wait_for_selector("h1", timeout=60_000)
    page.wait_for_function("() => document.querySelector('[data-test-script-state=notRunning]')", timeout=60_000)


def _upload(browser: Browser, served: ServedPage, folder: Path, photos: int) -> None:
    original, sent = folder / "original.jpg", folder / "photos"
    page_world.draw_quadrat(1, (600, 450)).save(original)
    with original.open("ab") as file:
        file.write(os.urandom(8 * 1000 * 1000))
    sent.mkdir()
    for number in range(1, photos + 1):
        os.link(original, sent / f"2025-Raiatea-{number:03d}.jpg")
    _send(browser, served, sent, "photographs of 8 MB")


def _many_files(browser: Browser, served: ServedPage, folder: Path, files: int) -> None:
    drawn, sent = folder / "small.jpg", folder / "files"
    page_world.draw_quadrat(1, (60, 45)).save(drawn)
    sent.mkdir()
    for number in range(files):
        year, position = 2001 + number // 100, 1 + number % 100
        os.link(drawn, sent / f"{year}-Rurutu-{position:03d}.jpg")
    _send(browser, served, sent, "small files, a hundred for each year")


def _send(browser: Browser, served: ServedPage, folder: Path, what: str) -> None:
    files = sorted(folder.iterdir())
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{served.url}/upload")
        _at_rest(page)
        before, heap_before, cpu_before = _resident_mb(served.process_id), _heap_mb(page), _cpu_s(served.process_id)
        started = time.monotonic()
        page.locator("input.file-input").set_input_files(files)
        send = page.get_by_role("button", name=re.compile(f"Send {len(files):,} photographs"))
        send.wait_for(timeout=120_000)
        planned, highest = time.monotonic() - started, _resident_mb(served.process_id)
        send.click()
        started = time.monotonic()
        done: Any = page.get_by_text(f"{len(files)} of {len(files)} photographs have arrived")
        while not done.is_visible():
            highest = max(highest, _resident_mb(served.process_id))
            page.wait_for_timeout(200)
        seconds = time.monotonic() - started
        page.wait_for_timeout(3000)
        highest = max(highest, _resident_mb(served.process_id))
        used, heap = _cpu_s(served.process_id) - cpu_before, _heap_mb(page) - heap_before
    rate = sum(file.stat().st_size for file in files) / 1e6 / seconds
    print(f"\n{len(files):,} {what}: table after {planned:.1f} s, sent in {seconds:.0f} s ({rate:.1f} MB/s)")
    print(f"page's process: {before:.0f} MB before, {highest - before:+.0f} MB at most, {used:.1f} s CPU time")
    print(f"browser's heap: {heap:+.0f} MB")


def _heap_mb(page: Page) -> float:
    return float(page.evaluate("performance.memory.usedJSHeapSize / 1e6"))


def _cpu_s(process_id: int) -> float:
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mb(process_id: int) -> float:
    status = Path(f"/proc/{process_id}/status").read_text()
    match = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert match is not None
    return int(match[1]) / 1024


if __name__ == "__main__":
    main()
