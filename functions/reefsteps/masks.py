"""What is measured on masks: their bounding box, and how much two of them overlap."""

from __future__ import annotations

import numpy as np

from reefsteps.arrays import AnyArray

Box = tuple[int, int, int, int]


def mask_box(mask: AnyArray) -> Box | None:
    """Return the bounding box x0, y0, x1, y1 of a mask (H, W), non-zero inside; None for an empty mask.

    The box includes x0 and y0 and ends before x1 and y1, so that its width is x1 - x0.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def mask_iou(first: AnyArray, second: AnyArray) -> float:
    """Return the intersection over union of two masks of one shape, non-zero inside; 1 if both are empty."""
    one, other = np.asarray(first) > 0, np.asarray(second) > 0
    union = np.count_nonzero(one | other)
    return float(np.count_nonzero(one & other) / union) if union else 1.0
