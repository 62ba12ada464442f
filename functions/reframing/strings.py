"""The 10 x 10 string grid: where a quadrat has one, it is the ruler.

Strings are thin, light, nearly straight and evenly spaced. They are looked for in a small straightened picture, one
orientation at a time, accepted only as an evenly spaced family, and then measured to sub-pixels in full resolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from reframing.fitting import Constraint, joint_fit
from reframing.geometry import Array, PlaneModel, side_lengths
from reframing.sampling import Floats, Photograph, largest_channel, rectified

CELLS = 10
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
    """A string seen in the straightened picture: number, position at its start and end, strength."""

    number: int
    start: float
    end: float
    strength: float


@dataclass(frozen=True)
class Grid:
    """Strings found, by orientation, and the model whose unit square is the grid's outline."""

    model: PlaneModel
    constraints: tuple[Constraint, ...]

    @property
    def counts(self) -> tuple[int, int]:
        """Numbers of strings that run down and across."""
        down = sum(1 for item in self.constraints if item.axis == 0)
        return down, len(self.constraints) - down


def find_grid(photo: Photograph, start: PlaneModel) -> Grid | None:
    """Return the string grid near a rough model (within 4.5 % of the side), or None when there is none."""
    model = start
    for reach in (0.045, 0.018):
        straight = _local_contrast(rectified(photo, model, SIZE_PX, MARGIN))
        families = [_family(_lines(straight if axis == 0 else straight.T, reach)) for axis in (0, 1)]
        if min(len(family) for family in families) < MIN_STRINGS - 1:
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
            if (item := _measure(photo, model, axis, line.number, reach)) is not None
        ]
        grid = Grid(model, tuple(constraints))
        if min(grid.counts) < MIN_STRINGS - 1:
            return None
        try:
            model = joint_fit(constraints, model).model
        except np.linalg.LinAlgError:
            return None
    return Grid(model, tuple(constraints)) if min(grid.counts) >= MIN_STRINGS else None


def _local_contrast(straight: Floats) -> Floats:
    """Grey minus its surroundings: removes shadows and vignetting."""
    grey = _grey(straight)
    return np.asarray(grey - cv2.GaussianBlur(grey, (0, 0), 0.03 * SIZE_PX), np.float32)


def _grey(colours: Floats) -> Floats:
    """Mean of the mean and the brightest channel (...,) of colours (..., 3)."""
    mean = (colours[..., 0] + colours[..., 1] + colours[..., 2]) / 3
    return np.asarray(0.5 * largest_channel(colours) + 0.5 * mean, np.float32)


def _lines(grey: Floats, reach: float) -> list[_Line]:
    """Return up to three candidate strings near each multiple of a tenth, for strings that run down."""
    border = round(MARGIN * SIZE_PX)
    distance = max(3, round(0.0075 * SIZE_PX))
    smooth = cv2.blur(grey, (3, 5))
    left, right = np.roll(smooth, distance, 1), np.roll(smooth, -distance, 1)
    ridge = np.clip(smooth - 0.5 * (left + right) - 0.25 * np.abs(left - right), -0.02, 0.10)
    ridge = ridge[border + int(0.03 * SIZE_PX) : border + int(0.97 * SIZE_PX)]
    width = ridge.shape[1]
    segments = cv2.resize(np.ascontiguousarray(ridge), (width, SEGMENTS), interpolation=cv2.INTER_AREA)
    centre_t = ((np.arange(SEGMENTS) + 0.5) / SEGMENTS - 0.5) * 0.94
    shift = np.round(SLOPES[:, None] * centre_t[None] * SIZE_PX).astype(int)
    column = np.clip(np.arange(width)[None, :, None] + shift[:, None, :], 0, width - 1)
    response = segments[np.arange(SEGMENTS)[None, None], column].mean(2)
    found: list[_Line] = []
    for number in range(1, CELLS):
        first = border + int((number / CELLS - reach) * SIZE_PX)
        near = response[:, first : border + int((number / CELLS + reach) * SIZE_PX)].copy()
        level = float(np.median(near))
        noise = float(np.median(np.abs(near - level))) * 1.48 + 1e-5
        for _ in range(3):
            row, place = np.unravel_index(int(np.argmax(near)), near.shape)
            strength = (float(near[row, place]) - level) / noise
            if strength < MIN_PEAK:
                break
            centre = (first + place - border + 0.5) / SIZE_PX
            half = float(SLOPES[row]) / 2
            found.append(_Line(number, centre - half, centre + half, strength))
            gap = int(0.008 * SIZE_PX)
            near[:, max(0, place - gap) : place + gap + 1] = -1
    return found


def _family(lines: list[_Line]) -> list[_Line]:
    """Return the largest set of lines that are evenly spaced at both ends (RANSAC over pairs), one a number."""
    if len({line.number for line in lines}) < MIN_STRINGS - 1:
        return []
    table = np.array([[line.number / CELLS, line.start, line.end, line.strength] for line in lines])
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
    plane = np.stack([across, t] if axis == 0 else [t, across], axis=1)
    return Constraint(model.to_image(plane), axis, line.number / CELLS, 0, 1.0)


def _measure(photo: Photograph, model: PlaneModel, axis: int, number: int, reach: float) -> Constraint | None:
    """Measure one string to sub-pixels; None when fewer than 25 of 100 places along it show it on one line."""
    side_px = float(side_lengths(model.corners_px).mean())
    step = float(np.clip(0.7 / side_px, reach / 40, reach / 4))
    offsets = np.arange(-reach, reach + step / 2, step)
    along = np.linspace(0.04, 0.96, 100)
    t = np.broadcast_to(along, (len(offsets), len(along)))
    across = number / CELLS + np.broadcast_to(offsets[:, None], t.shape)
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
    position = number / CELLS + place[chosen]
    points = np.stack([position, along[chosen]] if axis == 0 else [along[chosen], position], axis=1)
    return Constraint(model.to_image(points), axis, number / CELLS, 0, STRING_WEIGHT)


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


def beyond_ratios(photo: Photograph, model: PlaneModel) -> Array:
    """Return per side (4,) how visible the strings' continuation outside the side is, relative to inside.

    Strings end at the frame: about 0 for the frame itself, about 1 when the "side" is really the first or last
    string, one cell off.
    """
    outside = [np.median(_visibility(photo, model, side, -0.095, -0.070)[0]) for side in range(4)]
    inside = [np.median(_visibility(photo, model, side, 0.02, 0.08)[0]) for side in range(4)]
    return np.asarray(np.array(outside) / np.maximum(inside, 2.0))


def end_cell_ratio(photo: Photograph, model: PlaneModel) -> float:
    """Return how visible the strings are in the outermost row of cells that shows them least, relative to elsewhere.

    About 0 when that row lies on the frame's bar, so that the grid is one cell off: the only sign of it where the
    strings that go on beyond the opposite side have left the picture. 1 where too little is inside the picture.
    """
    levels = np.full((4, 3), np.nan)
    for side in range(4):
        for cell in range(3):
            seen, inside = _visibility(photo, model, side, 0.1 * cell + 0.02, 0.1 * cell + 0.08)
            if inside.sum() >= 4:
                levels[side, cell] = np.median(seen[inside])
    if np.isnan(levels[:, 0]).all():
        return 1.0
    return float(np.nanmin(levels[:, 0]) / max(np.nanmedian(levels), 1e-3))


def _visibility(
    photo: Photograph, model: PlaneModel, side: int, near: float, far: float
) -> tuple[Array, NDArray[np.bool_]]:
    """Return how far the strings that cross a side stand out between two depths, and which lie inside the picture."""
    side_px = float(side_lengths(model.corners_px).mean())
    offsets = np.linspace(-0.02, 0.02, 41)
    shape = (41, 24)
    inward = np.broadcast_to(np.linspace(near, far, 24), shape)
    profile, whole = [], []
    for number in range(1, CELLS):
        t = np.broadcast_to(number / CELLS + offsets[:, None], shape)
        x, y = {0: (t, inward), 1: (1 - inward, t), 2: (t, 1 - inward), 3: (inward, t)}[side]
        points = model.to_image(np.stack([x.ravel(), y.ravel()], axis=1))
        colours, inside = photo.sample(points, shape, 0.001 * side_px)
        ridge = largest_channel(colours).mean(1)
        ridge = ridge - np.median(ridge)
        around = np.std(ridge[:15]) + np.std(ridge[26:]) + 0.008
        profile.append(float(ridge[17:24].max() / around))
        whole.append(bool(inside.all()))
    return np.array(profile), np.array(whole)
