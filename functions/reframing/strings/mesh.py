"""How strings divide a quadrat's opening into cells."""

from __future__ import annotations

import math
from dataclasses import dataclass

from reefsteps.quadrat_size import QuadratSize
from reframing.plane.geometry import Extent

CELLS = 10  # of a square, each way; lengths below that belong to a cell are those of a tenth of the side
ROUND_CELLS_CM = (10.0, 5.0)
WHOLE_WITHIN = 0.005  # parts of a cell by which a row of cells may miss the side
MOST_CELLS = 20
MIN_STRINGS = 6


@dataclass(frozen=True)
class Mesh:
    """How a grid divides an opening into square cells: how many along the top and down, and how large they are."""

    cells: tuple[int, int]
    cell: float  # parts of the side

    def position(self, axis: int, number: int, extent: Extent) -> float:
        """Return where the string of a number (from 1) lies in the plane; ``axis`` 0 runs down, 1 across."""
        return number / self.cells[axis] * extent[axis]

    def needed(self, axis: int, of_nine: int = MIN_STRINGS) -> int:
        """Return how many strings stand for this many of the nine of a square's grid; never fewer than six."""
        return max(MIN_STRINGS, math.ceil(of_nine * (self.cells[axis] - 1) / (CELLS - 1)))

    @property
    def scale(self) -> float:
        """The cell's size relative to that of a square frame's 10 x 10 grid."""
        return self.cell * CELLS


SQUARE_MESH = Mesh((CELLS, CELLS), 1 / CELLS)


def meshes(size: QuadratSize | None, extent: Extent) -> tuple[Mesh, ...]:
    """Return the grids to look for in an opening that lies as ``extent`` says.

    A square's has 10 x 10 cells. A rectangle's cells are a tenth of its shorter side, 10 cm or 5 cm, where whole cells
    fill both sides: 10 x 15 for 50 x 75 cm. Strings that make other cells are not used.
    """
    if size is None or size.is_square:
        return (SQUARE_MESH,)
    found: dict[tuple[int, int], Mesh] = {}
    for cell_cm in (size.short_cm / CELLS, *ROUND_CELLS_CM):
        short, long = round(size.short_cm / cell_cm), round(size.long_cm / cell_cm)
        misses = max(abs(size.short_cm / cell_cm - short), abs(size.long_cm / cell_cm - long))
        if misses <= WHOLE_WITHIN and short > MIN_STRINGS and long <= MOST_CELLS:
            cells = (long, short) if extent[0] > extent[1] else (short, long)
            found.setdefault(cells, Mesh(cells, extent[0] / cells[0]))
    return tuple(found.values())
