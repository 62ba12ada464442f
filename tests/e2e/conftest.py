"""A browser (Debian's Chromium) and the page in front of a seeded world."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from reefsteps.surveys import SurveyKey
from tests.support import page_world
from tests.support.one_at_a_time import one_at_a_time
from tests.support.page_server import ServedPage, served_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser

REPOSITORY = Path(__file__).parents[2]
ARTIFACTS = REPOSITORY / "test-artifacts" / "page"
NODE_PROJECT = Path(__file__).parent / "node"
NODE_CACHE = REPOSITORY / ".cache" / "page-node"
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Debian's Chromium, installed when it is missing and this is root on a Debian system."""
    found = shutil.which("chromium")
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        with one_at_a_time("apt"):
            for command in (["update", "-q"], ["install", "-qy", "--no-install-recommends", "chromium"]):
                subprocess.run(["apt-get", *command], check=False, capture_output=True)
        found = shutil.which("chromium")
    if found is None:
        pytest.skip("Chromium is missing: apt-get install chromium")
    return found


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    """The browser, one for the session; tests open their own contexts."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=list(_FLAGS))
        yield running
        running.close()


@pytest.fixture(scope="session")
def seeded_page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedPage]:
    """The page over a world with results, pictures and runs."""

    def fill(served: ServedPage) -> None:
        quadrats = list(page_world.several_surveys())
        page_world.write_results(served.database, quadrats)
        page_world.write_pictures(served.s3, [q.survey for q in quadrats])
        page_world.write_originals_of_runs(served.s3)
        waiting = SurveyKey(2010, "Takapoto", 50)  # newer than the original of its run
        page_world.write_pictures(served.s3, [waiting], derived=False)
        page_world.write_runs(served.step_functions, served.pipeline_arn)

    with served_page(tmp_path_factory.mktemp("page"), fill) as served:
        yield served


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core, installed from its lock file into the cache."""
    with one_at_a_time("npm"):
        return _installed_axe()


def _installed_axe() -> str:
    lock, installed = NODE_PROJECT / "package-lock.json", NODE_CACHE / "package-lock.json"
    script = NODE_CACHE / "node_modules" / "axe-core" / "axe.min.js"
    if not (script.is_file() and installed.is_file() and installed.read_text() == lock.read_text()):
        if shutil.which("npm") is None:
            pytest.skip("npm is not installed: axe-core cannot run")
        NODE_CACHE.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(NODE_PROJECT / name, NODE_CACHE / name)
        command = ["npm", "ci", "--silent", "--ignore-scripts", "--no-audit", "--no-fund"]
        try:
            subprocess.run(command, cwd=NODE_CACHE, check=True, timeout=180)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            pytest.skip(f"the npm registry cannot be reached: {error}")
    return script.read_text()


@pytest.fixture(scope="session")
def artifacts() -> Path:
    """The folder for screenshots."""
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    return ARTIFACTS
