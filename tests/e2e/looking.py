"""Waiting until a page stands still, and what is looked at on every page."""

from __future__ import annotations

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
    "corners": "corners?island=Takapoto&year=2010&location=50",
    "delete": "delete?key=2006-Takapoto-01.jpg",
    "help": "help",
    "help-intervals": "help?show=How+sure+is+a+number%3F",
}


PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


AXE = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations.map(finding => ({
  id: finding.id, impact: finding.impact,
  nodes: finding.nodes.map(node => node.target.join(' ') + ' | ' + node.html.slice(0, 120) + ' | ' +
    node.any.map(check => check.message).join('; ').slice(0, 160)),
}))"""


def settle(page: Page) -> None:
    """Wait until Streamlit has drawn the page and pictures are there."""
    page.wait_for_selector("h1", timeout=30_000)
    page.wait_for_function("() => !document.querySelector('[data-testid=stStatusWidget]')", timeout=30_000)
    page.wait_for_load_state("networkidle")


def loaded_width(picture: Locator) -> int:
    """Return how many pixels wide a picture is, once the browser has it; 0 when it has not come within 20 s."""
    wait = """async image => {
        for (let tries = 0; tries < 200 && !(image.complete && image.naturalWidth); tries++)
            await new Promise(next => setTimeout(next, 100));
        return image.naturalWidth;
    }"""
    return int(picture.evaluate(wait))
