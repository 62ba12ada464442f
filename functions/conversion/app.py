"""A checkpoint in a model bucket becomes a model that the workers run; started by the upload of either of its files."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conversion.checkpoint import MAX_FILE_BYTES
from conversion.config import MAX_YAML_BYTES
from conversion.convert import convert
from conversion.photographs import from_bucket
from conversion.publication import Uploaded, fetch, fetch_evaluation, model_name, publish
from conversion.settings import Settings
from reefsteps.detection.manifest import Agreement
from reefsteps.errors import InvalidParameterError
from reefsteps.observability import step_handler
from reefsteps.results import ModelIdentity, ObjectRef, Record
from reefsteps.storage import Storage

SETTINGS = Settings.from_environment()
STORAGE = Storage()


@dataclass(frozen=True)
class ConversionResult(Record):
    """What conversion did; without a model, ``reason`` says why nothing was to be done."""

    converted: bool
    elapsed_s: float
    reason: str | None = None
    model: ObjectRef | None = None
    manifest: ObjectRef | None = None
    identity: ModelIdentity | None = None
    architecture: str | None = None
    precision: str | None = None
    agreement: Agreement | None = None
    refused_variant: str | None = None
    refused_evaluation: str | None = None


@step_handler("conversion")
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Return a ConversionResult; raises UnsupportedModelError, in which case the model in use stays."""
    started = time.perf_counter()
    uploaded = event.get("input") or {}
    bucket, key = uploaded.get("bucket"), uploaded.get("key")
    if not isinstance(key, str) or bucket not in SETTINGS.photos_of:
        raise InvalidParameterError(
            f"'bucket' is {bucket!r} and 'key' {key!r}: give a model bucket ({' or '.join(SETTINGS.photos_of)}) and "
            "the key of a .pth or .yaml in it."
        )
    return _converted(bucket, key, uploaded.get("version_id"), started).to_json()


def _converted(bucket: str, key: str, version_id: str | None, started: float) -> ConversionResult:
    name = model_name(key)
    found = Uploaded.look(STORAGE, bucket, name)

    def nothing(reason: str) -> ConversionResult:
        return ConversionResult(False, time.perf_counter() - started, reason)

    if found.checkpoint is None:
        return nothing(f"There is no {name}.pth yet; its upload starts the conversion.")
    latest = found.checkpoint if key.endswith(".pth") else found.config
    if version_id and latest and latest.ref.version_id not in (None, version_id):
        return nothing(f"A newer {key} has been uploaded; its own conversion takes over.")
    with tempfile.TemporaryDirectory(prefix="conversion-") as scratch:
        folder = Path(scratch)
        manifest = convert(
            fetch(STORAGE, found.checkpoint, folder, MAX_FILE_BYTES),
            fetch(STORAGE, found.config, folder, MAX_YAML_BYTES) if found.config else None,
            folder,
            evaluation=fetch_evaluation(STORAGE, found.evaluation, folder) if found.evaluation else None,
            precision=SETTINGS.precision,
            photos=from_bucket(STORAGE, SETTINGS.photos_of[bucket]) if SETTINGS.precision != "fp32" else (),
        )
        if Uploaded.look(STORAGE, bucket, name) != found:
            return nothing(f"{name} was uploaded again meanwhile; that upload's conversion takes over.")
        model, described = publish(STORAGE, bucket, folder, manifest)
    return ConversionResult(
        converted=True,
        elapsed_s=time.perf_counter() - started,
        model=model,
        manifest=described,
        identity=manifest.identity,
        architecture=manifest.architecture,
        precision=manifest.precision,
        agreement=manifest.agreement,
        refused_variant=manifest.refused_variant,
        refused_evaluation=manifest.refused_evaluation,
    )
