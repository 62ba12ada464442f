"""The engine of the Lambdas: a converted Mask R-CNN under onnxruntime."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from reefsteps.detection.detections import ByteArray, Detections
from reefsteps.detection.geometry import network_shape, paste_mask, resize, restore_boxes
from reefsteps.detection.manifest import Manifest
from reefsteps.errors import UnsupportedModelError
from reefsteps.results import ModelIdentity

_LOG_ERRORS_ONLY = 3


class OnnxDetector:
    """A Mask R-CNN graph written by ``conversion``; see its ``mask_rcnn`` for inputs and outputs."""

    def __init__(self, model: Path | bytes, manifest: Manifest, threads: int | None = None) -> None:
        """Create the session; raises UnsupportedModelError when the graph cannot be loaded."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or available_threads()
        options.inter_op_num_threads = 1
        options.log_severity_level = _LOG_ERRORS_ONLY
        source = model if isinstance(model, bytes) else str(model)
        try:
            self._session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions have no common base
            raise UnsupportedModelError(
                f"The converted model of '{manifest.name}' cannot be loaded ({error}). Upload the .pth again."
            ) from error
        self._manifest = manifest

    @classmethod
    def load(cls, onnx_path: Path, manifest_path: Path, threads: int | None = None) -> OnnxDetector:
        """Load a model whose content is the one that the manifest speaks of."""
        manifest = Manifest.load(manifest_path)
        with onnx_path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if digest != manifest.model.sha256:
            raise UnsupportedModelError(
                f"{onnx_path.name} is not the model that its manifest describes (sha256 {digest[:12]} instead of "
                f"{manifest.model.sha256[:12]}). Upload the .pth again to convert it."
            )
        return cls(onnx_path, manifest, threads)

    @property
    def manifest(self) -> Manifest:
        """Classes, thresholds and origin of the model."""
        return self._manifest

    @property
    def identity(self) -> ModelIdentity:
        """Name and sha256 of the operator's checkpoint."""
        return self._manifest.identity

    def detect(self, image_bgr: ByteArray, min_score: float = 0.0) -> Detections:
        """See ``Detector.detect``."""
        picture = checked_picture(image_bgr)
        network = network_shape(*picture, self._manifest.min_size_test, self._manifest.max_size_test)
        pixels = resize(image_bgr, network)
        if self._manifest.rgb:
            pixels = pixels[:, :, ::-1]
        feed: dict[str, Any] = {
            "image": np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32),
            "score_threshold": np.array([max(min_score, self._manifest.score_threshold)], np.float32),
        }
        boxes, scores, classes, masks = self._session.run(["boxes", "scores", "classes", "masks"], feed)
        boxes, filled = restore_boxes(boxes, network, picture)
        kept = np.flatnonzero(filled)
        kept = kept[np.argsort(-scores[kept], kind="stable")]  # the graph sorts by pyramid level
        pasted = tuple(paste_mask(masks[i], boxes[i], picture, self._manifest.mask_threshold) for i in kept)
        return Detections(boxes[kept], scores[kept], classes[kept], pasted, picture)


def checked_picture(image_bgr: ByteArray) -> tuple[int, int]:
    """Return a picture's (height, width); raises ValueError when it is no (H, W, 3) uint8 array."""
    if image_bgr.ndim != 3 or image_bgr.shape[2] != 3 or image_bgr.dtype != np.uint8 or 0 in image_bgr.shape:
        raise ValueError(f"A picture is (H, W, 3) uint8, not {image_bgr.shape} {image_bgr.dtype}.")
    return int(image_bgr.shape[0]), int(image_bgr.shape[1])


def available_threads() -> int:
    """Return the processors that this process may use: on Lambda, its vCPUs."""
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
