"""The kinds of fault: what each does to a call of S3 or of the database that a step makes, while it lasts.

A fault hits the calls of steps only, never those of people. It lasts for a number of calls, so that every drill ends.
"""

from __future__ import annotations

import errno
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pymysql
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from sqlalchemy.exc import OperationalError

from reefsteps.errors import ModelNotReadyError, UnsupportedModelError


class KilledError(BaseException):
    """The process of a step is gone; nothing in it may catch this. Lambda reports Runtime.ExitError."""


class StoppedError(BaseException):
    """The whole local stack is gone; what was under way starts again under its own name at the next start."""


WRITES = ("put", "copy", "delete")


@dataclass(frozen=True)
class Moment:
    """One call that a step makes: of `s3` or the `database` (or of the `model`), before, amid or after it."""

    where: str
    call: str  # put, copy, delete, look; write, read; detector
    when: str  # before: nothing happened; amid: the transaction is rolled back; after: it happened, the answer is lost


Hit = Callable[[Moment, random.Random], BaseException | None]


@dataclass
class Fault:
    """One kind: `hit` says what a call meets, `delivery` what befalls S3's events, `stack` how often all is stopped."""

    name: str
    hit: Hit = lambda _moment, _random: None
    lasts_calls: int = 25
    most_hits: int = 100
    delivery: str = "once"
    stops: int = 0
    slow_turns: int = 0
    acts: tuple[str, ...] = ()  # what people do beside uploading; none: anything
    injected: int = field(default=0, compare=False)


def _killed(when: str, calls: tuple[str, ...] = WRITES, share: float = 0.4) -> Hit:
    def hit(moment: Moment, rng: random.Random) -> BaseException | None:
        matches = moment.when == when and (moment.call in calls or (moment.where == "database" and "write" in calls))
        return KilledError(f"{when} {moment.call}") if matches and rng.random() < share else None

    return hit


def _s3(error: Callable[[], BaseException], share: float, when: str = "before") -> Hit:
    def hit(moment: Moment, rng: random.Random) -> BaseException | None:
        return error() if moment.where == "s3" and moment.when == when and rng.random() < share else None

    return hit


def _database(code: int, text: str, when: str = "before", share: float = 0.7) -> Hit:
    def hit(moment: Moment, rng: random.Random) -> BaseException | None:
        if moment.where != "database" or moment.when != when or rng.random() >= share:
            return None
        return OperationalError("statement", {}, pymysql.err.OperationalError(code, text))

    return hit


def _model(error: BaseException, share: float = 0.8) -> Hit:
    def hit(moment: Moment, rng: random.Random) -> BaseException | None:
        return error if moment.where == "model" and rng.random() < share else None

    return hit


def _disk_full(moment: Moment, rng: random.Random) -> BaseException | None:
    full = moment.call in ("put", "detector") and moment.when == "before" and rng.random() < 0.4
    return OSError(errno.ENOSPC, "No space left on device") if full else None


def _answer(code: str) -> Callable[[], BaseException]:
    return lambda: ClientError({"Error": {"Code": code, "Message": code}}, "S3")


def kinds() -> list[Fault]:
    """Return every kind of fault, each afresh."""
    every = ("write",)
    return [
        Fault("killed before a write", _killed("before")),
        Fault("killed during a transaction", _killed("amid", every), lasts_calls=300),
        Fault("killed after a write", _killed("after")),
        Fault("killed after a commit", _killed("after", every), lasts_calls=300),
        Fault("timed out", _killed("before", ("look", "detector"), 0.15)),
        Fault("S3 throttles for a minute", _s3(_answer("SlowDown"), 0.9), lasts_calls=40),
        Fault("S3 fails", _s3(_answer("InternalError"), 0.3), lasts_calls=60),
        Fault("S3 fails after it wrote", _s3(_answer("InternalError"), 0.3, "after"), lasts_calls=60),
        Fault("S3 slow", slow_turns=6),
        Fault("S3 out of reach", _s3(lambda: EndpointConnectionError(endpoint_url="s3"), 0.9), lasts_calls=20),
        Fault("S3 answers too late", _s3(lambda: ReadTimeoutError(endpoint_url="s3"), 0.3, "after"), lasts_calls=60),
        Fault("database stopped", _database(2003, "Can't connect"), lasts_calls=60),
        Fault("database killed in a transaction", _database(2013, "Lost connection", "amid"), lasts_calls=60),
        Fault(
            "database frozen: the answer to a commit is lost", _database(2013, "timed out", "after"), lasts_calls=200
        ),
        Fault("database read-only", _database(1290, "running with the --read-only option"), lasts_calls=60),
        Fault("database full", _database(1114, "The table is full", "amid"), lasts_calls=60),
        Fault("database out of connections", _database(1040, "Too many connections"), lasts_calls=60),
        Fault("user out of connections", _database(1226, "max_user_connections"), lasts_calls=60),
        Fault("events twice", delivery="twice"),
        Fault("events lost, then redelivered", delivery="redelivered"),
        Fault("events out of order", delivery="late"),
        Fault("disk full", _disk_full, lasts_calls=60),
        Fault("model deleted and put back", _model(ModelNotReadyError("There is no model."))),
        Fault("model corrupt, then put back", _model(UnsupportedModelError("The model is damaged."))),
        Fault("stack stopped by force", stops=1),
        Fault("stack stopped by force while it starts", stops=3),
        Fault("deletions and re-uploads", acts=("upload", "delete", "delete_version")),
        Fault("names changed under way", _killed("after"), acts=("upload", "relabel", "delete")),
    ]
