"""Percent cover after restoration when the model was trained in another water.

A random forest on pixel colours at two scales stands in for Mask R-CNN: one is trained for every method and water, in
seconds, so that every method is judged by a model of its own and not by one that was trained on another's pictures.
Synthetic quadrats with known corals.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from conversion.convert import convert
from synthetic import PhotoConfig, SyntheticPhoto, generate
from tests.support.separability import Bgr, Restore
from training.library.examples import TEST_SEED, coral_photo, straighten
from training.library.predict import load_predictor
from training.library.prediction import Predictor

WATERS = ("clear", "green", "blue", "deep")
_STRIDE_PX = 4
_CROP_PX = 512
_MIN_SCORE = 0.5

Features = npt.NDArray[np.float32]
Labels = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Quadrats:
    """Photographs in one water with their coral masks (HxW bool)."""

    pictures: tuple[Bgr, ...]
    corals: tuple[Labels, ...]


@dataclass(frozen=True)
class CoverScores:
    """Mean intersection over union, and mean error of percent cover (points): per ordered pair (trained, tested)."""

    iou: dict[tuple[str, str], float]
    cover_error: dict[tuple[str, str], float]


def quadrats(water: str, first_seed: int, count: int) -> Quadrats:
    """Return synthetic photographs of 600 x 400 px in this water, nothing lying over the frame."""
    config = PhotoConfig(width_px=600, height_px=400, water=water, occlusion=0.0)
    photos = [generate(seed, config) for seed in range(first_seed, first_seed + count)]
    return Quadrats(tuple(photo.image_bgr for photo in photos), tuple(photo.coral_labels() > 0 for photo in photos))


def cover_scores(training: dict[str, Quadrats], testing: dict[str, Quadrats], restore: Restore) -> CoverScores:
    """Train in each water and test in each, the same one included; the testing photographs are other scenes."""
    seen = {water: [_features(restore(bgr)) for bgr in photos.pictures] for water, photos in testing.items()}
    scores = CoverScores({}, {})
    for trained, photos in training.items():
        forest = _forest([_features(restore(bgr)) for bgr in photos.pictures], photos.corals)
        for tested, pictures in seen.items():
            truths = [_sampled(coral) for coral in testing[tested].corals]
            found = [forest.predict(picture)[1].ravel() > 0.5 for picture in pictures]
            pairs = list(zip(found, truths, strict=True))
            scores.iou[trained, tested] = float(np.mean([_iou(one, other) for one, other in pairs]))
            scores.cover_error[trained, tested] = float(np.mean([abs(a.mean() - b.mean()) * 100 for a, b in pairs]))
    return scores


def model_cover(checkpoint: Path, restorers: dict[str, Restore], count: int) -> dict[str, tuple[float, float]]:
    """Return (mean IoU, mean cover error in points) of the demo coral model on restored quadrats, for each restorer.

    The whole photograph is restored and then straightened with its true corners, as the pipeline does. The model was
    trained on raw and restored pictures (training/library/examples.py), on other scenes.
    """
    photos = [coral_photo(TEST_SEED + seed) for seed in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        convert(checkpoint, checkpoint.with_suffix(".yaml"), Path(folder))
        predict = load_predictor(Path(folder) / checkpoint.with_suffix(".onnx").name, threads=2)
        return {name: _judged(predict, photos, restore) for name, restore in restorers.items()}


def _judged(predict: Predictor, photos: Sequence[SyntheticPhoto], restore: Restore) -> tuple[float, float]:
    ious, errors = [], []
    for photo in photos:
        crop, _ = straighten(restore(photo.image_bgr), photo.coral_labels(), photo.corners_px, _CROP_PX)
        truth = photo.rectified_coral_labels(_CROP_PX) > 0
        found = predict(crop).union(_MIN_SCORE)
        ious.append(_iou(found, truth))
        errors.append(abs(found.mean() - truth.mean()) * 100)
    return float(np.mean(ious)), float(np.mean(errors))


def _features(bgr: Bgr) -> Features:
    """Return one row per sampled pixel: CIELAB at two scales and the lightness' spread around it."""
    lab = cv2.cvtColor(bgr.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
    near, far = cv2.GaussianBlur(lab, (0, 0), 2), cv2.GaussianBlur(lab, (0, 0), 8)
    square = cv2.GaussianBlur(lab[..., 0] ** 2, (0, 0), 8)
    spread = np.sqrt(np.maximum(square - far[..., 0] ** 2, 0))
    stacked = np.dstack([near, far, spread])[::_STRIDE_PX, ::_STRIDE_PX]
    return stacked.reshape(-1, 7).astype(np.float32)


def _sampled(coral: Labels) -> Labels:
    return coral[::_STRIDE_PX, ::_STRIDE_PX].ravel()


def _forest(pictures: Sequence[Features], corals: Sequence[Labels]) -> cv2.ml.RTrees:
    cv2.setRNGSeed(1)
    forest = cv2.ml.RTrees.create()
    forest.setMaxDepth(12)
    forest.setMinSampleCount(20)
    forest.setTermCriteria((cv2.TERM_CRITERIA_MAX_ITER, 40, 0))
    rows = np.concatenate(pictures)[::5]
    answers = np.concatenate([_sampled(coral) for coral in corals])[::5].astype(np.int32)
    forest.train(rows, cv2.ml.ROW_SAMPLE, answers)
    return forest


def _iou(found: Labels, truth: Labels) -> float:
    together = np.count_nonzero(found | truth)
    return np.count_nonzero(found & truth) / together if together else 1.0
