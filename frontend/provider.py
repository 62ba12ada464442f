"""The sign-in service's OIDC metadata, as Streamlit has to read it so that signing out ends the service's session too.

Streamlit 1.67 leads who signs out to the metadata's `end_session_endpoint` with the parameters of OpenID Connect
(`client_id`, `post_logout_redirect_uri`). Cognito wants `logout_uri` instead: without it Cognito answers with an error
page, and its session lives on. Streamlit keeps parameters that the endpoint has already, so they are put there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx

PATH = "/sign-in/openid-configuration"
_TIMEOUT_S = 10.0


def with_logout(metadata: Mapping[str, Any], *, logout_url: str, client_id: str, public_url: str) -> dict[str, Any]:
    """Return the metadata with an endpoint that ends Cognito's session and comes back to the page."""
    query = urlencode({"client_id": client_id, "logout_uri": public_url})
    return {**metadata, "end_session_endpoint": f"{logout_url}?{query}"}


class Metadata:
    """The service's metadata, asked for once it is needed and then kept."""

    def __init__(self, metadata_url: str, *, logout_url: str, client_id: str, public_url: str) -> None:
        """Ask at ``metadata_url``; the rest goes into the endpoint for signing out."""
        self._metadata_url = metadata_url
        self._logout = {"logout_url": logout_url, "client_id": client_id, "public_url": public_url}
        self._kept: dict[str, Any] | None = None

    async def read(self) -> dict[str, Any]:
        """Return the metadata; raises httpx.HTTPError while the service does not answer."""
        if self._kept is None:
            async with httpx.AsyncClient(timeout=_TIMEOUT_S) as client:
                answer = await client.get(self._metadata_url)
            self._kept = with_logout(answer.raise_for_status().json(), **self._logout)
        return self._kept
