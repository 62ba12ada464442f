"""From an imperfect frame mask to a rough quadrilateral.

A mask head answers on 28 x 28 cells (He et al. 2017, Mask R-CNN), so its outline wobbles by a percent or two of the
side, has holes and breaks, and may come in several pieces. Every outline point votes for the straight lines that it
may lie on (Hough transform with the mask's own gradient as direction; Ballard 1981); the four lines that explain the
outline best make the quadrilateral.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from reefsteps.arrays import BoolArray, ByteArray, Float64Array
from reframing.mask.outline import BORDER_PX, filled_hull, largest_piece, main_pieces, outlines
from reframing.mask.quadrilateral import best_quadrilateral, unevenness
from reframing.plane.geometry import SQUARE, UNIT_SQUARE, Extent, apply_homography, homography, opening, order_corners
from reframing.plane.view import PlaneModel

WORK_SIDE_PX = 480


@dataclass(frozen=True)
class RoughQuad:
    """Where the mask says that the quadrat is: a start for the search in the photograph.

    ``corners_px`` (4, 2) are ordered; ``inset`` is how far inside it, in parts of the side, the search starts;
    ``window`` (from, to) bounds the search around that start, inside > 0, and each of ``priors`` (offset, spread) is a
    likely place within it. ``agreement`` (0 to 1) is the share of the outline that the four lines explain.
    """

    corners_px: Float64Array
    inset: float
    window: tuple[float, float]
    priors: tuple[tuple[float, float], ...]
    agreement: float
    filled: bool


@dataclass(frozen=True)
class _Reading:
    """Where the inner edge lies relative to the outline that was found."""

    inset: float
    window: tuple[float, float]
    priors: tuple[tuple[float, float], ...]
    filled: bool


# A filled mask ends at the inner edge (models trained on the opening) or at the bars' outer edge, 3 to 8 % further out.
FILLED = _Reading(0.025, (-0.085, 0.1), ((-0.025, 0.012), (0.028, 0.016), (0.055, 0.02)), True)
RING_INSIDE = _Reading(0.0, (-0.10, 0.05), ((0.0, 0.014),), False)
RING_OUTSIDE = _Reading(0.05, (-0.085, 0.07), ((0.0, 0.022),), False)


def rough_quad(frame_mask: BoolArray, extents: tuple[Extent, ...] = (SQUARE,)) -> RoughQuad | None:
    """Return the quadrilateral that a frame mask (H, W) suggests, or None when it has no four sides.

    The mask may be the ring of the frame's bars or the filled quadrat; a ring's inner outline is used where it has
    one, else the outer outline with a wider search to its inside. ``extents`` are the shapes that the opening may have.
    """
    height, width = frame_mask.shape
    scale = WORK_SIDE_PX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(
        cv2.resize(frame_mask.astype(np.uint8) * np.uint8(255), size, interpolation=cv2.INTER_AREA), np.uint8
    )
    kept = main_pieces(small)
    if kept is None:
        return None
    for pieces in (kept, largest_piece(kept)):  # the others may be false instances
        for border_px in (BORDER_PX, -1):  # a frame that leaves the picture ends at its border
            found = _read(pieces, border_px, extents)
            if found is not None:
                return _result(*found, size, frame_mask.shape)
    hull = filled_hull(kept)  # of thin bars a mask head may leave no more than crumbs, but all around
    found_hull = best_quadrilateral(outlines(hull, BORDER_PX)[0], hull, extents, inside_is_mask=True)
    return None if found_hull is None else _result(found_hull, RING_OUTSIDE, size, frame_mask.shape)


def _read(
    mask: ByteArray, border_px: int, extents: tuple[Extent, ...]
) -> tuple[tuple[Float64Array, float], _Reading] | None:
    """Return the quadrilateral and where the inner edge lies relative to it; ``border_px`` of outline is ignored."""
    outer, inner = outlines(mask, border_px)
    outer_quad = best_quadrilateral(outer, mask, extents, inside_is_mask=True)
    if outer_quad is not None and _is_filled(mask, outer_quad[0]):
        return outer_quad, FILLED
    inner_quad = best_quadrilateral(inner, mask, extents, inside_is_mask=False)
    if inner_quad is not None and inner_quad[1] > 0.5 and _plausible_pair(inner_quad[0], outer_quad, extents):
        return inner_quad, RING_INSIDE
    return None if outer_quad is None else (outer_quad, RING_OUTSIDE)


def _result(
    found: tuple[Float64Array, float], kind: _Reading, size: tuple[int, int], shape: tuple[int, ...]
) -> RoughQuad:
    factor = np.array([shape[1] / size[0], shape[0] / size[1]])
    corners = order_corners((found[0] + 0.5) * factor)
    return RoughQuad(corners, kind.inset, kind.window, kind.priors, found[1], kind.filled)


def _is_filled(mask: ByteArray, quad: Float64Array) -> bool:
    centre = quad.mean(0)
    core = np.zeros_like(mask)
    cv2.fillPoly(core, [np.round(centre + 0.7 * (quad - centre)).astype(np.int32)], 1)
    total = int(core.sum())
    return total > 0 and int((core & mask).sum()) > 0.5 * total


def _plausible_pair(inner: Float64Array, outer: tuple[Float64Array, float] | None, extents: tuple[Extent, ...]) -> bool:
    """An inner outline is the opening only when the outer one, if seen, lies around it at a bar's likely width."""
    if outer is None or outer[1] < 0.5:
        return True
    ordered = order_corners(inner)
    corners = opening(unevenness(ordered, extents)[1])
    plane = apply_homography(homography(ordered, corners), order_corners(outer[0]))
    widths = np.abs(plane - corners)
    outside = np.all((plane - corners) * (UNIT_SQUARE - 0.5) > -0.005)
    return bool(outside and widths.max() < 0.16 and widths.max() - widths.min() < 0.09)


def starting_model(rough: RoughQuad, width_px: int, height_px: int, extent: Extent) -> PlaneModel:
    """Place the opening where the mask says that the inner edge is."""
    model = PlaneModel.from_corners(rough.corners_px, width_px, height_px, extent)
    return model.after(homography(opening(extent), opening(extent, rough.inset)))
