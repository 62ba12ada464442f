"""The engine of models with a map: a dense map of coral under onnxruntime, and colonies cut out of it."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import cv2
import numpy as np

from reefsteps.arrays import BoolArray, ByteArray, Float32Array, Int32Array
from reefsteps.detection.colonies import label_colonies, nearest_colony, without_specks
from reefsteps.detection.detections import Detections, InstanceMask
from reefsteps.detection.engine import Engine
from reefsteps.detection.manifest import Manifest
from reefsteps.detection.resizing import network_shape, resize
from reefsteps.detection.sessions import open_session
from reefsteps.detection.stages import LONGEST_PX, MAP_OUTPUT, SIDE_PX, STRIDE_PX
from reefsteps.errors import UnsupportedModelError
from reefsteps.masks import mask_box

CORAL_FROM = 0.5  # probability
_BELOW = 0.01  # of the probability: what is left of a speck
_STRIP_ROWS = 512  # enlarged at once: bounds the scratch of a colony that fills a 24-megapixel picture


def with_map_settings(manifest: Manifest) -> Manifest:
    """Return the manifest of a model whose graph gives a map: the picture's size, the threshold, the map's stride."""
    return dataclasses.replace(
        manifest,
        min_size_test=SIDE_PX,
        max_size_test=LONGEST_PX,
        score_threshold=CORAL_FROM,
        map_stride_px=STRIDE_PX,
    )


class MapDetector(Engine):
    """A graph written by `map_graph`: ``image`` (3, H, W) float32 to ``coral_map`` (K, h, w), probabilities of classes.

    A cell of the map has ``manifest.map_stride_px`` pixels of the network's input; the map may reach beyond it, because
    the graph pads. Colonies of one picture do not overlap, so their union is the map.
    """

    def __init__(self, model: Path, manifest: Manifest, threads: int | None = None) -> None:
        """Create the session; raises UnsupportedModelError when the graph cannot be loaded."""
        super().__init__(manifest)
        if manifest.map_stride_px is None:
            raise UnsupportedModelError(f"The model '{manifest.name}' gives no map of coral.")
        self._stride_px = manifest.map_stride_px
        self._session = open_session(model, manifest.name, threads)

    def coral_map(self, image_bgr: ByteArray) -> Float32Array:
        """Return the (h, w) probability of coral of each cell of the picture: the largest of the counted classes.

        The last row and column may reach beyond the picture by a part of a cell: see ``cells``.
        """
        network = self._network_shape(image_bgr)
        pixels = resize(image_bgr, network)
        if self._manifest.rgb:
            pixels = pixels[:, :, ::-1]
        feed = {"image": np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32)}
        (found,) = self._session.run([MAP_OUTPUT], feed)
        rows, columns = (math.ceil(side) for side in self.cells(image_bgr))
        counted = [i for i, name in enumerate(self._manifest.classes) if name in (self._manifest.counted or (name,))]
        return np.asarray(found[counted, :rows, :columns].max(axis=0), np.float32)

    def cells(self, image_bgr: ByteArray) -> tuple[float, float]:
        """Return how many cells of the map are as high and as wide as the picture."""
        height, width = self._network_shape(image_bgr)
        return height / self._stride_px, width / self._stride_px

    def _network_shape(self, image_bgr: ByteArray) -> tuple[int, int]:
        height, width = image_bgr.shape[:2]
        return network_shape(height, width, self._manifest.min_size_test, self._manifest.max_size_test)

    def _found(self, image_bgr: ByteArray, min_score: float) -> Detections:
        picture = image_bgr.shape[0], image_bgr.shape[1]
        return colonies_of(self.coral_map(image_bgr), self.cells(image_bgr), picture).above(min_score)


def colonies_of(coral_map: Float32Array, cells: tuple[float, float], picture: tuple[int, int]) -> Detections:
    """Return the colonies of a map (h, w) in a picture of (height, width), best score first.

    ``cells`` is how many cells are as high and as wide as the picture. A colony's score is the mean probability of its
    cells. Its pixels are those where the enlarged map says coral and no other colony is nearer.
    """
    coral = without_specks(coral_map >= CORAL_FROM)
    # What was changed must not come back from the enlarged probabilities.
    raised, lowered = np.maximum(coral_map, CORAL_FROM), np.minimum(coral_map, CORAL_FROM - _BELOW)
    cleaned = np.where(coral, raised, lowered).astype(np.float32)
    numbers = label_colonies(coral)
    nearest = nearest_colony(numbers)
    masks, scores = [], []
    for number in range(1, int(numbers.max()) + 1):
        mask = _enlarged(cleaned, nearest, numbers == number, number, cells, picture)
        if mask is not None:
            masks.append(mask)
            scores.append(float(coral_map[numbers == number].mean()))
    order = np.argsort(-np.array(scores, np.float32), kind="stable")
    ordered = tuple(masks[int(i)] for i in order)
    boxes = [(m.x0, m.y0, m.x0 + m.bitmap.shape[1], m.y0 + m.bitmap.shape[0]) for m in ordered]
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores, np.float32)[order],
        np.zeros(len(ordered), np.int64),
        ordered,
        picture,
    )


def _enlarged(
    coral_map: Float32Array,
    nearest: Int32Array,
    own: BoolArray,
    number: int,
    cells: tuple[float, float],
    picture: tuple[int, int],
) -> InstanceMask | None:
    """Return one colony in the picture's pixels, None where no pixel falls onto it."""
    box = mask_box(own)
    if box is None:
        return None
    scale_y, scale_x = picture[0] / cells[0], picture[1] / cells[1]
    y0, y1 = _span(box[1], box[3], scale_y, picture[0])
    x0, x1 = _span(box[0], box[2], scale_x, picture[1])
    across, down = _places(x0, x1, scale_x, own.shape[1]), _places(y0, y1, scale_y, own.shape[0])
    nearest_x = (across + 0.5).astype(np.intp)
    bitmap = np.empty((y1 - y0, x1 - x0), np.uint8)
    for start in range(0, y1 - y0, _STRIP_ROWS):
        part = down[start : start + _STRIP_ROWS]
        map_x, map_y = np.meshgrid(across, part)
        values = cv2.remap(coral_map, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        mine = nearest[(part + 0.5).astype(np.intp)[:, None], nearest_x[None, :]] == number
        bitmap[start : start + _STRIP_ROWS] = (values >= CORAL_FROM) & mine
    inner = mask_box(bitmap)
    if inner is None:
        return None
    left, top, right, bottom = inner
    return InstanceMask(x0 + left, y0 + top, np.ascontiguousarray(bitmap[top:bottom, left:right]))


def _span(first: int, last: int, scale: float, side_px: int) -> tuple[int, int]:
    """Return the pixels that cells from ``first`` up to ``last`` can reach: half a cell further on either side."""
    return max(math.floor((first - 1) * scale), 0), min(math.ceil((last + 1) * scale), side_px)


def _places(start: int, stop: int, scale: float, count: int) -> Float32Array:
    """Return where the middles of pixels lie between the middles of cells."""
    return (((np.arange(start, stop) + 0.5) / scale - 0.5).clip(0, count - 1)).astype(np.float32)
