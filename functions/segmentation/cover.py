"""Percent cover and colonies from what the detector found in a reframed picture.

The picture is the quadrat's inner area and nothing else, so its pixel count is the denominator of cover. Instances
overlap, so the numerator is their union, while each colony keeps its own area.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from reefsteps.detection import Detections
from reefsteps.results import Colony

ByteArray = npt.NDArray[np.uint8]

# How near to the crop's border an instance counts as cut by it, share of the side: masks are drawn from 28 x 28
# samples, and one that ends within this distance may as well go on under the frame.
_BORDER_SHARE = 0.003


@dataclass(frozen=True, eq=False)
class Cover:
    """`mask` is (H, W) uint8, 255 where there is coral; colonies are in the detections' order, best score first."""

    mask: ByteArray
    cover_percent: float  # 0.00 to 100.00
    colonies: tuple[Colony, ...]
    strings_percent: (
        float | None
    )  # share of the area judged by its surroundings; None where strings were not looked for


def measure(detections: Detections, px_per_cm: float, strings: ByteArray | None = None) -> Cover:
    """Measure the union of the detections in a reframed picture of `px_per_cm`.

    `strings` is the (H, W) mask of the quadrat's strings, where they were looked for: a pixel under a string counts as
    the majority of the uncovered pixels around it. Colonies keep the detector's own area.
    """
    mask = detections.union_mask()
    strings_percent = None
    if strings is not None:
        mask = _judged_by_surroundings(mask, strings)
        strings_percent = _percent(strings)
    return Cover(mask, _percent(mask), _colonies(detections, px_per_cm), strings_percent)


def _percent(mask: ByteArray) -> float:
    return round(100.0 * int(np.count_nonzero(mask)) / mask.size, 2)


def _colonies(detections: Detections, px_per_cm: float) -> tuple[Colony, ...]:
    height, width = detections.image_shape
    border_px = max(1.0, _BORDER_SHARE * max(height, width))
    found = []
    for score, mask in zip(detections.scores, detections.masks, strict=True):
        rows, columns = np.flatnonzero(mask.bitmap.any(axis=1)), np.flatnonzero(mask.bitmap.any(axis=0))
        if rows.size == 0:
            continue  # a mask without a pixel covers nothing
        left, top = mask.x0 + int(columns[0]), mask.y0 + int(rows[0])
        right, bottom = mask.x0 + int(columns[-1]) + 1, mask.y0 + int(rows[-1]) + 1
        found.append(
            Colony(
                area_cm2=round(mask.area_px / px_per_cm**2, 2),
                score=round(float(score), 4),
                box_px=(left, top, right, bottom),
                cut_by_frame=min(left, top) < border_px or right > width - border_px or bottom > height - border_px,
            )
        )
    return tuple(found)


def _judged_by_surroundings(mask: ByteArray, strings: ByteArray) -> ByteArray:
    """Return `mask` with every pixel under a string set to the majority of the free pixels around it."""
    free = cv2.bitwise_not(strings)
    window_px = 2 * _half_width_px(strings) * 3 + 1
    size = (window_px, window_px)
    coral_share = cv2.blur(cv2.bitwise_and(mask, free), size)
    free_share = cv2.blur(free, size)
    judged = cv2.compare(coral_share, cv2.max(free_share // 2, 1), cv2.CMP_GE)  # type: ignore[call-overload]
    cv2.copyTo(mask, free, judged)
    return np.asarray(judged, np.uint8)


def _half_width_px(strings: ByteArray) -> int:
    if not strings.any():
        return 1
    return max(1, int(np.ceil(cv2.distanceTransform(strings, cv2.DIST_L2, 3).max())))
