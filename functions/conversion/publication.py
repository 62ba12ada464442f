"""Fetches a checkpoint from its model bucket, and puts the converted model beside it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from conversion.evaluation import MAX_BYTES as MAX_EVALUATION_BYTES
from reefsteps.detection import Manifest
from reefsteps.errors import PhotoNotFoundError, UnsupportedModelError
from reefsteps.keys import checkpoint_key, model_card_key, model_config_key, model_evaluation_key, model_key
from reefsteps.results import ObjectRef
from reefsteps.storage import JSON, ObjectInfo, Storage

_ONNX = "application/octet-stream"


@dataclass(frozen=True)
class Uploaded:
    """The checkpoint, its configuration dump and its measured errors as they are now; None for what is not there."""

    checkpoint: ObjectInfo | None
    config: ObjectInfo | None
    evaluation: ObjectInfo | None

    @classmethod
    def look(cls, storage: Storage, bucket: str, name: str) -> Uploaded:
        """Ask the bucket."""
        return cls(
            _head(storage, ObjectRef(bucket, checkpoint_key(name))),
            _head(storage, ObjectRef(bucket, model_config_key(name))),
            _head(storage, ObjectRef(bucket, model_evaluation_key(name))),
        )


def model_name(key: str) -> str:
    """Return the name of the model that an uploaded ``.pth`` or ``.yaml`` belongs to.

    Raises UnsupportedModelError for keys that cannot be a model's.
    """
    name, dot, suffix = key.rpartition(".")
    if "/" in key or not name or not dot or suffix not in ("pth", "yaml"):
        raise UnsupportedModelError(
            f"'{key}' is no model: upload NAME.pth, and NAME.yaml if it has a configuration of its own, to the top of "
            "the model bucket."
        )
    return name


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


def fetch_evaluation(storage: Storage, info: ObjectInfo, folder: Path) -> Path:
    """Download the measured errors; of a file that is too large only as much as shows that it is.

    They stop no conversion: ``read_evaluation`` says what is wrong.
    """
    target = folder / info.ref.key
    answer = storage.client.get_object(Bucket=info.ref.bucket, Key=info.ref.key)
    with answer["Body"] as body:
        target.write_bytes(body.read(MAX_EVALUATION_BYTES + 1))
    return target


def publish(storage: Storage, bucket: str, folder: Path, manifest: Manifest) -> tuple[ObjectRef, ObjectRef]:
    """Put model and manifest into the bucket; returns where they lie.

    The manifest comes last and names the model's version, so that a worker never sees one without the other.
    """
    key = model_key(manifest.name)
    storage.client.upload_file(str(folder / key), bucket, key, ExtraArgs={"ContentType": _ONNX})
    model = storage.head(ObjectRef(bucket, key)).ref
    described = dataclasses.replace(manifest, model=dataclasses.replace(manifest.model, version_id=model.version_id))
    body = described.dump().encode()
    return model, storage.put(bucket, model_card_key(manifest.name), body, content_type=JSON)


def _head(storage: Storage, ref: ObjectRef) -> ObjectInfo | None:
    try:
        return storage.head(ref)
    except PhotoNotFoundError:
        return None
