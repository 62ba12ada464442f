"""What a model finds in a picture, whichever runtime runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reefsteps.arrays import BoolArray, ByteArray, Float32Array


@dataclass(frozen=True)
class Prediction:
    """Instances of one picture, best first: ``masks`` bool (N, H, W), ``scores`` float32 (N,)."""

    masks: BoolArray
    scores: Float32Array

    def union(self, min_score: float) -> BoolArray:
        """Return bool (H, W): where any instance scored at least ``min_score`` lies."""
        return np.asarray(self.masks[self.scores >= min_score].any(0))


Predictor = Callable[[ByteArray], Prediction]
