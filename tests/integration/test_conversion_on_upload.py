"""From the upload of a checkpoint to a loaded detector, against an emulated S3."""

from __future__ import annotations

import importlib
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import cv2
import numpy as np
import pytest
from moto import mock_aws

from conversion import publication
from conversion.binding import bind
from conversion.convert import convert
from conversion.evaluation import read_evaluation
from reefsteps.errors import InvalidParameterError, ModelNotReadyError, UnsupportedModelError
from reefsteps.evaluation import REAL, Figure, MeasuredSet
from reefsteps.model_store import ModelStore
from reefsteps.results import ObjectRef
from reefsteps.storage import ObjectInfo, Storage
from reefsteps.trust import trust_of
from tests.support import checkpoints as make
from tests.support.pictures import picture
from training.library.measured import record

REFRAMING, SEGMENTATION, TREATED, REFRAMED = "model-reframing", "model-segmentation", "treated", "reframed"
NAME = "tiny"


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    variables = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-west-3",
        "MODEL_REFRAMING_BUCKET": REFRAMING,
        "MODEL_SEGMENTATION_BUCKET": SEGMENTATION,
        "TREATED_BUCKET": TREATED,
        "REFRAMED_BUCKET": REFRAMED,
        "MODEL_PRECISION": "fp32",
        "POWERTOOLS_TRACE_DISABLED": "true",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("s3")
        for bucket in (REFRAMING, SEGMENTATION, TREATED, REFRAMED):
            client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
        for bucket in (REFRAMING, SEGMENTATION):
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        yield client


@pytest.fixture
def app(s3: Any) -> ModuleType:
    import conversion.app

    return importlib.reload(conversion.app)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with tiny.pth, tiny.yaml and other.pth, another model of the same shape."""
    make.config_dump(tmp_path / f"{NAME}.yaml")
    make.write_checkpoint(tmp_path / f"{NAME}.pth", make.random_mask_rcnn(seed=1))
    make.write_checkpoint(tmp_path / "other.pth", make.random_mask_rcnn(seed=2))
    return tmp_path


def upload(s3: Any, path: Path, key: str, bucket: str = SEGMENTATION) -> dict[str, Any]:
    version = s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())["VersionId"]
    execution = {"id": "arn:x", "name": "x", "started_at": "2026-01-01T00:00:00Z"}
    return {"execution": execution, "input": {"bucket": bucket, "key": key, "version_id": version}}


def store(s3: Any, folder: Path, **options: Any) -> ModelStore:
    return ModelStore(s3, SEGMENTATION, NAME, cache_dir=folder / "cache", threads=1, **options)


def keys(s3: Any) -> set[str]:
    return {item["Key"] for item in s3.list_objects_v2(Bucket=SEGMENTATION).get("Contents", [])}


def test_an_upload_becomes_a_detector(s3: Any, app: ModuleType, files: Path) -> None:
    upload(s3, files / f"{NAME}.yaml", f"{NAME}.yaml")
    result = app.handler(upload(s3, files / f"{NAME}.pth", f"{NAME}.pth"), None)
    assert result["converted"] is True
    assert result["precision"] == "fp32"
    assert keys(s3) == {f"{NAME}.{suffix}" for suffix in ("pth", "yaml", "onnx", "json")}
    detector = store(s3, files).detector()
    assert detector.identity.to_json() == result["identity"]
    assert detector.manifest.model.version_id == result["model"]["version_id"]
    assert len(detector.detect(picture(150, 150, 3))) > 0


def test_the_configuration_may_come_first_or_last(s3: Any, app: ModuleType, files: Path) -> None:
    first = app.handler(upload(s3, files / f"{NAME}.yaml", f"{NAME}.yaml"), None)
    assert first["converted"] is False
    assert "There is no tiny.pth yet" in first["reason"]
    s3.delete_object(Bucket=SEGMENTATION, Key=f"{NAME}.yaml")
    with pytest.raises(UnsupportedModelError, match=r"Upload the config.yaml"):
        app.handler(upload(s3, files / f"{NAME}.pth", f"{NAME}.pth"), None)
    assert app.handler(upload(s3, files / f"{NAME}.yaml", f"{NAME}.yaml"), None)["converted"] is True


def test_a_failed_conversion_leaves_the_working_model(s3: Any, app: ModuleType, files: Path) -> None:
    upload(s3, files / f"{NAME}.yaml", f"{NAME}.yaml")
    app.handler(upload(s3, files / f"{NAME}.pth", f"{NAME}.pth"), None)
    before = store(s3, files).detector().identity
    (files / "cut.pth").write_bytes((files / "other.pth").read_bytes()[:5000])
    with pytest.raises(UnsupportedModelError):
        app.handler(upload(s3, files / "cut.pth", f"{NAME}.pth"), None)
    assert store(s3, files).detector().identity == before


def evaluation(checkpoint: Path, mae_points: float) -> Path:
    """Write measured errors of the checkpoint, as training does, and return the file."""
    figures = (Figure("mae_points", mae_points, "points"), Figure("bias_points", 1.0, "points"))
    entry = MeasuredSet(REAL, "quadrats", 30, "2026-11-27", figures, "Moorea")
    return record(checkpoint, [entry], demonstration=mae_points > 9)


def test_measured_errors_beside_the_checkpoint_go_into_the_manifest(s3: Any, app: ModuleType, files: Path) -> None:
    measured = evaluation(files / f"{NAME}.pth", 2.9)
    upload(s3, files / f"{NAME}.yaml", f"{NAME}.yaml")
    upload(s3, measured, f"{NAME}.evaluation.json")
    app.handler(upload(s3, files / f"{NAME}.pth", f"{NAME}.pth"), None)
    manifest = store(s3, files).detector().manifest
    assert manifest.measured == read_evaluation(measured)
    assert manifest.refused_evaluation is None
    assert trust_of(manifest).trusted


def test_measured_errors_that_come_last_reach_the_manifest(s3: Any, app: ModuleType, files: Path) -> None:
    upload(s3, files / f"{NAME}.yaml", f"{NAME}.yaml")
    app.handler(upload(s3, files / f"{NAME}.pth", f"{NAME}.pth"), None)
    assert trust_of(store(s3, files).detector().manifest).state == "not measured"
    event = upload(s3, evaluation(files / f"{NAME}.pth", 2.9), f"{NAME}.evaluation.json")
    assert app.handler(event, None)["converted"] is True
    assert trust_of(store(s3, files).detector().manifest).trusted


def test_a_new_model_is_never_shown_with_the_errors_of_the_one_before(s3: Any, app: ModuleType, files: Path) -> None:
    """The new checkpoint goes over the demo's, whose measured errors and configuration are still there."""
    bind(files / f"{NAME}.yaml", files / f"{NAME}.pth")
    for key in (f"{NAME}.evaluation.json", f"{NAME}.yaml"):
        source = evaluation(files / f"{NAME}.pth", 9.5) if key.endswith("json") else files / key
        upload(s3, source, key)
    app.handler(upload(s3, files / f"{NAME}.pth", f"{NAME}.pth"), None)
    assert trust_of(store(s3, files).detector().manifest).state == "demonstration"

    own = make.config_dump(files / "own.yaml", **{"INPUT.MIN_SIZE_TEST": 96})
    bind(own, files / "other.pth")
    waits = app.handler(upload(s3, own, f"{NAME}.yaml"), None)  # before its checkpoint: the model in use stays
    assert waits["converted"] is False
    assert "belongs to another checkpoint" in waits["reason"]
    result = app.handler(upload(s3, files / "other.pth", f"{NAME}.pth"), None)
    assert "was measured on another checkpoint" in result["refused_evaluation"]
    manifest = store(s3, files / "fresh").detector().manifest
    assert manifest.measured is None
    assert manifest.min_size_test == 96
    assert trust_of(manifest).state == "not measured"


def test_a_configuration_of_other_weights_is_not_used_for_a_named_model(tmp_path: Path) -> None:
    path = make.write_checkpoint(tmp_path / "detectron2-classifier.pth", make.random_mask_rcnn(50))
    demo = make.config_dump(tmp_path / "detectron2-classifier.yaml", **{"MODEL.RESNETS.DEPTH": 50})
    bind(demo, path)
    assert convert(path, demo, tmp_path / "a").notes == ()
    make.write_checkpoint(path, make.random_mask_rcnn(50, seed=5))
    manifest = convert(path, demo, tmp_path / "b")
    assert manifest.config == "mask_rcnn_R_50_FPN_3x"
    assert manifest.notes == (
        "detectron2-classifier.yaml belongs to other weights, so it was not used. The values of "
        "mask_rcnn_R_50_FPN_3x were used.",
    )


@pytest.mark.parametrize("body", [b"{}", b"[" * 100_000, b'[{"photos": 1}]', b"[]" + b" " * (1 << 17)])
def test_damaged_measured_errors_are_named_and_stop_no_conversion(
    s3: Any, app: ModuleType, files: Path, body: bytes
) -> None:
    upload(s3, files / f"{NAME}.yaml", f"{NAME}.yaml")
    s3.put_object(Bucket=SEGMENTATION, Key=f"{NAME}.evaluation.json", Body=body)
    result = app.handler(upload(s3, files / f"{NAME}.pth", f"{NAME}.pth"), None)
    assert result["converted"] is True
    assert "tiny.evaluation.json" in result["refused_evaluation"]
    manifest = store(s3, files).detector().manifest
    assert manifest.measured is None
    assert manifest.refused_evaluation == result["refused_evaluation"]


def test_a_file_of_the_model_zoo_is_converted(s3: Any, app: ModuleType, files: Path) -> None:
    upload(s3, files / f"{NAME}.yaml", f"{NAME}.yaml")
    zoo = make.write_zoo(files / f"{NAME}.pkl", make.random_mask_rcnn(seed=3))
    assert app.handler(upload(s3, zoo, f"{NAME}.pkl"), None)["converted"] is True
    assert store(s3, files).detector().manifest.source.file == f"{NAME}.pkl"


@pytest.mark.parametrize(("minutes", "used"), [(-1, "tiny.pth"), (0, "tiny.pth"), (1, "tiny.pkl")])
def test_of_two_checkpoints_the_newer_one_counts(monkeypatch: pytest.MonkeyPatch, minutes: int, used: str) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def head(_storage: Any, ref: ObjectRef) -> ObjectInfo | None:
        times = {"tiny.pth": noon, "tiny.pkl": noon + timedelta(minutes=minutes)}
        return ObjectInfo(ref, "e", 1, times[ref.key], "") if ref.key in times else None

    monkeypatch.setattr(publication, "_head", head)
    found = publication.Uploaded.look(Storage(), SEGMENTATION, NAME).checkpoint
    assert found is not None
    assert found.ref.key == used


def test_a_superseded_upload_is_left_to_its_successor(s3: Any, app: ModuleType, files: Path) -> None:
    upload(s3, files / f"{NAME}.yaml", f"{NAME}.yaml")
    old = upload(s3, files / f"{NAME}.pth", f"{NAME}.pth")
    new = upload(s3, files / "other.pth", f"{NAME}.pth")
    result = app.handler(old, None)
    assert result["converted"] is False
    assert "newer" in result["reason"]
    assert app.handler(new, None)["converted"] is True


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"bucket": "elsewhere"}, InvalidParameterError),
        ({"key": None}, InvalidParameterError),
        ({"key": "folder/tiny.pth"}, UnsupportedModelError),
        ({"key": "tiny.onnx"}, UnsupportedModelError),
        ({"key": "tiny.json"}, UnsupportedModelError),
        ({"key": "tiny.evaluation.pth"}, UnsupportedModelError),
        ({"key": ".pth"}, UnsupportedModelError),
    ],
)
def test_what_is_no_model_is_refused(app: ModuleType, change: dict[str, Any], error: type[Exception]) -> None:
    event = {"input": {"bucket": SEGMENTATION, "key": "tiny.pth"} | change}
    with pytest.raises(error):
        app.handler(event, None)


def test_int8_without_photographs_falls_back_and_says_so(s3: Any, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_PRECISION", "int8")
    import conversion.app

    app = importlib.reload(conversion.app)
    upload(s3, files / f"{NAME}.yaml", f"{NAME}.yaml")
    result = app.handler(upload(s3, files / f"{NAME}.pth", f"{NAME}.pth"), None)
    assert result["precision"] == "fp32"
    assert "no photographs" in result["refused_variant"]


def test_an_unfinished_search_is_taken_up_by_the_next_invocation(
    s3: Any, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_PRECISION", "auto")
    import conversion.app

    app = importlib.reload(conversion.app)
    monkeypatch.setattr(app, "SEARCH_LIMIT_S", 0.0)
    for seed in range(16):
        encoded = cv2.imencode(".jpg", picture(140, 170, seed))[1].tobytes()
        s3.put_object(Bucket=REFRAMED, Key=f"2024-Moorea-{seed:02}.jpg", Body=encoded)
    upload(s3, files / f"{NAME}.yaml", f"{NAME}.yaml")
    event = upload(s3, files / f"{NAME}.pth", f"{NAME}.pth")
    first = app.handler(event, None)
    assert first["search"]["finished"] is False
    assert len(first["trials"]) == 1
    second = app.handler(event | {"conversion": json.loads(json.dumps(first))}, None)
    assert second["trials"][0] == first["trials"][0]
    assert len(second["trials"]) == 2
    assert len(store(s3, files).detector().manifest.trials) == 2


def test_a_store_loads_once_and_follows_a_new_model(s3: Any, app: ModuleType, files: Path) -> None:
    time_s = [0.0]
    models = store(s3, files, check_interval_s=30, clock=lambda: time_s[0])
    with pytest.raises(ModelNotReadyError, match=r"Upload tiny.pth"):
        models.detector()
    upload(s3, files / f"{NAME}.yaml", f"{NAME}.yaml")
    app.handler(upload(s3, files / f"{NAME}.pth", f"{NAME}.pth"), None)
    first = models.detector()
    app.handler(upload(s3, files / "other.pth", f"{NAME}.pth"), None)
    assert models.detector() is first  # asked again too soon
    time_s[0] = 31
    second = models.detector()
    assert second.identity.sha256 != first.identity.sha256
    time_s[0] = 62
    assert models.detector() is second  # unchanged: not loaded again
    assert len(list((files / "cache").glob("*.onnx"))) == 1


def test_a_store_never_mixes_a_model_with_anothers_manifest(s3: Any, app: ModuleType, files: Path) -> None:
    upload(s3, files / f"{NAME}.yaml", f"{NAME}.yaml")
    app.handler(upload(s3, files / f"{NAME}.pth", f"{NAME}.pth"), None)
    s3.put_object(Bucket=SEGMENTATION, Key=f"{NAME}.onnx", Body=b"the next conversion's model")
    assert len(store(s3, files).detector().detect(picture(150, 150, 3))) > 0  # by version: the manifest's own
    manifest = s3.get_object(Bucket=SEGMENTATION, Key=f"{NAME}.json")["Body"].read().decode()
    version = s3.head_object(Bucket=SEGMENTATION, Key=f"{NAME}.onnx")["VersionId"]
    own = store(s3, files).detector().manifest.model.version_id
    s3.put_object(Bucket=SEGMENTATION, Key=f"{NAME}.json", Body=manifest.replace(str(own), version).encode())
    with pytest.raises(ModelNotReadyError, match="not the model that its manifest describes"):
        ModelStore(s3, SEGMENTATION, NAME, cache_dir=files / "fresh").detector()


def test_a_damaged_manifest_is_refused(s3: Any, files: Path) -> None:
    for body in (b"{", b"[]", b'{"format": 99}'):
        s3.put_object(Bucket=SEGMENTATION, Key=f"{NAME}.json", Body=body)
        with pytest.raises(UnsupportedModelError, match=r"Upload the .pth again"):
            store(s3, files).detector()


def test_many_threads_share_one_load(s3: Any, app: ModuleType, files: Path) -> None:
    upload(s3, files / f"{NAME}.yaml", f"{NAME}.yaml")
    app.handler(upload(s3, files / f"{NAME}.pth", f"{NAME}.pth"), None)
    models = store(s3, files)
    seen: list[Any] = []
    threads = [threading.Thread(target=lambda: seen.append(models.detector())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 8
    assert len(set(map(id, seen))) == 1
    expected = seen[0].detect(picture(97, 140, 1))
    np.testing.assert_array_equal(seen[1].detect(picture(97, 140, 1)).boxes_px, expected.boxes_px)


def test_a_least_score_equals_filtering(s3: Any, app: ModuleType, files: Path) -> None:
    upload(s3, files / f"{NAME}.yaml", f"{NAME}.yaml")
    app.handler(upload(s3, files / f"{NAME}.pth", f"{NAME}.pth"), None)
    detector = store(s3, files).detector()
    everything = detector.detect(picture(213, 128, 2))
    middle = float(np.median(everything.scores))
    strong = detector.detect(picture(213, 128, 2), middle)
    np.testing.assert_array_equal(strong.boxes_px, everything.above(middle).boxes_px)
    assert 0 < len(strong) < len(everything)
    for wrong in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)):
        with pytest.raises(ValueError, match="A picture is"):
            detector.detect(wrong)  # type: ignore[arg-type]
