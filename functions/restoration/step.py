"""The first step: the original photograph, whatever its format, becomes a treated JPEG without the water's colour.

Every object has a key that the survey determines, so a second run replaces the first one's objects. The record is
written last: if it exists, the picture and thumbnail exist.
"""

from __future__ import annotations

import hashlib
import time
import urllib.parse

from reefsteps.copies import decisions_to_follow
from reefsteps.derived_objects import TREATED_PICTURE, TREATED_THUMBNAIL
from reefsteps.document import StateDocument
from reefsteps.errors import InvalidParameterError, PhotoNotFoundError
from reefsteps.images import THUMBNAIL_QUALITY, DecodedImage, decode, encode_jpeg, thumbnail
from reefsteps.observability import logger
from reefsteps.quadrat_size import RANGE, QuadratSize
from reefsteps.results import ObjectRef, RestorationResult, Source
from reefsteps.run_writer import RunWriter
from reefsteps.steps import Step
from reefsteps.storage import ObjectInfo, Storage, StoredObject
from reefsteps.surveys import check_length, key_candidates
from reefsteps.texts import LONGEST_CAMERA, camera_time, shortened
from restoration.methods import check_method, restore
from restoration.settings import Settings


def restore_photograph(document: StateDocument, settings: Settings, storage: Storage) -> RestorationResult:
    """Write the treated picture, its thumbnail and the record of the document's photograph; returns the record.

    Raises PhotoNotFoundError, InvalidImageError or InvalidParameterError for what a person can put right. Raises
    SupersededError if a newer run has been here, PhotoDeletedError if the photograph was deleted meanwhile.
    """
    started = time.perf_counter()
    survey = document.survey
    method = document.input.restoration_method or settings.restoration_method
    check_method(method)
    original = _original(document, storage)
    check_length(original.info.ref.key)
    size = document.input.size or _size(original.info, settings.quadrat_size)

    photo = decode(original.body, settings.max_megapixels)
    source = _source(document, original, photo)
    writer = RunWriter(storage, settings, survey, document.execution, source, settings.pipeline_version)
    writer.refuse_superseded(Step.RESTORATION)
    restored = restore(photo.pixels_bgr, method)
    logger.info("restored", method=method, applied=restored.applied, skipped_because=restored.skipped_because)

    small = encode_jpeg(thumbnail(restored.pixels_bgr), THUMBNAIL_QUALITY)
    result = RestorationResult(
        survey=survey.ref,
        source=source,
        treated=writer.put(TREATED_PICTURE, encode_jpeg(restored.pixels_bgr)),
        thumbnail=writer.put(TREATED_THUMBNAIL, small),
        method=method,
        applied=restored.applied,
        side_cm=size.short_cm,
        height_cm=None if size.is_square else size.long_cm,
        elapsed_s=round(time.perf_counter() - started, 3),
        pipeline_version=settings.pipeline_version,
        skipped_because=restored.skipped_because,
        decisions_follow=decisions_to_follow(original.info.ref.key, original.info.metadata),
    )
    writer.save_record(Step.RESTORATION, result)
    writer.refuse_deleted()
    return result


def _original(document: StateDocument, storage: Storage) -> StoredObject:
    bucket, version_id = document.input.bucket, document.input.version_id
    *others, last = key_candidates(document.input.key)
    for key in others:
        try:
            return storage.get(ObjectRef(bucket, key, version_id))
        except PhotoNotFoundError:
            continue
    return storage.get(ObjectRef(bucket, last, version_id))


def _size(original: ObjectInfo, default: QuadratSize) -> QuadratSize:
    """Return the quadrat's size that the upload page wrote beside the photograph, else the deployment's default."""
    text = original.metadata.get("side-cm")
    if text is None:
        return default
    try:
        return QuadratSize.parse(text)
    except InvalidParameterError:
        raise InvalidParameterError(
            f"The photograph's metadata 'side-cm' is '{text}', not a length from {RANGE} or two as in 50x75: upload it "
            "again."
        ) from None


def _source(document: StateDocument, original: StoredObject, photo: DecodedImage) -> Source:
    info = original.info
    return Source(
        image=info.ref,
        etag=info.etag,
        uploaded_at=info.uploaded_at,
        sequencer=document.input.sequencer,
        image_format=photo.image_format,
        width_px=photo.width_px,
        height_px=photo.height_px,
        captured_at=camera_time(photo.captured_at),
        camera=None if photo.camera is None else shortened(photo.camera, LONGEST_CAMERA),
        original_name=_original_name(info),
        colour_encoding=photo.colour_encoding,
        grey=photo.grey,
        sha256=hashlib.sha256(original.body).hexdigest(),
    )


def _original_name(original: ObjectInfo) -> str | None:
    """Return the file's own name, which the upload page writes percent-encoded: metadata are ASCII."""
    name = original.metadata.get("original-name")
    return urllib.parse.unquote(name) if name else None
