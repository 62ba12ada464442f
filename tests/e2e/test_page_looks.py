"""Every page in a real browser: laptop and phone, light and dark, without faults of accessibility."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

    from tests.support.page_server import ServedPage

ADDRESSES = {
    "overview": "",
    "upload": "upload",
    "runs": "runs",
    "gallery": "gallery?island=Takapoto",
    "quadrat": "quadrat?island=Takapoto&year=2008&location=2",
    "coverage": "coverage",
    "coverage-same-quadrats": "coverage?show=Same+quadrats",
    "coverage-sizes": "coverage?show=Colony+sizes",
    "coverage-export": "coverage?show=Export",
    "corners": "corners?island=Takapoto&year=2010&location=50",
    "delete": "delete?key=2006-Takapoto-01.jpg",
    "help": "help",
}
LAPTOP: dict[str, Any] = {"viewport": {"width": 1366, "height": 768}}
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


_AXE = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations.map(finding => ({
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


@pytest.mark.parametrize("name", ADDRESSES)
@pytest.mark.parametrize(("scheme", "device"), [("light", LAPTOP), ("dark", PHONE)], ids=["laptop-light", "phone-dark"])
def test_page_draws_and_is_accessible(
    browser: Browser, seeded_page: ServedPage, artifacts: Path, axe: str, name: str, scheme: Any, device: dict[str, Any]
) -> None:
    with browser.new_context(color_scheme=scheme, **device) as context:
        page = context.new_page()
        page.goto(f"{seeded_page.url}/{ADDRESSES[name]}")
        settle(page)
        page.wait_for_timeout(700)
        page.screenshot(path=artifacts / f"{name}-{scheme}.png", full_page=False)
        height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        page.set_viewport_size({"width": device["viewport"]["width"], "height": min(3000, height + 60)})
        page.wait_for_timeout(500)
        page.screenshot(path=artifacts / f"{name}-{scheme}-whole.png")
        assert page.locator("[data-testid=stException]").count() == 0
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 0, "the page scrolls sideways"
        page.evaluate(axe)
        serious = [finding for finding in page.evaluate(_AXE) if finding["impact"] in ("serious", "critical")]
        assert not serious, "\n".join(str(finding) for finding in serious)
