"""The string grid: where a quadrat has one, it is the ruler.

A square frame's grid has 10 x 10 cells. A rectangle's has cells that are square, too: `meshes` says which are tried.

Strings are thin, light, nearly straight and evenly spaced. They are looked for in a small straightened picture, one
orientation at a time, accepted only as an evenly spaced family, and then measured to sub-pixels in full resolution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from reefsteps.quadrat_size import QuadratSize
from reframing.fitting import Constraint, joint_fit
from reframing.geometry import Array, Extent, PlaneModel, side_lengths
from reframing.sampling import Floats, Photograph, largest_channel, on_side, rectified

CELLS = 10  # of a square, each way; lengths below that belong to a cell are those of a tenth of the side
ROUND_CELLS_CM = (10.0, 5.0)
WHOLE_WITHIN = 0.005  # parts of a cell by which a row of cells may miss the side
MOST_CELLS = 20
SIZE_PX = 640
MARGIN = 0.14
SEGMENTS = 24
SLOPES = np.arange(-0.045, 0.0451, 0.003)
MIN_STRINGS = 6
STRING_WEIGHT = 0.35  # strings sag and are tied by hand; their points weigh less than a side's, 0.5
MIN_PEAK = 3.5  # of a string's response over its neighbourhood's, robust standard deviations
FAMILY_TOLERANCE = 0.009


@dataclass(frozen=True)
class _Line:
    """A string seen in the straightened picture: number, due position, position at its start and end, strength."""

    number: int
    due: float
    start: float
    end: float
    strength: float


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
        straight = _local_contrast(rectified(photo, model, SIZE_PX, MARGIN))
        families = [
            _family(_lines(straight if axis == 0 else straight.T, reach, mesh, axis, extent), mesh.needed(axis) - 1)
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
            if (item := _measure(photo, model, axis, mesh.position(axis, line.number, extent), reach)) is not None
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


def _local_contrast(straight: Floats) -> Floats:
    """Grey minus its surroundings: removes shadows and vignetting."""
    grey = _grey(straight)
    return np.asarray(grey - cv2.GaussianBlur(grey, (0, 0), 0.03 * SIZE_PX), np.float32)


def _grey(colours: Floats) -> Floats:
    """Mean of the mean and the brightest channel (...,) of colours (..., 3)."""
    mean = (colours[..., 0] + colours[..., 1] + colours[..., 2]) / 3
    return np.asarray(0.5 * largest_channel(colours) + 0.5 * mean, np.float32)


def _lines(grey: Floats, reach: float, mesh: Mesh, axis: int, extent: Extent) -> list[_Line]:
    """Return up to three candidate strings near each multiple of a cell; ``grey`` shows the axis's strings upright."""
    border = round(MARGIN * SIZE_PX)
    distance = max(3, round(0.0075 * SIZE_PX))
    smooth = cv2.blur(grey, (3, 5))
    left, right = np.roll(smooth, distance, 1), np.roll(smooth, -distance, 1)
    ridge = np.clip(smooth - 0.5 * (left + right) - 0.25 * np.abs(left - right), -0.02, 0.10)
    down_px = round(extent[1 - axis] * SIZE_PX)
    ridge = ridge[border + int(0.03 * down_px) : border + int(0.97 * down_px)]
    width = ridge.shape[1]
    segments = cv2.resize(np.ascontiguousarray(ridge), (width, SEGMENTS), interpolation=cv2.INTER_AREA)
    centre_t = ((np.arange(SEGMENTS) + 0.5) / SEGMENTS - 0.5) * 0.94
    shift = np.round(SLOPES[:, None] * centre_t[None] * SIZE_PX).astype(int)
    column = np.clip(np.arange(width)[None, :, None] + shift[:, None, :], 0, width - 1)
    response = segments[np.arange(SEGMENTS)[None, None], column].mean(2)
    found: list[_Line] = []
    for number in range(1, mesh.cells[axis]):
        due = mesh.position(axis, number, extent)
        first = border + int((due - reach) * SIZE_PX)
        near = response[:, first : border + int((due + reach) * SIZE_PX)].copy()
        level = float(np.median(near))
        noise = float(np.median(np.abs(near - level))) * 1.48 + 1e-5
        for _ in range(3):
            row, place = np.unravel_index(int(np.argmax(near)), near.shape)
            strength = (float(near[row, place]) - level) / noise
            if strength < MIN_PEAK:
                break
            centre = (first + place - border + 0.5) / SIZE_PX
            half = float(SLOPES[row]) / 2
            found.append(_Line(number, due, centre - half, centre + half, strength))
            gap = int(0.008 * SIZE_PX)
            near[:, max(0, place - gap) : place + gap + 1] = -1
    return found


def _family(lines: list[_Line], least: int) -> list[_Line]:
    """Return the largest set of lines that are evenly spaced at both ends (RANSAC over pairs), one a number."""
    if len({line.number for line in lines}) < least:
        return []
    table = np.array([[line.due, line.start, line.end, line.strength] for line in lines])
    first, second = np.triu_indices(len(lines), 1)
    apart = np.abs(table[first, 0] - table[second, 0]) > 0.25
    first, second = first[apart], second[apart]
    run = table[second, 0] - table[first, 0]
    errors = np.zeros((len(first), len(lines)))
    sane = np.ones(len(first), bool)
    for end in (1, 2):
        pitch = (table[second, end] - table[first, end]) / run
        sane &= (pitch > 0.88) & (pitch < 1.12)
        expected = table[first, end][:, None] + pitch[:, None] * (table[None, :, 0] - table[first, 0][:, None])
        errors = np.maximum(errors, np.abs(table[None, :, end] - expected))
    errors[~sane] = np.inf
    worth = np.maximum(1 - 0.5 * errors / FAMILY_TOLERANCE, 0) * (errors < FAMILY_TOLERANCE)
    worth = worth * np.minimum(1.0, 0.4 + 0.6 * table[None, :, 3] / 12)
    score = np.zeros(len(first))
    for number in np.unique(table[:, 0]):
        score += worth[:, table[:, 0] == number].max(1)
    if len(score) == 0:
        return []
    best = worth[int(np.argmax(score))]
    chosen = []
    for number in np.unique(table[:, 0]):
        members = np.nonzero(table[:, 0] == number)[0]
        top = members[int(np.argmax(best[members]))]
        if best[top] > 0:
            chosen.append(lines[int(top)])
    return chosen


def _as_constraint(model: PlaneModel, axis: int, line: _Line) -> Constraint:
    t = np.linspace(0.03, 0.97, 6)
    across = line.start + (line.end - line.start) * t
    down = t * model.extent[1 - axis]
    plane = np.stack([across, down] if axis == 0 else [down, across], axis=1)
    return Constraint(model.to_image(plane), axis, line.due, 0, 1.0)


def _measure(photo: Photograph, model: PlaneModel, axis: int, due: float, reach: float) -> Constraint | None:
    """Measure one string to sub-pixels; None when fewer than 25 of 100 places along it show it on one line."""
    side_px = float(side_lengths(model.corners_px).mean())
    step = float(np.clip(0.7 / side_px, reach / 40, reach / 4))
    offsets = np.arange(-reach, reach + step / 2, step)
    along = np.linspace(0.04, 0.96, 100)
    t = np.broadcast_to(along * model.extent[1 - axis], (len(offsets), len(along)))
    across = due + np.broadcast_to(offsets[:, None], t.shape)
    plane = np.stack([across.ravel(), t.ravel()] if axis == 0 else [t.ravel(), across.ravel()], axis=1)
    colours, inside = photo.sample(model.to_image(plane), t.shape, step * side_px)
    grey = cv2.GaussianBlur(_grey(colours), (0, 0), sigmaX=1.2, sigmaY=1.2)
    fifth = max(2, len(offsets) // 5)
    grey = grey - np.maximum(grey[:fifth].mean(0), grey[-fifth:].mean(0))
    grey = grey * np.exp(-0.5 * (offsets / (0.7 * reach)) ** 2)[:, None].astype(np.float32)
    row = np.clip(grey.argmax(0), 1, len(offsets) - 2)
    column = np.arange(len(along))
    before, peak, after = grey[row - 1, column], grey[row, column], grey[row + 1, column]
    curve = np.minimum(before - 2 * peak + after, -1e-6)
    place = offsets[row] + np.clip(0.5 * (before - after) / curve, -0.5, 0.5) * step
    good = (peak > 0.025) & inside.all(0) & (np.abs(place) < 0.95 * reach)
    keep = _on_one_line(along, place, good, 0.0018)
    if keep.sum() < 25:
        return None
    chosen = np.nonzero(keep)[0][::2]
    position, down = due + place[chosen], along[chosen] * model.extent[1 - axis]
    points = np.stack([position, down] if axis == 0 else [down, position], axis=1)
    return Constraint(model.to_image(points), axis, due, 0, STRING_WEIGHT)


def _on_one_line(along: Array, place: Array, good: Array, tolerance: float) -> Array:
    index = np.nonzero(good)[0]
    keep = np.zeros(len(along), bool)
    if len(index) < 20:
        return keep
    random = np.random.default_rng(0)
    pairs = random.choice(index, (120, 2))
    pairs = pairs[np.abs(along[pairs[:, 0]] - along[pairs[:, 1]]) > 0.2]
    if len(pairs) == 0:
        return keep
    slope = (place[pairs[:, 1]] - place[pairs[:, 0]]) / (along[pairs[:, 1]] - along[pairs[:, 0]])
    start = place[pairs[:, 0]] - slope * along[pairs[:, 0]]
    distance = np.abs(place[index][None] - start[:, None] - slope[:, None] * along[index][None])
    keep[index] = distance[int(np.argmax((distance < tolerance).sum(1)))] < tolerance
    return keep


def beyond_ratios(photo: Photograph, model: PlaneModel, mesh: Mesh = SQUARE_MESH) -> Array:
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
) -> tuple[Array, NDArray[np.bool_]]:
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
