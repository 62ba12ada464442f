"""Which photographs a backfill takes: the options that `make backfill` and ``python -m local backfill`` share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from reefsteps import backfills
from reefsteps.errors import InvalidParameterError
from reefsteps.retries import parse_since, plan_retries
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


def chosen(options: argparse.Namespace, runs: Any) -> list[dict[str, Any]]:
    """Return the inputs that the options ask for; `runs` are the pipeline's. Raises InvalidParameterError."""
    keys = options.keys.read_text().splitlines() if options.keys else []
    retries = []
    if options.failed:
        since = parse_since(options.since) if options.since else None
        retries = plan_retries(runs.runs(since), error=options.failed, since=since)
        if not retries:
            raise InvalidParameterError(f"No photograph's newest run failed with {options.failed}.")
    return backfills.inputs(
        prefix=options.prefix,
        keys=[key.strip() for key in keys if key.strip()],
        retries=retries,
        start_at=options.start_at,
        max_concurrency=options.at_once,
    )


def described(given: list[dict[str, Any]]) -> str:
    """Return in one sentence what these inputs do."""
    listed = sum(len(one.get("keys", ())) for one in given)
    which = f"{listed} photographs" if listed else f"every photograph named '{given[0]['prefix']}...'"
    return f"To be measured again: {which}, from {given[0].get('start_at', 'restoration or the failed step')} on."
