"""The page as it runs in its container: ``app.py``, and the address at which Streamlit reads how to sign in and out."""

from __future__ import annotations

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from streamlit.starlette import App

from frontend.provider import PATH, Metadata
from frontend.settings import settings
from reefsteps.settings import Environment

_ENVIRONMENT = Environment()


def _metadata() -> Metadata:
    return Metadata(
        _ENVIRONMENT.text("OIDC_METADATA_URL"),
        logout_url=_ENVIRONMENT.text("OIDC_LOGOUT_URL"),
        client_id=_ENVIRONMENT.text("OIDC_CLIENT_ID"),
        public_url=_ENVIRONMENT.text("PUBLIC_URL").rstrip("/"),
    )


def _route(metadata: Metadata) -> Route:
    async def answer(_request: Request) -> JSONResponse:
        try:
            return JSONResponse(await metadata.read())
        except httpx.HTTPError as error:
            return JSONResponse({"error": f"The sign-in service does not answer: {error}"}, status_code=502)

    return Route(PATH, answer)


app = App("app.py", routes=[_route(_metadata())] if settings().auth_mode == "oidc" else [])
