"""Find the quadrat: from photograph and frame mask to the four corners of the frame's inner edge, or a refusal.

The stages follow each other. `mask` gives a rough quadrilateral. `strings` or, without a grid, `frame` finds lines and
fits them in the `plane`. `acceptance` measures the fit and asks the `gate`. All limits stand in `limits`.
"""

from __future__ import annotations

from dataclasses import replace

from reefsteps.arrays import BoolArray, ByteArray
from reefsteps.errors import QuadratNotFoundError
from reefsteps.quadrat_size import QuadratSize
from reframing.acceptance import accept
from reframing.frame.fit import fit_without_strings
from reframing.gate import WHAT_TO_DO
from reframing.mask.rough_quad import RoughQuad, rough_quad, starting_model
from reframing.plane.geometry import Extent
from reframing.plane.sampling import ImagePyramid
from reframing.quadrat_fit import QuadratFit
from reframing.shape import extents_of, only_one, possible_extents, refuse_other_shapes
from reframing.strings.fit import fit_with_strings
from reframing.strings.grid import find_grid
from reframing.strings.mesh import possible_meshes


def find_quadrat(image_bgr: ByteArray, frame_mask: BoolArray, size: QuadratSize | None = None) -> QuadratFit:
    """Return the inner edge of the quadrat's frame.

    ``image_bgr`` is (H, W, 3) uint8 in full resolution. ``frame_mask`` is (H, W) bool: the frame's bars or the filled
    quadrat, as a detector gives it. ``size`` is the frame's size, None for any square. A rectangle is searched for
    with either length along the top. Raises QuadratNotFoundError with the figures of every check that failed, or if
    more than one shape of frame fits the picture.
    """
    rough = rough_quad(frame_mask, extents_of(size))
    if rough is None:
        raise QuadratNotFoundError(
            "The frame mask has no four straight sides "
            f"(it covers {100 * float(frame_mask.mean()):.1f} % of the picture). {WHAT_TO_DO}"
        )
    photo = ImagePyramid.of(image_bgr)
    found: list[QuadratFit] = []
    refusals: list[QuadratNotFoundError] = []
    for extent in possible_extents(size, rough.corners_px, *photo.size):
        try:
            found.append(_find(photo, frame_mask, rough, size, extent))
        except QuadratNotFoundError as refusal:
            refusals.append(refusal)
    if not found:
        raise refusals[0]
    fit = only_one(found, size)
    if not fit.strings_used:
        refuse_other_shapes(fit.model, size)
    return fit


def _find(
    photo: ImagePyramid, mask: BoolArray, rough: RoughQuad, size: QuadratSize | None, extent: Extent
) -> QuadratFit:
    """Return the fit of an opening of one shape, accepted by the gate."""
    start = starting_model(rough, *photo.size, extent)
    grids = (find_grid(photo, start, mesh) for mesh in possible_meshes(size, extent))
    grid = next((grid for grid in grids if grid is not None), None)
    fit, evidence = fit_with_strings(photo, grid) if grid is not None else fit_without_strings(photo, start, rough)
    return accept(photo, fit, replace(evidence, outline_agreement=rough.agreement), mask, rough)
