"""Signing in and out in a browser, at a sign-in service that refuses what Cognito refuses."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from streamlit.auth_util import build_logout_url

from frontend import serve
from frontend.provider import with_logout
from reefsteps.settings import Environment
from tests.e2e.fake_cognito import CLIENT_ID, CLIENT_SECRET, EMAIL, Cognito, cognito
from tests.support import page_world
from tests.support.page_server import REPOSITORY, ServedPage, _process, _until_answers
from tests.support.ports import reserved_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def service() -> Iterator[Cognito]:
    with cognito() as running:
        yield running


@pytest.fixture
def guarded_page(seeded_page: ServedPage, service: Cognito, tmp_path: Path) -> Iterator[str]:
    """The page as its container starts it, over the seeded world, at this service."""
    port = reserved_port()
    url = f"http://127.0.0.1:{port}"
    service.callback_urls, service.logout_urls = [f"{url}/oauth2callback"], [url]
    sign_in = {
        "AUTH_MODE": "oidc",
        "PUBLIC_URL": url,
        "OIDC_CLIENT_ID": CLIENT_ID,
        "OIDC_CLIENT_SECRET": CLIENT_SECRET,
        "OIDC_METADATA_URL": service.metadata_url,
        "OIDC_LOGOUT_URL": f"{service.url}/logout",
        "COOKIE_SECRET": "a-cookie-secret-of-48-letters-that-nobody-knows",
    }
    secrets = tmp_path / "secrets.toml"
    secrets.write_text(serve.oidc_secrets(Environment(sign_in), port))
    endpoint = seeded_page.s3.meta.endpoint_url
    world = page_world.environment(seeded_page.pipeline_arn, tmp_path / "none.sqlite", endpoint)
    search = os.pathsep.join(str(path) for path in (REPOSITORY / "functions", REPOSITORY))
    environment = {**os.environ, **page_world.CREDENTIALS, **world, **sign_in, "PYTHONPATH": search}
    with _process(serve.command("127.0.0.1", port, secrets), environment, tmp_path / "page.log"):
        _until_answers(f"{url}/_stcore/health")
        yield url


def test_who_signs_out_is_signed_out_at_the_service_too(browser: Browser, guarded_page: str, service: Cognito) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(guarded_page)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign in as Ana").click()
    page.get_by_text(f"Signed in as {EMAIL}").wait_for()
    assert len(service.sessions) == 1

    page.get_by_role("button", name="Sign out").click()
    page.get_by_text("You are not signed in").wait_for()
    assert page.url.rstrip("/") == guarded_page
    assert (service.sessions, service.refused) == (set(), [])

    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign in as Ana").wait_for()  # asked again: no session was left
    context.close()


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def answer(url: str) -> tuple[int, str]:
    """Status and where it leads."""
    try:
        urllib.request.build_opener(NoRedirect).open(url, timeout=10)
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("Location", "")
    raise AssertionError("neither a redirection nor an error")


def test_cognitos_own_metadata_would_lead_to_its_error_page(service: Cognito) -> None:
    page = "https://reefs.example.org"
    service.callback_urls, service.logout_urls = [f"{page}/oauth2callback"], [page]
    own = service.metadata()
    served = with_logout(own, logout_url=f"{service.url}/logout", client_id=CLIENT_ID, public_url=page)
    assert {name: served[name] for name in own if name != "end_session_endpoint"} == {
        name: own[name] for name in own if name != "end_session_endpoint"
    }

    def streamlits(endpoint: str) -> str:
        return build_logout_url(endpoint, CLIENT_ID, f"{page}/oauth2callback", id_token="e30.e30.x")

    assert answer(streamlits(own["end_session_endpoint"])) == (400, "")
    assert answer(streamlits(served["end_session_endpoint"])) == (302, page)
    other = with_logout(own, logout_url=f"{service.url}/logout", client_id=CLIENT_ID, public_url=f"{page}/")
    assert answer(streamlits(other["end_session_endpoint"])) == (400, "")  # Cognito compares letter by letter
