"""A detector that sees red discs, and a straightened picture that holds some."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import numpy.typing as npt

from reefsteps.coverage_store import Result
from reefsteps.derived_objects import REFRAMED_PICTURE
from reefsteps.detection import Detections, InstanceMask
from reefsteps.images import encode_jpeg
from reefsteps.results import ModelIdentity
from reefsteps.steps import Step
from tests.support.pipeline_records import leave_photograph, run_writer

IDENTITY = ModelIdentity("detectron2-classifier", "ef" * 32)


Discs = tuple[tuple[tuple[int, int], int], ...]


DISCS: Discs = (((150, 150), 60), ((400, 300), 80), ((595, 500), 40))  # centre, radius; the last is cut by the frame


class ColourDetector:
    """Sees red discs, one instance for each."""

    manifest = SimpleNamespace(
        score_threshold=0.05, least_side_px=384, name="detectron2-classifier", measured=None, most_instances=100
    )
    identity = IDENTITY

    def detect(self, image_bgr: npt.NDArray[np.uint8], min_score: float = 0.0) -> Detections:
        red = (image_bgr[..., 2] > image_bgr[..., 0] + 60).astype(np.uint8)
        count, labels, boxes, _ = cv2.connectedComponentsWithStats(red)
        found = [i for i in range(1, count) if boxes[i][4] > 500]
        masks = []
        for i in found:
            x, y, width, height, _ = (int(value) for value in boxes[i])
            bitmap = (labels[y : y + height, x : x + width] == i).astype(np.uint8)
            masks.append(InstanceMask(x, y, bitmap))
        edges = np.array([[m.x0, m.y0, m.x0 + m.bitmap.shape[1], m.y0 + m.bitmap.shape[0]] for m in masks], np.float32)
        scores = np.linspace(0.95, 0.4, len(masks)).astype(np.float32)
        classes = np.zeros(len(masks), np.int64)
        return Detections(edges.reshape(-1, 4), scores, classes, tuple(masks), red.shape).above(min_score)


def reframed(done: Result, discs: Discs = DISCS) -> npt.NDArray[np.bool_]:
    """Leave a reframed picture with discs; returns where coral is."""
    width, height = done.reframing.size_px
    picture = np.full((height, width, 3), 90, np.uint8)
    truth = np.zeros((height, width), np.uint8)
    for centre, radius in discs:
        cv2.circle(picture, centre, radius, (60, 60, 200), -1)
        cv2.circle(truth, centre, radius, 1, -1)
    leave_photograph(done)
    writer = run_writer(done, "1.2.3")
    writer.put(REFRAMED_PICTURE, encode_jpeg(picture))
    writer.save_record(Step.REFRAMING, done.reframing)
    return truth.astype(bool)
