"""Which photographs a backfill takes: the options that `make backfill` and ``python -m local backfill`` share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reefsteps import backfills
from reefsteps.errors import InvalidParameterError
from reefsteps.retries import Retry, RunHistory, parse_since, plan_retries
from reefsteps.steps import STEPS


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what chooses the photographs and the steps."""
    parser.add_argument("--prefix", default="", help="begin of the photographs' names; nothing takes all of them")
    parser.add_argument("--keys", type=Path, metavar="FILE", help="a text file with one photograph's name a line")
    parser.add_argument("--failed", metavar="ERROR", help="the photographs whose newest run failed with this error")
    parser.add_argument("--since", help="with --failed: only runs that began after this, as in 2026-05-01 or 3d")
    parser.add_argument(
        "--start-at", choices=STEPS, help="the first step; restoration, or with --failed the failed one"
    )
    parser.add_argument("--at-once", type=int, help="photographs at once; 5 unless this says otherwise")
    parser.add_argument("--yes", action="store_true", help="start without asking")


def check(options: argparse.Namespace) -> list[str]:
    """Return the listed names; raises InvalidParameterError for options that do not go together, OSError."""
    ways = [name for name in ("prefix", "keys", "failed") if getattr(options, name)]
    if len(ways) > 1:
        raise InvalidParameterError(f"{_all(ways)} say different photographs: give one of them.")
    if options.since and not options.failed:
        raise InvalidParameterError("--since (make: SINCE) goes with --failed (make: ERROR) alone.")
    if options.since:
        parse_since(options.since)
    if options.at_once is not None and options.at_once < 1:
        raise InvalidParameterError("--at-once is a number from 1 on.")
    if not options.keys:
        return []
    try:
        text = options.keys.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidParameterError(f"{options.keys} is no text in UTF-8: save it as such.") from error
    listed = [line.strip() for line in text.splitlines() if line.strip()]
    if not listed:
        raise InvalidParameterError(f"{options.keys} names no photograph.")
    return listed


def _all(ways: list[str]) -> str:
    return " and ".join(f"--{way}" for way in ways)


def chosen(options: argparse.Namespace, runs: Callable[[], RunHistory]) -> list[dict[str, Any]]:
    """Return the inputs that the options ask for; `runs` gives the pipeline's, and is asked only where they matter.

    Raises InvalidParameterError; OSError where the list cannot be read.
    """
    keys = check(options)
    retries: list[Retry] = []
    if options.failed:
        since = parse_since(options.since) if options.since else None
        retries = plan_retries(runs().runs(since), error=options.failed, since=since)
        if not retries:
            raise InvalidParameterError(f"No photograph's newest run failed with {options.failed}.")
    return backfills.inputs(
        prefix=options.prefix,
        keys=keys,
        retries=retries,
        start_at=options.start_at,
        max_concurrency=options.at_once,
    )


def described(given: list[dict[str, Any]]) -> str:
    """Return in one sentence what these inputs do."""
    listed = sum(len(one.get("keys", ())) for one in given)
    prefix = given[0].get("prefix")
    which = (
        f"{listed} photographs" if listed else f"every photograph named '{prefix}...'" if prefix else "all photographs"
    )
    return f"To be measured again: {which}, from {given[0].get('start_at', 'restoration or the failed step')} on."
