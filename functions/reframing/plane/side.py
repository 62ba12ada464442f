"""The four sides of the opening."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from reefsteps.arrays import Float64Array
from reframing.plane.geometry import Extent


class Side(IntEnum):
    """The opening's sides, clockwise from the top; arrays over sides are in this order."""

    TOP = 0
    RIGHT = 1
    BOTTOM = 2
    LEFT = 3

    @property
    def along_axis(self) -> int:
        """The plane's axis that runs along the side: 0 (x) for top and bottom, else 1 (y)."""
        return self % 2

    @property
    def across_axis(self) -> int:
        """The plane's axis that runs across the side: 1 (y) for top and bottom, else 0 (x)."""
        return 1 - self % 2

    @property
    def outward(self) -> int:
        """Whether the axis across the side points into the opening (-1) or out of it (1)."""
        return 1 if self in (Side.RIGHT, Side.BOTTOM) else -1

    def position(self, extent: Extent) -> float:
        """Return where the side lies on the axis across it."""
        return extent[self.across_axis] if self.outward > 0 else 0.0

    def points(self, along: Float64Array, inward: Float64Array, extent: Extent) -> Float64Array:
        """Return plane points (N, 2).

        ``along`` runs from 0 to 1 with the plane's axis, ``inward`` is the distance from the side, inside > 0; both of
        one shape with N elements.
        """
        across = self.position(extent) - inward if self.outward > 0 else inward
        coordinates = [np.ravel(along * extent[self.along_axis]), np.ravel(across)]
        return np.stack(coordinates if self.along_axis == 0 else coordinates[::-1], axis=1)
