"""One survey's photograph among people who upload, delete and set corners while its runs and removals are under way.

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
from sqlalchemy import delete

from reefsteps.buckets import Buckets
from reefsteps.coverage_queries import coverage_rows, provenance
from reefsteps.database import Database
from reefsteps.detection.detections import Detections
from reefsteps.errors import BadInputError, NoQuadratError, PhotoDeletedError, SupersededError
from reefsteps.images import decode, encode_png
from reefsteps.results import ModelIdentity
from reefsteps.storage import Storage
from reefsteps.surveys import SurveyKey
from reefsteps.tables import metadata as tables
from tests.integration.handler_loading import loaded
from tests.integration.interleaving.memory_s3 import MemoryS3
from tests.integration.interleaving.scheduler import Scheduler

SURVEY = SurveyKey(2006, "Bora-Bora", 1)
KEY = SURVEY.key("png")
CORNERS = [[8, 8], [56, 8], [56, 56], [8, 56]]
BUCKETS = Buckets("reef-raw", "reef-treated", "reef-reframed", "reef-segmented", "reef-masks")
STEPS = ("restoration", "reframing", "segmentation")
_SIDE_PX = 64
_GREY = 40  # of the first upload; each one is lighter than the one before by this
_ENOUGH_RUNS = 60


@contextmanager
def loaded_steps(database_url: str) -> Iterator[dict[str, ModuleType]]:
    """Yield the handlers' modules, with detection stood in for."""
    variables = {"DATABASE_URL": database_url, "RESTORATION_METHOD": "none", "MAX_MEGAPIXELS": "1"}
    with contextlib.ExitStack() as stack:
        names = (*STEPS, "coverage", "removal")
        modules = {name: stack.enter_context(loaded(name, variables)) for name in names}
        nothing = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64), (), (1, 1))
        for step in ("reframing", "segmentation"):
            detector = SimpleNamespace(
                identity=ModelIdentity(step, "ab" * 32),
                manifest=SimpleNamespace(score_threshold=0.5, min_size_test=64, name=step, measured=None),
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
        self.s3 = MemoryS3(self.scheduler.pause, lambda: self._now)
        self.story: list[str] = []
        self._now = datetime(2026, 1, 1, tzinfo=UTC)
        self._steps, self._database = steps, database
        self._runs = self._sequence = self._uploads = 0

    def play(self, count: int) -> None:
        """Let people do so many things, at any moments, and everything that follows from them come to its end."""
        storage = Storage(self.s3)  # type: ignore[arg-type]
        with contextlib.ExitStack() as stack:
            for module in self._steps.values():
                stack.enter_context(mock.patch.object(module, "STORAGE", storage))
            for name in ("coverage", "removal"):
                stack.enter_context(mock.patch.object(self._steps[name], "DATABASE", _Atomic(self)))
            clock = SimpleNamespace(now=lambda _zone: self._now)
            request = self._steps["removal"].parse_request.__globals__
            stack.enter_context(mock.patch.dict(request, datetime=clock))
            self.scheduler.spawn(lambda: self._people(count))
            self.scheduler.run()

    # -- people

    def _people(self, count: int) -> None:
        self._upload()
        for _ in range(count - 1):
            for _ in range(self.random.choice((0, 3, 10, 40))):
                self.scheduler.pause()
            self._now += timedelta(milliseconds=self.random.choice((5, 300, 2000)))
            self.random.choice(
                (self._upload, self._upload, self._delete, self._delete_version, self._correct, self._rerun)
            )()

    def _upload(self) -> None:
        self._uploads += 1
        picture = np.full((_SIDE_PX, _SIDE_PX, 3), self._uploads * _GREY % 250, np.uint8)
        version = self.s3.put_object(Bucket="reef-raw", Key=KEY, Body=encode_png(picture))["VersionId"]
        self._tell(f"upload {version}")
        self._start({"version_id": version, "sequencer": self._next(), "requested_by": "upload"})

    def _delete(self) -> None:
        if self.s3.current("reef-raw", KEY) is None:
            return
        marker = self.s3.delete_object(Bucket="reef-raw", Key=KEY)["VersionId"]
        self._tell("delete")
        self._deleted(marker, "Delete Marker Created")

    def _delete_version(self) -> None:
        versions = self.s3.versions("reef-raw", KEY)
        if not versions:
            return
        version = self.random.choice(versions)
        self.s3.delete_object(Bucket="reef-raw", Key=KEY, VersionId=version)
        self._tell(f"delete version {version}")
        self._deleted(version, "Permanently Deleted")

    def _deleted(self, version: str, kind: str) -> None:
        entry = {"key": KEY, "version-id": version, "sequencer": self._next()}
        detail = {"bucket": {"name": "reef-raw"}, "object": entry, "deletion-type": kind}
        event = {"time": self._now.isoformat(), "detail": detail}
        self.scheduler.spawn(lambda: self._removal(event))

    def _correct(self) -> None:
        """Set corners in the picture that is there, as the page does: for the version that it shows."""
        treated = self.s3.current("reef-treated", f"{SURVEY.stem}.jpg")
        if treated is not None:
            version = treated.metadata["source-version-id"]
            self._start({"version_id": version, "start_at": "reframing", "corners_px": CORNERS, "requested_by": "page"})

    def _rerun(self) -> None:
        self._start({"requested_by": "console"})

    # -- state machines

    def _start(self, entry: dict[str, Any]) -> None:
        self._runs += 1
        assert self._runs < _ENOUGH_RUNS, "runs start each other without end"
        name = f"run-{self._runs}"
        self._tell(f"{name} is asked for: {entry}")
        self.scheduler.spawn(lambda: self._pipeline(name, {"bucket": "reef-raw", "key": KEY} | entry))

    def _pipeline(self, name: str, entry: dict[str, Any]) -> None:
        self._now += timedelta(milliseconds=1)
        execution = {"id": f"arn:{name}", "name": name, "started_at": self._now.isoformat()}
        document: dict[str, Any] = {"execution": execution, "input": entry}
        begin = STEPS.index(entry.get("start_at", "restoration"))
        try:
            for step in STEPS[begin:]:
                document[step] = self._call(step, document)
            outcome = self._call("coverage", document)
            self._tell(f"{name} ends: {outcome['reason'] or 'row written'}")
        except PhotoDeletedError:
            self._tell(f"{name} finds the deletion")
            source = document.get("restoration", {}).get("source", {}).get("image", {})
            version = source.get("version_id") or entry.get("version_id")
            event = {"bucket": "reef-raw", "key": KEY, "version_id": version, "requested_by": "pipeline"}
            self.scheduler.spawn(lambda: self._removal(event))
        except NoQuadratError:
            raise
        except (SupersededError, BadInputError) as error:
            self._tell(f"{name} {entry.get('version_id')}: {type(error).__name__}")

    def _removal(self, event: dict[str, Any]) -> None:
        outcome = self._call("removal", event)
        self._tell(f"removal {outcome['row_removed']} {len(outcome['objects_removed'])} {outcome['measure_again']}")
        again = outcome["measure_again"]
        if again:
            self._start({"version_id": again["version_id"], "requested_by": "removal"})

    def _call(self, step: str, event: dict[str, Any]) -> Any:
        work = self._steps[step].handler.__wrapped__
        return json.loads(json.dumps(work(json.loads(json.dumps(event)), None)))

    def _tell(self, what: str) -> None:
        self.story.append(what)

    def _next(self) -> str:
        self._sequence += 1
        return f"{self._sequence:016X}"

    # -- what must hold in the end

    def faults(self) -> list[str]:
        """Return what is wrong now that nothing is under way."""
        objects = {(ref.bucket, ref.key): self.s3.current(ref.bucket, ref.key) for ref in BUCKETS.derived(SURVEY.stem)}
        present = {place: version for place, version in objects.items() if version}
        with self._database.read() as connection:
            row, rows = provenance(connection, SURVEY), coverage_rows(connection)
        photo = self.s3.current("reef-raw", KEY)
        if photo is None:
            return [f"{place} is left" for place in present] + (["a row is left"] if rows else [])
        if row is None or len(rows) != 1:
            return [f"{len(rows)} rows"]
        faults = [] if row.restoration.source.image.version_id == photo.version_id else ["another photo's row"]
        made = [ref for ref in BUCKETS.derived(SURVEY.stem) if ref not in BUCKETS.set_by_hand(SURVEY.stem)]
        faults += [f"{ref.key} in {ref.bucket} is missing" for ref in made if (ref.bucket, ref.key) not in present]
        for place, version in present.items():
            if version.metadata["source-version-id"] != photo.version_id and not place[1].startswith("corners/"):
                faults.append(f"{place} was made from {version.metadata['source-version-id']}")
        for bucket in BUCKETS.with_records:
            places = [place for place in present if place[0] == bucket and not place[1].startswith("corners/")]
            if bucket == BUCKETS.segmented_bucket:
                places += [place for place in present if place[0] == BUCKETS.masks_bucket]
            makers = {present[place].metadata["execution-name"] for place in places}
            if len(makers) > 1:
                faults.append(f"{bucket} mixes {sorted(makers)}")
        faults += self._faults_of_pixels(photo.body or b"", present)
        last = present.get(("reef-segmented", f"results/{SURVEY.stem}.json"))
        if last and last.metadata["execution-name"] != row.execution.name:
            faults.append(f"the row is {row.execution.name}'s, the overlay {last.metadata['execution-name']}'s")
        corners = present.get(("reef-reframed", f"corners/{SURVEY.stem}.json"))
        if corners and corners.metadata["source-version-id"] == photo.version_id and not row.reframing.manual:
            faults.append("corners set by hand are without effect")
        return faults

    def _faults_of_pixels(self, photo: bytes, present: Mapping[tuple[str, str], Any]) -> Iterator[str]:
        wanted = decode(photo).pixels_bgr.mean()
        for (bucket, key), version in present.items():
            if key.endswith(".jpg") and abs(decode(version.body).pixels_bgr.mean() - wanted) > _GREY / 2:
                yield f"{key} in {bucket} shows another photograph"


class _Atomic:
    """The database, whose transactions nobody comes between."""

    def __init__(self, world: World) -> None:
        self._world = world

    def write(self, work: Callable[[Any], Any]) -> Any:
        with self._world.scheduler.atomic():
            return self._world._database.write(work)

    @contextmanager
    def read(self) -> Iterator[Any]:
        with self._world.scheduler.atomic(), self._world._database.read() as connection:
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
