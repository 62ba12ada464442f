"""`python -m scripts.simulate_admission`: thousands of photographs at once on a few slots of Lambda, design by design.

    python -m scripts.simulate_admission --photos 10000 --slots 10

A discrete-event simulation. Steps last as docs/measurements/costs.md says, scattered log-normally. Among the
photographs are runs that somebody stops and redrives, functions that crash or hang, events that come twice or never,
and a backfill.
It prints one line a design; docs/decisions/places-and-a-line.md says which was chosen.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from functools import partial

STEP_S = (1.2, 4.5, 2.8, 0.3)  # restoration to coverage, docs/measurements/costs.md
_FIRST_STEP_OF_BACKFILL = 2
_SCATTER = 0.25  # standard deviation of the logarithm of a step's duration
_TRANSITION_S = (0.03, 0.08)  # from state to state
_UPLOAD_TO_RUN_S = (0.5, 1.5)  # S3 to EventBridge, EventBridge to `admit`, `admit` to the pipeline
_END_TO_NEXT_S = (0.4, 1.4)  # the event of a run's end, the Express machine that gives its place on, the callback
_HANGS, _HANG_S = 0.0005, 300.0  # invocations that end at WorkerTimeout
_CRASHES = 0.002
_CRASH_ATTEMPTS, _CRASH_PAUSE_S = 3, 3.0
_END_LOST, _END_TWICE = 0.001, 0.01  # Step Functions' events are sent with best effort
_LOOK_S = 60.0  # how often the holders of places are looked at, and how old a holder must be
_STOPPED = 0.002  # of the runs; somebody redrives them after `_REDRIVEN_AFTER_S`
_REDRIVEN_AFTER_S = (60, 1800)
_BACKFILL_AT_ONCE = 5

TRANSITION_USD = 25e-6
# A photograph that waits costs one transition, 8 write units of DynamoDB at 0.7 a million and 2 read units, and one
# Express run of 0.5 s in 64 MB. The write units are the row with its token, put and deleted, and the item of holders.
# Prices are those of eu-west-1, autumn 2026.
WAITING_USD = TRANSITION_USD + 8 * 0.7e-6 + 2 * 0.14e-6 + 1e-6 + 0.5 * 0.0625 * 16.67e-6


@dataclass(frozen=True)
class Backoff:
    """A retrier with full jitter: pause n is drawn evenly from 0 to `interval_s * rate**n`, at most `longest_s`."""

    interval_s: float
    rate: float
    longest_s: float
    attempts: int

    def mean_total_s(self) -> float:
        """Return how long it waits on average before it gives up."""
        pauses = (min(self.longest_s, self.interval_s * self.rate**n) for n in range(self.attempts))
        return sum(pauses) / 2


@dataclass(frozen=True)
class Design:
    """How runs get to their slots. `at_once` None: all start; `look_s` None: an ended run's place is given on."""

    name: str
    throttled: Backoff
    at_once: int | None = None
    look_s: float | None = None


RETRIES = Backoff(1, 1.5, 300, 60)  # as in statemachine/pipeline.asl.json
_RETRIES_BEFORE = Backoff(5, 1.5, 120, 60)


def designs(slots: int) -> tuple[Design, ...]:
    """Return the designs that were compared, the one that is built last."""
    line = runs_at_once(slots)
    return (
        Design("all start, 60 retries of up to 2 minutes", _RETRIES_BEFORE),
        Design("all start, 60 retries of up to 10 minutes", Backoff(5, 1.5, 600, 60)),
        Design(f"queue, filled up to {line} runs every minute", RETRIES, line, 60.0),
        Design(f"line, {slots} runs at once", RETRIES, slots),
        Design(f"line, {2 * slots} runs at once", RETRIES, 2 * slots),
        Design(f"line, {line} runs at once (built)", RETRIES, line),
    )


def runs_at_once(slots: int) -> int:
    """Return how many runs keep the slots of Lambda busy: a tenth more, because a run between two steps holds none."""
    return slots + math.ceil(slots / 10)


@dataclass
class SimulatedOutcome:
    """What a simulation counted; times in seconds."""

    photos: int
    slots: int
    measured: int = 0
    took_s: float = 0.0  # until the last upload was measured; a backfill beside it may go on
    busy_s: float = 0.0  # of all slots until then
    retries: int = 0
    waited: int = 0
    twice: int = 0
    first_start_s: float = 0.0
    started: list[int] = field(default_factory=list)  # uploads in the order in which their first step ran

    @property
    def lost(self) -> int:
        """Photographs without a result."""
        return self.photos - self.measured

    @property
    def times_needed(self) -> float:
        """How much longer it took than the slots alone need."""
        return self.took_s / (self.busy_s / self.slots)

    @property
    def retries_usd(self) -> float:
        """Of the retries, for 1,000 photographs."""
        return self.retries * TRANSITION_USD / self.photos * 1000

    @property
    def waiting_usd(self) -> float:
        """Of waiting in line, for 1,000 photographs."""
        return self.waited * WAITING_USD / self.photos * 1000

    @property
    def out_of_order(self) -> int:
        """By how many places a photograph was overtaken, at the most."""
        return max((place - photo for place, photo in enumerate(self.started)), default=0)


@dataclass(eq=False)
class _Run:
    photo: int
    step: int
    upload: bool
    redriven: bool = False
    stopped: bool = False
    ended: bool = False
    granted_at: float = 0.0
    go_on: Callable[[], None] | None = None  # set while it waits in line


_Steps = Generator["float | _Run", None, None]  # seconds to pause, or a run that now waits in line


class Simulation:
    """One design under one load."""

    def __init__(self, design: Design, slots: int, *, seed: int, faults: bool) -> None:
        """Prepare an idle system with `slots` functions at once; without `faults` nothing stops, crashes or hangs."""
        self._design, self._slots, self._faults = design, slots, float(faults)
        self._random = random.Random(seed)  # noqa: S311  # repeatable, and nothing secret
        self._now, self._count = 0.0, itertools.count()
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._busy = 0
        self._holders: set[_Run] = set()
        self._line: deque[_Run] = deque()
        self._names: set[int] = set()
        self._open = self._open_uploads = 0
        self._busy_s = 0.0
        self.outcome = SimulatedOutcome(0, slots)

    def run(self, photos: int, backfill: int) -> SimulatedOutcome:
        """Upload `photos` at once, beside a backfill of `backfill` photographs, and return what came of it."""
        self.outcome.photos = self._open = photos + backfill
        self._open_uploads = photos
        for photo in range(photos):
            arrives_s = photo * 1e-3 + self._between(_UPLOAD_TO_RUN_S)
            self._after(arrives_s, partial(self._admit, photo))
            if self._happens(_END_TWICE):
                self._after(arrives_s + 1, partial(self._admit, photo))
        numbers = iter(range(photos, photos + backfill))
        for _ in range(_BACKFILL_AT_ONCE):
            self._next_of_backfill(numbers)
        self._look_at_holders()
        while self._queue and self._open:
            self._now, _, action = heapq.heappop(self._queue)
            action()
        return self.outcome

    def _next_of_backfill(self, numbers: Iterator[int]) -> None:
        photo = next(numbers, None)
        if photo is not None:
            run = _Run(photo, _FIRST_STEP_OF_BACKFILL, upload=False)
            self._start(self._whole_run(run, partial(self._next_of_backfill, numbers)))

    def _admit(self, photo: int) -> None:
        if photo in self._names:  # ExecutionAlreadyExists
            self.outcome.twice += 1
            return
        self._names.add(photo)
        run = _Run(photo, 0, upload=True)
        if self._happens(_STOPPED):
            needed_s = self._open_uploads * sum(STEP_S) / self._slots
            self._after(self._random.uniform(0, needed_s / 2), partial(self._stop, run))
        self._start(self._whole_run(run))

    # -- a run

    def _whole_run(self, run: _Run, done: Callable[[], None] = lambda: None) -> _Steps:
        if self._design.at_once is not None and run not in self._holders:
            yield self._between(_TRANSITION_S)
            if self._design.look_s is None and len(self._holders) < self._design.at_once:
                self._hold(run)
            else:
                self.outcome.waited += 1
                self._line.append(run)
                yield run
        while run.step < len(STEP_S):
            yield self._between(_TRANSITION_S)
            if not (yield from self._step(run)):
                break
            run.step += 1
        if not run.stopped:
            self._end(run, measured=run.step == len(STEP_S))
            done()

    def _step(self, run: _Run) -> Generator[float | _Run, None, bool]:
        throttled = crashed = 0
        backoff = self._design.throttled
        while not run.stopped:
            if self._busy >= self._slots:
                if throttled == backoff.attempts:
                    return False
                pause = min(backoff.longest_s, backoff.interval_s * backoff.rate**throttled)
                throttled += 1
                self.outcome.retries += 1
                yield self._random.uniform(0, pause)
                continue
            if run.upload and run.step == crashed == 0 and not run.redriven:
                self.outcome.started.append(run.photo)
                self.outcome.first_start_s = self.outcome.first_start_s or self._now
            seconds, fails = self._invocation(run.step)
            self._invoke(seconds)
            yield seconds
            if not fails or run.stopped:
                return True
            crashed += 1
            if crashed == _CRASH_ATTEMPTS:
                return False
            self.outcome.retries += 1
            yield _CRASH_PAUSE_S
        return False

    def _invocation(self, step: int) -> tuple[float, bool]:
        seconds = STEP_S[step] * self._random.lognormvariate(-(_SCATTER**2) / 2, _SCATTER)
        if self._happens(_HANGS):
            return _HANG_S, True
        return (self._random.uniform(0, seconds), True) if self._happens(_CRASHES) else (seconds, False)

    def _invoke(self, seconds: float) -> None:
        """Keep a slot busy; Lambda works on when the run that called it is stopped."""
        self._busy += 1
        self._after(seconds, partial(self._free_slot, seconds))

    def _free_slot(self, seconds: float) -> None:
        self._busy -= 1
        self._busy_s += seconds

    def _stop(self, run: _Run) -> None:
        """Somebody stops a run in the console, and redrives it a while later: then it asks for no place."""
        if run.ended:
            return
        run.stopped = True
        self._announce_end(run)
        self._after(self._between(_REDRIVEN_AFTER_S), partial(self._redrive, run))

    def _redrive(self, run: _Run) -> None:
        again = _Run(run.photo, run.step, upload=True, redriven=True)
        self._hold(again)
        self._start(self._whole_run(again))

    def _end(self, run: _Run, *, measured: bool) -> None:
        self.outcome.measured += measured
        self._open -= 1
        self._open_uploads -= run.upload
        if run.upload and not self._open_uploads:
            self.outcome.took_s, self.outcome.busy_s = self._now, self._busy_s
        self._announce_end(run)

    # -- places

    def _hold(self, run: _Run) -> None:
        run.granted_at = self._now
        self._holders.add(run)

    def _announce_end(self, run: _Run) -> None:
        run.ended = True
        if self._design.at_once is None or self._happens(_END_LOST):
            return
        for _ in range(2 if self._happens(_END_TWICE) else 1):
            self._after(self._between(_END_TO_NEXT_S), partial(self._give_on, run))

    def _give_on(self, run: _Run) -> None:
        self._holders.discard(run)
        if self._design.look_s is None:
            self._fill()

    def _fill(self) -> None:
        while self._line and len(self._holders) < (self._design.at_once or 0):
            following = self._line.popleft()
            if not following.stopped and following.go_on is not None:
                self._hold(following)
                following.go_on()

    def _look_at_holders(self) -> None:
        for run in [run for run in self._holders if run.ended and self._now - run.granted_at > _LOOK_S]:
            self._holders.discard(run)
        self._fill()
        self._after(self._design.look_s or _LOOK_S, self._look_at_holders)

    # -- time

    def _start(self, steps: _Steps) -> None:
        paused = next(steps, None)
        if isinstance(paused, _Run):
            paused.go_on = partial(self._start, steps)
        elif paused is not None:
            self._after(paused, partial(self._start, steps))

    def _after(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (self._now + seconds, next(self._count), action))

    def _happens(self, chance: float) -> bool:
        return self._random.random() < chance * self._faults

    def _between(self, limits: tuple[float, float]) -> float:
        return self._random.uniform(*limits)


def simulate(design: Design, photos: int, slots: int, backfill: int = 0, seed: int = 1) -> SimulatedOutcome:
    """Return what comes of `photos` uploads at once and a backfill beside them."""
    return Simulation(design, slots, seed=seed, faults=True).run(photos, backfill)


def start_in_an_idle_system_s(design: Design, slots: int, tries: int = 200) -> float:
    """Return the longest time from an upload to its first step, of many single photographs."""
    runs = (Simulation(design, slots, seed=seed, faults=False).run(1, 0) for seed in range(tries))
    return max(run.first_start_s for run in runs)


def table(photos: int, slots: int, backfill: int) -> str:
    """Return the comparison as a Markdown table."""
    lines = [
        "| design | lost | hours | times the slots' own | retries, USD per 1,000 | waiting, USD per 1,000 "
        "| overtaken by at most | a single photograph starts within, s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for design in designs(slots):
        found = simulate(design, photos, slots, backfill)
        lines.append(
            f"| {design.name} | {found.lost} | {found.took_s / 3600:.2f} | {found.times_needed:.2f} "
            f"| {found.retries_usd:.3f} | {found.waiting_usd:.3f} | {found.out_of_order} "
            f"| {start_in_an_idle_system_s(design, slots):.1f} |"
        )
    return "\n".join(lines)


def _whole(least: int) -> Callable[[str], int]:
    """Return what reads a whole number from `least` on."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"'{text}' is no whole number from {least} on")
        return int(text)

    return read


def main() -> int:
    """Print the table; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.simulate_admission", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--photos", type=_whole(1), default=10_000, help="uploaded at once")
    parser.add_argument("--slots", type=_whole(1), default=10, help="the account's concurrent functions")
    parser.add_argument("--backfill", type=_whole(0), default=500, help="photographs of a backfill beside them")
    options = parser.parse_args()
    print(table(options.photos, options.slots, options.backfill))  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
