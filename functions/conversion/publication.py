"""Fetches a checkpoint from its model bucket, and puts the converted model beside it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conversion.checkpoint import MAX_FILE_BYTES
from conversion.classes import MAX_BYTES as MAX_CLASSES_BYTES
from conversion.config import MAX_YAML_BYTES
from reefsteps.detection import Manifest
from reefsteps.errors import PhotoNotFoundError, UnsupportedModelError
from reefsteps.evaluation import MAX_BYTES as MAX_EVALUATION_BYTES
from reefsteps.model_keys import (
    checkpoint_key,
    model_card_key,
    model_classes_key,
    model_config_key,
    model_evaluation_key,
    model_key,
    zoo_checkpoint_key,
)
from reefsteps.results import ObjectRef
from reefsteps.storage import JSON, ObjectInfo, Storage

_ONNX = "application/octet-stream"


# What a model consists of in its bucket; the upload of each starts a conversion (template.yaml has the same suffixes).
SUFFIXES = (".pth", ".pkl", ".yaml", ".evaluation.json", ".classes.json")
_RESERVED = (".evaluation", ".classes")  # a model of such a name would have a manifest that looks like an upload


@dataclass(frozen=True)
class Uploaded:
    """A model's files as they are now; None for what is not there. Of two checkpoints the newer one counts."""

    checkpoint: ObjectInfo | None
    config: ObjectInfo | None
    evaluation: ObjectInfo | None
    classes: ObjectInfo | None

    @classmethod
    def look(cls, storage: Storage, bucket: str, name: str) -> Uploaded:
        """Ask the bucket."""
        plain, zoo, config, evaluation, classes = (
            _head(storage, ObjectRef(bucket, key(name)))
            for key in (
                checkpoint_key,
                zoo_checkpoint_key,
                model_config_key,
                model_evaluation_key,
                model_classes_key,
            )
        )
        checkpoints = [found for found in (plain, zoo) if found]
        return cls(max(checkpoints, key=lambda found: found.last_modified, default=None), config, evaluation, classes)

    def named(self, key: str) -> ObjectInfo | None:
        """Return the file with that key."""
        files = (self.checkpoint, self.config, self.evaluation, self.classes)
        return next((found for found in files if found and found.ref.key == key), None)


@dataclass(frozen=True)
class Fetched:
    """The same files on this machine."""

    checkpoint: Path
    config: Path | None
    evaluation: Path | None
    classes: Path | None

    def named(self, key: str) -> Path | None:
        """Return the file beside the checkpoint with that key."""
        return next((path for path in (self.config, self.evaluation, self.classes) if path and path.name == key), None)


def model_name(key: str) -> str:
    """Return the name of the model that an uploaded file belongs to.

    Raises UnsupportedModelError for keys that cannot be a model's.
    """
    suffix = next((suffix for suffix in SUFFIXES if key.endswith(suffix)), "")
    name = key.removesuffix(suffix)
    if "/" in key or not name or not suffix or name.endswith(_RESERVED):
        raise UnsupportedModelError(
            f"'{key}' is no model. Upload NAME.pth (or NAME.pkl) to the top of the model bucket. NAME.yaml, "
            "NAME.evaluation.json and NAME.classes.json belong beside it."
        )
    return name


def fetched(storage: Storage, found: Uploaded, folder: Path) -> Fetched:
    """Download a model's files into the folder; raises UnsupportedModelError when one is too large."""
    assert found.checkpoint
    return Fetched(
        fetch(storage, found.checkpoint, folder, MAX_FILE_BYTES),
        fetch(storage, found.config, folder, MAX_YAML_BYTES) if found.config else None,
        fetch_start(storage, found.evaluation, folder, MAX_EVALUATION_BYTES) if found.evaluation else None,
        fetch_start(storage, found.classes, folder, MAX_CLASSES_BYTES) if found.classes else None,
    )


def fetch(storage: Storage, info: ObjectInfo, folder: Path, limit_bytes: int) -> Path:
    """Download an object of exactly that version into the folder; raises UnsupportedModelError when it is too large."""
    if info.size_bytes > limit_bytes:
        raise UnsupportedModelError(
            f"{info.ref.key} has {info.size_bytes} bytes, the limit is {limit_bytes}. Save the weights alone: "
            'torch.save({"model": model.state_dict()}, path), and the plain config.yaml of the trainer.'
        )
    target = folder / info.ref.key
    version = {"VersionId": info.ref.version_id} if info.ref.version_id else None
    storage.client.download_file(info.ref.bucket, info.ref.key, str(target), ExtraArgs=version)
    return target


def fetch_start(storage: Storage, info: ObjectInfo, folder: Path, limit_bytes: int) -> Path:
    """Download an object of exactly that version; of one that is too large only as much as shows that it is.

    Such files stop no conversion: whoever reads them says what is wrong.
    """
    target = folder / info.ref.key
    version: Any = {"VersionId": info.ref.version_id} if info.ref.version_id else {}
    answer = storage.client.get_object(Bucket=info.ref.bucket, Key=info.ref.key, **version)
    with answer["Body"] as body:
        target.write_bytes(body.read(limit_bytes + 1))
    return target


def publish(storage: Storage, bucket: str, folder: Path, manifest: Manifest) -> tuple[ObjectRef, ObjectRef]:
    """Put model and manifest into the bucket; returns where they lie.

    The manifest comes last and names the model's version, so that a worker never sees one without the other.
    """
    key = model_key(manifest.name)
    with (folder / key).open("rb") as content:  # one request, because only its answer tells the version for certain
        answer = storage.client.put_object(Bucket=bucket, Key=key, Body=content, ContentType=_ONNX)
    model = ObjectRef(bucket, key, answer.get("VersionId"))
    described = dataclasses.replace(manifest, model=dataclasses.replace(manifest.model, version_id=model.version_id))
    body = described.dump().encode()
    return model, storage.put(bucket, model_card_key(manifest.name), body, content_type=JSON)


def _head(storage: Storage, ref: ObjectRef) -> ObjectInfo | None:
    try:
        return storage.head(ref)
    except PhotoNotFoundError:
        return None
