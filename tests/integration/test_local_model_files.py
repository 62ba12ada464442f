"""Which model buckets receive the demo models, and what is said of the others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import boto3
import pytest
from moto import mock_aws

from local import model_files
from local.provision import Clients
from local.resources import LocalResources

CORAL, BUCKET = "detectron2-classifier", "corals"
DEMO = {f"{CORAL}.pth": b"demo weights", f"{CORAL}.yaml": b"demo yaml", f"{CORAL}.evaluation.json": b"demo errors"}


@dataclass
class World:
    """A bucket, and what ``up`` does with it."""

    s3: Any
    folder: Path
    said: list[str] = field(default_factory=list)
    converted: list[str] = field(default_factory=list)

    def put(self, **files: bytes) -> None:
        for suffix, body in files.items():
            self.s3.put_object(Bucket=BUCKET, Key=f"{CORAL}.{suffix.replace('__', '.')}", Body=body)

    def content(self) -> dict[str, bytes]:
        keys = [item["Key"] for item in self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
        return {key: self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}

    def up(self) -> str:
        """Return the state of the model."""
        function = SimpleNamespace(environment={"MODEL_NAME": CORAL, "MODEL_BUCKET": BUCKET})
        resources = cast("LocalResources", SimpleNamespace(functions=[function]))
        clients = cast("Clients", SimpleNamespace(s3=self.s3))
        states = model_files.install_models(resources, clients, self.folder, self.said.append, threading.Event())
        return states[CORAL]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    for name, value in {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for key, body in DEMO.items():
        (tmp_path / key).write_bytes(body)
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        world = World(s3, tmp_path)

        def convert_again(_resources: Any, _clients: Any, _bucket: str, key: str) -> str:
            world.converted.append(key)
            return key

        monkeypatch.setattr(model_files, "_convert_again", convert_again)
        monkeypatch.setattr(model_files, "_wait_for_conversion", lambda *_: model_files.READY)
        yield world


def test_an_empty_bucket_receives_the_demo_model(world: World) -> None:
    assert world.up() == model_files.READY
    assert world.content() == DEMO
    assert world.said[0] == f"Model {CORAL}: the bucket has none, so the demo model goes there."


def test_an_interrupted_installation_goes_on(world: World) -> None:
    world.put(evaluation__json=DEMO[f"{CORAL}.evaluation.json"])
    assert world.up() == model_files.READY
    assert world.content() == DEMO


@pytest.mark.parametrize(
    "files",
    [
        {"pth": b"mine"},
        {"pth": b"mine", "yaml": b"mine", "json": b"{}"},
        {"pkl": b"mine"},
        {"pth": b"mine", "evaluation__json": b"demo errors"},
        {"pth": b"demo weights", "yaml": b"mine"},
    ],
    ids=lambda files: "+".join(files),
)
def test_what_is_in_the_bucket_stays(world: World, files: dict[str, bytes]) -> None:
    world.put(**files)
    before = world.content()
    assert world.up() == model_files.READY
    assert world.content() == before
    checkpoint = f"{CORAL}.pkl" if "pkl" in files else f"{CORAL}.pth"
    which = "the demo model" if files.get("pth") == b"demo weights" else "not the demo model"
    assert world.said[0] == f"Model {CORAL}: {checkpoint} of the bucket is used, {which}."
    assert world.converted == ([] if "json" in files else [checkpoint])


@pytest.mark.parametrize("files", [{"yaml": b"mine"}, {"classes__json": b"mine"}], ids=lambda files: "+".join(files))
def test_files_that_wait_for_their_checkpoint_are_not_mixed_with_the_demo(
    world: World, files: dict[str, bytes]
) -> None:
    world.put(**files)
    before = world.content()
    state = world.up()
    assert world.content() == before
    assert state == f"no {CORAL}.pth in the bucket {BUCKET}. It has {next(iter(before))}. Upload it there."


def test_without_a_demo_model_the_state_says_what_to_do(world: World, tmp_path: Path) -> None:
    world.folder = tmp_path / "nothing"
    assert world.up() == f"no {CORAL}.pth in the bucket {BUCKET}. Upload it there."
