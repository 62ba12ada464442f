"""Two surveys' photographs among people who upload, delete, rename and decide while runs and removals are under way.

The steps' real handlers work here, on pictures of 64 pixels, an S3 in memory and a SQLite database. Only what takes
time is stood in for: the state machines by `_pipeline` and `_removal`, and detection by one fixed frame.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
from sqlalchemy import delete, select

from reefsteps import coverage_store, decisions
from reefsteps.copies import STARTS_NO_RUN, quoted_key
from reefsteps.database import Database
from reefsteps.detection.detections import Detections
from reefsteps.errors import (
    BadInputError,
    NoQuadratError,
    PhotoDeletedError,
    RelabellingUnderWayError,
    UnsupportedModelError,
)
from reefsteps.images import encode_png
from reefsteps.results import ModelIdentity
from reefsteps.storage import Storage
from reefsteps.surveys import SurveyKey
from reefsteps.tables import metadata as tables
from reefsteps.tables import relabelled_photo
from tests.integration.interleaving.final_state import GREY_STEP, faults_of
from tests.integration.interleaving.memory_s3 import MemoryS3, Version
from tests.integration.interleaving.scheduler import Scheduler
from tests.support.handlers import loaded

SURVEYS = SurveyKey(2006, "Bora-Bora", 1), SurveyKey(2006, "Bora-Bora", 2)
CORNERS = [[8, 8], [56, 8], [56, 56], [8, 56]]
STEPS = ("restoration", "reframing", "segmentation")
_SIDE_PX = 64
_ENOUGH_RUNS = 100
_MOST_ROUNDS = 6
_MOST_WAITS = 300
_ACTS = {"upload": 4, "delete": 2, "delete_version": 1, "correct": 3, "rerun": 2, "decide": 3, "relabel": 4}


@contextmanager
def loaded_steps(database_url: str) -> Iterator[dict[str, ModuleType]]:
    """Yield the handlers' modules, with detection stood in for."""
    variables = {"DATABASE_URL": database_url, "RESTORATION_METHOD": "none", "MAX_MEGAPIXELS": "1"}
    with contextlib.ExitStack() as stack:
        names = (*STEPS, "coverage", "removal", "relabel")
        modules = {name: stack.enter_context(loaded(name, variables)) for name in names}
        nothing = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64), (), (1, 1))
        for step in ("reframing", "segmentation"):
            detector = SimpleNamespace(
                identity=ModelIdentity(step, "ab" * 32),
                manifest=SimpleNamespace(
                    score_threshold=0.5, least_side_px=64, name=step, measured=None, most_instances=100
                ),
                detect=lambda picture, _: _Framed(nothing, picture.shape[:2]),
            )
            stack.enter_context(
                mock.patch.object(modules[step], "MODELS", SimpleNamespace(detector=lambda d=detector: d))
            )
        stack.enter_context(mock.patch("reframing.step.find_quadrat", lambda *_: _fit()))
        segmentation = modules["segmentation"]
        stack.enter_context(mock.patch.object(segmentation, "record_metric", lambda *_: None))
        yield modules


class World:
    """What there is, and what people and state machines do in it."""

    def __init__(self, seed: int, steps: Mapping[str, ModuleType], database: Database) -> None:
        """Begin with nothing."""
        self.scheduler = Scheduler(seed)
        self.random = self.scheduler.random
        self.story: list[str] = []
        self.database = database
        self._now = datetime(2026, 1, 1, tzinfo=UTC)
        self._steps = steps
        self._documents: dict[str, dict[str, Any]] = {}
        self.s3 = self.new_s3()
        self._runs = self._sequence = self._uploads = 0
        self.relabellings: list[str] = []
        self.s3.listener = self._changed

    def play(self, count: int) -> None:
        """Let people do so many things, at any moments, and everything that follows from them come to its end."""
        storage = Storage(self.s3)  # type: ignore[arg-type]
        with contextlib.ExitStack() as stack:
            for module in self._steps.values():
                stack.enter_context(mock.patch.object(module, "STORAGE", storage))
            for name in ("coverage", "removal", "relabel"):
                stack.enter_context(mock.patch.object(self._steps[name], "DATABASE", self.new_database()))
            clock = SimpleNamespace(now=lambda _zone: self._now)
            request = self._steps["removal"].parse_request.__globals__
            stack.enter_context(mock.patch.dict(request, datetime=clock))
            stack.enter_context(mock.patch.object(coverage_store, "datetime", clock))
            stack.enter_context(mock.patch.object(decisions, "datetime", clock))
            for name in ("reframing", "segmentation"):
                stack.enter_context(mock.patch.object(self._steps[name], "MODELS", self._models(self._steps[name])))
            self.scheduler.spawn(lambda: self._people(count))
            self.scheduler.run()
            for _ in range(_MOST_ROUNDS):
                if not self.quiet():
                    return
                self.scheduler.run()
            raise AssertionError("something is left to be done, however often it is done")

    # -- what a drill does otherwise

    def new_s3(self) -> MemoryS3:
        """Return an S3 that holds nothing."""
        return MemoryS3(self.scheduler.pause, lambda: self._now)

    def new_database(self) -> Atomic:
        """Return the database as the steps get it."""
        return Atomic(self)

    def acts(self) -> dict[str, int]:
        """Return what people do, and how often."""
        return dict(_ACTS)

    def body(self, picture: Any) -> bytes:
        """Return the file that is uploaded."""
        return encode_png(picture)

    def detector(self, given: Any) -> Any:
        """Return the model that a step asks for."""
        return given

    def deliver(self, work: Callable[[], None]) -> None:
        """Start what an event of S3 starts."""
        work()

    def execution(self, work: Callable[[], None]) -> None:
        """Run an execution of a state machine to its end."""
        work()

    def refuse(self, key: str, version: str | None, error: Exception) -> None:
        """See that a run was refused by name."""

    def quiet(self) -> bool:
        """See that nothing is under way; returns whether something was started."""
        return False

    # -- people

    def _people(self, count: int) -> None:
        self._upload(SURVEYS[0])
        for _ in range(count - 1):
            for _ in range(self.random.choice((0, 3, 10, 40))):
                self.scheduler.pause()
            self._now += timedelta(milliseconds=self.random.choice((5, 300, 2000)))
            # One survey has most of what happens, so that it meets.
            survey = SURVEYS[self.random.random() < 0.25]
            acts = self.acts()
            (act,) = self.random.choices(list(acts), list(acts.values()))
            getattr(self, f"_{act}")(survey)

    def _upload(self, survey: SurveyKey) -> None:
        self._uploads += 1
        picture = np.full((_SIDE_PX, _SIDE_PX, 3), self._uploads * GREY_STEP % 250, np.uint8)
        self.s3.put_object(Bucket="reef-raw", Key=survey.key("png"), Body=self.body(picture))

    def _delete(self, survey: SurveyKey) -> None:
        if self.s3.current("reef-raw", survey.key("png")) is not None:
            self.s3.delete_object(Bucket="reef-raw", Key=survey.key("png"))

    def _delete_version(self, survey: SurveyKey) -> None:
        versions = self.s3.versions("reef-raw", survey.key("png"))
        if versions:
            self.s3.delete_object(Bucket="reef-raw", Key=survey.key("png"), VersionId=self.random.choice(versions))

    def _correct(self, survey: SurveyKey) -> None:
        """Set corners in the picture that is there, as the page does: for the version that it shows."""
        self._decided(survey, {"corners_px": CORNERS})

    def _decide(self, survey: SurveyKey) -> None:
        """Say that the photograph shows no quadrat, or take that back."""
        self._decided(survey, {"no_quadrat": self.random.random() < 0.6})

    def _decided(self, survey: SurveyKey, decision: dict[str, Any]) -> None:
        treated = self.s3.current("reef-treated", f"{survey.stem}.jpg")
        if treated is not None:
            version = treated.metadata["source-version-id"]
            self._start(survey.key("png"), {"version_id": version, "start_at": "reframing", "by": "page"} | decision)

    def _rerun(self, survey: SurveyKey) -> None:
        self._start(survey.key("png"), {"by": "console"})

    def _relabel(self, _survey: SurveyKey) -> None:
        """Rename one photograph, swap both, or give one another size; or take the last relabelling back."""
        one, other = self.random.sample(SURVEYS, 2)
        name = f"relabelling-{len(self.relabellings) + 1}"
        lists = (
            [{"old": one.stem, "new": other.stem}],
            [{"old": one.stem, "new": other.stem}, {"old": other.stem, "new": one.stem}],
            [{"old": one.stem, "size": self.random.choice(("50", "70"))}],
        )
        given: dict[str, Any] = {"changes": self.random.choice(lists)}
        if self.relabellings and self.random.random() < 0.2:
            given = {"undo": self.relabellings[-1]}
        self.relabellings.append(name)
        self._tell(f"{name}: {given}")
        self.scheduler.spawn(lambda: self.execution(lambda: self._relabelling(name, given)))

    # -- S3's events

    def _changed(self, bucket: str, key: str, version: Version) -> None:
        if bucket != "reef-raw":
            return
        self._sequence += 1
        sequencer = f"{self._sequence:016X}"
        self._tell(f"{key} {version.version_id} {'is put' if version.body else dict(version.metadata) or 'is deleted'}")
        if version.body is not None:
            if version.metadata.get(STARTS_NO_RUN) != quoted_key(key):
                given = {"version_id": version.version_id, "sequencer": sequencer, "by": "upload"}
                self.deliver(lambda: self._start(key, given))
            return
        kind = "Permanently Deleted" if version.metadata else "Delete Marker Created"
        entry = {"key": key, "version-id": version.version_id, "sequencer": sequencer}
        detail = {"bucket": {"name": bucket}, "object": entry, "deletion-type": kind}
        event = {"time": self._now.isoformat(), "detail": detail}
        self.deliver(lambda: self.scheduler.spawn(lambda: self.execution(lambda: self._removal(event))))

    def _models(self, step: ModuleType) -> SimpleNamespace:
        known = step.MODELS
        return SimpleNamespace(detector=lambda: self.detector(known.detector()))

    # -- state machines

    def _start(self, key: str, entry: dict[str, Any]) -> None:
        self._runs += 1
        assert self._runs < _ENOUGH_RUNS, "runs start each other without end"
        name = f"run-{self._runs}"
        self._tell(f"{name} of {key} is asked for: {entry}")
        entry = {"requested_by": entry["by"]} | {field: value for field, value in entry.items() if field != "by"}
        self.scheduler.spawn(
            lambda: self.execution(lambda: self._pipeline(name, {"bucket": "reef-raw", "key": key} | entry))
        )

    def _pipeline(self, name: str, entry: dict[str, Any]) -> None:
        self._now += timedelta(milliseconds=1)
        execution = {"id": f"arn:{name}", "name": name, "started_at": self._now.isoformat()}
        document = self._documents.setdefault(name, {"execution": execution, "input": entry})
        begin = STEPS.index(entry.get("start_at", "restoration"))
        try:
            try:
                for step in STEPS[begin:]:
                    if step not in document:
                        document[step] = self._call_until(RelabellingUnderWayError, step, document)
            except NoQuadratError as error:
                document["no_quadrat"] = str(error)
            outcome = self._call_until(RelabellingUnderWayError, "coverage", document)
            self._tell(f"{name} ends: {outcome['reason'] or 'row written'}")
        except PhotoDeletedError as error:
            self._tell(f"{name} finds the deletion: {error}")
            source = document.get("restoration", {}).get("source", {}).get("image", {})
            version = source.get("version_id") or entry.get("version_id")
            event = {"bucket": "reef-raw", "key": entry["key"], "version_id": version, "requested_by": "pipeline"}
            self.scheduler.spawn(lambda: self.execution(lambda: self._removal(event)))
        except UnsupportedModelError:
            raise
        except BadInputError as error:
            self.refuse(entry["key"], entry.get("version_id"), error)
            self._tell(f"{name} {entry.get('version_id')}: {type(error).__name__}: {error}")

    def _removal(self, event: dict[str, Any]) -> None:
        outcome = self.call("removal", event)
        again = outcome["measure_again"]
        self._tell(f"removal {outcome['row_removed']} {len(outcome['objects_removed'])} {again}")
        if again:
            self._start(again["key"], {"version_id": again["version_id"], "by": "removal"})

    def _relabelling(self, name: str, given: dict[str, Any]) -> None:
        self._now += timedelta(milliseconds=1)
        event = {"execution": {"name": name}, "input": given, "action": "register"}
        registered = self.call("relabel", event)
        for group in registered["groups"]:
            task = {"action": "carry_out", "relabelling_id": name, "group": group}
            self._tell(f"{name} ends: {self.call('relabel', task)}")

    def _call_until(self, waits: type[Exception], step: str, event: dict[str, Any]) -> Any:
        """Call the step as the state machine's retriers do, which give up some time."""
        for _ in range(_MOST_WAITS):
            try:
                return self.call(step, event)
            except waits:
                self.scheduler.pause()
        return self.call(step, event)

    def call(self, step: str, event: dict[str, Any]) -> Any:
        """Call a step's handler, with JSON in and out."""
        work = self._steps[step].handler.__wrapped__
        return json.loads(json.dumps(work(json.loads(json.dumps(event)), None)))

    def _tell(self, what: str) -> None:
        self.story.append(what)

    # -- what must hold in the end

    def faults(self) -> list[str]:
        """Return what is wrong now that nothing is under way."""
        with self.database.read() as connection:
            states = set(connection.execute(select(relabelled_photo.c.state)).scalars())
        left = [f"relabelling left in {state}" for state in states - {"done", "refused"}]
        return left + [f"{survey}: {fault}" for survey in SURVEYS for fault in self.faults_of(survey)]

    def faults_of(self, survey: SurveyKey) -> Iterator[str]:
        """Yield what is wrong with one survey."""
        return faults_of(survey, self.s3, self.database)


class Atomic:
    """The database, whose transactions nobody comes between."""

    def __init__(self, world: World) -> None:
        """Share the world's scheduler."""
        self.world = world

    def write(self, work: Callable[[Any], Any]) -> Any:
        """Run the transaction."""
        with self.world.scheduler.atomic():
            return self.world.database.write(work)

    @contextmanager
    def read(self) -> Iterator[Any]:
        """Read at one moment."""
        with self.world.scheduler.atomic(), self.world.database.read() as connection:
            yield connection


class _Framed:
    """What the detector sees: one frame in reframing, no coral in segmentation."""

    def __new__(cls, nothing: Detections, shape: tuple[int, int]) -> Any:
        """Return detections of the picture's shape."""
        framed = Detections(nothing.boxes_px, nothing.scores, nothing.classes, (), shape)
        return _WithFrame(framed)


class _WithFrame:
    def __init__(self, nothing: Detections) -> None:
        self._nothing = nothing

    def __len__(self) -> int:
        return 1

    def __getattr__(self, name: str) -> Any:
        return getattr(self._nothing, name)


def _fit() -> Any:
    from reframing.manual import manual_model

    model = manual_model(CORNERS, _SIDE_PX, _SIDE_PX)
    return SimpleNamespace(
        model=model, confidence=1.0, residual_px=0.1, uncertainty_percent=0.1, strings_used=False,
        visible_share=(1.0, 1.0, 1.0, 1.0), partly_visible=False, string_cells=None,
    )  # fmt: skip


def emptied(database: Database) -> Database:
    """Return the database with no rows in it."""

    def work(connection: Any) -> None:
        for table in reversed(tables.sorted_tables):
            connection.execute(delete(table))

    database.write(work)
    return database
