"""A head over a whole picture in numpy, for pictures that are looked at once: what its graph gives.

The graph is that of `reefsteps.detection.map_graph`.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from adapt.head import probabilities
from reefsteps.arrays import Float32Array
from reefsteps.detection.map_head import Head


def dense(head: Head, levels: Sequence[Float32Array]) -> Float32Array:
    """Return the (h, w) probability of coral from a picture's levels, each (C, h, w) float32, at the first one's size.

    As in the graph, each level is multiplied at its own size, and the results are enlarged between cells' middles.
    """
    channels = [len(level) for level in levels]
    _, height, width = levels[0].shape
    total = np.zeros((height, width, head.first.shape[1]), np.float32)
    for level, weights in zip(levels, np.split(head.first, np.cumsum(channels)[:-1]), strict=True):
        units = np.tensordot(level, weights, axes=(0, 0))
        enlarged = cv2.resize(units, (width, height), interpolation=cv2.INTER_LINEAR)
        total += np.asarray(enlarged, np.float32).reshape(total.shape)
    total += head.first_bias
    if head.hidden:
        total = np.maximum(total, 0)
    return np.asarray(probabilities((total @ head.last + head.last_bias).astype(np.float64)), np.float32)
