"""A quadrat that was found, and what is known about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reefsteps.arrays import Float64Array
from reframing.plane.geometry import SQUARE, Extent, homography, opening
from reframing.plane.view import PlaneModel


@dataclass(frozen=True)
class QuadratFit:
    """The quadrat's inner edge in a photograph.

    * ``corners_px``: (4, 2) float64, clockwise from the corner that is top-left in the photograph;
    * ``radial``: the lens term of ``PlaneModel``;
    * ``residual_px``: root mean square distance of the points from the fit;
    * ``uncertainty_percent``: expected largest corner error, percent of the side;
    * ``confidence``: chance (0 to 1) that every corner is within 1 % of the side;
    * ``visible_share``: share of the top, right, bottom and left side on which the edge was measured;
    * ``partly_visible``: whether a corner lies outside the picture or behind something;
    * ``extent``: the opening's width (along the top) and height relative to their mean;
    * ``string_cells``: how many cells of the string grid lie along the top and down; None without strings.
    """

    corners_px: Float64Array
    radial: float
    residual_px: float
    uncertainty_percent: float
    confidence: float
    strings_used: bool
    visible_share: tuple[float, float, float, float]
    partly_visible: bool
    width_px: int
    height_px: int
    extent: Extent = SQUARE
    string_cells: tuple[int, int] | None = None

    @property
    def model(self) -> PlaneModel:
        """The view of the plane whose opening has these corners."""
        return model_with_corners(self.corners_px, self.radial, self.width_px, self.height_px, self.extent)


def model_with_corners(
    corners_px: Float64Array, radial: float, width_px: int, height_px: int, extent: Extent = SQUARE
) -> PlaneModel:
    """Return the model with a given lens term whose opening has these corners (4, 2)."""
    ideal = PlaneModel(np.eye(3), radial, width_px, height_px).to_plane(corners_px)
    return PlaneModel(homography(opening(extent), ideal), radial, width_px, height_px, extent)
