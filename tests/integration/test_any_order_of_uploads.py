"""The files of a model in any order and at any time, with conversions that run side by side: the right one is left."""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conversion import publication
from conversion.binding import belongs, bind
from conversion.classes import read_classes
from conversion.evaluation import accepted
from reefsteps.detection.manifest import FORMAT, FileIdentity, Manifest
from reefsteps.errors import PhotoNotFoundError
from reefsteps.evaluation import REAL, Figure, MeasuredSet
from reefsteps.results import ObjectRef
from reefsteps.storage import ObjectInfo
from tests.support import checkpoints as make
from training.library.measured import record

BUCKET, NAME = "model-segmentation", "detectron2-classifier"
PARTS = ("pth", "yaml", "evaluation.json", "classes.json")


@dataclass
class Bucket:
    """A versioned bucket in memory; ``turn`` is called before each request."""

    turn: Callable[[], None] = lambda: None
    versions: dict[str, list[bytes]] = field(default_factory=dict)

    @property
    def client(self) -> Bucket:
        return self

    def put_object(self, Bucket: str, Key: str, Body: Any, ContentType: str = "") -> dict[str, str]:  # noqa: ARG002, N803
        self.turn()
        self.versions.setdefault(Key, []).append(Body if isinstance(Body, bytes) else Body.read())
        return {"VersionId": str(len(self.versions[Key]))}

    def put(self, bucket: str, key: str, body: bytes, *, content_type: str) -> ObjectRef:  # noqa: ARG002
        return ObjectRef(bucket, key, self.put_object(bucket, key, body)["VersionId"])

    def head(self, ref: ObjectRef) -> ObjectInfo:
        self.turn()
        if ref.key not in self.versions:
            raise PhotoNotFoundError(ref.key)
        version = len(self.versions[ref.key])
        body = self.versions[ref.key][-1]
        uploaded = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=version)
        return ObjectInfo(ObjectRef(ref.bucket, ref.key, str(version)), str(version), len(body), uploaded, "")

    def download_file(self, bucket: str, key: str, target: str, ExtraArgs: dict[str, str]) -> None:  # noqa: ARG002, N803
        self.turn()
        Path(target).write_bytes(self.versions[key][int(ExtraArgs["VersionId"]) - 1])

    def get_object(self, Bucket: str, Key: str, VersionId: str) -> dict[str, Any]:  # noqa: ARG002, N803
        self.turn()
        return {"Body": io.BytesIO(self.versions[Key][int(VersionId) - 1])}


class Side:
    """A conversion in a thread of its own that goes on only when the test says so."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self.error: BaseException | None = None
        self.ended = False
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[], object]) -> None:
        self._go.acquire()
        try:
            work()
        except BaseException as error:
            self.error = error
        self.ended = True
        self._stopped.release()

    def pause(self) -> None:
        self._stopped.release()
        self._go.acquire()

    def step(self) -> None:
        self._go.release()
        self._stopped.acquire()

    def is_current(self) -> bool:
        return threading.current_thread() is self._thread


@dataclass(frozen=True)
class Model:
    """The files of one model by the end of their names, and what must become of them."""

    files: dict[str, bytes]
    sha256: str
    mae_points: float


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Model]:
    """The demo model, and the operator's: each with a configuration, errors and classes of its own."""
    found = []
    for number in range(2):
        folder = tmp_path_factory.mktemp("model")
        path = make.write_checkpoint(folder / f"{NAME}.pth", {"backbone.w": np.full(3, number, np.float32)})
        bind(make.config_dump(folder / f"{NAME}.yaml"), path)
        make.classes_file(path, [f"class of {number}"], [f"class of {number}"])
        figures = (Figure("mae_points", float(number), "points"),)
        record(path, [MeasuredSet(REAL, "quadrats", 30, "2026-11-27", figures)])
        files = {part: (folder / f"{NAME}.{part}").read_bytes() for part in PARTS}
        found.append(Model(files, hashlib.sha256(files["pth"]).hexdigest(), float(number)))
    return found


def quick_convert(
    checkpoint: Path, config: Path | None, folder: Path, *, evaluation: Path | None, classes: Path | None, **_more: Any
) -> Manifest:
    """Return what ``convert`` does, without the network: the model's bytes name the checkpoint."""
    source = FileIdentity.of(checkpoint)
    model = folder / f"{checkpoint.stem}.onnx"
    model.write_text(f"converted from {source.sha256}", "utf-8")
    measured, refused = accepted(evaluation, source.sha256)
    mine = classes is not None and belongs(classes, checkpoint)
    texts = {"architecture": "a", "precision": "fp32", "converter_version": "1"}
    sizes = {"min_size_test": 8, "max_size_test": 9, "detections_per_image": 1, "rgb": False}
    limits = {"score_threshold": 0.05, "nms_threshold": 0.5, "mask_threshold": 0.5}
    fields: dict[str, Any] = {**texts, **sizes, **limits}
    return Manifest(
        format=FORMAT,
        name=checkpoint.stem,
        classes=read_classes(classes).names if mine and classes else ("coral",),
        config="its own" if config and belongs(config, checkpoint) else "another",
        source=source,
        model=FileIdentity.of(model),
        measured=measured,
        refused_evaluation=refused,
        **fields,
    )


@pytest.fixture(scope="module")
def app() -> Iterator[ModuleType]:
    patch = pytest.MonkeyPatch()
    names = {
        "MODEL_REFRAMING_BUCKET": "model-reframing",
        "MODEL_SEGMENTATION_BUCKET": BUCKET,
        "TREATED_BUCKET": "treated",
        "REFRAMED_BUCKET": "reframed",
        "AWS_DEFAULT_REGION": "eu-west-3",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "POWERTOOLS_TRACE_DISABLED": "true",
    }
    for name, value in names.items():
        patch.setenv(name, value)
    import conversion.app

    module = importlib.reload(conversion.app)
    module.convert = quick_convert  # type: ignore[attr-defined]
    yield module
    patch.undo()


def assert_right(bucket: Bucket, model: Model) -> None:
    manifest = Manifest.parse(bucket.versions[f"{NAME}.json"][-1].decode())
    assert manifest.source.sha256 == model.sha256
    assert manifest.config == "its own"
    assert manifest.measured is not None
    assert manifest.measured.sets[0].value("mae_points") == model.mae_points
    assert manifest.classes == (json.loads(model.files["classes.json"])["classes"][0],)
    assert manifest.refused_evaluation is None
    content = bucket.versions[f"{NAME}.onnx"][int(manifest.model.version_id or 0) - 1]
    assert hashlib.sha256(content).hexdigest() == manifest.model.sha256


class World:
    """A bucket, the uploads to it, and a conversion for each in a thread of its own."""

    def __init__(self, app: ModuleType) -> None:
        self.bucket = Bucket()
        self.sides: list[Side] = []
        self._app = app
        app.STORAGE = self.bucket  # type: ignore[attr-defined]

    def start_with(self, model: Model) -> None:
        """Have a model converted before anything else happens."""
        events = [self._put(model, part) for part in PARTS]
        self._conversion(*events[0])()
        assert_right(self.bucket, model)

    def upload(self, model: Model, part: str, deliveries: int = 1) -> list[Side]:
        """Upload a file; returns the conversions that this starts."""
        self.bucket.turn = self._turn
        event = self._put(model, part)
        started = [Side(self._conversion(*event)) for _ in range(deliveries)]
        self.sides += started
        return started

    def _put(self, model: Model, part: str) -> tuple[str, str]:
        key = f"{NAME}.{part}"
        return key, self.bucket.put_object(BUCKET, key, model.files[part])["VersionId"]

    def _conversion(self, key: str, version: str) -> Callable[[], object]:
        return lambda: self._app._converted(BUCKET, key, version, None, 0.0)

    def _turn(self) -> None:
        for side in self.sides:
            if side.is_current():
                side.pause()


def steps(side: Side, count: int) -> None:
    """Let a conversion make that many requests, or come to its end."""
    for _ in range(count):
        if side.ended:
            return
        side.step()


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_and_timing_ends_in_the_right_model(
    app: ModuleType, models: list[Model], data: st.DataObject
) -> None:
    demo, own = models
    world = World(app)
    if data.draw(st.booleans(), label="the demo model is there"):
        world.start_with(demo)
    waiting = data.draw(st.permutations(PARTS), label="order")
    twice = data.draw(st.sampled_from([None, *PARTS]), label="delivered twice")
    while waiting or any(not side.ended for side in world.sides):
        running = [side for side in world.sides if not side.ended]
        choice = data.draw(st.integers(0, len(running) if waiting else len(running) - 1))
        if choice < len(running):
            steps(running[choice], data.draw(st.integers(1, 30), label="steps"))
        else:
            part = waiting.pop(0)
            world.upload(own, part, 2 if part == twice else 1)
    assert [side.error for side in world.sides if side.error] == []
    assert_right(world.bucket, own)


@pytest.mark.parametrize("before", [True, False], ids=["demo model there", "empty bucket"])
@pytest.mark.parametrize("first", range(len(PARTS)), ids=[f"{part} late" for part in PARTS])
def test_a_conversion_that_is_overtaken_at_any_request_publishes_nothing_old(
    app: ModuleType, models: list[Model], first: int, before: bool
) -> None:
    """The conversion of one file stops before its n-th request, until those of all others have ended."""
    demo, own = models
    parts = [*PARTS[first:], *PARTS[:first]]
    for count in range(40):
        world = World(app)
        if before:
            world.start_with(demo)
        (slow,) = world.upload(own, parts[0])
        steps(slow, count)
        for part in parts[1:]:
            (side,) = world.upload(own, part)
            steps(side, 1000)
        steps(slow, 1000)
        assert [side.error for side in world.sides if side.error] == []
        assert_right(world.bucket, own)


def test_the_files_of_this_test_are_all_files_of_a_model() -> None:
    assert {f".{part}" for part in PARTS} | {".pkl"} == set(publication.SUFFIXES)
