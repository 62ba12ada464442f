"""``python -m training.calibrate --model out/coral/detectron2-classifier.pth``: make 0.5 the thresholds that count.

The pipeline counts instances scored at least 0.5, and pixels where an instance's mask is at least 0.5. On validation
photographs, this command finds the pair of thresholds with the smallest error of percent cover. It shifts the class and
mask logits so that both thresholds become 0.5. The order of the scores stays, and outlines move a little outwards or
inwards.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from conversion.binding import bind
from reefsteps.arrays import ByteArray, Float64Array
from training.library.command_line import run_command
from training.library.examples import VALIDATION_SEED
from training.library.metrics import coverage_errors
from training.library.scores import coral_crop

CLASS_BIAS = "roi_heads.box_predictor.cls_score.bias"
MASK_BIAS = "roi_heads.mask_head.predictor.bias"
SCORES = (0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)
MASKS = (0.4, 0.45, 0.5, 0.55, 0.6)  # further out, outlines would pay for colonies that are not found


@dataclass(frozen=True)
class Thresholds:
    """The score from which an instance counts and the probability from which a pixel belongs to it."""

    score: float
    mask: float


def best_thresholds(model: Path, count: int) -> Thresholds:
    """Return the pair with the least mean absolute error of cover on ``count`` validation photographs."""
    photos, crops = zip(*(coral_crop(VALIDATION_SEED + i) for i in range(count)), strict=True)
    true = np.array([photo.cover_percent for photo in photos])
    errors: dict[Thresholds, float] = {}
    for mask in MASKS:
        for score, column in zip(SCORES, _covers(model, mask, crops).T, strict=True):
            measured = coverage_errors(true, column)
            errors[Thresholds(score, mask)] = measured.mae_points
            print(
                f"score {score:.2f}, mask {mask:.2f}: MAE {measured.mae_points:.2f}, bias {measured.bias_points:+.2f}"
            )
    return min(errors, key=lambda pair: errors[pair])


def _covers(model: Path, mask: float, crops: Sequence[ByteArray]) -> Float64Array:
    """Return percent cover (crops, SCORES) with the masks' threshold at ``mask``."""
    from training.library.detectron import predictor

    with tempfile.TemporaryDirectory() as scratch:
        moved = Path(scratch) / model.name
        moved.with_suffix(".yaml").write_bytes(model.with_suffix(".yaml").read_bytes())
        shift(model, Thresholds(0.5, mask), moved)
        predict = predictor(moved, 1)
        predictions = (predict(crop) for crop in crops)
        return np.array([[100 * float(each.union(score).mean()) for score in SCORES] for each in predictions])


def shift(model: Path, thresholds: Thresholds, target: Path) -> None:
    """Write the checkpoint to ``target``, changed so that what was at the thresholds is at 0.5."""
    import torch

    content = torch.load(model, map_location="cpu", weights_only=True)
    content["model"][CLASS_BIAS][0] += _logit_to_half(thresholds.score)
    content["model"][MASK_BIAS] += _logit_to_half(thresholds.mask)
    torch.save(content, target)


def _logit_to_half(probability: float) -> float:
    return math.log((1 - probability) / probability)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--count", type=int, default=200)
    args = parser.parse_args()
    best = best_thresholds(args.model, args.count)
    print(f"chosen: {best}")
    shift(args.model, best, args.model)
    bind(args.model.with_suffix(".yaml"), args.model)


if __name__ == "__main__":
    run_command(main)
