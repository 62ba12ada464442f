"""Colonies from a dense map of coral: specks and pinholes away, then split where two colonies meet at a neck."""

from __future__ import annotations

import cv2
import numpy as np

from reefsteps.arrays import BoolArray, ByteArray, Float32Array, Int32Array

_MAJORITY_CELLS = 5
_FIRST_RADIUS_CELLS = 1.5
_GROWTH = 1.25  # of the radius from one look to the next
_NECK_SHARE = 0.7  # a colony begins where the neck is narrower than this share of its own half width
_LEAST_CORE_CELLS = 4


def without_specks(coral: BoolArray) -> BoolArray:
    """Return the (h, w) map with each cell as most of the 5 x 5 cells around it.

    Specks go and pinholes close alike, so that cover keeps its size: an opening would take from it alone. At the map's
    border the nearest cells are repeated, since a colony goes on beyond the frame.
    """
    return np.asarray(cv2.medianBlur(coral.astype(np.uint8), _MAJORITY_CELLS) > 0)


def label_colonies(coral: BoolArray) -> Int32Array:
    """Return the (h, w) int32 number of the colony of each cell, from 1; 0 where there is no coral.

    Every cell of coral belongs to one colony. Two parts are two colonies where the neck between them is narrower than
    0.7 of the smaller one's half width.
    """
    depth = np.asarray(cv2.distanceTransform(coral.astype(np.uint8), cv2.DIST_L2, 5), np.float32)
    count, parts, boxes, _ = cv2.connectedComponentsWithStats(coral.astype(np.uint8), connectivity=4)
    found = np.zeros(coral.shape, np.int32)
    last = 0
    for number, (x, y, width, height, _) in zip(range(1, count), boxes[1:], strict=True):
        window = slice(y, y + height), slice(x, x + width)
        part = parts[window] == number
        cores = np.zeros(part.shape, np.uint8)
        _mark_cores(depth[window], part, _FIRST_RADIUS_CELLS, cores)
        _, numbered = cv2.connectedComponents(cores, connectivity=8)
        own = last + nearest_colony(numbered.astype(np.int32))
        found[window][part] = own[part]
        last = int(own.max())
    return found


def _mark_cores(depth: Float32Array, part: BoolArray, radius: float, cores: ByteArray) -> None:
    """Mark one core in `cores` for each colony of a connected part."""
    while True:
        wide = part & (depth > radius)
        count, numbers = cv2.connectedComponents(wide.astype(np.uint8), connectivity=8)
        inner = [numbers == number for number in range(1, count)]
        own = [one for one in inner if float(depth[one].max()) * _NECK_SHARE >= radius and _is_core(one)]
        if not own:
            cores[part] = 1
            return
        if len(own) > 1:
            for one in own:
                _mark_cores(depth, one, radius * _GROWTH, cores)
            return
        part, radius = own[0], radius * _GROWTH


def _is_core(cells: BoolArray) -> bool:
    return int(np.count_nonzero(cells)) >= _LEAST_CORE_CELLS


def nearest_colony(numbers: Int32Array) -> Int32Array:
    """Return for every cell (h, w) the number of the colony that is nearest to it; all 0 where there is none."""
    if not numbers.any():
        return numbers
    _, nearest = cv2.distanceTransformWithLabels(
        (numbers == 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    by_label = np.zeros(int(nearest.max()) + 1, np.int32)
    by_label[nearest[numbers > 0]] = numbers[numbers > 0]
    return by_label[nearest]
