"""The world of the interleaving test under a fault: retried as the state machines do, redriven as a person does after.

A step that dies or meets a fault of the infrastructure is tried three times. What still fails is redriven when the
fault is over, as docs/operations.md says; what is refused by name stays refused.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from reefsteps.database import Database, named_errors
from reefsteps.errors import BadInputError, ConfigurationError, TransientError, UnsupportedModelError
from reefsteps.machine_faults import named_machine_faults
from reefsteps.surveys import SurveyKey
from tests.drills.faults import WRITES, Fault, KilledError, Moment, StoppedError
from tests.integration.interleaving.memory_s3 import MemoryS3, Version
from tests.integration.interleaving.world import Atomic, World

_RETRIED = (TransientError, ClientError, BotoCoreError, KilledError)
_REDRIVEN = (*_RETRIED, ConfigurationError, UnsupportedModelError)
_ATTEMPTS = 3
_BAD_SHARE = 0.1


class FaultyS3(MemoryS3):
    """Calls of steps meet the fault; those of people do not."""

    world: DrillWorld

    def _meet(self, call: str, do: Callable[[], Any]) -> Any:
        self.world.meet(Moment("s3", call, "before"))
        answer = do()
        self.world.meet(Moment("s3", call, "after" if call in WRITES else "answered"))
        return answer

    def put_object(self, **request: Any) -> dict[str, Any]:
        """Write, and perhaps say nothing of it."""
        return self._meet("put", lambda: super(FaultyS3, self).put_object(**request))

    def copy_object(self, **request: Any) -> dict[str, Any]:
        """Copy, and perhaps say nothing of it."""
        return self._meet("copy", lambda: super(FaultyS3, self).copy_object(**request))

    def delete_object(self, **request: Any) -> dict[str, Any]:
        """Delete, and perhaps say nothing of it."""
        return self._meet("delete", lambda: super(FaultyS3, self).delete_object(**request))

    def head_object(self, **request: Any) -> dict[str, Any]:
        """Look."""
        return self._meet("look", lambda: super(FaultyS3, self).head_object(**request))

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        """List."""
        self.world.meet(Moment("s3", "look", "before"))
        yield from super().paginate(**request)


class DrillWorld(World):
    """A world under one kind of fault; `failed` are executions that a fault ended, `refused` those refused by name."""

    def __init__(self, seed: int, steps: Mapping[str, ModuleType], database: Database, fault: Fault) -> None:
        """Begin with nothing; the fault begins at a random call."""
        super().__init__(seed, steps, database)
        self.fault = fault
        self.failed: list[Callable[[], None]] = []
        self.refused: dict[tuple[str, str | None], str] = {}
        self.unnamed: list[str] = []
        self.photographs = 0
        self._own = threading.local()
        self._held: list[Callable[[], None]] = []
        self._calls, self._hits, self._life = 0, 0, 0
        self._begins = self.random.randrange(40)
        self._stops = sorted(self.random.randrange(10, 120) for _ in range(fault.stops))
        self._over = False

    # -- what the world of the interleaving test asks for

    def new_s3(self) -> MemoryS3:
        """Return an S3 whose calls meet the fault."""
        s3 = FaultyS3(self.scheduler.pause, lambda: self._now)
        s3.world = self
        return s3

    def new_database(self) -> Atomic:
        """Return the database, whose transactions meet the fault."""
        return _FaultyDatabase(self)

    def detector(self, given: Any) -> Any:
        """Return the model, unless the fault has taken it."""
        self.meet(Moment("model", "detector", "before"))
        return given

    def acts(self) -> dict[str, int]:
        """Return what people do, and how often."""
        self.fault.injected += bool(self.fault.acts)
        everything = super().acts()
        chosen = {name: weight for name, weight in everything.items() if name in self.fault.acts}
        return (chosen or everything) | {"upload": 8}

    def body(self, picture: Any) -> bytes:
        """Return a photograph, or for one in ten something that is none."""
        self.photographs += 1
        if self.random.random() < _BAD_SHARE:
            return b"no picture %d" % self.photographs
        return super().body(picture)

    # -- the fault

    def meet(self, moment: Moment) -> None:
        """Raise what the fault does to this call of a step."""
        life = getattr(self._own, "life", None)
        if life is None:
            return
        self._calls += 1
        if self._stops and self._calls >= self._stops[0] and not self._over:
            self._stops.pop(0)
            self._life += 1
            self.fault.injected += 1
            self.story.append("the stack is stopped")
        if life != self._life:
            raise StoppedError
        if self._over or not self._begins <= self._calls < self._begins + self.fault.lasts_calls:
            return
        for _ in range(self.fault.slow_turns):
            self.fault.injected += 1
            self.scheduler.pause()
        error = self.fault.hit(moment, self.random) if self._hits < self.fault.most_hits else None
        if error is not None:
            self._hits += 1
            self.fault.injected += 1
            self.story.append(f"{self.fault.name} at {moment.call} {moment.when}")
            raise error

    # -- events

    def deliver(self, work: Callable[[], None]) -> None:
        """Start what an event starts: once, twice, late, or when the fault is over."""
        kind = "once" if self._over else self.fault.delivery
        self.fault.injected += kind != "once"
        if kind == "redelivered" and self.random.random() < 0.5:
            self._held.append(work)
            return
        if kind == "late":
            turns = self.random.choice((0, 50, 300))
            self.scheduler.spawn(lambda: self._later(turns, work))
            return
        super().deliver(work)
        if kind == "twice":
            super().deliver(work)

    def _later(self, turns: int, work: Callable[[], None]) -> None:
        self._wait(turns)
        work()

    def _wait(self, turns: int) -> None:
        for _ in range(turns):
            self.scheduler.pause()

    # -- executions

    def execution(self, work: Callable[[], None]) -> None:
        """Run an execution: again from its start after a stop of the stack, redriven after a fault that lasted."""
        try:
            work()
        except StoppedError:
            self.story.append("an execution starts again")
            for document in self._documents.values():  # all were stopped at once
                for step in document.keys() - {"execution", "input"}:
                    del document[step]
            self.scheduler.spawn(lambda: self.execution(work))
        except BadInputError as error:
            self.story.append(f"refused: {error}")
            if isinstance(error, UnsupportedModelError):
                self.failed.append(lambda: self.execution(work))
        except _REDRIVEN as error:
            self.story.append(f"an execution fails: {type(error).__name__}")
            self.failed.append(lambda: self.execution(work))
        except Exception as error:
            self.unnamed.append(f"{type(error).__name__}: {error}")

    def call(self, step: str, event: dict[str, Any]) -> Any:
        """Call a step as the state machine does, with its retriers."""
        for left in range(_ATTEMPTS - 1, -1, -1):
            self._own.life = self._life
            try:
                with named_machine_faults():
                    return super().call(step, event)
            except _RETRIED:
                if not left:
                    raise
            finally:
                self._own.life = None
            self._wait(self.random.choice((1, 5, 20)))
        raise AssertionError("the last attempt has returned or raised")

    def refuse(self, key: str, version: str | None, error: Exception) -> None:
        """Remember what was refused by name."""
        self.refused[key, version] = type(error).__name__

    # -- the end

    def quiet(self) -> bool:
        """End the fault when nothing is under way; returns whether anything was left to be done."""
        self._over = True
        left, self.failed, self._held = [*self._held, *self.failed], [], []
        for work in left:
            self.scheduler.spawn(work)
        return bool(left)

    def faults_of(self, survey: SurveyKey) -> Iterator[str]:
        """Yield what is wrong; a bad photograph needs its named failure instead of a row."""
        photo = self.s3.current("reef-raw", survey.key("png"))
        if photo is not None and (photo.body or b"").startswith(b"no picture"):
            if (survey.key("png"), photo.version_id) not in self.refused and not self._is_copy(photo):
                yield "a bad photograph without a named failure"
            return
        yield from super().faults_of(survey)

    def _is_copy(self, photo: Version) -> bool:
        return "relabelling" in photo.metadata


class _FaultyDatabase(Atomic):
    """Transactions that fail before, amid or after their commit."""

    world: DrillWorld

    def write(self, work: Callable[[Any], Any]) -> Any:
        """Run the transaction; the driver's errors get their names as in `Database`."""

        def amid(connection: Any) -> Any:
            answer = work(connection)
            self.world.meet(Moment("database", "write", "amid"))
            return answer

        with named_errors(self.world.database.url.set(drivername="mysql+pymysql")):
            self.world.meet(Moment("database", "write", "before"))
            answer = super().write(amid)
            self.world.meet(Moment("database", "write", "after"))
        return answer

    @contextmanager
    def read(self) -> Iterator[Any]:
        """Read; a database that is out of reach is so for readers."""
        with named_errors(self.world.database.url.set(drivername="mysql+pymysql")):
            self.world.meet(Moment("database", "read", "before"))
        with super().read() as connection:
            yield connection
