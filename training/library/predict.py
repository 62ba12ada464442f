"""One way to run either form of a model: ``.pth`` through detectron2, ``.onnx`` through the product's own runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reefsteps.arrays import ByteArray
from reefsteps.detection.map_head import has_map
from reefsteps.errors import UnsupportedModelError
from training.library.prediction import Prediction, Predictor


def load_predictor(model: Path, threads: int = 1) -> Predictor:
    """Return a function from a BGR picture to its instances; the suffix of ``model`` decides what runs it.

    Raises UnsupportedModelError for a ``.pth`` with a map of coral: detectron2 would measure another cover.
    """
    if model.suffix == ".onnx":
        return _product(model, threads)
    if has_map(model):
        raise UnsupportedModelError(
            f"{model.name} measures cover by its map of coral, which detectron2 does not know. Convert it with "
            f"'python -m conversion {model}', and give {model.with_suffix('.onnx').name}."
        )
    from training.library.detectron import predictor

    return predictor(model, threads)


def _product(model: Path, threads: int) -> Predictor:
    from reefsteps.detection.detector import load_detector

    detector = load_detector(model, model.with_suffix(".json"), threads)

    def predict(image_bgr: ByteArray) -> Prediction:
        found = detector.detect(image_bgr)
        masks = np.zeros((len(found), *image_bgr.shape[:2]), bool)
        for full, mask in zip(masks, found.masks, strict=True):
            full[mask.window()] = mask.bitmap > 0
        return Prediction(masks, np.asarray(found.scores, np.float32))

    return predict
