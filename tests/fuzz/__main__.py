"""Random wrong inputs against every entrance (``make fuzz``): named errors only, within 5 s and the function's memory.

Each target runs in a process of its own that cannot have more memory than the function. An input that is refused with
one of `reefsteps.errors`, or accepted, is right. Time is the process's own, so that a busy machine changes nothing.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import random
import resource
import sys
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from reefsteps.errors import ReefStepsError
from tests.fuzz.targets import Target, targets

LONGEST_S = 5.0
_MB = 1 << 20


@dataclass
class Line:
    """What became of a target's inputs."""

    target: str
    inputs: int = 0
    accepted: int = 0
    refused: int = 0
    unnamed: Counter[str] = field(default_factory=Counter)
    too_slow: int = 0
    over_memory: int = 0
    slowest_s: float = 0.0
    peak_mb: int = 0

    @property
    def clean(self) -> bool:
        """Tell whether nothing is wrong."""
        return not (self.unnamed or self.too_slow or self.over_memory)


def fuzz(seed: int, count: int, only: str | None = None) -> list[Line]:
    """Return one line for each target, over so many inputs in all."""
    with targets() as every:
        chosen = [target for target in every if only in (None, target.name)]
        shares = sum(target.share for target in chosen)
        return [_in_own_process(target, seed, -(-count * target.share // shares)) for target in chosen]


def _in_own_process(target: Target, seed: int, count: int) -> Line:
    # Forked: the target's inputs and functions need not be sent.
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(target, seed, count, there))
    process.start()
    there.close()
    line = Line(target.name)
    try:
        while True:
            line = here.recv()
    except EOFError:
        process.join()
    if process.exitcode:
        line.unnamed[f"the process ended with {process.exitcode} after {line.inputs} inputs"] += 1
    return line


def _work(target: Target, seed: int, count: int, there: Connection) -> None:
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    # What the test itself has loaded comes on top of what the function may have.
    loaded = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (loaded + target.memory_mb * _MB,) * 2)
    line = Line(target.name)
    for number in range(count):
        rng = random.Random(f"{target.name} {seed} {number}")
        given = target.make(rng)
        started = time.process_time()
        try:
            target.take(given)
            line.accepted += 1
        except ReefStepsError:
            line.refused += 1
        except MemoryError:
            line.over_memory += 1
        except Exception as error:
            line.unnamed[f"{type(error).__name__}: {str(error)[:80]} (input {number})"] += 1
        seconds = time.process_time() - started
        line.slowest_s = max(line.slowest_s, seconds)
        line.too_slow += seconds > LONGEST_S
        line.inputs += 1
        if number % 100 == 0:
            there.send(line)
    line.peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    there.send(line)


def printed(lines: list[Line]) -> str:
    """Return the table as text, and below it what was not named."""
    heads = ("target", "inputs", "accepted", "refused", "unnamed", "over 5 s", "over memory", "slowest s", "peak MB")
    rows = [
        (line.target, line.inputs, line.accepted, line.refused, sum(line.unnamed.values()), line.too_slow,
         line.over_memory, f"{line.slowest_s:.2f}", line.peak_mb)
        for line in lines
    ]  # fmt: skip
    table = [heads, *(tuple(map(str, row)) for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(heads))]
    text = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in table]
    return "\n".join(
        text + [f"{line.target}: {count} x {what}" for line in lines for what, count in line.unnamed.items()]
    )


def main() -> int:
    """Fuzz and print; returns 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="the name of one target")
    given = parser.parse_args()
    lines = fuzz(given.seed, given.inputs, given.only)
    print(printed(lines))
    return 0 if all(line.clean for line in lines) else 1


if __name__ == "__main__":
    sys.exit(main())
