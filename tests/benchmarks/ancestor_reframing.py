"""The ancestor's reframing, re-implemented from its published description, as the benchmark's yardstick.

One instance mask is expected; its largest contour's minimum-area rectangle gives four corners; the contour points
between neighbouring corners give a least-squares line each; the lines' intersections are the frame's corners, which
are sent to a square of fixed size in the order in which they come.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


class AncestorError(Exception):
    """The ancestor would have crashed."""


def corners(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the four corners (4, 2) in the ancestor's order; raises AncestorError where its lines do not meet."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        raise AncestorError("no contour")
    contour = max(contours, key=cv2.contourArea)[:, 0].astype(np.float64)
    box = cv2.boxPoints(cv2.minAreaRect(contour.astype(np.float32))).astype(np.float64)
    nearest = [int(np.argmin(np.linalg.norm(contour - corner, axis=1))) for corner in box]
    order = np.argsort(nearest)
    lines = []
    for start, end in zip(order, np.roll(order, -1), strict=True):
        first, last = nearest[start], nearest[end]
        points = contour[first : last + 1] if last >= first else np.vstack([contour[first:], contour[: last + 1]])
        if len(points) < 2:
            raise AncestorError("a side without points")
        vx, vy, x, y = cv2.fitLine(points.astype(np.float32), cv2.DIST_L2, 0, 0.01, 0.01).ravel().astype(np.float64)
        lines.append((np.array([x, y]), np.array([vx, vy])))
    found = []
    for (a, u), (b, v) in zip(np.roll(np.array(lines), 1, 0), np.array(lines), strict=True):
        matrix = np.stack([u, -v], axis=1)
        if abs(np.linalg.det(matrix)) < 1e-9:
            raise AncestorError("parallel sides")
        found.append(a + np.linalg.solve(matrix, b - a)[0] * u)
    return np.array(found) + 0.5
