"""Which way round a rectangle lies in the photograph, and whether the frame can have the shape that was given.

A photograph shows a rectangle with its longer or its shorter side along the top, so both are tried. Four corners are a
view of only one shape unless the camera was tilted much. Then a longer focal length makes up for a shorter side (Zhang
2000, section 2.3), and both may fit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reefsteps.arrays import Float64Array
from reefsteps.errors import InvalidParameterError, QuadratNotFoundError
from reefsteps.quadrat_size import QuadratSize
from reframing.limits.gate import SHAPE as LIMITS
from reframing.plane.geometry import SQUARE, Extent
from reframing.plane.view import FOCAL_LENGTHS, PlaneModel, squareness_error, squareness_errors
from reframing.quadrat_fit import QuadratFit

FINE_FOCAL_LENGTHS: Float64Array = np.geomspace(FOCAL_LENGTHS[0], FOCAL_LENGTHS[-1], LIMITS.fine_focal_lengths)

MARK_THEM = "Mark the four inner corners by hand on the page."


def extents_of(size: QuadratSize | None) -> tuple[Extent, ...]:
    """Return the width and height (mean 1) that a frame may have in the photograph: one for a square, else two."""
    if size is None or size.is_square:
        return (SQUARE,)
    mean_cm = (size.short_cm + size.long_cm) / 2
    short, long = size.short_cm / mean_cm, size.long_cm / mean_cm
    return ((long, short), (short, long))


def possible_extents(
    size: QuadratSize | None, rough_corners_px: Float64Array, width_px: int, height_px: int
) -> tuple[Extent, ...]:
    """Return the extents to search for around rough corners (4, 2), the better one first."""
    missed = sorted(
        (squareness_error(PlaneModel.from_corners(rough_corners_px, width_px, height_px, extent).matrix), extent)
        for extent in extents_of(size)
    )
    return tuple(extent for miss, extent in missed if miss - missed[0][0] <= LIMITS.rough_lead)


def only_one(found: Sequence[QuadratFit], size: QuadratSize | None) -> QuadratFit:
    """Return the right fit of one or two that passed the gate: the only one, or the only one with strings.

    Raises QuadratNotFoundError if both could be right.
    """
    with_strings = [fit for fit in found if fit.strings_used]
    if len(found) == 1:
        return found[0]
    if len(with_strings) == 1:
        return with_strings[0]
    raise QuadratNotFoundError(f"The frame of {size} cm can be seen either way round. {MARK_THEM}")


def refuse_other_shapes(model: PlaneModel, size: QuadratSize | None) -> None:
    """Raise QuadratNotFoundError if the corners also fit the rectangle turned by 90 degrees.

    This is needed only without strings: with strings, the numbers of cells tell the sides apart.
    """
    width, height = model.extent
    others = [extent for extent in extents_of(size) if extent != model.extent]
    for other_width, other_height in others:
        other = model.matrix * np.array([width / other_width, height / other_height, 1.0])
        if squareness_errors(other, FINE_FOCAL_LENGTHS).min() <= LIMITS.other_fits_within:
            raise QuadratNotFoundError(
                f"The photograph was taken so obliquely that either side of the {size} cm frame could be the longer "
                f"one. {MARK_THEM}"
            )


def by_hand(corners_px: Float64Array, width_px: int, height_px: int, size: QuadratSize | None) -> PlaneModel:
    """Return the view whose opening has corners (4, 2) that a person set; a rectangle lies the way that fits better.

    If both ways fit, the one that needs the more usual lens is taken. Raises InvalidParameterError if the corners are
    far from any view of a frame of this size, or if its sides are too nearly equal to be told apart.
    """
    options = []
    for extent in extents_of(size):
        model = PlaneModel.from_corners(corners_px, width_px, height_px, extent)
        misses = squareness_errors(model.matrix, FINE_FOCAL_LENGTHS)
        unusual = LIMITS.miss_per_focal_length * np.abs(np.log(FINE_FOCAL_LENGTHS / LIMITS.usual_focal_length))
        options.append((float((misses + unusual).min()), float(misses.min()), extent, model))
    options.sort(key=lambda option: option[0])
    cost, miss, _, model = options[0]
    if miss > LIMITS.max_miss_by_hand:
        raise InvalidParameterError(
            f"The corners are no view of {_what(size)}: they miss it by {100 * miss:.0f} % (at most "
            f"{100 * LIMITS.max_miss_by_hand:.0f} %). Check the corners, and the frame's size."
        )
    if len(options) > 1 and options[1][0] - cost < LIMITS.min_lead_by_hand:
        raise InvalidParameterError(
            f"The corners do not show which side of the {size} cm frame is the longer one. Check them, or give the "
            "frame's size as that of a square if its sides differ by less than 1 %."
        )
    return model


def _what(size: QuadratSize | None) -> str:
    return "a square" if size is None or size.is_square else f"a rectangle of {size} cm"
