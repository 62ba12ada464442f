"""Every page in a real browser: laptop and phone, light and dark, without faults of accessibility."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.looking import ADDRESSES, PHONE, serious_faults, settle

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.support.page_server import ServedPage

LAPTOP: dict[str, Any] = {"viewport": {"width": 1366, "height": 768}}


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
        serious = serious_faults(page)
        assert not serious, "\n".join(str(finding) for finding in serious)
