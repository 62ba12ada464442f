"""The string grid: where a quadrat has one, it is the ruler.

A square frame's grid has 10 x 10 cells. A rectangle's has cells that are square, too: `meshes` says which are tried.

Strings are thin, light, nearly straight and evenly spaced. They are looked for in a small straightened picture, one
orientation at a time, accepted only as an evenly spaced family, and then measured to sub-pixels in full resolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reframing.plane.joint_fit import Constraint, joint_fit
from reframing.plane.sampling import Photograph, rectified
from reframing.plane.view import PlaneModel
from reframing.strings.measure import measure_string
from reframing.strings.mesh import SQUARE_MESH, Mesh
from reframing.strings.search import MARGIN, SIZE_PX, StringLine, candidate_strings, evenly_spaced, local_contrast


@dataclass(frozen=True)
class Grid:
    """Strings found, by orientation, and the model whose opening is the grid's outline."""

    model: PlaneModel
    constraints: tuple[Constraint, ...]
    mesh: Mesh = SQUARE_MESH

    @property
    def counts(self) -> tuple[int, int]:
        """Numbers of strings that run down and across."""
        down = sum(1 for item in self.constraints if item.axis == 0)
        return down, len(self.constraints) - down


def find_grid(photo: Photograph, start: PlaneModel, mesh: Mesh = SQUARE_MESH) -> Grid | None:
    """Return the string grid near a rough model (within 45 % of a cell), or None when there is none."""
    model, extent = start, start.extent
    for reach in (0.045 * mesh.scale, 0.018 * mesh.scale):
        straight = local_contrast(rectified(photo, model, SIZE_PX, MARGIN))
        families = [
            evenly_spaced(
                candidate_strings(straight if axis == 0 else straight.T, reach, mesh, axis, extent),
                mesh.needed(axis) - 1,
            )
            for axis in (0, 1)
        ]
        if any(len(family) < mesh.needed(axis) - 1 for axis, family in enumerate(families)):
            return None
        coarse = [_as_constraint(model, axis, line) for axis in (0, 1) for line in families[axis]]
        try:
            model = joint_fit(coarse, model).model
        except np.linalg.LinAlgError:
            return None
    constraints: list[Constraint] = []
    for reach in (0.008, 0.005):
        constraints = [
            item
            for axis in (0, 1)
            for line in families[axis]
            if (item := measure_string(photo, model, axis, mesh.position(axis, line.number, extent), reach)) is not None
        ]
        grid = Grid(model, tuple(constraints), mesh)
        if any(count < mesh.needed(axis) - 1 for axis, count in enumerate(grid.counts)):
            return None
        try:
            model = joint_fit(constraints, model).model
        except np.linalg.LinAlgError:
            return None
    enough = all(count >= mesh.needed(axis) for axis, count in enumerate(grid.counts))
    return Grid(model, tuple(constraints), mesh) if enough else None


def _as_constraint(model: PlaneModel, axis: int, line: StringLine) -> Constraint:
    t = np.linspace(0.03, 0.97, 6)
    across = line.start + (line.end - line.start) * t
    down = t * model.extent[1 - axis]
    plane = np.stack([across, down] if axis == 0 else [down, across], axis=1)
    return Constraint(model.to_image(plane), axis, line.due, 0, 1.0)
