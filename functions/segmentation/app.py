"""Find the corals in the reframed picture and measure them."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from reefsteps.arrays import ByteArray
from reefsteps.derived import DerivedObjects
from reefsteps.detection import Manifest
from reefsteps.document import StateDocument, UpstreamResult, refuse_other_photo
from reefsteps.evaluation import PictureLimits, trust_of
from reefsteps.excluded import excluded_mask
from reefsteps.images import decode, encode_jpeg, encode_png, thumbnail
from reefsteps.keys import mask_key, picture_key, thumbnail_key
from reefsteps.model_store import ModelStore
from reefsteps.observability import measure as record_metric
from reefsteps.observability import step_handler
from reefsteps.results import ModelIdentity, ObjectRef, ReframingResult, SegmentationResult
from reefsteps.storage import JPEG, PNG, Storage
from reefsteps.surveys import SurveyKey
from segmentation.cover import Cover, measure, outside
from segmentation.novelty import LEAST_SCORE, picture_figures, reasons_to_look
from segmentation.overlay import draw_overlay
from segmentation.settings import Settings
from segmentation.string_mask import find_strings

SETTINGS = Settings.from_environment()
STORAGE = Storage()
MODELS = ModelStore(STORAGE.client, SETTINGS.model_bucket, SETTINGS.model_name, engine=SETTINGS.engine)


@step_handler("segmentation")
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Return the segmentation record of the quadrat."""
    started = time.perf_counter()
    document = StateDocument.parse(event, SETTINGS.raw_bucket)
    survey = document.survey
    earlier = document.reframing(STORAGE, SETTINGS.reframed_bucket)
    derived = DerivedObjects(
        STORAGE,
        survey,
        document.execution,
        earlier.source,
        SETTINGS.pipeline_version,
        decided_at=earlier.record.decided_at,
    )
    derived.refuse_superseded(SETTINGS.segmented_bucket)
    detector = MODELS.detector()
    picture_bgr = _reframed_picture(earlier)
    threshold = max(SETTINGS.score_threshold, detector.manifest.score_threshold)
    known = detector.detect(picture_bgr, min(threshold, LEAST_SCORE))
    look = reasons_to_look(picture_figures(picture_bgr, known.scores), _limits(detector.manifest))
    detections = known.above(threshold)
    strings = find_strings(picture_bgr, earlier.record.string_cells) if earlier.record.strings_used else None
    excluded = _excluded(earlier, picture_bgr)
    if excluded is not None:
        detections = outside(detections, excluded)
    cover = measure(detections, earlier.record.px_per_cm, strings, excluded)
    overlay_bgr = draw_overlay(picture_bgr, cover.mask, detections, excluded)
    refs = _write_pictures(derived, survey, overlay_bgr, cover, detector.identity)
    result = _result(cover, refs, threshold, detector.identity)
    elapsed_s = round(time.perf_counter() - started, 3)
    result = dataclasses.replace(
        result,
        elapsed_s=elapsed_s,
        pipeline_version=SETTINGS.pipeline_version,
        low_resolution=min(picture_bgr.shape[:2]) < detector.manifest.min_size_test,
        trust=trust_of(detector.manifest),
        to_be_looked_at=look,
    )
    derived.save_record(SETTINGS.segmented_bucket, result, detector.identity)
    derived.refuse_deleted()
    record_metric("CoverPercent", result.cover_percent, MetricUnit.Percent)
    record_metric("Colonies", result.colony_count)
    return result.to_json()


def _limits(manifest: Manifest) -> PictureLimits | None:
    return manifest.measured.pictures if manifest.measured else None


def _reframed_picture(earlier: UpstreamResult[ReframingResult]) -> ByteArray:
    stored = STORAGE.get(earlier.record.reframed)
    refuse_other_photo(stored.info, earlier.source)
    pixels = decode(stored.body).pixels_bgr
    assert pixels.dtype.name == "uint8"  # reframing writes JPEG
    return pixels  # type: ignore[return-value]


def _excluded(earlier: UpstreamResult[ReframingResult], picture_bgr: ByteArray) -> ByteArray | None:
    """Return what a person has left out, (H, W) uint8 in the reframed picture; None where nothing was."""
    record, source = earlier.record, earlier.source
    if not record.excluded_px:
        return None
    height, width = picture_bgr.shape[:2]
    return excluded_mask(record.excluded_px, record.corners_px, (source.height_px, source.width_px), (height, width))


def _write_pictures(
    derived: DerivedObjects, survey: SurveyKey, overlay_bgr: ByteArray, cover: Cover, model: ModelIdentity
) -> tuple[ObjectRef, ObjectRef, ObjectRef]:
    """Write mask, overlay and the overlay's thumbnail; returns where."""
    stem, bucket = survey.stem, SETTINGS.segmented_bucket
    small = encode_jpeg(thumbnail(overlay_bgr))
    mask = derived.put(SETTINGS.masks_bucket, mask_key(stem), encode_png(cover.mask), content_type=PNG, model=model)
    overlay = derived.put(bucket, picture_key(stem), encode_jpeg(overlay_bgr), content_type=JPEG, model=model)
    preview = derived.put(bucket, thumbnail_key(stem), small, content_type=JPEG, model=model)
    return mask, overlay, preview


def _result(
    cover: Cover, refs: tuple[ObjectRef, ObjectRef, ObjectRef], threshold: float, model: ModelIdentity
) -> SegmentationResult:
    mask, overlay, preview = refs
    return SegmentationResult(
        overlay=overlay,
        mask=mask,
        thumbnail=preview,
        cover_percent=cover.cover_percent,
        colony_count=len(cover.colonies),
        colonies=cover.colonies,
        score_threshold=threshold,
        model=model,
        elapsed_s=0.0,
        strings_percent=cover.strings_percent,
        excluded_percent=cover.excluded_percent,
    )
