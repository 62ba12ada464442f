"""The second step: find the quadrat in the treated picture, straighten it and cut it out along the inner edge.

Corners that a person has set take the place of detection (`by_hand`).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from reefsteps.arrays import ByteArray
from reefsteps.decisions import decisions_are_there, last_decision
from reefsteps.derived_objects import REFRAMED_PICTURE, REFRAMED_THUMBNAIL
from reefsteps.document import StateDocument, refuse_other_photo
from reefsteps.errors import BadInputError, QuadratNotFoundError, RelabellingUnderWayError
from reefsteps.images import THUMBNAIL_QUALITY, decode, encode_jpeg, thumbnail
from reefsteps.model_store import Models
from reefsteps.observability import logger
from reefsteps.quadrat_size import QuadratSize
from reefsteps.results import ModelIdentity, ObjectRef, Point, ReframingResult, RestorationResult
from reefsteps.run_writer import RunWriter
from reefsteps.steps import Step
from reefsteps.storage import Storage
from reframing.by_hand import Decisions
from reframing.plane.view import PlaneModel
from reframing.quadrat import find_quadrat
from reframing.quadrat_fit import QuadratFit
from reframing.rectification import rectify, source_side_px
from reframing.settings import Settings


@dataclass(frozen=True)
class Located:
    """Where the quadrat is: found by detection (``fit`` and its model) or set by hand (neither)."""

    view: PlaneModel
    fit: QuadratFit | None = None
    identity: ModelIdentity | None = None
    excluded_px: tuple[tuple[Point, ...], ...] = ()


@dataclass(frozen=True)
class _Run:
    """What the result says about the run itself."""

    elapsed_s: float
    pipeline_version: str
    decided_at: str | None


def reframe_photograph(
    document: StateDocument, settings: Settings, storage: Storage, models: Models
) -> ReframingResult:
    """Write the reframed picture, its thumbnail and the record of the document's photograph; returns the record.

    Raises QuadratNotFoundError, NoQuadratError, ModelNotReadyError, PhotoNotFoundError or InvalidParameterError for
    what a person can put right, SupersededError if a newer run has been here, PhotoDeletedError if the photograph was
    deleted meanwhile, RelabellingUnderWayError while what a person has decided is still on its way to a new name.
    """
    started = time.perf_counter()
    survey = document.survey
    restoration = document.restoration(storage, settings)
    source = restoration.source
    can_begin = decisions_are_there(storage, settings, survey, restoration)
    decided_at = last_decision(storage, settings, survey, source, document)
    writer = RunWriter(
        storage, settings, survey, document.execution, source, settings.pipeline_version, decided_at=decided_at
    )
    writer.refuse_superseded(Step.REFRAMING)
    if not can_begin:
        writer.refuse_deleted()
        raise RelabellingUnderWayError(
            f"What a person has decided about the photograph of {survey} has not followed it to its new name yet. The "
            "run waits for that; if it ends before, redrive it."
        )
    decisions = Decisions(storage, writer, settings, survey, source)
    size = document.input.size or restoration.size
    try:
        decisions.refuse_without_quadrat(document.input)
        picture_bgr = _treated_picture(storage, restoration)
        located = _locate(document, decisions, picture_bgr, size, settings.score_threshold, models)
    except BadInputError:
        writer.refuse_deleted()  # a decision may have been written, and would be left
        raise
    reframed_bgr = rectify(picture_bgr, located.view, source_side_px(located.view))

    picture = writer.put(REFRAMED_PICTURE, encode_jpeg(reframed_bgr), located.identity)
    small = encode_jpeg(thumbnail(reframed_bgr), THUMBNAIL_QUALITY)
    preview = writer.put(REFRAMED_THUMBNAIL, small, located.identity)
    run = _Run(round(time.perf_counter() - started, 3), settings.pipeline_version, decided_at)
    result = _result(located, (picture, preview), reframed_bgr, size, run)
    writer.save_record(Step.REFRAMING, result, located.identity)
    writer.refuse_deleted()
    logger.info(
        "reframed",
        manual=result.manual,
        confidence=result.confidence,
        strings=result.strings_used,
        partly_visible=result.partly_visible,
    )
    return result


def _treated_picture(storage: Storage, restoration: RestorationResult) -> ByteArray:
    stored = storage.get(restoration.treated)
    refuse_other_photo(stored.info, restoration.source)
    pixels = decode(stored.body).pixels_bgr
    assert pixels.dtype == np.uint8  # restoration writes JPEG
    return pixels.astype(np.uint8, copy=False)


def _locate(
    document: StateDocument,
    decisions: Decisions,
    picture_bgr: ByteArray,
    size: QuadratSize,
    score_threshold: float,
    models: Models,
) -> Located:
    height, width = picture_bgr.shape[:2]
    by_hand = decisions.frame(document.input, width, height, size)
    if by_hand is not None:
        return Located(by_hand.view, excluded_px=by_hand.excluded_px)
    detector = models.detector()
    threshold = max(score_threshold, detector.manifest.score_threshold)
    detections = detector.detect(picture_bgr, threshold)
    if len(detections) == 0:
        raise QuadratNotFoundError(
            f"The model {detector.identity.name} sees no quadrat frame in the photograph (score at least "
            f"{threshold:g}). Mark the four inner corners by hand on the page, or photograph the quadrat again."
        )
    fit = find_quadrat(picture_bgr, detections.union_mask() > 0, size)
    return Located(fit.model, fit, detector.identity)


def _result(
    located: Located, refs: tuple[ObjectRef, ObjectRef], reframed_bgr: ByteArray, size: QuadratSize, run: _Run
) -> ReframingResult:
    fit = located.fit
    height_px, side_px = reframed_bgr.shape[:2]
    side_cm, height_cm = size.long_cm, size.short_cm
    if located.view.extent[0] < located.view.extent[1]:
        side_cm, height_cm = height_cm, side_cm
    return ReframingResult(
        reframed=refs[0],
        thumbnail=refs[1],
        corners_px=tuple((round(float(x), 3), round(float(y), 3)) for x, y in located.view.corners_px),
        manual=fit is None,
        confidence=1.0 if fit is None else round(fit.confidence, 4),
        residual_px=None if fit is None else round(fit.residual_px, 3),
        uncertainty_percent=None if fit is None else round(fit.uncertainty_percent, 3),
        strings_used=fit is not None and fit.strings_used,
        side_cm=side_cm,
        side_px=side_px,
        px_per_cm=round(side_px / side_cm, 4),
        elapsed_s=run.elapsed_s,
        model=located.identity,
        visible_share=None if fit is None else tuple(round(share, 3) for share in fit.visible_share),
        partly_visible=fit is not None and fit.partly_visible,
        pipeline_version=run.pipeline_version,
        excluded_px=located.excluded_px,
        height_cm=None if size.is_square else height_cm,
        height_px=height_px,
        string_cells=None if fit is None else fit.string_cells,
        decided_at=run.decided_at,
        lens_term=round(located.view.radial, 9),
    )
