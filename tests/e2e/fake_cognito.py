"""A sign-in service that answers, and refuses, as Cognito's does; one person, one client."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT_ID, CLIENT_SECRET, EMAIL = "client", "secret", "ana@example.org"


@dataclass
class Cognito:
    """The service: what is registered, and what is going on."""

    url: str
    callback_urls: list[str] = field(default_factory=list)
    logout_urls: list[str] = field(default_factory=list)
    sessions: set[str] = field(default_factory=set)
    codes: dict[str, str] = field(default_factory=dict)  # nonce by code
    refused: list[str] = field(default_factory=list)
    key: Any = field(default_factory=lambda: RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": "k"}))

    @property
    def metadata_url(self) -> str:
        """Where OIDC's metadata lies."""
        return f"{self.url}/.well-known/openid-configuration"

    def metadata(self) -> dict[str, Any]:
        """Cognito's own, with the endpoint that Streamlit's parameters do not fit."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/oauth2/authorize",
            "token_endpoint": f"{self.url}/oauth2/token",
            "jwks_uri": f"{self.url}/jwks.json",
            "end_session_endpoint": f"{self.url}/logout",
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def logout_fault(self, query: dict[str, str]) -> str | None:
        """Why Cognito answers /logout with its error page; None where it signs out.

        https://docs.aws.amazon.com/cognito/latest/developerguide/logout-endpoint.html
        """
        if query.get("client_id") != CLIENT_ID:
            return "Client does not exist"
        if "logout_uri" in query:
            return None if query["logout_uri"] in self.logout_urls else "Invalid request: logout_uri"
        if "redirect_uri" not in query:
            return "Required String parameter 'redirect_uri' is not present"
        return None if query["redirect_uri"] in self.callback_urls and "response_type" in query else "Invalid request"

    def token(self, code: str) -> dict[str, Any]:
        """The answer to a code; each can be used once."""
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT_ID, "sub": "1", "email": EMAIL, "nonce": self.codes.pop(code)}
        times = {"iat": now, "auth_time": now, "exp": now + 3600}
        signed = jwt.encode({"alg": "RS256", "kid": "k"}, claims | times, self.key)
        return {"id_token": signed, "access_token": "a", "token_type": "Bearer", "expires_in": 3600}


@contextmanager
def cognito() -> Iterator[Cognito]:
    """Run the service on 127.0.0.1."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.service = Cognito(f"http://127.0.0.1:{server.server_port}")  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.service  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()


class _Handler(BaseHTTPRequestHandler):
    @property
    def service(self) -> Cognito:
        return self.server.service  # type: ignore[attr-defined]

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        if path == "/.well-known/openid-configuration":
            self._json(self.service.metadata())
        elif path == "/jwks.json":
            self._json({"keys": [self.service.key.as_dict(private=False)]})
        elif path == "/oauth2/authorize":
            self._authorize(query)
        elif path == "/logout":
            self._logout(query)
        else:
            self._answer(404, "not here")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if urlsplit(self.path).path == "/oauth2/token":
            self._json(self.service.token(parse_qs(body)["code"][0]))
        else:  # the form of who signs in
            session = secrets.token_hex(8)
            self.service.sessions.add(session)
            query = urlsplit(self.path).query
            self._redirect(f"/oauth2/authorize?{query}", cookie=f"cognito={session}; Path=/; HttpOnly")

    def _authorize(self, query: dict[str, str]) -> None:
        if query.get("client_id") != CLIENT_ID or query.get("redirect_uri") not in self.service.callback_urls:
            self.service.refused.append(self.path)
            self._answer(400, "redirect_mismatch")
        elif self._session() is None:
            form = f'<form method="post" action="/login?{urlencode(query)}"><button>Sign in as Ana</button></form>'
            self._answer(200, f"<h1>Cognito</h1>{form}")
        else:
            code = secrets.token_hex(8)
            self.service.codes[code] = query.get("nonce", "")
            self._redirect(f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}")

    def _logout(self, query: dict[str, str]) -> None:
        fault = self.service.logout_fault(query)
        if fault:
            self.service.refused.append(self.path)
            self._answer(400, f"<h1>Error</h1>{fault}")
            return
        self.service.sessions.discard(self._session() or "")
        self._redirect(query["logout_uri"], cookie="cognito=; Path=/; Max-Age=0")

    def _session(self) -> str | None:
        pairs = (pair.strip().partition("=") for pair in self.headers.get("Cookie", "").split(";"))
        found = next((value for name, _, value in pairs if name == "cognito"), None)
        return found if found in self.service.sessions else None

    def _json(self, value: Any) -> None:
        self._answer(200, json.dumps(value), "application/json")

    def _redirect(self, where: str, cookie: str | None = None) -> None:
        self.send_response(302)
        self.send_header("Location", where)
        if cookie:
            self.send_header("Set-Cookie", cookie)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _answer(self, status: int, text: str, kind: str = "text/html") -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass
