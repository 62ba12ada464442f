"""How visible the strings are beside each side: this tells whether the grid is one cell off."""

from __future__ import annotations

import numpy as np

from reefsteps.arrays import BoolArray, Float64Array
from reframing.limits.strings import VISIBILITY as LIMITS
from reframing.plane.geometry import side_lengths
from reframing.plane.sampling import ImagePyramid, largest_channel
from reframing.plane.side import Side
from reframing.plane.view import PlaneModel
from reframing.strings.mesh import SQUARE_MESH, Mesh


def visibility_beyond_sides(photo: ImagePyramid, model: PlaneModel, mesh: Mesh = SQUARE_MESH) -> Float64Array:
    """Return how visible the strings are outside of each side, relative to inside, (4,).

    Strings end at the frame, so the value is about 0 for the frame itself. It is about 1 if the "side" is really the
    first or last string, one cell off.
    """
    outside = [np.median(_visibility(photo, model, mesh, side, *LIMITS.beyond)[0]) for side in Side]
    inside = [np.median(_visibility(photo, model, mesh, side, *LIMITS.within)[0]) for side in Side]
    return np.asarray(np.array(outside) / np.maximum(inside, LIMITS.min_inside))


def end_cell_visibility(photo: ImagePyramid, model: PlaneModel, mesh: Mesh = SQUARE_MESH) -> float:
    """Return how visible the strings are in the least clear outermost row of cells, relative to elsewhere.

    The value is about 0 if that row lies on the frame's bar, so that the grid is one cell off. It is the only sign if
    the strings beyond the opposite side are outside the picture. It is 1 if too little lies inside the picture.
    """
    near, far = LIMITS.within
    levels = np.full((4, LIMITS.cells_inwards), np.nan)
    for side in Side:
        for cell in range(LIMITS.cells_inwards):
            seen, inside = _visibility(photo, model, mesh, side, cell + near, cell + far)
            if inside.sum() >= LIMITS.min_strings:
                levels[side, cell] = np.median(seen[inside])
    if np.isnan(levels[:, 0]).all():
        return 1.0
    return float(np.nanmin(levels[:, 0]) / max(np.nanmedian(levels), LIMITS.min_level))


def _visibility(
    photo: ImagePyramid, model: PlaneModel, mesh: Mesh, side: Side, near: float, far: float
) -> tuple[Float64Array, BoolArray]:
    """Return the contrast of each string that crosses a side, and whether it lies inside the picture, (strings,) each.

    ``near`` and ``far`` are the depths between which it is measured, in cells, inside > 0.
    """
    side_px = float(side_lengths(model.corners_px).mean())
    axis = side.along_axis  # of the plane; strings that cross the top and the bottom run down
    offsets = np.linspace(-LIMITS.half_width, LIMITS.half_width, LIMITS.rows) * mesh.scale
    shape = (LIMITS.rows, LIMITS.columns)
    inward = np.broadcast_to(np.linspace(near, far, LIMITS.columns) * mesh.cell, shape)
    before, behind = LIMITS.ground_rows
    profile, whole = [], []
    for number in range(1, mesh.cells[axis]):
        along = mesh.position(axis, number, model.extent) + offsets[:, None]
        points = model.to_image(side.points(np.broadcast_to(along / model.extent[axis], shape), inward, model.extent))
        colours, inside = photo.sample(points, shape, LIMITS.pixel * side_px)
        ridge = largest_channel(colours).mean(1)
        ridge = ridge - np.median(ridge)
        around = np.std(ridge[:before]) + np.std(ridge[behind:]) + LIMITS.noise_floor
        profile.append(float(ridge[slice(*LIMITS.string_rows)].max() / around))
        whole.append(bool(inside.all()))
    return np.array(profile), np.array(whole)
