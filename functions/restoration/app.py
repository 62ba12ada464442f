"""The first step: the original photograph, whatever its format, becomes a treated JPEG with its water's colour removed.

Everything goes to keys that the survey determines, so a second run replaces the first one's objects by equal ones. The
record is written last: where it is, the picture and thumbnail are.
"""

from __future__ import annotations

import time
import urllib.parse
from typing import Any

from reefsteps.derived import DerivedObjects
from reefsteps.document import StateDocument
from reefsteps.errors import InvalidParameterError, PhotoNotFoundError
from reefsteps.images import THUMBNAIL_QUALITY, DecodedImage, decode, encode_jpeg, thumbnail
from reefsteps.keys import picture_key, thumbnail_key
from reefsteps.observability import logger, step_handler
from reefsteps.quadrat_size import RANGE, QuadratSize
from reefsteps.results import ObjectRef, RestorationResult, Source
from reefsteps.storage import JPEG, ObjectInfo, Storage, StoredObject
from reefsteps.surveys import check_length, key_candidates
from reefsteps.texts import LONGEST_CAMERA, camera_time, shortened
from restoration.methods import check_method, restore
from restoration.settings import Settings

SETTINGS = Settings.from_environment()
STORAGE = Storage()


@step_handler("restoration")
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Return the RestorationResult of the document's photograph as JSON."""
    started = time.perf_counter()
    document = StateDocument.parse(event, SETTINGS.raw_bucket)
    survey = document.survey
    method = document.input.restoration_method or SETTINGS.restoration_method
    check_method(method)
    original = _original(document)
    check_length(original.info.ref.key)
    size = document.input.size or _size(original.info)

    photo = decode(original.body, SETTINGS.max_megapixels)
    source = _source(document, original.info, photo)
    derived = DerivedObjects(STORAGE, survey, document.execution, source, SETTINGS.pipeline_version)
    derived.refuse_superseded(SETTINGS.treated_bucket)
    restored = restore(photo.pixels_bgr, method)
    logger.info("restored", method=method, applied=restored.applied, skipped_because=restored.skipped_because)

    small = encode_jpeg(thumbnail(restored.pixels_bgr), quality=THUMBNAIL_QUALITY)
    result = RestorationResult(
        survey=survey.ref,
        source=source,
        treated=_put_jpeg(derived, picture_key(survey.stem), encode_jpeg(restored.pixels_bgr)),
        thumbnail=_put_jpeg(derived, thumbnail_key(survey.stem), small),
        method=method,
        applied=restored.applied,
        side_cm=size.short_cm,
        height_cm=None if size.is_square else size.long_cm,
        elapsed_s=round(time.perf_counter() - started, 3),
        pipeline_version=SETTINGS.pipeline_version,
        skipped_because=restored.skipped_because,
    )
    derived.save_record(SETTINGS.treated_bucket, result)
    derived.refuse_deleted()
    return result.to_json()


def _original(document: StateDocument) -> StoredObject:
    bucket, version_id = document.input.bucket, document.input.version_id
    *others, last = key_candidates(document.input.key)
    for key in others:
        try:
            return STORAGE.get(ObjectRef(bucket, key, version_id))
        except PhotoNotFoundError:
            continue
    return STORAGE.get(ObjectRef(bucket, last, version_id))


def _size(original: ObjectInfo) -> QuadratSize:
    """Return the quadrat's size that the upload page wrote beside the photograph, else the deployment's default."""
    text = original.metadata.get("side-cm")
    if text is None:
        return SETTINGS.quadrat_size
    try:
        return QuadratSize.parse(text)
    except InvalidParameterError:
        raise InvalidParameterError(
            f"The photograph's metadata 'side-cm' is '{text}', not a length from {RANGE} or two as in 50x75: upload it "
            "again."
        ) from None


def _source(document: StateDocument, original: ObjectInfo, photo: DecodedImage) -> Source:
    return Source(
        image=original.ref,
        etag=original.etag,
        uploaded_at=original.uploaded_at,
        sequencer=document.input.sequencer,
        image_format=photo.image_format,
        width_px=photo.width_px,
        height_px=photo.height_px,
        captured_at=camera_time(photo.captured_at),
        camera=None if photo.camera is None else shortened(photo.camera, LONGEST_CAMERA),
        original_name=_original_name(original),
        colour_encoding=photo.colour_encoding,
        grey=photo.grey,
    )


def _original_name(original: ObjectInfo) -> str | None:
    """Return the file's own name, which the upload page writes percent-encoded: metadata are ASCII."""
    name = original.metadata.get("original-name")
    return urllib.parse.unquote(name) if name else None


def _put_jpeg(derived: DerivedObjects, key: str, body: bytes) -> ObjectRef:
    return derived.put(SETTINGS.treated_bucket, key, body, content_type=JPEG)
