"""How well a model finds frames and corals: on drawn photographs that it has not seen, and the figures of reports."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from reefsteps.arrays import BoolArray, ByteArray, Float64Array
from reefsteps.masks import mask_iou
from synthetic import PhotoConfig, SyntheticPhoto, generate
from training.library.examples import coral_photo, restored, straighten
from training.library.metrics import CoverageErrors, corner_error_percent, coverage_errors
from training.library.prediction import Prediction, Predictor

EVALUATION_SIDE_PX = 512  # corals are judged at this size, twice what the demo model sees
FRAME_SIZES = ((1200, 800), (1024, 768), (800, 800), (800, 1200))


@dataclass(frozen=True)
class FrameScores:
    """``iou`` of each photograph with a frame (0 where none was found), its kind, rough corner error (else NaN)."""

    iou: list[float]
    kind: list[str]
    corner_percent: list[float]
    false_alarms: int
    empty_photos: int


@dataclass(frozen=True)
class CoralScores:
    """True and found percent cover of each photograph, and COCO AP."""

    true_percent: list[float]
    found_percent: list[float]
    errors: CoverageErrors
    precision: dict[str, float]


def mask_corners(mask: BoolArray) -> Float64Array | None:
    """Return the four corners (4, 2) of a mask's hull, pixels, clockwise; None when it is no quadrilateral.

    This is the mask's own precision; reframing refines the edge against the picture.
    """
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        return None
    hull = cv2.convexHull(max(contours, key=cv2.contourArea))
    length = cv2.arcLength(hull, True)
    for epsilon in np.linspace(0.01, 0.12, 23):
        shape = cv2.approxPolyDP(hull, float(epsilon * length), True)
        if len(shape) == 4:
            points = shape[:, 0].astype(np.float64) + 0.5
            a, b = points[1] - points[0], points[2] - points[1]
            return points if a[0] * b[1] - a[1] * b[0] > 0 else points[::-1]
    return None


def frame_photo(seed: int) -> SyntheticPhoto:
    """Return a test photograph; about one in sixteen has no frame."""
    return generate(seed, PhotoConfig(*FRAME_SIZES[seed % len(FRAME_SIZES)]))


def evaluate_frames(predict: Predictor, first_seed: int, count: int, min_score: float) -> FrameScores:
    """Return how well the opening is found on ``count`` photographs with a frame, and alarms on those without."""
    scores = FrameScores([], [], [], 0, 0)
    alarms = empty = 0
    seed = first_seed
    while len(scores.iou) < count:
        photo = frame_photo(seed)
        seed += 1
        best = best_mask(predict(restored(photo.image_bgr)), min_score)
        if photo.frame is None:
            empty += 1
            alarms += best is not None
            continue
        corners = mask_corners(best) if best is not None else None
        scores.iou.append(mask_iou(best, photo.opening_mask()) if best is not None else 0.0)
        scores.kind.append(photo.frame.kind)
        whole = photo.framing != "cut"
        error = corner_error_percent(corners, photo.corners_px) if corners is not None and whole else float("nan")
        scores.corner_percent.append(error)
    return dataclasses.replace(scores, false_alarms=alarms, empty_photos=empty)


def coral_crop(seed: int, side_px: int = EVALUATION_SIDE_PX) -> tuple[SyntheticPhoto, ByteArray]:
    """Return a test photograph and its straightened, restored crop (side_px, side_px, 3)."""
    photo = coral_photo(seed, side_px)
    image, _ = straighten(restored(photo.image_bgr), photo.coral_labels(), photo.corners_px, side_px)
    return photo, image


def evaluate_corals(predict: Predictor, first_seed: int, count: int, min_score: float) -> CoralScores:
    """Return cover errors and AP on ``count`` straightened crops."""
    covers, truths, predictions = [], [], []
    for seed in range(first_seed, first_seed + count):
        photo, image = coral_crop(seed)
        covers.append(photo.cover_percent)
        truths.append(photo.rectified_coral_masks(EVALUATION_SIDE_PX))
        predictions.append(predict(image))
    return coral_scores(covers, truths, predictions, min_score)


def coral_scores(
    covers_percent: list[float],
    truths: Sequence[Sequence[ByteArray]],
    predictions: Sequence[Prediction],
    min_score: float,
) -> CoralScores:
    """Return cover errors and AP of one prediction for each photograph; ``truths`` are its colonies' masks."""
    from training.library.precision import average_precision

    found = [100 * float(prediction.union(min_score).mean()) for prediction in predictions]
    errors = coverage_errors(np.array(covers_percent), np.array(found))
    return CoralScores(covers_percent, found, errors, average_precision(truths, predictions))


def best_mask(prediction: Prediction, min_score: float) -> BoolArray | None:
    """Return the mask of the best instance, None when it is scored below ``min_score`` or there is none."""
    if not len(prediction.scores) or prediction.scores[0] < min_score:
        return None
    return np.asarray(prediction.masks[0])


def summarise_frames(scores: FrameScores) -> dict[str, Any]:
    """Return the figures of the frame report."""
    iou, corner = np.array(scores.iou), np.array(scores.corner_percent)
    kinds = np.array(scores.kind)
    return {
        "photos": len(iou),
        "mask_iou_mean": float(iou.mean()),
        "mask_iou_median": float(np.median(iou)),
        "mask_iou_p5": float(np.percentile(iou, 5)),
        "found_share": float((iou >= 0.8).mean()),
        "mask_corner_error_percent_median": float(np.nanmedian(corner)),
        "mask_corner_error_percent_p90": float(np.nanpercentile(corner, 90)),
        "photos_without_frame": scores.empty_photos,
        "false_alarms": scores.false_alarms,
        "mask_iou_by_kind": {str(k): float(iou[kinds == k].mean()) for k in sorted(set(scores.kind))},
    }


def summarise_corals(scores: CoralScores) -> dict[str, Any]:
    """Return the figures of the coral report."""
    return {**dataclasses.asdict(scores.errors), **scores.precision}
