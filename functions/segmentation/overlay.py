"""The overlay, by which a person checks a result: colonies tinted, outlined and numbered on the reframed picture."""

from __future__ import annotations

import cv2
import numpy as np

from reefsteps.arrays import ByteArray
from reefsteps.detection import Detections, InstanceMask

# Orange is rare on a reef, before and after its colours are restored. White on black is visible on any ground.
_TINT_BGR = (0, 140, 255)
_TINT_SHARE = 0.3
_DARK_SHARE = 0.7
_OUTLINE_BGR = (255, 255, 255)
_OUTLINE_EDGE_BGR = (0, 0, 0)
_STRIP_ROWS = 256


def draw_overlay(
    picture_bgr: ByteArray, mask: ByteArray, detections: Detections, excluded: ByteArray | None = None
) -> ByteArray:
    """Return a copy of the (H, W, 3) picture with the (H, W) coral mask tinted and each instance outlined.

    Pixels of `excluded`, (H, W), are darkened. Instances are numbered from 1 in the order of the colonies, if they are
    large enough to hold a number.
    """
    overlay = picture_bgr.copy()
    _tint(overlay, mask, _TINT_BGR, _TINT_SHARE)
    if excluded is not None:
        _tint(overlay, excluded, _OUTLINE_EDGE_BGR, _DARK_SHARE)
    line_px = max(1, round(max(mask.shape) / 700))
    for instance in detections.masks:
        _outline(overlay, instance, line_px)
    for number, instance in enumerate((m for m in detections.masks if m.area_px), start=1):
        _write_number(overlay, instance, number, line_px)
    return overlay


def _tint(picture_bgr: ByteArray, mask: ByteArray, colour_bgr: tuple[int, int, int], share: float) -> None:
    """Mix the tint in, in place and strip by strip: a second picture of 24 MP would need a larger Lambda."""
    for top in range(0, picture_bgr.shape[0], _STRIP_ROWS):
        strip = picture_bgr[top : top + _STRIP_ROWS]
        tint = np.full_like(strip, colour_bgr)
        tinted = cv2.addWeighted(strip, 1 - share, tint, share, 0)
        cv2.copyTo(tinted, mask[top : top + _STRIP_ROWS], strip)


def _outline(picture_bgr: ByteArray, instance: InstanceMask, line_px: int) -> None:
    contours, _ = cv2.findContours(
        instance.bitmap, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=(instance.x0, instance.y0)
    )
    cv2.drawContours(picture_bgr, contours, -1, _OUTLINE_EDGE_BGR, 3 * line_px, cv2.LINE_AA)
    cv2.drawContours(picture_bgr, contours, -1, _OUTLINE_BGR, line_px, cv2.LINE_AA)


def _write_number(picture_bgr: ByteArray, instance: InstanceMask, number: int, line_px: int) -> None:
    text, scale = str(number), 0.55 * line_px
    font = cv2.FONT_HERSHEY_SIMPLEX
    (width, height), _ = cv2.getTextSize(text, font, scale, line_px)
    # The place deepest inside the colony, so that the number stays on it whatever its shape.
    depth = cv2.distanceTransform(np.pad(instance.bitmap, 1), cv2.DIST_L2, 3)
    _, deepest, _, (x, y) = cv2.minMaxLoc(depth)
    if deepest < 0.6 * max(width, height):
        return
    origin = (instance.x0 + x - 1 - width // 2, instance.y0 + y - 1 + height // 2)
    cv2.putText(picture_bgr, text, origin, font, scale, _OUTLINE_EDGE_BGR, 4 * line_px, cv2.LINE_AA)
    cv2.putText(picture_bgr, text, origin, font, scale, _OUTLINE_BGR, line_px, cv2.LINE_AA)
