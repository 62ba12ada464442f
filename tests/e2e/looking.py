"""Waiting until a page stands still, and what is looked at on every page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


ADDRESSES = {
    "overview": "",
    "upload": "upload",
    "runs": "runs",
    "gallery": "gallery?island=Takapoto",
    "quadrat": "quadrat?island=Takapoto&year=2008&location=2",
    "coverage": "coverage",
    "coverage-checked": "coverage?show=Checked+by+people",
    "coverage-same-quadrats": "coverage?show=Same+quadrats",
    "coverage-sizes": "coverage?show=Colony+sizes",
    "coverage-export": "coverage?show=Export",
    "verify": "verify?island=Takapoto&year=2008&by=Alice",
    "verify-points": "verify?island=Takapoto&year=2008&location=2&by=Looker",
    "corners": "corners?island=Takapoto&year=2010&location=50",
    "delete": "delete?key=2006-Takapoto-01.jpg",
    "help": "help",
    "help-intervals": "help?show=How+sure+is+a+number%3F",
}


PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


_AXE = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations.map(finding => ({
  id: finding.id, impact: finding.impact,
  nodes: finding.nodes.map(node => node.target.join(' ') + ' | ' + node.html.slice(0, 120) + ' | ' +
    node.any.map(check => check.message).join('; ').slice(0, 160)),
}))"""


# While a script runs, Streamlit keeps the elements of the run before, marked as stale, beside the new ones. A label can
# then stand for two elements. A click on one that is about to go is lost.
_STANDS_STILL = """() => {
  const app = document.querySelector('[data-testid=stApp]');
  return app && app.dataset.testScriptState === 'notRunning' && document.querySelector('h1')
    && !document.querySelector('[data-stale=true], [data-testid=stStatusWidget]');
}"""

# A script that ends within one animation frame is never seen running: the wait is over after 5 s in any case.
_WATCH_FOR_A_RUN = """() => {
  const app = document.querySelector('[data-testid=stApp]');
  window.hasBegun = new Promise(begun => {
    new MutationObserver(() => app.dataset.testScriptState === 'running' && begun()).observe(app, {attributes: true});
    setTimeout(begun, 5_000);
  });
}"""


def stand_still(page: Page) -> None:
    """Wait until Streamlit has drawn the page: no script runs, and nothing of an earlier run is left."""
    page.wait_for_function(_STANDS_STILL, timeout=30_000)


def settle(page: Page) -> None:
    """Wait until Streamlit has drawn the page and pictures are there."""
    stand_still(page)
    page.wait_for_load_state("networkidle")


def serious_faults(page: Page) -> list[Any]:
    """Return the serious faults of accessibility, of a page that axe-core has been loaded into.

    A page such as Runs draws itself anew every few seconds, and what it replaces is pale for a moment. So only what is
    found three times in a row is a fault.
    """
    faults: list[Any] = []
    for _ in range(3):
        stand_still(page)
        faults = [finding for finding in page.evaluate(_AXE) if finding["impact"] in ("serious", "critical")]
        if not faults:
            break
    return faults


@contextmanager
def drawn_anew(page: Page) -> Iterator[None]:
    """Wait after an action, such as a typed value or a choice, until the script that it starts has begun and ended.

    Just after the action the page still stands still, so ``stand_still`` alone would return too early.
    """
    page.evaluate(_WATCH_FOR_A_RUN)
    yield
    page.evaluate("window.hasBegun")
    stand_still(page)


def loaded_width(picture: Locator) -> int:
    """Return how many pixels wide a picture is, once the browser has it; 0 when it has not come within 20 s."""
    wait = """async image => {
        for (let tries = 0; tries < 200 && !(image.complete && image.naturalWidth); tries++)
            await new Promise(next => setTimeout(next, 100));
        return image.naturalWidth;
    }"""
    return int(picture.evaluate(wait))
