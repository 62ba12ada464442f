"""The second step: find the quadrat in the treated picture, straighten it and cut it out along the inner edge.

Corners that a person has set take the place of detection (`by_hand`).
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np

from reefsteps.arrays import ByteArray
from reefsteps.decisions import last_decision
from reefsteps.derived import DerivedObjects
from reefsteps.document import StateDocument, refuse_other_photo
from reefsteps.errors import QuadratNotFoundError
from reefsteps.images import THUMBNAIL_QUALITY, decode, encode_jpeg, thumbnail
from reefsteps.keys import picture_key, thumbnail_key
from reefsteps.model_store import ModelStore
from reefsteps.observability import logger, step_handler
from reefsteps.quadrat_size import QuadratSize
from reefsteps.results import ModelIdentity, ObjectRef, Point, ReframingResult, RestorationResult
from reefsteps.storage import JPEG, Storage
from reefsteps.surveys import SurveyKey
from reframing.by_hand import Decisions
from reframing.plane.view import PlaneModel
from reframing.quadrat import find_quadrat
from reframing.quadrat_fit import QuadratFit
from reframing.rectification import rectify, source_side_px
from reframing.settings import Settings

SETTINGS = Settings.from_environment()
STORAGE = Storage()
MODELS = ModelStore(STORAGE.client, SETTINGS.model_bucket, SETTINGS.model_name, engine=SETTINGS.engine)


@dataclasses.dataclass(frozen=True)
class Located:
    """Where the quadrat is, and how that is known: by detection (``fit`` and its model) or by hand (neither)."""

    view: PlaneModel
    fit: QuadratFit | None = None
    identity: ModelIdentity | None = None
    excluded_px: tuple[tuple[Point, ...], ...] = ()


@step_handler("reframing")
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Return the ReframingResult of the document's photograph as JSON."""
    started = time.perf_counter()
    document = StateDocument.parse(event, SETTINGS.raw_bucket)
    survey = document.survey
    earlier = document.restoration(STORAGE, SETTINGS.treated_bucket)
    decided_at = last_decision(STORAGE, SETTINGS.reframed_bucket, survey, earlier.source, document)
    derived = DerivedObjects(
        STORAGE, survey, document.execution, earlier.source, SETTINGS.pipeline_version, decided_at=decided_at
    )
    derived.refuse_superseded(SETTINGS.reframed_bucket)
    decisions = Decisions(STORAGE, derived, SETTINGS.reframed_bucket, survey, earlier.source)
    decisions.refuse_without_quadrat(document.input)
    picture_bgr = _treated_picture(earlier)
    size = document.input.size or earlier.size
    located = _locate(document, decisions, picture_bgr, size)
    side_px = source_side_px(located.view)
    reframed_bgr = rectify(picture_bgr, located.view, side_px)

    refs = _write_pictures(derived, survey, reframed_bgr, located.identity)
    result = _result(located, refs, reframed_bgr, size)
    elapsed_s = round(time.perf_counter() - started, 3)
    result = dataclasses.replace(
        result, elapsed_s=elapsed_s, pipeline_version=SETTINGS.pipeline_version, decided_at=decided_at
    )
    derived.save_record(SETTINGS.reframed_bucket, result, located.identity)
    derived.refuse_deleted()
    logger.info(
        "reframed",
        manual=result.manual,
        confidence=result.confidence,
        strings=result.strings_used,
        partly_visible=result.partly_visible,
    )
    return result.to_json()


def _treated_picture(earlier: RestorationResult) -> ByteArray:
    stored = STORAGE.get(earlier.treated)
    refuse_other_photo(stored.info, earlier.source)
    pixels = decode(stored.body).pixels_bgr
    assert pixels.dtype == np.uint8  # restoration writes JPEG
    return pixels.astype(np.uint8, copy=False)


def _locate(document: StateDocument, decisions: Decisions, picture_bgr: ByteArray, size: QuadratSize) -> Located:
    height, width = picture_bgr.shape[:2]
    by_hand = decisions.frame(document.input, width, height, size)
    if by_hand is not None:
        return Located(by_hand.view, excluded_px=by_hand.excluded_px)
    detector = MODELS.detector()
    threshold = max(SETTINGS.score_threshold, detector.manifest.score_threshold)
    detections = detector.detect(picture_bgr, threshold)
    if len(detections) == 0:
        raise QuadratNotFoundError(
            f"The model {detector.identity.name} sees no quadrat frame in the photograph (score at least "
            f"{threshold:g}). Mark the four inner corners by hand on the page, or photograph the quadrat again."
        )
    fit = find_quadrat(picture_bgr, detections.union_mask() > 0, size)
    return Located(fit.model, fit, detector.identity)


def _write_pictures(
    derived: DerivedObjects, survey: SurveyKey, reframed_bgr: ByteArray, model: ModelIdentity | None
) -> tuple[ObjectRef, ObjectRef]:
    bucket, stem = SETTINGS.reframed_bucket, survey.stem
    picture, small = encode_jpeg(reframed_bgr), encode_jpeg(thumbnail(reframed_bgr), quality=THUMBNAIL_QUALITY)
    return (
        derived.put(bucket, picture_key(stem), picture, content_type=JPEG, model=model),
        derived.put(bucket, thumbnail_key(stem), small, content_type=JPEG, model=model),
    )


def _result(
    located: Located, refs: tuple[ObjectRef, ObjectRef], reframed_bgr: ByteArray, size: QuadratSize
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
        elapsed_s=0.0,
        model=located.identity,
        visible_share=None if fit is None else tuple(round(share, 3) for share in fit.visible_share),
        partly_visible=fit is not None and fit.partly_visible,
        excluded_px=located.excluded_px,
        height_cm=None if size.is_square else height_cm,
        height_px=height_px,
        string_cells=None if fit is None else fit.string_cells,
    )
