"""The engine ``detectron2`` on a demo checkpoint: the converted model's detections behind the same interface."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from conversion.agreement import box_ious
from conversion.convert import convert
from reefsteps.detection import Detections, load_detector
from reefsteps.detection.detectron2_engine import Detectron2Detector
from reefsteps.errors import UnsupportedModelError
from tests.parity.reference import without_map
from training.library.examples import coral_example

INSTALLED = importlib.util.find_spec("detectron2") is not None
needs_detectron2 = pytest.mark.skipif(not INSTALLED, reason="detectron2 is not installed")
NAME = "detectron2-classifier"
CHECKPOINT = Path(__file__).parents[2] / "models" / f"{NAME}.pth"
PICTURE = coral_example(3, 300).image_bgr


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return without_map(CHECKPOINT, tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def engine(plain: Path) -> Detectron2Detector:
    return Detectron2Detector(plain, plain.with_suffix(".yaml"), 1)


def same(first: Detections, second: Detections) -> bool:
    overlap = box_ious(first.boxes_px, second.boxes_px)
    areas, others = ([mask.area_px for mask in found.masks] for found in (first, second))
    if len(first) != len(second) or not (overlap.max(axis=1) > 0.99).all():
        return False
    return np.allclose(areas, others, rtol=0.02)


@pytest.mark.detectron2
@needs_detectron2
def test_it_finds_what_the_converted_model_finds(engine: Detectron2Detector, plain: Path, tmp_path: Path) -> None:
    convert(plain, plain.with_suffix(".yaml"), tmp_path)
    converted = load_detector(tmp_path / f"{NAME}.onnx", tmp_path / f"{NAME}.json", 1)
    found = engine.detect(PICTURE)
    assert len(found) > 0
    assert same(found, converted.detect(PICTURE))
    assert engine.identity == converted.identity
    assert engine.manifest.classes == converted.manifest.classes
    assert engine.manifest.score_threshold == converted.manifest.score_threshold


@pytest.mark.detectron2
@needs_detectron2
def test_it_obeys_the_score_and_refuses_what_is_no_picture(engine: Detectron2Detector) -> None:
    every = engine.detect(PICTURE)
    score = float(np.median(every.scores))
    assert same(engine.detect(PICTURE, score), every.above(score))
    with pytest.raises(ValueError, match="uint8"):
        engine.detect(PICTURE.astype(np.float32))


@pytest.mark.detectron2
@needs_detectron2
def test_a_map_of_coral_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedModelError, match="its map of coral, which the engine 'detectron2' does not know"):
        Detectron2Detector(CHECKPOINT, CHECKPOINT.with_suffix(".yaml"), 1)


@pytest.mark.skipif(INSTALLED, reason="detectron2 is installed")
def test_without_detectron2_the_error_says_what_to_do() -> None:
    with pytest.raises(UnsupportedModelError, match="Build the function's detectron2 target"):
        Detectron2Detector(CHECKPOINT)
