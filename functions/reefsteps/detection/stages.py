"""The levels of a frozen backbone at points of a picture: what a head learns from.

They are three stages of the ResNet, and averages of them around each cell. The fourth stage is left out: with it, heads
were wrong at more points of photographs that they had not seen (docs/measurements/models.md). It is also the stage that
training changes first, so a head on the others learns nothing from a checkpoint's own training photographs.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from reefsteps.arrays import ByteArray, Float32Array, Float64Array
from reefsteps.detection.sessions import open_session

STAGES = ("res2", "res3", "res4")
# A cell alone says little of a texture, so stages are also averaged over so many cells across: 36, 56 and 80 px.
AROUND_CELLS = {"res2": 9, "res3": 7, "res4": 5}
LEVELS = (*STAGES, *(f"{stage}_around" for stage in AROUND_CELLS))
STRIDE_PX = 4  # of the first stage
SIDE_PX = 896  # of the picture's shorter side, for learning and for the map: see docs/measurements/models.md
LONGEST_PX = 2 * SIDE_PX
MAP_OUTPUT = "coral_map"
_COARSEST_PX = 32  # the graph pads to a multiple of it at right and bottom


class Backbone:
    """A graph written by ``map_graph.trunk`` in a session."""

    def __init__(self, graph: Path, name: str, *, rgb: bool, threads: int | None = None) -> None:
        """Open the session; raises UnsupportedModelError when the graph cannot be loaded."""
        self._session = open_session(graph, name, threads)
        self._rgb = rgb

    def channels(self) -> tuple[int, ...]:
        """Return how many channels each level has."""
        return tuple(level.shape[0] for level in self.levels(np.zeros((_COARSEST_PX, _COARSEST_PX, 3), np.uint8)))

    def at(self, picture_bgr: ByteArray, places: Float64Array) -> Float32Array:
        """Return the features (N, C) at places (N, 2), x and y in parts of the picture's width and height.

        The (H, W, 3) uint8 picture goes into the network at its own size. The levels' channels come one after another,
        each interpolated between the middles of its cells, as the graph's ``Resize`` does it.
        """
        height, width = picture_bgr.shape[:2]
        pixels = places * (width, height)
        padded = np.array([-(-side // _COARSEST_PX) * _COARSEST_PX for side in (width, height)])
        return np.concatenate([_between(level, pixels / padded) for level in self.levels(picture_bgr)], axis=1)

    def levels(self, picture_bgr: ByteArray) -> list[Float32Array]:
        """Return each level (C, h, w) of a (H, W, 3) uint8 picture, which goes into the network at its own size."""
        pixels = picture_bgr[:, :, ::-1] if self._rgb else picture_bgr
        feed = {"image": np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32)}
        return [np.asarray(level[0], np.float32) for level in self._session.run(list(LEVELS), feed)]


def _between(level: Float32Array, places: Float64Array) -> Float32Array:
    """Return (N, C) values of a level (C, h, w) at places (N, 2) in parts of its width and height."""
    _, height, width = level.shape
    x = (places[:, 0] * width - 0.5).clip(0, width - 1)
    y = (places[:, 1] * height - 0.5).clip(0, height - 1)
    left, top = x.astype(np.intp), y.astype(np.intp)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, down = (x - left).astype(np.float32), (y - top).astype(np.float32)
    upper = level[:, top, left] * (1 - across) + level[:, top, right] * across
    lower = level[:, bottom, left] * (1 - across) + level[:, bottom, right] * across
    return np.asarray((upper * (1 - down) + lower * down).T, np.float32)
