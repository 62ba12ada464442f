"""How strings divide a quadrat's opening into cells."""

from __future__ import annotations

import math
from dataclasses import dataclass

from reefsteps.quadrat_size import QuadratSize
from reframing.limits.strings import MESH as LIMITS
from reframing.plane.geometry import Extent


@dataclass(frozen=True)
class Mesh:
    """A grid of square cells: how many lie along the top and down, and the size of one in shares of the side."""

    cells: tuple[int, int]
    cell: float

    def position(self, axis: int, number: int, extent: Extent) -> float:
        """Return where the string of a number (from 1) lies in the plane; ``axis`` 0 runs down, 1 across."""
        return number / self.cells[axis] * extent[axis]

    def needed(self, axis: int, of_nine: int = LIMITS.min_strings) -> int:
        """Return how many strings are as large a share as ``of_nine`` of a square's nine; never fewer than six."""
        return max(LIMITS.min_strings, math.ceil(of_nine * (self.cells[axis] - 1) / (LIMITS.cells - 1)))

    @property
    def scale(self) -> float:
        """The cell's size relative to that of a square frame's 10 x 10 grid."""
        return self.cell * LIMITS.cells


SQUARE_MESH = Mesh((LIMITS.cells, LIMITS.cells), 1 / LIMITS.cells)


def possible_meshes(size: QuadratSize | None, extent: Extent) -> tuple[Mesh, ...]:
    """Return the grids to look for in an opening that lies as ``extent`` says.

    A square's has 10 x 10 cells. A rectangle's cells are a tenth of its shorter side, 10 cm or 5 cm, if whole cells
    fill both sides. For 50 x 75 cm there are 10 x 15. Grids with other cells are not found.
    """
    if size is None or size.is_square:
        return (SQUARE_MESH,)
    found: dict[tuple[int, int], Mesh] = {}
    for cell_cm in (size.short_cm / LIMITS.cells, *LIMITS.round_cells_cm):
        short, long = round(size.short_cm / cell_cm), round(size.long_cm / cell_cm)
        misses = max(abs(size.short_cm / cell_cm - short), abs(size.long_cm / cell_cm - long))
        if misses <= LIMITS.whole_within and short > LIMITS.min_strings and long <= LIMITS.max_cells:
            cells = (long, short) if extent[0] > extent[1] else (short, long)
            found.setdefault(cells, Mesh(cells, extent[0] / cells[0]))
    return tuple(found.values())
