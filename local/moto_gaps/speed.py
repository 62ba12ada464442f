"""Remember what moto 5.2.5 computes again for each request or execution although it never changes.

For each request moto lists its own folder and asks the file system about each of its 160 entries, under one lock. For
each execution it parses the state machine (50 ms). And the state machines' tasks ask the stack that they run in: that
needs no connection.
"""

from __future__ import annotations

import functools
import io
import sys
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from local.moto_gaps.distributed_map import readable
from local.moto_gaps.patching import replace

IN_PROCESS = "local.in_process"
"""In a request's environment: the stack itself asks. No header of HTTP can say so."""

_PROGRAMS = 64
_CHUNK_BYTES = 1 << 16

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def install() -> None:
    """Remember moto's list of services and the state machines that it has parsed."""
    from moto import backends
    from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

    services = tuple(backends.list_of_moto_modules())
    replace(backends, "list_of_moto_modules", lambda: services)

    def parse(definition: str) -> Any:
        # A program keeps nothing of an execution, but a Parallel state counts its branches in itself.
        return (parse_anew if '"Parallel"' in definition else parse_once)(readable(definition))

    parse_anew = replace(AmazonStateLanguageParser, "parse", staticmethod(parse)).__func__
    parse_once = functools.lru_cache(_PROGRAMS)(parse_anew)


def answer_in_process(client: Any, application: Application) -> Any:
    """Let a boto3 client ask `application` without a connection; returns the client."""

    def ask(request: Any, **_: Any) -> Any:
        from botocore.awsrequest import AWSResponse

        status, headers, body = _asked(application, request)
        return AWSResponse(request.url, status, headers, _Raw(body))  # type: ignore[arg-type]  # any mapping does

    client.meta.events.register("before-send", ask)
    return client


class _Raw(io.BytesIO):
    """An answer's body as botocore reads it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        while chunk := self.read(_CHUNK_BYTES):
            yield chunk


def _asked(application: Application, request: Any) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of the answer to a botocore request."""
    url = urllib.parse.urlsplit(request.url)
    body = request.body or b""
    content = body.encode() if isinstance(body, str) else bytes(body)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": urllib.parse.unquote(url.path, "latin-1"),
        "RAW_URI": request.url,
        "QUERY_STRING": url.query,
        "SERVER_NAME": url.hostname,
        "SERVER_PORT": str(url.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": url.netloc,
        "CONTENT_LENGTH": str(len(content)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": url.scheme,
        "wsgi.input": io.BytesIO(content),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        IN_PROCESS: True,
    }
    for name, value in request.headers.items():
        text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
        key = name.upper().replace("-", "_")
        environ["CONTENT_TYPE" if key == "CONTENT_TYPE" else f"HTTP_{key}"] = text
    answer: dict[str, Any] = {}

    def start_response(status: str, headers: list[tuple[str, str]], _failure: Any = None) -> None:
        answer.update(status=int(status.split()[0]), headers=dict(headers))

    chunks = application(environ, start_response)
    try:
        data = b"".join(chunks)
    finally:
        if hasattr(chunks, "close"):
            chunks.close()
    return answer["status"], answer["headers"], data
