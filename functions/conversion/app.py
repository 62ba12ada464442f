"""A checkpoint in a model bucket becomes a model that the workers run; started by the upload of any of its files.

The files of one model may arrive in any order and at any time, also while a conversion runs. What is published last is
the bucket's newest files: a conversion checks before and after it publishes, and starts again if a file has
changed. A file that names another checkpoint than the one that is there waits for it.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conversion.binding import belongs
from conversion.convert import convert
from conversion.photographs import from_bucket
from conversion.publication import SUFFIXES, Fetched, Uploaded, fetched, model_name, publish
from conversion.settings import Settings
from conversion.tuning import Earlier
from reefsteps.detection.manifest import FrameAgreement, Manifest, Search, VariantAgreement, VariantTrial
from reefsteps.errors import InvalidParameterError
from reefsteps.observability import step_handler
from reefsteps.results import ModelIdentity, ObjectRef, Record
from reefsteps.storage import Storage

MAX_ROUNDS = 10  # of a conversion whose files keep changing
SEARCH_LIMIT_S = 240.0  # of the function's 840: reading, the variant under way and the upload need the rest

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
    agreement: VariantAgreement | None = None
    frame_agreement: FrameAgreement | None = None
    trials: tuple[VariantTrial, ...] = ()
    search: Search | None = None  # unfinished: the state machine calls again with this result
    refused_variant: str | None = None
    refused_evaluation: str | None = None
    notes: tuple[str, ...] = ()


@step_handler("conversion")
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Return a ConversionResult; raises UnsupportedModelError, in which case the model in use stays."""
    started = time.perf_counter()
    uploaded = event.get("input") or {}
    bucket, key = uploaded.get("bucket"), uploaded.get("key")
    if not isinstance(key, str) or bucket not in SETTINGS.photos_of:
        raise InvalidParameterError(
            f"'bucket' is {bucket!r} and 'key' {key!r}: give a model bucket ({' or '.join(SETTINGS.photos_of)}) and "
            f"the key of a file in it that ends with {', '.join(SUFFIXES)}."
        )
    return _converted(bucket, key, uploaded.get("version_id"), _earlier(event), started).to_json()


def _earlier(event: dict[str, Any]) -> Earlier | None:
    """Return the trials of the call before, if its search was left unfinished."""
    if not event.get("conversion"):
        return None
    before = ConversionResult.from_json(event["conversion"])
    if before.search is None or before.search.finished:
        return None
    return Earlier(before.search.full_sha256, before.trials)


def _converted(
    bucket: str, key: str, version_id: str | None, earlier: Earlier | None, started: float
) -> ConversionResult:
    name = model_name(key)

    def nothing(reason: str) -> ConversionResult:
        return ConversionResult(False, time.perf_counter() - started, reason)

    found = Uploaded.look(STORAGE, bucket, name)
    latest = found.named(key)
    if version_id and latest and latest.ref.version_id not in (None, version_id):
        return nothing(f"A newer {key} has been uploaded; its own conversion takes over.")
    published: ConversionResult | None = None
    for _ in range(MAX_ROUNDS):
        if found.checkpoint is None:
            return nothing(f"There is no {name}.pth yet; its upload starts the conversion.")
        with tempfile.TemporaryDirectory(prefix="conversion-") as scratch:
            files = fetched(STORAGE, found, Path(scratch))
            beside = files.named(key)
            if published is None and beside and belongs(beside, files.checkpoint) is False:
                return nothing(f"{key} belongs to another checkpoint; the upload of that starts the conversion.")
            manifest = _convert(files, bucket, Path(scratch), earlier)
            if Uploaded.look(STORAGE, bucket, name) == found:
                published = _published(bucket, Path(scratch), manifest, started)
        before, found = found, Uploaded.look(STORAGE, bucket, name)
        if published and found == before:
            return published
    return nothing(f"The files of {name} kept changing; upload one of them again.")


def _convert(files: Fetched, bucket: str, folder: Path, earlier: Earlier | None) -> Manifest:
    return convert(
        files.checkpoint,
        files.config,
        folder,
        evaluation=files.evaluation,
        classes=files.classes,
        precision=SETTINGS.precision,
        photos=from_bucket(STORAGE, SETTINGS.photos_of[bucket]) if SETTINGS.precision != "fp32" else (),
        role=SETTINGS.roles[bucket],
        time_limit_s=SEARCH_LIMIT_S,
        earlier=earlier,
    )


def _published(bucket: str, folder: Path, manifest: Manifest, started: float) -> ConversionResult:
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
        frame_agreement=manifest.frame_agreement,
        trials=manifest.trials,
        search=manifest.search,
        refused_variant=manifest.refused_variant,
        refused_evaluation=manifest.refused_evaluation,
        notes=manifest.notes,
    )
