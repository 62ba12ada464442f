"""COCO average precision of masks, by pycocotools."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as run_lengths
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from reefsteps.arrays import BoolArray, ByteArray
from training.library.prediction import Prediction


def average_precision(truths: Sequence[Sequence[ByteArray]], predictions: Sequence[Prediction]) -> dict[str, float]:
    """Return COCO's AP (0.50:0.95), AP50 and AP75, percent, of one class of masks; NaN where there is no truth."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for number, (masks, found) in enumerate(zip(truths, predictions, strict=True), start=1):
        h, w = found.masks.shape[1:]
        images.append({"id": number, "height": h, "width": w})
        for mask in masks:
            packed = _packed(mask > 0)
            area = float(run_lengths.area(packed))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": 1,
                    "segmentation": packed,
                    "area": area,
                    "bbox": run_lengths.toBbox(packed).tolist(),
                    "iscrowd": 0,
                }
            )
        for mask, score in zip(found.masks, found.scores, strict=True):
            packed = _packed(mask)
            results.append({"image_id": number, "category_id": 1, "segmentation": packed, "score": float(score)})
    if not annotations or not results:
        value = 0.0 if annotations else float("nan")
        return {"AP": value, "AP50": value, "AP75": value}
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "instance"}]}
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return {name: 100 * float(evaluation.stats[i]) for i, name in enumerate(("AP", "AP50", "AP75"))}


def _packed(mask: BoolArray) -> dict[str, Any]:
    packed: dict[str, Any] = run_lengths.encode(np.asfortranarray(mask.astype(np.uint8)))
    return packed
