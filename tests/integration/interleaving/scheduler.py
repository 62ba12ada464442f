"""Threads of which one runs at a time: which one goes on after each step is drawn at random, from a seed."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Scheduler:
    """Runs actors until all have ended; an actor calls `pause` wherever another one may come between."""

    def __init__(self, seed: int) -> None:
        """Draw everything from `seed`."""
        self.random = random.Random(seed)
        self._actors: list[_Actor] = []
        self._turn_ended = threading.Semaphore(0)
        self._current: _Actor | None = None
        self._atomic = False

    def spawn(self, work: Callable[[], None]) -> None:
        """Add an actor; it begins at a random moment."""
        self._actors.append(_Actor(work, self._turn_ended))

    def run(self) -> None:
        """Run all actors to their ends; raises what one of them raised."""
        while self._actors:
            # Mostly the same actor goes on for a while, so that runs also overtake each other by whole steps.
            if self._current not in self._actors or self.random.random() < 0.4:
                self._current = self.random.choice(self._actors)
            actor = self._current
            assert actor is not None
            actor.resume()
            if actor.ended:
                self._actors.remove(actor)
                if actor.error is not None:
                    raise actor.error

    def pause(self) -> None:
        """Give the turn back, and wait for the next one."""
        if self._current is not None and not self._atomic:
            self._current.pause()

    @contextmanager
    def atomic(self) -> Iterator[None]:
        """Let nobody come between: a transaction of the database."""
        self.pause()
        self._atomic = True
        try:
            yield
        finally:
            self._atomic = False


class _Actor:
    def __init__(self, work: Callable[[], None], turn_ended: threading.Semaphore) -> None:
        self.ended, self.error = False, None
        self._work, self._turn_ended, self._turn = work, turn_ended, threading.Semaphore(0)
        self._thread: threading.Thread | None = None

    error: BaseException | None

    def resume(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, daemon=True)
            self._thread.start()
        self._turn.release()
        self._turn_ended.acquire()

    def pause(self) -> None:
        self._turn_ended.release()
        self._turn.acquire()

    def _run(self) -> None:
        self._turn.acquire()
        try:
            self._work()
        except BaseException as error:  # given to the test's own thread
            self.error = error
        self.ended = True
        self._turn_ended.release()
