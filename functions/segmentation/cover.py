"""Percent cover and colonies from what the detector found in a reframed picture.

The picture shows the quadrat's inner area and nothing else, so its number of pixels is the denominator of cover.
Instances overlap, so the numerator is their union; each colony keeps its own area. Areas that a person has left out
count neither as coral nor as bottom.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import cv2
import numpy as np

from reefsteps.arrays import ByteArray
from reefsteps.detection import Detections, InstanceMask
from reefsteps.errors import InvalidParameterError
from reefsteps.masks import mask_box
from reefsteps.results import Colony

# An instance within this share of the side from the picture's border counts as cut by the frame. Masks are drawn from
# 28 x 28 samples, so one that ends this near may continue under the frame.
_BORDER_SHARE = 0.003


@dataclass(frozen=True, eq=False)
class MeasuredCover:
    """The cover of one quadrat.

    `mask` is (H, W) uint8, 255 where there is coral. Colonies are in the detections' order, best score first.
    """

    mask: ByteArray
    cover_percent: float  # 0.00 to 100.00
    colonies: tuple[Colony, ...]
    strings_percent: float | None  # share of the area under strings; None if strings were not searched for
    excluded_percent: float | None = None  # share of the picture that was left out; None if nothing was


def outside(detections: Detections, excluded: ByteArray) -> Detections:
    """Return the detections without their pixels in the (H, W) mask `excluded`, and without those wholly inside it."""
    masks, kept = [], []
    for index, mask in enumerate(detections.masks):
        bitmap = mask.bitmap * (excluded[mask.window()] == 0)
        if bitmap.any():
            masks.append(InstanceMask(mask.x0, mask.y0, bitmap.astype(np.uint8)))
            kept.append(index)
    found = detections.select(np.array(kept, np.intp))
    return dataclasses.replace(found, masks=tuple(masks))


def measure(
    detections: Detections, px_per_cm: float, strings: ByteArray | None = None, excluded: ByteArray | None = None
) -> MeasuredCover:
    """Return the cover of the detections' union in a reframed picture of `px_per_cm`, and the colonies.

    `strings` is the (H, W) mask of the quadrat's strings, None if they were not searched for. A pixel under a string
    counts as the majority of the uncovered pixels around it. Colonies keep the detector's own area.

    `excluded` is the (H, W) mask of areas that a person has left out: neither cover nor strings count there. The
    detections must be those `outside` it. Raises InvalidParameterError if it leaves nothing to measure.
    """
    mask = detections.union_mask()
    strings_percent = excluded_percent = None
    measured_px = mask.size
    if excluded is not None:
        measured_px -= int(np.count_nonzero(excluded))
        excluded_percent = _percent(excluded, mask.size)
        if measured_px == 0:
            raise InvalidParameterError("The hidden areas cover the whole quadrat: nothing is left to be measured.")
    if strings is not None:
        if excluded is not None:
            strings = cv2.bitwise_and(strings, cv2.bitwise_not(excluded)).astype(np.uint8)
        mask = _judged_by_surroundings(mask, strings, excluded)
        strings_percent = _percent(strings, measured_px)
    colonies = _colonies(detections, px_per_cm, excluded)
    return MeasuredCover(mask, _percent(mask, measured_px), colonies, strings_percent, excluded_percent)


def _percent(mask: ByteArray, whole_px: int) -> float:
    return round(100.0 * int(np.count_nonzero(mask)) / whole_px, 2)


def _colonies(detections: Detections, px_per_cm: float, excluded: ByteArray | None) -> tuple[Colony, ...]:
    height, width = detections.image_shape
    border_px = max(1.0, _BORDER_SHARE * max(height, width))
    beside_excluded = None if excluded is None else cv2.dilate(excluded, np.ones((3, 3), np.uint8))
    found = []
    for score, mask in zip(detections.scores, detections.masks, strict=True):
        box = mask_box(mask.bitmap)
        if box is None:
            continue  # a mask without a pixel covers nothing
        left, top, right, bottom = mask.x0 + box[0], mask.y0 + box[1], mask.x0 + box[2], mask.y0 + box[3]
        cut = min(left, top) < border_px or right > width - border_px or bottom > height - border_px
        if beside_excluded is not None:
            cut = cut or bool(beside_excluded[mask.window()][mask.bitmap > 0].any())
        found.append(
            Colony(
                area_cm2=round(mask.area_px / px_per_cm**2, 2),
                score=round(float(score), 4),
                box_px=(left, top, right, bottom),
                cut_by_frame=cut,
            )
        )
    return tuple(found)


def _judged_by_surroundings(mask: ByteArray, strings: ByteArray, excluded: ByteArray | None) -> ByteArray:
    """Return `mask` with every pixel under a string set to the majority of the free pixels around it.

    Excluded pixels are not free: they say nothing about their surroundings, and stay out of the mask.
    """
    free = cv2.bitwise_not(strings if excluded is None else cv2.bitwise_or(strings, excluded))
    window_px = 2 * _half_width_px(strings) * 3 + 1
    size = (window_px, window_px)
    coral_share = cv2.blur(cv2.bitwise_and(mask, free), size)
    free_share = cv2.blur(free, size)
    judged = cv2.compare(coral_share, cv2.max(free_share // 2, 1), cv2.CMP_GE)  # type: ignore[call-overload]
    cv2.copyTo(mask, free, judged)
    if excluded is not None:
        judged[excluded > 0] = 0
    return np.asarray(judged, np.uint8)


def _half_width_px(strings: ByteArray) -> int:
    if not strings.any():
        return 1
    return max(1, int(np.ceil(cv2.distanceTransform(strings, cv2.DIST_L2, 3).max())))
