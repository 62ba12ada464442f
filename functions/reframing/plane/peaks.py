"""The strongest place of each column of a profile, to a part of a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reefsteps.arrays import Float32Array, IndexArray
from reframing.limits.plane import LINES


@dataclass(frozen=True)
class Peaks:
    """The peaks of columns: (columns,) each."""

    row: IndexArray
    shift: Float32Array  # from the row to the peak, -0.5 to 0.5 rows
    height: Float32Array  # of the row


def column_peaks(profile: Float32Array) -> Peaks:
    """Return the peak of each column of (rows, columns): the vertex of the parabola through three rows."""
    row = np.clip(profile.argmax(0), 1, len(profile) - 2)
    column = np.arange(profile.shape[1])
    before, height, following = profile[row - 1, column], profile[row, column], profile[row + 1, column]
    curvature = np.minimum(before - 2 * height + following, -LINES.min_curvature)
    return Peaks(row, np.clip(0.5 * (before - following) / curvature, -0.5, 0.5), height)
