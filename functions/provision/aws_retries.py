"""Retry AWS calls that fail only because something is still starting: a paused database, a new role, a dropped
connection.

AWS's clients would retry by themselves for minutes, and nobody would see it. Here each call is tried once, for a
limited time, and the caller knows until when.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

Answer = TypeVar("Answer")

CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 50  # the Data API itself ends a call after 45 s
WAIT_S = 5.0
ONE_TRY = Config(
    connect_timeout=CONNECT_TIMEOUT_S,
    read_timeout=READ_TIMEOUT_S,
    retries={"mode": "standard", "total_max_attempts": 1},
)

# IAM propagates a new role's permissions within seconds, seldom minutes. A later denial is real.
_PERMISSIONS_SPREAD_S = 120.0
_DENIED = {"AccessDenied", "AccessDeniedException", "ForbiddenException", "UnauthorizedOperation"}
_PASSING = {
    "InternalError",
    "InternalServerErrorException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ServiceUnavailableError",
    "Throttling",
    "ThrottlingException",
}


def until_answered(
    call: Callable[[], Answer],
    deadline: Callable[[], bool],
    also_passing: Callable[[ClientError], bool] = lambda _error: False,
) -> Answer:
    """Return the call's answer; transient faults are retried until `deadline()`.

    Raises botocore's ClientError or BotoCoreError for what waiting cannot cure, or has not cured in time.
    """
    begun = time.monotonic()
    while True:
        try:
            return call()
        except ClientError as error:
            denied_yet = error.response["Error"]["Code"] in _DENIED and time.monotonic() - begun < _PERMISSIONS_SPREAD_S
            if deadline() or not (denied_yet or _passes(error) or also_passing(error)):
                raise
        except (ConnectionError, HTTPClientError):
            if deadline():
                raise
        time.sleep(WAIT_S)


def _passes(error: ClientError) -> bool:
    return error.response["Error"]["Code"] in _PASSING
