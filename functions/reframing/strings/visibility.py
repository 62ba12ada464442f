"""How visible the strings are beside each side: whether the grid is one cell off."""

from __future__ import annotations

import numpy as np

from reefsteps.arrays import BoolArray, Float64Array
from reframing.plane.geometry import side_lengths
from reframing.plane.sampling import Photograph, largest_channel, on_side
from reframing.plane.view import PlaneModel
from reframing.strings.mesh import SQUARE_MESH, Mesh


def beyond_ratios(photo: Photograph, model: PlaneModel, mesh: Mesh = SQUARE_MESH) -> Float64Array:
    """Return per side (4,) how visible the strings' continuation outside the side is, relative to inside.

    Strings end at the frame: about 0 for the frame itself, about 1 when the "side" is really the first or last
    string, one cell off.
    """
    outside = [np.median(_visibility(photo, model, mesh, side, -0.95, -0.70)[0]) for side in range(4)]
    inside = [np.median(_visibility(photo, model, mesh, side, 0.2, 0.8)[0]) for side in range(4)]
    return np.asarray(np.array(outside) / np.maximum(inside, 2.0))


def end_cell_ratio(photo: Photograph, model: PlaneModel, mesh: Mesh = SQUARE_MESH) -> float:
    """Return how visible the strings are in the outermost row of cells that shows them least, relative to elsewhere.

    About 0 when that row lies on the frame's bar, so that the grid is one cell off: the only sign of it where the
    strings that go on beyond the opposite side have left the picture. 1 where too little is inside the picture.
    """
    levels = np.full((4, 3), np.nan)
    for side in range(4):
        for cell in range(3):
            seen, inside = _visibility(photo, model, mesh, side, cell + 0.2, cell + 0.8)
            if inside.sum() >= 4:
                levels[side, cell] = np.median(seen[inside])
    if np.isnan(levels[:, 0]).all():
        return 1.0
    return float(np.nanmin(levels[:, 0]) / max(np.nanmedian(levels), 1e-3))


def _visibility(
    photo: Photograph, model: PlaneModel, mesh: Mesh, side: int, near: float, far: float
) -> tuple[Float64Array, BoolArray]:
    """Return how far the strings that cross a side stand out between two depths, and which lie inside the picture.

    Depths are in cells, inside > 0.
    """
    side_px = float(side_lengths(model.corners_px).mean())
    axis = side % 2  # strings that cross the top and the bottom run down
    offsets = np.linspace(-0.02, 0.02, 41) * mesh.scale
    shape = (41, 24)
    inward = np.broadcast_to(np.linspace(near, far, 24) * mesh.cell, shape)
    profile, whole = [], []
    for number in range(1, mesh.cells[axis]):
        along = mesh.position(axis, number, model.extent) + offsets[:, None]
        points = model.to_image(on_side(side, np.broadcast_to(along / model.extent[axis], shape), inward, model.extent))
        colours, inside = photo.sample(points, shape, 0.001 * side_px)
        ridge = largest_channel(colours).mean(1)
        ridge = ridge - np.median(ridge)
        around = np.std(ridge[:15]) + np.std(ridge[26:]) + 0.008
        profile.append(float(ridge[17:24].max() / around))
        whole.append(bool(inside.all()))
    return np.array(profile), np.array(whole)
