"""The demo models that are shipped do what their card says, converted and run as the product does (without torch)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from conversion.convert import convert
from local.samples import moorea_photographs
from reefsteps.masks import mask_iou
from training.library.examples import TEST_SEED, restored
from training.library.pipeline import reframed, treated
from training.library.predict import load_predictor
from training.library.prediction import Predictor
from training.library.scores import coral_crop, frame_photo

MODELS = Path(__file__).parents[2] / "models"
# Regression guards, looser than the card, because eight photographs are few.
MEDIAN_IOU = 0.85
MEDIAN_ERROR_POINTS = 8.0
REAL_ERROR_POINTS = 9.0
FRAME, CORAL = "detectron2-reframe", "detectron2-classifier"


def predictor(name: str, folder: Path) -> Predictor:
    convert(MODELS / f"{name}.pth", MODELS / f"{name}.yaml", folder)
    return load_predictor(folder / f"{name}.onnx")


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return predictor(FRAME, tmp_path_factory.mktemp("frame"))


@pytest.fixture(scope="module")
def corals(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return predictor(CORAL, tmp_path_factory.mktemp("coral"))


def test_the_frame_model_finds_the_opening(frames: Predictor) -> None:
    photos = [frame_photo(TEST_SEED + i) for i in range(8)]
    ious = []
    for photo in photos:
        if photo.frame is not None:
            found = frames(restored(photo.image_bgr))
            ious.append(mask_iou(found.masks[0], photo.opening_mask()) if len(found.scores) else 0.0)
    assert np.median(ious) > MEDIAN_IOU


def test_the_coral_model_measures_cover(corals: Predictor) -> None:
    errors = []
    for i in range(8):
        photo, crop = coral_crop(TEST_SEED + i)
        errors.append(abs(100 * corals(crop).union(0.5).mean() - photo.cover_percent))
    assert np.median(errors) < MEDIAN_ERROR_POINTS


def test_the_coral_model_is_right_on_quadrats_that_it_has_not_seen(frames: Predictor, corals: Predictor) -> None:
    """The demo's three photographs of Moorea through restoration, reframing and segmentation, against the experts."""
    photos, experts = moorea_photographs()
    errors = []
    for photo in photos:
        assert photo.side is not None
        crop = reframed(treated(photo.path), frames, photo.side)
        assert crop is not None, f"{photo.path.name} was refused"
        errors.append(100 * corals(crop.crop_bgr).union(0.5).mean() - experts[photo.path.name].percent)
    assert np.abs(errors).mean() <= REAL_ERROR_POINTS, errors


def test_the_models_stay_small() -> None:
    assert sum(path.stat().st_size for path in MODELS.glob("*.pth")) < 30_000_000
