"""``python -m training.calibrate --model out/coral/detectron2-classifier.pth``: make 0.5 the thresholds that count.

The pipeline counts instances scored at least 0.5, and pixels where an instance's mask is at least 0.5. On validation
photographs, this command finds the pair of thresholds with the smallest error of percent cover. It shifts the class and
mask logits so that both thresholds become 0.5. The order of the scores stays, and outlines move a little outwards or
inwards.

``--points FOLDER --folds A B`` adds real photographs: the folders are outputs of ``training.teach --leave-out``, and
each one's model measures the photographs that it was not shown. Drawn and real photographs then weigh the same.
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
from training.library.coco import AnnotationError
from training.library.command_line import add_labels, run_command
from training.library.examples import VALIDATION_SEED
from training.library.learned import left_out_names
from training.library.measured import learned_from, record_learned
from training.library.metrics import coverage_errors
from training.library.point_examples import quadrat_crop
from training.library.points import PointPhoto, read_points
from training.library.scores import coral_crop

NAME = "detectron2-classifier.pth"
CLASS_BIAS = "roi_heads.box_predictor.cls_score.bias"
MASK_BIAS = "roi_heads.mask_head.predictor.bias"
SCORES = (0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)
MASKS = (0.4, 0.45, 0.5, 0.55, 0.6)  # further out, outlines would pay for colonies that are not found


@dataclass(frozen=True)
class Thresholds:
    """The score from which an instance counts and the probability from which a pixel belongs to it."""

    score: float
    mask: float


@dataclass(frozen=True, eq=False)
class Validation:
    """Crops with their true percent cover, and the model that measures them."""

    model: Path
    crops: Sequence[ByteArray]
    true_percent: Sequence[float]


def drawn_validation(model: Path, count: int) -> Validation:
    """Return ``count`` drawn photographs for validation."""
    photos, crops = zip(*(coral_crop(VALIDATION_SEED + i) for i in range(count)), strict=True)
    return Validation(model, crops, [photo.cover_percent for photo in photos])


def left_out(fold: Path, photos: Sequence[PointPhoto]) -> Validation:
    """Return the photographs that a run of ``training.teach`` into the folder ``fold`` left out; restored, by points.

    Raises AnnotationError when it left out none.
    """
    names = left_out_names(fold)
    chosen = [photo for photo in photos if photo.path.name in names]
    if not chosen:
        raise AnnotationError(f"{fold} left out no photograph: give training.teach some with --leave-out.")
    crops = [quadrat_crop(photo) for photo in chosen]
    return Validation(fold / NAME, crops, [photo.cover_percent for photo in chosen])


def best_thresholds(sets: Sequence[Sequence[Validation]]) -> Thresholds:
    """Return the pair with the least mean absolute error of cover; each of the sets weighs the same."""
    errors: dict[Thresholds, float] = {}
    for mask in MASKS:
        columns = [np.vstack([_covers(part.model, mask, part.crops) for part in parts]) for parts in sets]
        for number, score in enumerate(SCORES):
            measured = [
                coverage_errors(np.array([true for part in parts for true in part.true_percent]), column[:, number])
                for parts, column in zip(sets, columns, strict=True)
            ]
            errors[Thresholds(score, mask)] = float(np.mean([each.mae_points for each in measured]))
            said = "; ".join(f"MAE {each.mae_points:.2f}, bias {each.bias_points:+.2f}" for each in measured)
            print(f"score {score:.2f}, mask {mask:.2f}: {said}")
    return min(errors, key=lambda pair: errors[pair])


def _covers(model: Path, mask: float, crops: Sequence[ByteArray]) -> Float64Array:
    """Return percent cover (crops, SCORES) with the masks' threshold at ``mask``."""
    from training.library.detectron import predictor

    with tempfile.TemporaryDirectory() as scratch:
        moved = Path(scratch) / model.name
        moved.with_suffix(".yaml").write_bytes(model.with_suffix(".yaml").read_bytes())
        shift(model, Thresholds(0.5, mask), moved)
        predict = predictor(moved, 1, min(SCORES))
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
    parser.add_argument("--count", type=int, default=200, help="drawn photographs")
    parser.add_argument("--points", type=Path, help="folder of the photographs with points that the folds left out")
    parser.add_argument("--folds", type=Path, nargs="+", help="output folders of training.teach with --leave-out")
    add_labels(parser)
    args = parser.parse_args()
    if (args.points is None) != (args.folds is None):
        parser.error("--points and --folds belong together")
    sets = [[drawn_validation(args.model, args.count)]]
    if args.folds:
        photos = read_points(args.points, args.labels)
        sets.append([left_out(fold, photos) for fold in args.folds])
    best = best_thresholds(sets)
    print(f"chosen: {best}")
    learned = learned_from(args.model)
    shift(args.model, best, args.model)
    if learned:
        record_learned(args.model, learned)
    bind(args.model.with_suffix(".yaml"), args.model)


if __name__ == "__main__":
    run_command(main)
