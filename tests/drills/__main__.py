"""Drills: every kind of fault against the real steps, and what is left of each photograph (``make drill``).

The steps' handlers work on an S3 in memory and on SQLite, so that a fault can meet any single call of theirs. The
faults of a real stack (killed, stopped, its database gone) are tried by tests/integration/test_local_*.py.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

from reefsteps.database import Database
from tests.drills.drill_world import DrillWorld
from tests.drills.faults import kinds
from tests.drills.table import Line, printed
from tests.integration.interleaving.world import emptied, loaded_steps
from tests.support.handlers import ENVIRONMENT

_ACTS = 6  # of people in one world
_QUIET = {"LOG_LEVEL": "CRITICAL", "POWERTOOLS_METRICS_DISABLED": "true"}


def drill(seed: int, photographs: int, minutes: float) -> list[Line]:
    """Return one line for each kind of fault, over at least so many photographs in all; stops after so many minutes."""
    ends = time.monotonic() + 60 * minutes
    faults = kinds()
    each = -(-photographs // len(faults))
    lines = []
    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, ENVIRONMENT | _QUIET):
        url = f"sqlite:///{Path(folder) / 'coverage.db'}"
        database = Database(url)
        database.create_tables()
        with loaded_steps(url) as steps:
            for number, fault in enumerate(faults):
                line, world_seed = Line(fault.name), seed * 1_000_000 + number * 1_000
                while line.photographs < each and time.monotonic() < ends:
                    world = DrillWorld(world_seed, steps, emptied(database), fault)
                    found = _played(world)
                    if found:
                        print(f"{fault.name}, seed {world_seed}: {'; '.join(found)}", file=sys.stderr)
                        print("  " + "\n  ".join(world.story), file=sys.stderr)
                    line.count(found)
                    line.photographs += world.photographs
                    line.unnamed += len(world.unnamed)
                    world_seed += 1
                line.injected = fault.injected
                lines.append(line)
    return lines


def _played(world: DrillWorld) -> list[str]:
    try:
        world.play(_ACTS)
    except AssertionError as error:
        return [f"relabelling left or runs without end: {error}"]
    return world.faults()


def main() -> int:
    """Run the drills of each seed and print their tables; returns 1 if anything is wrong, or nothing was injected."""
    parser = argparse.ArgumentParser(prog="make drill", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--photographs", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=25.0)
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    good = True
    for seed in given.seeds:
        started = time.monotonic()
        lines = drill(seed, given.photographs, given.minutes / len(given.seeds))
        count = sum(line.photographs for line in lines)
        print(f"seed {seed}: {count} photographs, {time.monotonic() - started:.0f} s\n{printed(lines)}\n", flush=True)
        good &= count >= given.photographs and all(line.clean and line.injected for line in lines)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
