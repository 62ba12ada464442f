"""Colonies from a map that says where there is coral: what a Mask R-CNN learns where nobody has drawn an outline."""

from __future__ import annotations

import cv2
import numpy as np

from reefsteps.arrays import BoolArray, ByteArray, LabelArray

MIN_COLONY_PX = 40  # at the size that the network sees; smaller ones are noise of the map
_OPENING_PX = 3  # thinner than this nothing counts as a colony
# A colony is split where its neck is narrower than these shares of its greatest width.
_NECKS = (0.3, 0.45, 0.6)
_MIN_CORE_PX = 3.0  # distance from the edge that each half of a split must reach
_MOST_SPLITS = 6  # in a row; a colony has at most 2 ** 6 parts


def colonies(coral: BoolArray) -> LabelArray:
    """Return uint16 (H, W): colonies numbered from 1, and 0 where the map (H, W) has no coral.

    The map is opened, so that specks and threads vanish, and each connected piece is split at its necks.
    """
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_OPENING_PX, _OPENING_PX))
    opened = np.asarray(cv2.morphologyEx(coral.astype(np.uint8), cv2.MORPH_OPEN, kernel), np.uint8)
    result = np.zeros(coral.shape, np.uint16)
    number = 0
    for piece in _pieces(opened):
        for part in _split(piece, _MOST_SPLITS):
            if int(part.sum()) >= MIN_COLONY_PX:
                number += 1
                result[part > 0] = number
    return result


def _pieces(mask: ByteArray) -> list[ByteArray]:
    count, labels = cv2.connectedComponents(mask, connectivity=4)
    return [(labels == number).astype(np.uint8) for number in range(1, count)]


def _split(piece: ByteArray, left: int) -> list[ByteArray]:
    if left == 0 or int(piece.sum()) < 2 * MIN_COLONY_PX:
        return [piece]
    x, y, w, h = cv2.boundingRect(piece)
    window = np.pad(piece[y : y + h, x : x + w], 1)
    depth = cv2.distanceTransform(window, cv2.DIST_L2, 5)
    for share in _NECKS:
        cores = _pieces((depth > share * depth.max()).astype(np.uint8))
        cores = [core for core in cores if depth[core > 0].max() >= _MIN_CORE_PX]
        if len(cores) < 2:
            continue
        parts = []
        for part in _grown(window, cores):
            whole = np.zeros_like(piece)
            whole[y : y + h, x : x + w] = part[1:-1, 1:-1]
            parts += _split(whole, left - 1)
        return parts
    return [piece]


def _grown(window: ByteArray, cores: list[ByteArray]) -> list[ByteArray]:
    """Return the window's pixels, each with the core that is nearest."""
    distances = [cv2.distanceTransform(1 - core, cv2.DIST_L2, 5) for core in cores]
    nearest = np.argmin(np.stack(distances), axis=0)
    return [((nearest == number) & (window > 0)).astype(np.uint8) for number in range(len(cores))]
