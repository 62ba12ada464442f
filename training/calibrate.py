"""``python -m training.calibrate --model out/coral/detectron2-classifier.pth``: make 0.5 the score that counts.

The pipeline counts instances scored at least 0.5. This finds, on validation photographs, the score at which percent
cover is least wrong, and shifts the class logit so that this score becomes 0.5. The order of the scores stays.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
import torch

from training.detectron import predictor
from training.evaluate import coral_crop
from training.examples import VALIDATION_SEED
from training.metrics import coverage_errors

BIAS = "roi_heads.box_predictor.cls_score.bias"
CANDIDATES = (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65)


def best_score(model: Path, count: int) -> float:
    """Return the candidate score with the least mean absolute error of cover on ``count`` validation photographs."""
    predict = predictor(model, 1)
    true, found = [], []
    for seed in range(VALIDATION_SEED, VALIDATION_SEED + count):
        photo, crop = coral_crop(seed)
        prediction = predict(crop)
        true.append(photo.cover_percent)
        found.append([100 * float(prediction.union(score).mean()) for score in CANDIDATES])
    errors = [coverage_errors(np.array(true), column).mae_points for column in np.array(found).T]
    for score, error in zip(CANDIDATES, errors, strict=True):
        print(f"score {score:.2f}: MAE {error:.2f} points")
    return CANDIDATES[int(np.argmin(errors))]


def shift(model: Path, score: float) -> None:
    """Change the checkpoint so that what scored ``score`` scores 0.5."""
    content = torch.load(model, map_location="cpu", weights_only=True)
    content["model"][BIAS][0] += math.log((1 - score) / score)
    torch.save(content, model)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--count", type=int, default=40)
    args = parser.parse_args()
    shift(args.model, best_score(args.model, args.count))


if __name__ == "__main__":
    main()
