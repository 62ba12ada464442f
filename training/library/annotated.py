"""The same errors on annotated photographs: a COCO export of photographs that training has not seen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reefsteps.masks import mask_iou
from training.library.coco import Annotated, AnnotationError, load_example
from training.library.examples import restored
from training.library.metrics import corner_error_percent
from training.library.prediction import Predictor
from training.library.scores import (
    EVALUATION_SIDE_PX,
    CoralScores,
    FrameScores,
    best_mask,
    coral_scores,
    mask_corners,
)

KIND = "annotated"


def annotated_frames(predict: Predictor, photos: Sequence[Annotated], min_score: float) -> FrameScores:
    """Return how well the annotated outline is found, and alarms on photographs in which none is drawn.

    Raises AnnotationError when no photograph has an outline.
    """
    scores = FrameScores([], [], [], 0, 0)
    alarms = empty = 0
    for photo in photos:
        example = load_example(photo, EVALUATION_SIDE_PX)
        best = best_mask(predict(restored(example.image_bgr)), min_score)
        truth = example.labels > 0
        if not truth.any():
            empty += 1
            alarms += best is not None
            continue
        corners = (mask_corners(best), mask_corners(truth)) if best is not None else (None, None)
        known = corners[0] is not None and corners[1] is not None
        scores.iou.append(mask_iou(best, truth) if best is not None else 0.0)
        scores.kind.append(KIND)
        scores.corner_percent.append(corner_error_percent(*corners) if known else float("nan"))  # type: ignore[arg-type]
    if not scores.iou:
        raise AnnotationError("None of the photographs has an outline: there is nothing to measure by.")
    return FrameScores(scores.iou, scores.kind, scores.corner_percent, alarms, empty)


def annotated_corals(predict: Predictor, crops: Sequence[Annotated], min_score: float) -> CoralScores:
    """Return cover errors and AP on annotated, straightened crops; raises AnnotationError when there are none."""
    if not crops:
        raise AnnotationError("The export names no photograph.")
    covers, truths, predictions = [], [], []
    for crop in crops:
        example = load_example(crop, EVALUATION_SIDE_PX)
        covers.append(100 * float((example.labels > 0).mean()))
        truths.append([(example.labels == n).astype(np.uint8) for n in np.unique(example.labels) if n])
        predictions.append(predict(restored(example.image_bgr)))
    return coral_scores(covers, truths, predictions, min_score)
