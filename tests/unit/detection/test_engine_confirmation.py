"""The engine `detectron2` unpickles, so it takes only files that the reader which runs nothing has read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reefsteps.detection import Manifest, detectron2_engine
from reefsteps.detection.manifest import FORMAT, FileIdentity
from reefsteps.errors import ModelNotReadyError, UnsupportedModelError
from reefsteps.model_store import ModelStore
from tests.support.handlers import emulated_s3

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NAME = "detectron2-classifier"


def store(s3: S3Client, folder: Path) -> ModelStore:
    return ModelStore(s3, "reef-models", NAME, cache_dir=folder, engine="detectron2")


def manifest_of(content: bytes, folder: Path) -> bytes:
    path = folder / "confirmed.pth"
    path.write_bytes(content)
    file = FileIdentity.of(path)
    figures = (800, 1333, 0.5, 0.5, 100, 0.5, False)
    return Manifest(FORMAT, NAME, "R50", ("coral",), "fp32", *figures, file, file, "config", "1").dump().encode()


def test_only_a_file_that_conversion_has_read_is_unpickled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[bytes] = []

    def load(path: Path, *_: object) -> object:
        loaded.append(path.read_bytes())
        return object()

    monkeypatch.setattr(detectron2_engine, "Detectron2Detector", load)
    with emulated_s3() as s3:
        s3.put_object(Bucket="reef-models", Key=f"{NAME}.pth", Body=b"read by conversion")
        with pytest.raises(ModelNotReadyError):
            store(s3, tmp_path).detector()
        s3.put_object(Bucket="reef-models", Key=f"{NAME}.json", Body=manifest_of(b"read by conversion", tmp_path))
        store(s3, tmp_path).detector()
        s3.put_object(Bucket="reef-models", Key=f"{NAME}.pth", Body=b"exchanged since")
        with pytest.raises(UnsupportedModelError, match="is not the file that conversion has read"):
            store(s3, tmp_path).detector()
        assert not (tmp_path / f"{NAME}.pth").exists()
    assert loaded == [b"read by conversion"]
