"""The third step: find the corals in the reframed picture and measure them."""

from __future__ import annotations

import time

from reefsteps.arrays import ByteArray
from reefsteps.derived_objects import MASK, OVERLAY, OVERLAY_THUMBNAIL
from reefsteps.detection import Manifest
from reefsteps.document import StateDocument, UpstreamResult, refuse_other_photo
from reefsteps.excluded import excluded_mask
from reefsteps.images import decode, encode_jpeg, encode_png, thumbnail
from reefsteps.learned import LearnedFrom, MeasuredPhotograph
from reefsteps.model_store import Models
from reefsteps.results import ReframingResult, SegmentationResult, Source
from reefsteps.run_writer import RunWriter
from reefsteps.steps import Step
from reefsteps.storage import Storage
from reefsteps.trust import trust_of
from segmentation.cover import measure, outside
from segmentation.novelty import LEAST_SCORE, colonies_at_the_limit, picture_figures, reasons_to_look
from segmentation.overlay import draw_overlay
from segmentation.settings import Settings
from segmentation.string_mask import find_strings


def segment_photograph(
    document: StateDocument, settings: Settings, storage: Storage, models: Models
) -> SegmentationResult:
    """Write mask, overlay, its thumbnail and the record of the document's photograph; returns the record.

    Raises ModelNotReadyError, PhotoNotFoundError or InvalidParameterError for what a person can put right,
    SupersededError if a newer run has been here, PhotoDeletedError if the photograph was deleted meanwhile.
    """
    started = time.perf_counter()
    upstream = document.reframing(storage, settings)
    reframing = upstream.record
    writer = RunWriter(
        storage,
        settings,
        document.survey,
        document.execution,
        upstream.source,
        settings.pipeline_version,
        decided_at=reframing.decided_at,
    )
    writer.refuse_superseded(Step.SEGMENTATION)
    detector = models.detector()
    manifest, identity = detector.manifest, detector.identity
    picture_bgr = _reframed_picture(storage, upstream)
    threshold = max(settings.score_threshold, manifest.score_threshold)
    known = detector.detect(picture_bgr, min(threshold, LEAST_SCORE))
    picture_limits = manifest.measured.pictures if manifest.measured else None
    to_be_looked_at = reasons_to_look(picture_figures(picture_bgr, known.scores), picture_limits)
    detections = known.above(threshold)
    instances = len(detections) + len(detections.other_scores)
    to_be_looked_at += colonies_at_the_limit(len(detections), instances, manifest.most_instances)
    strings = find_strings(picture_bgr, reframing.string_cells) if reframing.strings_used else None
    excluded = _excluded(upstream, picture_bgr)
    if excluded is not None:
        detections = outside(detections, excluded)
    cover = measure(detections, reframing.px_per_cm, strings, excluded)
    learned, left_out_percent = _learned(manifest, upstream.source)
    overlay_bgr = draw_overlay(picture_bgr, cover.mask, detections, excluded)

    mask = writer.put(MASK, encode_png(cover.mask), identity)
    overlay = writer.put(OVERLAY, encode_jpeg(overlay_bgr), identity)
    preview = writer.put(OVERLAY_THUMBNAIL, encode_jpeg(thumbnail(overlay_bgr)), identity)
    result = SegmentationResult(
        overlay=overlay,
        mask=mask,
        thumbnail=preview,
        cover_percent=cover.cover_percent,
        colony_count=len(cover.colonies),
        colonies=cover.colonies,
        score_threshold=threshold,
        model=identity,
        elapsed_s=round(time.perf_counter() - started, 3),
        strings_percent=cover.strings_percent,
        excluded_percent=cover.excluded_percent,
        pipeline_version=settings.pipeline_version,
        low_resolution=min(picture_bgr.shape[:2]) < manifest.least_side_px,
        learned=learned,
        left_out_cover_percent=left_out_percent,
        trust=trust_of(manifest),
        to_be_looked_at=to_be_looked_at,
    )
    writer.save_record(Step.SEGMENTATION, result, identity)
    writer.refuse_deleted()
    return result


def _learned(manifest: Manifest, source: Source) -> tuple[bool | None, float | None]:
    """Return whether the model learned from the photograph, and its cover by a model fitted without it."""
    if manifest.measured is None or manifest.measured.learned_from is None:
        return None, None
    photo = MeasuredPhotograph(source.image.key, source.image.version_id, source.sha256, source.original_name)
    entry = LearnedFrom(manifest.measured.learned_from).entry(photo)
    return entry is not None, entry.left_out_cover_percent if entry else None


def _reframed_picture(storage: Storage, upstream: UpstreamResult[ReframingResult]) -> ByteArray:
    stored = storage.get(upstream.record.reframed)
    refuse_other_photo(stored.info, upstream.source)
    pixels = decode(stored.body).pixels_bgr
    assert pixels.dtype.name == "uint8"  # reframing writes JPEG
    return pixels  # type: ignore[return-value]


def _excluded(upstream: UpstreamResult[ReframingResult], picture_bgr: ByteArray) -> ByteArray | None:
    """Return what a person has left out, (H, W) uint8 in the reframed picture; None if nothing was."""
    record, source = upstream.record, upstream.source
    if not record.excluded_px:
        return None
    height, width = picture_bgr.shape[:2]
    return excluded_mask(record.excluded_px, record.corners_px, (source.height_px, source.width_px), (height, width))
