"""Same weights, same pictures: detectron2's DefaultPredictor against the converted model. Minutes, so run by hand:
``python -m pytest tests/parity`` where detectron2 is installed.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from conversion.agreement import box_ious
from conversion.convert import convert
from reefsteps.detection import Detections, load_detector
from reefsteps.masks import mask_iou
from tests.parity.reference import configuration, detections, predictor
from tests.support import checkpoints as make
from tests.support.pictures import picture
from tests.support.real_data import REAL_DATA

pytestmark = [
    pytest.mark.detectron2,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(importlib.util.find_spec("detectron2") is None, reason="detectron2 is not installed"),
]
ROOT = Path(__file__).parents[2]
PHOTOGRAPHS = REAL_DATA / "quadrats"
DRAWN = ((400, 400), (600, 800), (900, 500), (333, 517), (480, 640), (1200, 700), (64, 90), (300, 1000))


def pictures() -> list[np.ndarray[Any, Any]]:
    """Return at least 20 pictures of many sizes, real photographs among them where there are any."""
    photographs = sorted(PHOTOGRAPHS.glob("**/*.jp*g"))[:12]
    real = [np.asarray(cv2.imread(str(path))) for path in photographs]
    real = [
        cv2.resize(p, None, fx=0.3, fy=0.3, interpolation=cv2.INTER_AREA) if max(p.shape) > 2000 else p for p in real
    ]
    drawn = [picture(height, width, seed) for seed, (height, width) in enumerate(DRAWN * 3)]
    return real + drawn[: max(8, 20 - len(real))]


def compared(predict: Any, folder: Path, name: str) -> tuple[list[float], list[float], list[float], list[float]]:
    """Return box IoU, largest box difference (px), score difference and mask IoU of every detection."""
    detector = load_detector(folder / f"{name}.onnx", folder / f"{name}.json")
    ious: list[float] = []
    boxes: list[float] = []
    scores: list[float] = []
    masks: list[float] = []
    images = pictures()
    for image in images:
        expected: Detections = detections(predict(image)["instances"])
        found = detector.detect(image)
        assert len(found) == len(expected)
        overlap = box_ious(expected.boxes_px, found.boxes_px)
        for i in range(len(expected)):
            j = int(overlap[i].argmax())
            overlap_ij = float(overlap[i, j])
            overlap[:, j] = -1
            ious.append(overlap_ij)
            boxes.append(float(np.abs(expected.boxes_px[i] - found.boxes_px[j]).max()))
            scores.append(float(abs(expected.scores[i] - found.scores[j])))
            masks.append(mask_iou(expected.full_mask(i), found.full_mask(j)))
    print(
        f"\n{name}: {len(ious)} detections in {len(images)} pictures; box IoU min {min(ious):.5f}, box "
        f"{max(boxes):.5f} px, score {max(scores):.2e}, mask IoU min {min(masks):.5f} mean {np.mean(masks):.6f}"
    )
    return ious, boxes, scores, masks


@pytest.mark.parametrize(("depth", "name"), [(50, "detectron2-classifier"), (101, "detectron2-reframe")])
def test_random_weights(tmp_path: Path, depth: int, name: str) -> None:
    checkpoint = make.write_checkpoint(tmp_path / f"{name}.pth", make.full_size_mask_rcnn(depth, depth))
    convert(checkpoint, None, tmp_path)
    ious, _, _, masks = compared(predictor(configuration(depth), checkpoint), tmp_path, name)
    assert min(ious) > 0.9
    assert np.mean(masks) >= 0.99


@pytest.mark.parametrize("name", ["detectron2-classifier", "detectron2-reframe"])
def test_trained_weights(tmp_path: Path, name: str) -> None:
    checkpoint, dump = ROOT / "models" / f"{name}.pth", ROOT / "models" / f"{name}.yaml"
    convert(checkpoint, dump, tmp_path)
    _, boxes, scores, masks = compared(predictor(configuration(50, dump), checkpoint), tmp_path, name)
    assert max(boxes) <= 0.5
    assert max(scores) <= 1e-3
    assert min(masks) >= 0.99
