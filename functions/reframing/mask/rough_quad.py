"""From an imperfect frame mask to a rough quadrilateral.

A mask head answers on 28 x 28 cells (Mask R-CNN, He et al. 2017). So the mask's outline errs by one or two percent of
the side, has holes and gaps, and may come in several pieces. Every outline point votes for the straight lines that it
may lie on (Hough transform with the mask's gradient as direction; Ballard 1981). The four lines that explain the
outline best make the quadrilateral.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from reefsteps.arrays import BoolArray, ByteArray, Float64Array
from reframing.limits.mask import FILLED, OUTLINE, RING_INSIDE, RING_OUTSIDE, EdgePlace
from reframing.mask.outline import filled_hull, largest_piece, main_pieces, outlines
from reframing.mask.quadrilateral import best_quadrilateral, unevenness
from reframing.plane.geometry import SQUARE, UNIT_SQUARE, Extent, apply_homography, homography, opening, order_corners
from reframing.plane.view import PlaneModel


@dataclass(frozen=True)
class RoughQuad:
    """Where the mask says that the quadrat is: a start for the search in the photograph.

    ``corners_px`` (4, 2) are ordered. The search starts ``inset`` inside of them (share of the side); ``window`` bounds
    it around that start, and each of ``priors`` (offset, spread) is a likely place within. ``agreement`` (0 to 1) is
    the share of the outline that the four lines explain. ``filled`` is true for a mask of the whole quadrat.
    """

    corners_px: Float64Array
    inset: float
    window: tuple[float, float]
    priors: tuple[tuple[float, float], ...]
    agreement: float
    filled: bool


def rough_quad(frame_mask: BoolArray, extents: tuple[Extent, ...] = (SQUARE,)) -> RoughQuad | None:
    """Return the quadrilateral that a frame mask (H, W) suggests, or None when it has no four sides.

    The mask may be the ring of the frame's bars or the filled quadrat. The inner outline of a ring is used if it has
    one, else the outer outline with a wider search inside. ``extents`` are the shapes that the opening may have.
    """
    height, width = frame_mask.shape
    scale = OUTLINE.work_side_px / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(
        cv2.resize(frame_mask.astype(np.uint8) * np.uint8(255), size, interpolation=cv2.INTER_AREA),
        np.uint8,
    )
    kept = main_pieces(small)
    if kept is None:
        return None
    for pieces in (kept, largest_piece(kept)):  # smaller pieces may be false instances
        for border_px in (OUTLINE.border_px, -1):  # a frame that leaves the picture ends at the picture's border
            found = _quadrilateral_of(pieces, border_px, extents)
            if found is not None:
                return _result(*found, size, frame_mask.shape)
    hull = filled_hull(kept)  # a mask head may break thin bars into small pieces, but all around the quadrat
    found_hull = best_quadrilateral(outlines(hull, OUTLINE.border_px)[0], hull, extents, inside_is_mask=True)
    return None if found_hull is None else _result(found_hull, RING_OUTSIDE, size, frame_mask.shape)


def _quadrilateral_of(
    mask: ByteArray, border_px: int, extents: tuple[Extent, ...]
) -> tuple[tuple[Float64Array, float], EdgePlace] | None:
    """Return the quadrilateral and where the inner edge lies relative to it; ``border_px`` of outline is ignored."""
    outer, inner = outlines(mask, border_px)
    outer_quad = best_quadrilateral(outer, mask, extents, inside_is_mask=True)
    if outer_quad is not None and _is_filled(mask, outer_quad[0]):
        return outer_quad, FILLED
    inner_quad = best_quadrilateral(inner, mask, extents, inside_is_mask=False)
    if (
        inner_quad is not None
        and inner_quad[1] > OUTLINE.min_support
        and _plausible_pair(inner_quad[0], outer_quad, extents)
    ):
        return inner_quad, RING_INSIDE
    return None if outer_quad is None else (outer_quad, RING_OUTSIDE)


def _result(
    found: tuple[Float64Array, float], kind: EdgePlace, size: tuple[int, int], shape: tuple[int, ...]
) -> RoughQuad:
    factor = np.array([shape[1] / size[0], shape[0] / size[1]])
    corners = order_corners((found[0] + 0.5) * factor)
    return RoughQuad(corners, kind.inset, kind.window, kind.priors, found[1], kind.filled)


def _is_filled(mask: ByteArray, quad: Float64Array) -> bool:
    """Return whether the mask covers most of the quadrilateral's middle."""
    centre = quad.mean(0)
    core = np.zeros_like(mask)
    cv2.fillPoly(core, [np.round(centre + OUTLINE.core_scale * (quad - centre)).astype(np.int32)], 1)
    total = int(core.sum())
    return total > 0 and int((core & mask).sum()) > 0.5 * total


def _plausible_pair(inner: Float64Array, outer: tuple[Float64Array, float] | None, extents: tuple[Extent, ...]) -> bool:
    """Return whether the outer outline, if seen, lies around the inner one at a width that bars have."""
    if outer is None or outer[1] < OUTLINE.min_support:
        return True
    ordered = order_corners(inner)
    corners = opening(unevenness(ordered, extents)[1])
    plane = apply_homography(homography(ordered, corners), order_corners(outer[0]))
    widths = np.abs(plane - corners)
    outside = np.all((plane - corners) * (UNIT_SQUARE - 0.5) > OUTLINE.ring_outside_from)
    even = widths.max() - widths.min() < OUTLINE.ring_unevenness
    return bool(outside and widths.max() < OUTLINE.widest_ring and even)


def starting_model(rough: RoughQuad, width_px: int, height_px: int, extent: Extent) -> PlaneModel:
    """Return the view whose opening lies where the mask suggests the inner edge."""
    model = PlaneModel.from_corners(rough.corners_px, width_px, height_px, extent)
    return model.compose(homography(opening(extent), opening(extent, rough.inset)))
