"""The model bucket as adapting uses it: the parent, the model in use, and the adapted models beside them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from reefsteps.detection import Detector, Manifest
from reefsteps.detection.manifest import FileIdentity
from reefsteps.errors import ModelNotReadyError, PhotoNotFoundError, UnsupportedModelError
from reefsteps.model_choice import choice_body, is_adapted, name_in_use
from reefsteps.model_keys import checkpoint_key, model_card_key, model_in_use_key, model_key
from reefsteps.model_store import ModelStore
from reefsteps.results import ObjectRef
from reefsteps.storage import JSON, Storage

_ONNX = "application/octet-stream"


class ModelBucket:
    """The models of one bucket: the converted ``name`` and those adapted from it."""

    def __init__(self, storage: Storage, bucket: str, name: str) -> None:
        """Keep where they lie; nothing is read."""
        self._storage = storage
        self._bucket = bucket
        self.name = name

    def in_use(self) -> str:
        """Return the name of the model in use."""
        return name_in_use(self._storage, self._bucket, self.name)

    def detector(self) -> Detector:
        """Return the model in use, loaded; raises ModelNotReadyError while there is none."""
        return ModelStore(self._storage.client, self._bucket, self.name, adaptable=True).detector()

    def parent(self, folder: Path) -> tuple[Path, Manifest]:
        """Return the converted model's file in the folder, and its manifest; raises ModelNotReadyError."""
        manifest = self.manifest(self.name)
        body = self._get(manifest.model.file, manifest.model.version_id)
        path = folder / "parent.onnx"
        path.write_bytes(body)
        if FileIdentity.of(path).sha256 != manifest.model.sha256:
            raise ModelNotReadyError(f"A conversion is writing {manifest.model.file}: try again when it has ended.")
        return path, manifest

    def manifest(self, name: str) -> Manifest:
        """Return a model's manifest; raises ModelNotReadyError where there is none."""
        try:
            return Manifest.parse(self._get(model_card_key(name)).decode("utf-8", "replace"))
        except PhotoNotFoundError as error:
            raise ModelNotReadyError(
                f"There is no model '{name}' in {self._bucket}. Upload {checkpoint_key(self.name)} there and wait for "
                "the 'convert' state machine."
            ) from error

    def publish(self, model: Path, manifest: Manifest) -> None:
        """Put an adapted model beside the others, its manifest last; no model in use changes."""
        with model.open("rb") as content:
            answer = self._storage.client.put_object(
                Bucket=self._bucket, Key=model_key(manifest.name), Body=content, ContentType=_ONNX
            )
        file = dataclasses.replace(manifest.model, version_id=answer.get("VersionId"))
        body = dataclasses.replace(manifest, model=file).dump().encode()
        self._storage.put(self._bucket, model_card_key(manifest.name), body, content_type=JSON)

    def use(self, name: str) -> None:
        """Put the converted model or an adapted one into use; raises UnsupportedModelError for any other name."""
        if name != self.name:
            if not is_adapted(name, self.name):
                raise UnsupportedModelError(
                    f"'{name}' was not adapted from '{self.name}', so it cannot take its place."
                )
            adaptation = self._adapted(name).adaptation
            if adaptation is None or not adaptation.verdict.passed:
                raise UnsupportedModelError(f"'{name}' has not passed its gate, so it cannot be put into use.")
        self._storage.put(self._bucket, model_in_use_key(self.name), choice_body(name), content_type=JSON)

    def _adapted(self, name: str) -> Manifest:
        try:
            return Manifest.parse(self._get(model_card_key(name)).decode("utf-8", "replace"))
        except PhotoNotFoundError:
            raise UnsupportedModelError(f"There is no adapted model '{name}' in {self._bucket}.") from None

    def _get(self, key: str, version_id: str | None = None) -> bytes:
        return self._storage.get(ObjectRef(self._bucket, key, version_id)).body
