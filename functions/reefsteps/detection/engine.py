"""What the engines have in common: the manifest that they obey, the pictures they take, the cores they use."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import replace

import numpy as np

from reefsteps.arrays import ByteArray
from reefsteps.detection.detections import Detections
from reefsteps.detection.manifest import Manifest
from reefsteps.results import ModelIdentity


class Engine(ABC):
    """A ``Detector`` without its network."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest

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
        if image_bgr.ndim != 3 or image_bgr.shape[2] != 3 or image_bgr.dtype != np.uint8 or 0 in image_bgr.shape:
            raise ValueError(f"A picture is (H, W, 3) uint8, not {image_bgr.shape} {image_bgr.dtype}.")
        found = self._found(image_bgr, max(min_score, self._manifest.score_threshold))
        if self._manifest.counted is None:
            return found
        counts = self._manifest.counts(found.classes)
        return replace(found.select(counts), other_scores=found.scores[~counts])

    @abstractmethod
    def _found(self, image_bgr: ByteArray, min_score: float) -> Detections:
        """Return the instances scored above ``min_score`` in a picture that has been checked."""


def available_threads() -> int:
    """Return the processors that this process may use: on Lambda, its vCPUs."""
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
