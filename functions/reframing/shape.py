"""Which way round a rectangle lies in the photograph, and whether the frame can have the shape that was given.

A photograph shows a rectangle with its longer or its shorter side along the top, and only the picture can tell. Both
are tried as hypotheses. Four corners that are a view of one shape are not a view of another unless the camera was much
tilted: then a longer focal length makes up for a shorter side (Zhang 2000, section 2.3), and both may fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from reefsteps.errors import InvalidParameterError, QuadratNotFoundError
from reefsteps.quadrat_size import QuadratSize
from reframing.geometry import FOCAL_LENGTHS, SQUARE, Array, Extent, PlaneModel, squareness_error, squareness_errors

if TYPE_CHECKING:
    from reframing.quadrat import QuadratFit

# By how much more the mask's rough corners may miss one way round than the other, and still be searched for it.
ROUGH_LEAD = 0.3
# Corners found fit another shape if they miss it by less than this: the gate's limit for the shape that was given.
OTHER_FITS_WITHIN = 0.0125
# Hand-set corners: the most by which they may miss the given shape, and the least lead of one way round.
MAX_MANUAL_MISS = 0.15
MIN_MANUAL_LEAD = 0.01
# A camera's usual focal length in half diagonals, and what a focal length e times longer or shorter counts against it.
USUAL_FOCAL_LENGTH = 1.6
MISS_PER_FOCAL_LENGTH = 0.02

# A tilted view changes by the step from one focal length to the next, so the step is a fifth of the limits above.
FINE_FOCAL_LENGTHS: Array = np.geomspace(FOCAL_LENGTHS[0], FOCAL_LENGTHS[-1], 800)

MARK_THEM = "Mark the four inner corners by hand on the page."


def extents_of(size: QuadratSize | None) -> tuple[Extent, ...]:
    """Return the width and height (mean 1) that a frame may have in the photograph: one for a square, else two."""
    if size is None or size.is_square:
        return (SQUARE,)
    mean_cm = (size.short_cm + size.long_cm) / 2
    short, long = size.short_cm / mean_cm, size.long_cm / mean_cm
    return ((long, short), (short, long))


def possible_extents(
    size: QuadratSize | None, rough_corners_px: Array, width_px: int, height_px: int
) -> tuple[Extent, ...]:
    """Return the extents worth a search around rough corners (4, 2), the better one first."""
    missed = sorted(
        (squareness_error(PlaneModel.from_corners(rough_corners_px, width_px, height_px, extent).matrix), extent)
        for extent in extents_of(size)
    )
    return tuple(extent for miss, extent in missed if miss - missed[0][0] <= ROUGH_LEAD)


def only_one(found: Sequence[QuadratFit], size: QuadratSize | None) -> QuadratFit:
    """Return the fit, of one or two that passed the gate; strings tell which is right.

    Raises QuadratNotFoundError where nothing does.
    """
    with_strings = [fit for fit in found if fit.strings_used]
    if len(found) == 1:
        return found[0]
    if len(with_strings) == 1:
        return with_strings[0]
    raise QuadratNotFoundError(f"The frame of {size} cm can be seen either way round. {MARK_THEM}")


def refuse_other_shapes(model: PlaneModel, size: QuadratSize | None) -> None:
    """Raise QuadratNotFoundError if a rectangle's corners could as well be those of it turned by 90 degrees.

    Corners found without strings only: a grid's cells say how many of them lie along each side.
    """
    width, height = model.extent
    others = [extent for extent in extents_of(size) if extent != model.extent]
    for other_width, other_height in others:
        other = model.matrix * np.array([width / other_width, height / other_height, 1.0])
        if squareness_errors(other, FINE_FOCAL_LENGTHS).min() <= OTHER_FITS_WITHIN:
            raise QuadratNotFoundError(
                f"The photograph was taken so obliquely that either side of the {size} cm frame could be the longer "
                f"one. {MARK_THEM}"
            )


def by_hand(corners_px: Array, width_px: int, height_px: int, size: QuadratSize | None) -> PlaneModel:
    """Return the view whose opening has corners (4, 2) that a person set, the rectangle the way round that fits better.

    Where tilt lets both ways fit, the one that a usual lens explains is taken. Raises InvalidParameterError if the
    corners are far from any view of a frame of this size, or if its sides are too nearly equal to be told apart.
    """
    options = []
    for extent in extents_of(size):
        model = PlaneModel.from_corners(corners_px, width_px, height_px, extent)
        misses = squareness_errors(model.matrix, FINE_FOCAL_LENGTHS)
        unusual = MISS_PER_FOCAL_LENGTH * np.abs(np.log(FINE_FOCAL_LENGTHS / USUAL_FOCAL_LENGTH))
        options.append((float((misses + unusual).min()), float(misses.min()), extent, model))
    options.sort(key=lambda option: option[0])
    cost, miss, _, model = options[0]
    if miss > MAX_MANUAL_MISS:
        raise InvalidParameterError(
            f"The corners are no view of {_what(size)}: they miss it by {100 * miss:.0f} % (at most "
            f"{100 * MAX_MANUAL_MISS:.0f} %). Check the corners, and the frame's size."
        )
    if len(options) > 1 and options[1][0] - cost < MIN_MANUAL_LEAD:
        raise InvalidParameterError(
            f"The corners do not show which side of the {size} cm frame is the longer one. Check them, or give the "
            "frame's size as that of a square if its sides differ by less than 1 %."
        )
    return model


def _what(size: QuadratSize | None) -> str:
    return "a square" if size is None or size.is_square else f"a rectangle of {size} cm"
