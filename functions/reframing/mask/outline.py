"""A mask's pieces, and its outline with directions."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from reefsteps.arrays import ByteArray, Float64Array
from reframing.limits.mask import OUTLINE


@dataclass(frozen=True)
class Outline:
    """Points of an outline in the reduced mask's pixels, each with the direction of the outline's normal there."""

    points: Float64Array  # (N, 2)
    directions: Float64Array  # (N,), angle of the normal that points to the quadrat's centre


def largest_piece(mask: ByteArray) -> ByteArray:
    """Return the piece with the largest bounding box: bars cover less than a false instance but reach further."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    extent = stats[1:, cv2.CC_STAT_WIDTH] * stats[1:, cv2.CC_STAT_HEIGHT]
    return np.asarray(labels == 1 + int(np.argmax(extent)), np.uint8)


def filled_hull(mask: ByteArray) -> ByteArray:
    """Return the mask's convex hull, filled."""
    points = np.stack(np.nonzero(mask)[::-1], axis=1).astype(np.int32)
    return np.asarray(cv2.fillConvexPoly(np.zeros_like(mask), cv2.convexHull(points), 1), np.uint8)


def main_pieces(mask: ByteArray) -> ByteArray | None:
    """Return the mask with small holes closed and small pieces dropped; None if nothing is left."""
    closed = cv2.morphologyEx(
        (mask > OUTLINE.mask_level).astype(np.uint8),
        cv2.MORPH_CLOSE,
        cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (OUTLINE.closing_px, OUTLINE.closing_px)),
    )
    count, labels, stats, _ = cv2.connectedComponentsWithStats(closed)
    if count < 2:
        return None
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = [i + 1 for i in range(count - 1) if areas[i] >= OUTLINE.min_piece_share * areas.max()]
    return np.isin(labels, kept).astype(np.uint8)


def outlines(mask: ByteArray, border_px: int) -> tuple[Outline, Outline]:
    """Return the outer outline (mask towards the centre) and the inner one (mask away from it).

    Points within ``border_px`` of the picture's border are left out; -1 keeps all and takes the border as an edge.
    """
    height, width = mask.shape
    edge = cv2.BORDER_REPLICATE if border_px >= 0 else cv2.BORDER_CONSTANT
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), OUTLINE.smoothing_px, borderType=edge)
    grad_x, grad_y = (
        cv2.Sobel(soft, cv2.CV_32F, 1, 0, borderType=edge),
        cv2.Sobel(soft, cv2.CV_32F, 0, 1, borderType=edge),
    )
    contours, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    points = np.concatenate([contour[:, 0].astype(np.float64) for contour in contours])
    hull = cv2.convexHull(points.astype(np.float32))[:, 0].astype(np.float64)
    (cx, cy), _, _ = cv2.minAreaRect(hull.astype(np.float32))
    x, y = points[:, 0].astype(int), points[:, 1].astype(int)
    within = (x > border_px) & (x < width - 1 - border_px) & (y > border_px) & (y < height - 1 - border_px)
    points, x, y = points[within], x[within], y[within]
    gradient = np.stack([grad_x[y, x], grad_y[y, x]], axis=1).astype(np.float64)
    inward = np.array([cx, cy]) - points
    towards = np.sum(gradient * inward, axis=1) > 0
    angle = np.arctan2(gradient[:, 1], gradient[:, 0])
    return (
        Outline(points[towards], angle[towards]),
        Outline(points[~towards], angle[~towards] + np.pi),
    )
