"""The engine of the Lambdas: a converted Mask R-CNN under onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from reefsteps.arrays import ByteArray
from reefsteps.detection.detections import Detections
from reefsteps.detection.engine import Engine
from reefsteps.detection.manifest import Manifest
from reefsteps.detection.resizing import network_shape, paste_mask, resize, restore_boxes
from reefsteps.detection.sessions import open_session


class OnnxDetector(Engine):
    """A Mask R-CNN graph written by ``conversion``; see its ``mask_rcnn`` for inputs and outputs."""

    def __init__(self, model: Path, manifest: Manifest, threads: int | None = None) -> None:
        """Create the session; raises UnsupportedModelError when the graph cannot be loaded.

        The weights are mapped from the file ``model``: it may be replaced or removed meanwhile, but not written to.
        """
        super().__init__(manifest)
        self._session = open_session(model, manifest.name, threads)

    def _found(self, image_bgr: ByteArray, min_score: float) -> Detections:
        picture = image_bgr.shape[0], image_bgr.shape[1]
        network = network_shape(*picture, self._manifest.min_size_test, self._manifest.max_size_test)
        pixels = resize(image_bgr, network)
        if self._manifest.rgb:
            pixels = pixels[:, :, ::-1]
        feed: dict[str, Any] = {
            "image": np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32),
            "score_threshold": np.array([min_score], np.float32),
        }
        boxes, scores, classes, masks = self._session.run(["boxes", "scores", "classes", "masks"], feed)
        boxes, filled = restore_boxes(boxes, network, picture)
        kept = np.flatnonzero(filled)
        kept = kept[np.argsort(-scores[kept], kind="stable")]  # the graph sorts by pyramid level
        pasted = tuple(paste_mask(masks[i], boxes[i], picture, self._manifest.mask_threshold) for i in kept)
        return Detections(boxes[kept], scores[kept], classes[kept], pasted, picture)
