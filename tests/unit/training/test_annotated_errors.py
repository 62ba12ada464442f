"""Errors on annotated photographs: a model that finds exactly what is drawn, or something else."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from training.evaluate import main
from training.library.annotated import annotated_corals, annotated_frames
from training.library.coco import Annotated, AnnotationError, read
from training.library.prediction import Prediction, Predictor
from training.library.scores import EVALUATION_SIDE_PX, summarise_corals, summarise_frames

SIDE = 200
LEFT, RIGHT = (20, 20, 80, 120), (120, 40, 180, 100)  # x0, y0, x1, y1


def annotated(folder: Path, *boxes: tuple[int, int, int, int]) -> list[Annotated]:
    """Return one photograph with a rectangle drawn around each box."""
    cv2.imwrite(str(folder / "a.png"), np.full((SIDE, SIDE, 3), (90, 110, 80), np.uint8))
    outlines = [[x0, y0, x1, y0, x1, y1, x0, y1] for x0, y0, x1, y1 in boxes]
    drawn = [{"id": i, "image_id": 1, "category_id": 1, "segmentation": [o]} for i, o in enumerate(outlines)]
    image = {"id": 1, "file_name": "a.png", "width": SIDE, "height": SIDE}
    export = {"images": [image], "categories": [{"id": 1, "name": "x"}], "annotations": drawn}
    (folder / "coco.json").write_text(json.dumps(export), "utf-8")
    return read(folder / "coco.json", folder)


def finding(*boxes: tuple[int, int, int, int]) -> Predictor:
    """Return a model that always finds these boxes."""

    def predict(image_bgr: NDArray[np.uint8]) -> Prediction:
        assert image_bgr.shape == (EVALUATION_SIDE_PX, EVALUATION_SIDE_PX, 3)
        masks = np.zeros((len(boxes), *image_bgr.shape[:2]), bool)
        for mask, box in zip(masks, boxes, strict=True):
            x0, y0, x1, y1 = (round(v * EVALUATION_SIDE_PX / SIDE) for v in box)
            mask[y0:y1, x0:x1] = True
        return Prediction(masks, np.full(len(boxes), 0.9, np.float32))

    return predict


def test_a_model_that_finds_what_is_drawn_makes_no_error(tmp_path: Path) -> None:
    figures = summarise_corals(annotated_corals(finding(LEFT, RIGHT), annotated(tmp_path, LEFT, RIGHT), 0.5))
    assert figures["count"] == 1
    assert figures["mae_points"] < 0.5
    assert figures["AP50"] == pytest.approx(100)


def test_a_missed_colony_is_missing_cover(tmp_path: Path) -> None:
    figures = summarise_corals(annotated_corals(finding(LEFT), annotated(tmp_path, LEFT, RIGHT), 0.5))
    assert figures["bias_points"] == pytest.approx(-100 * 60 * 60 / SIDE**2, abs=0.5)


def test_a_frame_is_compared_by_mask_and_corners(tmp_path: Path) -> None:
    exact = summarise_frames(annotated_frames(finding(LEFT), annotated(tmp_path, LEFT), 0.5))
    assert exact["mask_iou_mean"] > 0.97
    assert exact["mask_corner_error_percent_median"] < 2
    other = summarise_frames(annotated_frames(finding(RIGHT), annotated(tmp_path, LEFT), 0.5))
    assert other["mask_iou_mean"] == 0


def test_photographs_without_an_outline_count_alarms_only(tmp_path: Path) -> None:
    photos = [*annotated(tmp_path, LEFT), Annotated(tmp_path / "a.png", SIDE, SIDE, ())]
    scores = annotated_frames(finding(LEFT), photos, 0.5)
    assert (len(scores.iou), scores.empty_photos, scores.false_alarms) == (1, 1, 1)
    with pytest.raises(AnnotationError, match="nothing to measure by"):
        annotated_frames(finding(LEFT), photos[1:], 0.5)


def test_annotations_need_their_photographs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--target", "coral", "--model", "m.onnx", "--output", str(tmp_path), "--coco", "a.json"])
    assert "--coco and --images belong together" in capsys.readouterr().err
