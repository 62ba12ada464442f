"""The one endpoint: Lambda invocations go to the pools, everything else to moto, and S3 writes also to disk."""

from __future__ import annotations

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

from local.journal import Journal
from local.moto_gaps import events
from local.persistence import ObjectMirror
from local.rie import FunctionPool, Invocation, ThrottledError
from reefsteps.errors import DiskFullError
from reefsteps.machine_faults import DISK_FULL_CODE, named_machine_faults

_LOG = logging.getLogger(__name__)
_INVOKE = re.compile(r"^/2015-03-31/functions/([^/]+)/invocations/?$")
_WRITES = frozenset({"PUT", "POST", "DELETE"})
_ASYNC_ATTEMPTS = 3  # Lambda: two retries of an asynchronous invocation
_DELIVERIES = 8
_THROTTLED_PAUSE_S = 0.5

StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


class Gateway:
    """A WSGI application in front of moto's; moto's Step Functions calls Lambda on the same port."""

    def __init__(self, moto: Application, mirror: ObjectMirror, journal: Journal, account: str, region: str) -> None:
        self._moto, self._mirror, self._journal = moto, mirror, journal
        self._account, self._region = account, region
        self._pools: dict[str, FunctionPool] = {}
        self._deliveries = ThreadPoolExecutor(max_workers=_DELIVERIES, thread_name_prefix="events")
        events.invoke_functions_with(self._invoke_for_event)

    def add(self, pool: FunctionPool) -> None:
        """Serve a function under its name."""
        self._pools[pool.spec.name] = pool

    def stop(self) -> None:
        """End the pools; events that were not delivered stay in the journal."""
        self._deliveries.shutdown(wait=False, cancel_futures=True)
        for pool in self._pools.values():
            pool.stop()

    def redeliver(self) -> int:
        """Send the events that an earlier life of the stack left undelivered; returns how many."""
        waiting = self._journal.events()
        for event in waiting:
            self._deliveries.submit(self._deliver, event)
        return len(waiting)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        invocation = _INVOKE.match(environ["PATH_INFO"])
        if invocation and environ["REQUEST_METHOD"] == "POST":
            return self._invoke(invocation[1], environ, start_response)
        if environ["REQUEST_METHOD"] not in _WRITES:
            return self._moto(environ, start_response)
        return self._write(environ, start_response)

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
    """Answer as S3 would, with a status that boto3 does not repeat: room is made by people, not by waiting."""
    body = f"<Error><Code>{DISK_FULL_CODE}</Code><Message>The disk of the local stack is full.</Message></Error>"
    start_response(
        "507 Insufficient Storage", [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))]
    )
    return [body.encode()]


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
