"""The one endpoint: Lambda invocations go to the pools, everything else to moto, and S3 writes also to disk."""

from __future__ import annotations

import contextlib
import html
import json
import logging
import re
import threading
import time
import urllib.parse
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler

from local.journal import Journal
from local.lambda_emulator import FunctionPool, Invocation, ThrottledError
from local.moto_gaps import events
from local.moto_gaps.speed import IN_PROCESS
from local.persistence import ObjectMirror
from reefsteps.errors import DiskFullError
from reefsteps.machine_faults import DISK_FULL_CODE, named_machine_faults

_LOG = logging.getLogger(__name__)
_INVOKE = re.compile(r"^/2015-03-31/functions/([^/]+)/invocations/?$")
_WRITES = frozenset({"PUT", "POST", "DELETE"})
_ASYNC_ATTEMPTS = 3  # Lambda: two retries of an asynchronous invocation
_DELIVERIES = 8
_THROTTLED_PAUSE_S = 0.5
_KEY_LOCKS = 64

StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


class RequestHandler(MotoRequestHandler):
    """Ends a connection that says nothing for a while, such as one whose body is shorter than it promised."""

    timeout = 60.0


class Gateway:
    """A WSGI application in front of moto's; moto's Step Functions calls Lambda on the same port."""

    def __init__(
        self, moto: Application, mirror: ObjectMirror, journal: Journal, account: str, region: str, own_key: str
    ) -> None:
        self._moto, self._mirror, self._journal = moto, mirror, journal
        self._account, self._region = account, region
        self._own_key, self._is_open = own_key, False
        self._origins: frozenset[str] = frozenset()
        self._key_locks = [threading.Lock() for _ in range(_KEY_LOCKS)]
        self._table_lock = threading.Lock()
        self._pools: dict[str, FunctionPool] = {}
        self._deliveries = ThreadPoolExecutor(max_workers=_DELIVERIES, thread_name_prefix="events")
        events.invoke_functions_with(self._invoke_for_event)

    def add(self, pool: FunctionPool) -> None:
        """Serve a function under its name."""
        self._pools[pool.spec.name] = pool

    def open(self) -> None:
        """Answer everybody; until then only the stack itself and its workers are answered."""
        self._is_open = True

    def trust(self, page_url: str) -> None:
        """Let pages of this address change something from within a browser."""
        self._origins = frozenset({page_url, page_url.replace("127.0.0.1", "localhost")})

    def stop(self) -> None:
        """End the pools; events that were not delivered stay in the journal."""
        self._is_open = False
        self._deliveries.shutdown(wait=False, cancel_futures=True)
        for pool in self._pools.values():
            pool.stop()

    def announce(self, event: dict[str, Any]) -> None:
        """Send an event that is not kept: whoever waits for it also looks by itself."""
        with contextlib.suppress(RuntimeError):  # the stack stops
            self._deliveries.submit(events.deliver, event, self._account, self._region)

    def redeliver(self) -> int:
        """Send the events that an earlier life of the stack left undelivered; returns how many."""
        waiting = self._journal.events()
        for event in waiting:
            self._deliveries.submit(self._deliver, event)
        return len(waiting)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        refusal = self._refusal(environ)
        if refusal is not None:
            return _refuse_as_xml(start_response, *refusal)
        invocation = _INVOKE.match(environ["PATH_INFO"])
        if invocation and environ["REQUEST_METHOD"] == "POST":
            return self._invoke(invocation[1], environ, start_response)
        with self._key_lock(environ):
            if environ["REQUEST_METHOD"] not in _WRITES:
                return self._moto(environ, start_response)
            return self._write(environ, start_response)

    def _refusal(self, environ: dict[str, Any]) -> tuple[str, str, str] | None:
        """Return status, code and message for a request that is not to be answered."""
        if environ["PATH_INFO"].startswith("/moto-api") or environ.get("HTTP_HOST") == "moto_api":
            return "404 Not Found", "NoSuchAddress", "The local stack has no administrative addresses."
        # Any web page may send requests to this machine; a browser says which page did.
        origin = environ.get("HTTP_ORIGIN")
        if environ["REQUEST_METHOD"] in _WRITES and origin is not None and origin not in self._origins:
            return "403 Forbidden", "AccessDenied", f"Pages of {origin[:200]} may not change the local stack."
        if not self._is_open and not self._is_own(environ):
            return (
                "503 Service Unavailable",
                "ServiceUnavailable",
                "The local stack is starting or stopping: try again.",
            )
        return None

    def _is_own(self, environ: dict[str, Any]) -> bool:
        """Tell whether the stack or one of its workers asks; moto's state machines sign with a key of moto's own."""
        return IN_PROCESS in environ or f"Credential={self._own_key}/" in environ.get("HTTP_AUTHORIZATION", "")

    def _key_lock(self, environ: dict[str, Any]) -> contextlib.AbstractContextManager[Any]:
        """Return what keeps requests for one S3 object, or for DynamoDB, apart.

        moto checks If-Match and writes in two moves, and shows an object before it has its metadata. It carries an
        UpdateItem out part by part too, so that a condition may see one half of another update.
        """
        if environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB_"):
            return self._table_lock
        bucket, _, key = _path(environ).lstrip("/").partition("/")
        if not key or not self._mirror.is_bucket(bucket):
            return contextlib.nullcontext()
        return self._key_locks[hash((bucket, key)) % _KEY_LOCKS]

    # -- S3

    def _write(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Let moto answer, then write to disk, then send the events; the client hears of success after all that."""
        events.take_pending()
        bucket, _, key = _path(environ).lstrip("/").partition("/")
        answer = self._moto(environ, start_response)
        if bucket and self._mirror.is_bucket(bucket):
            try:
                with named_machine_faults():
                    self._mirror.sync(bucket, key or None)
            except DiskFullError as error:
                _LOG.error("%s", error)
                return _refuse_for_full_disk(start_response)
        for event in events.take_pending():
            self._journal.add_event(event)
            self._deliveries.submit(self._deliver, event)
        return answer

    def _deliver(self, event: dict[str, Any]) -> None:
        try:
            events.deliver(event, self._account, self._region)
            self._journal.remove_event(event["id"])
        except Exception:
            _LOG.exception("event %s stays in the journal", event["id"])

    # -- Lambda

    def _invoke(self, quoted_name: str, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        name = function_name(urllib.parse.unquote(quoted_name))
        pool = self._pools.get(name)
        if pool is None:
            return _refuse(start_response, "404 Not Found", "ResourceNotFoundException", f"Function not found: {name}")
        payload = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        kind = environ.get("HTTP_X_AMZ_INVOCATION_TYPE", "RequestResponse")
        if kind == "DryRun":
            start_response("204 No Content", [])
            return [b""]
        if kind == "Event":
            threading.Thread(target=self._invoke_patiently, args=(pool, payload), daemon=True).start()
            start_response("202 Accepted", [("Content-Length", "0")])
            return [b""]
        try:
            result = pool.invoke(payload)
        except ThrottledError:
            return _refuse(start_response, "429 Too Many Requests", "TooManyRequestsException", "Rate Exceeded.")
        return _answer(start_response, result)

    def _invoke_for_event(self, arn: str, payload: bytes) -> None:
        self._invoke_patiently(self._pools[function_name(arn)], payload)

    def _invoke_patiently(self, pool: FunctionPool, payload: bytes) -> None:
        """Invoke as Lambda does asynchronously: a throttle waits its turn, a failure is tried twice more."""
        failures = 0
        while failures < _ASYNC_ATTEMPTS:
            try:
                result = pool.invoke(payload)
            except ThrottledError:
                if pool.stopped:
                    return
                time.sleep(_THROTTLED_PAUSE_S)
                continue
            if not result.failed:
                return
            failures += 1
            _LOG.error("%s failed asynchronously: %s", pool.spec.name, result.payload.decode(errors="replace"))


def _refuse_for_full_disk(start_response: StartResponse) -> Iterable[bytes]:
    """Answer with a status that boto3 does not repeat: room is made by people, not by waiting."""
    message = "The disk of the local stack is full."
    return _refuse_as_xml(start_response, "507 Insufficient Storage", DISK_FULL_CODE, message)


def _refuse_as_xml(start_response: StartResponse, status: str, code: str, message: str) -> Iterable[bytes]:
    """Answer as S3 would."""
    text = html.escape(message)
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{text}</Message></Error>'.encode()
    headers = [("Content-Type", "application/xml"), ("Content-Length", str(len(body))), ("Connection", "close")]
    start_response(status, headers)
    return [body]


def function_name(reference: str) -> str:
    """Return the name in a function's ARN, partial ARN or name, with or without a qualifier."""
    if ":function:" in reference:
        reference = reference.split(":function:", 1)[1]
    return reference.split(":", 1)[0]


def _path(environ: dict[str, Any]) -> str:
    # WSGI hands the bytes of the path over as Latin-1 (PEP 3333).
    return str(environ["PATH_INFO"]).encode("latin-1").decode("utf-8", "replace")


def _answer(start_response: StartResponse, result: Invocation) -> Iterable[bytes]:
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(result.payload))),
        ("x-amzn-RequestId", result.request_id),
        ("X-Amz-Executed-Version", "$LATEST"),
    ]
    if result.failed:
        headers.append(("X-Amz-Function-Error", "Unhandled"))
    start_response("200 OK", headers)
    return [result.payload]


def _refuse(start_response: StartResponse, status: str, kind: str, message: str) -> Iterable[bytes]:
    body = json.dumps({"message": message, "Message": message, "Type": "User"}).encode()
    start_response(
        status,
        [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("x-amzn-ErrorType", kind),
            ("x-amzn-RequestId", str(uuid.uuid4())),
        ],
    )
    return [body]
