"""Areas that a person has left out of the measurement, because a fin or a slate hides the bottom there."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from reefsteps.arrays import ByteArray
from reefsteps.results import Point

_FRACTION_BITS = 4  # cv2 takes an outline's points as integers, in sixteenths of a pixel


def excluded_mask(
    outlines_px: Sequence[Sequence[Point]],
    corners_px: Sequence[Point],
    photograph_shape: tuple[int, int],
    quadrat_shape: tuple[int, int],
) -> ByteArray:
    """Return the outlined areas as they lie in the straightened quadrat: `quadrat_shape` (H, W) uint8, 255 left out.

    Outlines and corners are in the photograph's pixels (`reefsteps.results`); the corners are those set by hand, which
    stand for a plane without lens term. The areas are drawn in the photograph and straightened as the picture is, so
    that an outline may reach beyond the quadrat under any perspective.
    """
    drawn = np.zeros(photograph_shape, np.uint8)
    for outline in outlines_px:
        points = (np.asarray(outline, np.float64) - 0.5) * 2**_FRACTION_BITS
        cv2.fillPoly(drawn, [np.round(points).astype(np.int32)], 255, shift=_FRACTION_BITS)
    height, width = quadrat_shape
    square = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) - np.float32(0.5)
    straighten = cv2.getPerspectiveTransform(np.asarray(corners_px, np.float32) - np.float32(0.5), square)
    return np.asarray(cv2.warpPerspective(drawn, straighten, (width, height), flags=cv2.INTER_NEAREST), np.uint8)
