"""The interface of a detector, and the engine that is used unless another is asked for."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from reefsteps.arrays import ByteArray
from reefsteps.detection.detections import Detections
from reefsteps.detection.manifest import FileIdentity, Manifest
from reefsteps.errors import UnsupportedModelError
from reefsteps.results import ModelIdentity


class Detector(Protocol):
    """A loaded model. ``detect`` may be called from several threads."""

    @property
    def manifest(self) -> Manifest:
        """Classes, thresholds and origin of the model."""
        ...

    @property
    def identity(self) -> ModelIdentity:
        """Name and sha256 of the operator's checkpoint."""
        ...

    def detect(self, image_bgr: ByteArray, min_score: float = 0.0) -> Detections:
        """Return the instances in a (H, W, 3) uint8 BGR picture, those scored above ``min_score`` only.

        Of a model of several classes, only instances of the classes that the manifest counts.

        The result equals ``detect(image_bgr).above(min_score)``, but takes less time: weak instances get no mask.
        The manifest's own threshold holds if it is higher. Raises ValueError for any other array.
        """
        ...


def load_detector(onnx_path: Path, manifest_path: Path, threads: int | None = None) -> Detector:
    """Load a converted or adapted model.

    ``threads`` defaults to the processors that this process may use (a Lambda's vCPUs). Raises UnsupportedModelError
    when the manifest or the model is damaged, or when they do not belong together.
    """
    manifest = Manifest.load(manifest_path)
    with ThreadPoolExecutor(max_workers=1) as other_core:
        opened = other_core.submit(open_detector, onnx_path, manifest, threads)
        digest = FileIdentity.of(onnx_path).sha256
        if digest != manifest.model.sha256:
            raise UnsupportedModelError(
                f"{onnx_path.name} is not the model that its manifest describes (sha256 {digest[:12]} instead of "
                f"{manifest.model.sha256[:12]}). Upload the .pth again to convert it."
            )
        return opened.result()


def open_detector(onnx_path: Path, manifest: Manifest, threads: int | None = None) -> Detector:
    """Load a model of which it is known that the manifest describes it; raises UnsupportedModelError."""
    if manifest.map_stride_px is not None:
        from reefsteps.detection.map_engine import MapDetector  # OpenCV, which conversion's image has not

        return MapDetector(onnx_path, manifest, threads)
    from reefsteps.detection.onnx_engine import OnnxDetector  # pages that only read Detections need no engine

    return OnnxDetector(onnx_path, manifest, threads)
