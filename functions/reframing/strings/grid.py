"""The grid of strings: found in a small straightened picture, then measured in full resolution.

Strings are thin, light, nearly straight and evenly spaced. Each orientation is searched by itself, and only an evenly
spaced set is accepted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reframing.limits.strings import STRING_SEARCH as LIMITS
from reframing.plane.joint_fit import Constraint, joint_fit
from reframing.plane.sampling import ImagePyramid, rectified
from reframing.plane.view import PlaneModel
from reframing.strings.measure import measure_string
from reframing.strings.mesh import SQUARE_MESH, Mesh
from reframing.strings.search import StringLine, candidate_strings, evenly_spaced, local_contrast


@dataclass(frozen=True)
class Grid:
    """The strings that were found, and the model whose opening is the grid's outline."""

    model: PlaneModel
    constraints: tuple[Constraint, ...]
    mesh: Mesh = SQUARE_MESH

    @property
    def counts(self) -> tuple[int, int]:
        """How many strings run down and across."""
        down = sum(1 for item in self.constraints if item.axis == 0)
        return down, len(self.constraints) - down


def find_grid(photo: ImagePyramid, start: PlaneModel, mesh: Mesh = SQUARE_MESH) -> Grid | None:
    """Return the grid of strings within 45 % of a cell of a rough model; None where there is none."""
    model, extent = start, start.extent
    for reach in (share * mesh.scale for share in LIMITS.reaches):
        straight = local_contrast(rectified(photo, model, LIMITS.size_px, LIMITS.margin))
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
    for reach in LIMITS.measure_reaches:
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
    t = np.linspace(*LIMITS.along, LIMITS.constraint_points)
    across = line.start + (line.end - line.start) * t
    down = t * model.extent[1 - axis]
    plane = np.stack([across, down] if axis == 0 else [down, across], axis=1)
    return Constraint(model.to_image(plane), axis, line.due, 0, 1.0)
