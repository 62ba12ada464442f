"""The inner edge of the frame in the photograph itself.

A frame's four bars are one object: seen across, they show the same steps (seabed, rim, bar, seabed) on every side.
Straight steps of colour are collected per side, and the four that fit together best are the inner edge: bars of one
width and pattern, uniform along the bar and busy on the seabed.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import cv2
import numpy as np

from reefsteps.arrays import BoolArray, Float32Array, Float64Array, IndexArray
from reframing.frame.colour import FrameColour
from reframing.plane.geometry import side_lengths
from reframing.plane.sampling import Photograph, largest_channel, side_strip
from reframing.plane.view import PlaneModel

SEGMENTS = 24
COLUMNS_PER_SEGMENT = 8
COARSE_ROWS_PER_SIDE = 1400
GRADIENT_LIMIT = 0.12  # a glint counts no more than this step of colour
MAX_CANDIDATES = 9
FREE_CANDIDATES = 4  # of these, found at any slope
PARALLEL_WITHIN = 0.0025
CREST_ROWS = 4
SHARED_WITHIN = 0.0034  # two lines nearer than this over a part of their way are one
PATTERN_DEPTH = 0.085  # how far outside the inner edge the bars' pattern is compared


@dataclass(frozen=True)
class Candidate:
    """A straight (slightly bowed) step of colour along one side: inward position at t is
    ``offset + slope (t - 0.5) + bow (1 - (2t - 1)^2)``."""

    offset: float
    slope: float
    bow: float
    strength: float  # relative to the side's strongest
    contrast: float  # log of colour variation inside over that outside; > 0 at the bars' inner edge
    colour: float  # how much more the colours outside look like the frame's than those inside (frame_colour)
    backing: float  # strength (0 to 1) of the best line that runs parallel outside of it, as a bar's other edges do
    profile: int = 0  # which of the search's profiles runs parallel to it

    def inward(self, along: Float64Array) -> Float64Array:
        """Return the inward positions at ``along`` (N,)."""
        return np.asarray(self.offset + self.slope * (along - 0.5) + self.bow * (1 - (2 * along - 1) ** 2))


@dataclass(frozen=True)
class SideSearch:
    """The candidates of one side and the responses that they were picked from."""

    candidates: tuple[Candidate, ...]
    profiles: Float64Array  # (line shapes, rows), 0 (usual) to 1 (strongest)
    across: Float64Array  # (rows,)
    visible: float  # share of the band within the photograph


@dataclass(frozen=True)
class _Bands:
    """What lies on either side of a line: variation and likeness to the frame, per row and segment."""

    texture: Float64Array
    likeness: Float64Array
    row_size: float

    def _along(self, values: Float64Array, row: int, shift: IndexArray, first: float, last: float) -> Float64Array:
        offsets = np.arange(int(np.floor(first / self.row_size)), int(np.ceil(last / self.row_size)) + 1)
        index = np.clip(row + offsets[:, None] + shift[None], 0, len(values) - 1)
        return np.asarray(values[index, np.arange(SEGMENTS)[None]])

    def contrast(self, row: int, shift: IndexArray) -> float:
        """Return the log ratio of the colours' variation inside to that outside, the lower of a near and a far look."""

        def level(first: float, last: float) -> float:
            values = self._along(self.texture, row, shift, first, last)
            return float(np.nanmedian(values)) if np.isfinite(values).any() else 0.01

        near = np.log((level(0.0025, 0.007) + 0.003) / (level(-0.006, -0.0025) + 0.003))
        far = np.log((level(0.004, 0.022) + 0.003) / (level(-0.012, -0.0035) + 0.003))
        return float(min(near, far))

    def colour_step(self, row: int, shift: IndexArray) -> float:
        """Return how much more frame-like the colours outside are than those inside, the lower of two looks."""

        def level(first: float, last: float) -> float:
            values = self._along(self.likeness, row, shift, first, last)
            return float(np.nanmean(values)) if np.isfinite(values).any() else 0.0

        outside = level(-0.012, -0.002)
        return outside - max(level(0.002, 0.008), level(0.004, 0.03))


def search_side(
    photo: Photograph,
    model: PlaneModel,
    side: int,
    window: tuple[float, float],
    max_slope: float,
    frame_colour: FrameColour,
) -> SideSearch:
    """Collect straight colour steps parallel to a side, at inward positions within ``window``."""
    step_px = float(side_lengths(model.corners_px).mean()) / COARSE_ROWS_PER_SIDE
    rows = int((window[1] - window[0]) * COARSE_ROWS_PER_SIDE)
    across = np.linspace(*window, rows)
    along = np.linspace(0.02, 0.98, SEGMENTS * COLUMNS_PER_SEGMENT)
    strip = side_strip(photo, model, side, np.zeros_like(along), across, along, step_px)
    colours = np.asarray(cv2.GaussianBlur(strip.values, (0, 0), sigmaX=0.8, sigmaY=1.2), np.float32)
    gradient = np.zeros_like(colours)
    gradient[1:-1] = np.clip(colours[2:] - colours[:-2], -GRADIENT_LIMIT, GRADIENT_LIMIT)
    gradient[~strip.inside] = 0
    segments = gradient.reshape(rows, SEGMENTS, COLUMNS_PER_SEGMENT, 3).mean(2)
    seen = np.asarray(strip.inside.reshape(rows, SEGMENTS, COLUMNS_PER_SEGMENT).all(2))
    slopes = np.linspace(-max_slope, max_slope, 23 if max_slope > 0.01 else 9)
    bows = np.array([-0.003, -0.0015, 0.0, 0.0015, 0.003])
    shapes = np.array(list(itertools.product(slopes, bows)))
    row_size = float(across[1] - across[0])
    shifts = _shifts(shapes, row_size)
    largest = largest_channel(np.abs(segments))
    response = np.stack([_response(segments, largest, seen, shift) for shift in shifts])
    bands = _Bands(_texture(colours, strip.inside), _likeness(frame_colour, colours, strip.inside), row_size)
    candidates = _peaks(response, shapes, shifts, across, bands)
    level, top = float(np.median(response.max(0))), float(response.max())
    profiles = np.clip((response - level) / max(top - level, 1e-6), 0, 1)
    return SideSearch(tuple(candidates), profiles, across, float(strip.inside.mean()))


def _shifts(shapes: Float64Array, row_size: float) -> IndexArray:
    """Return by how many rows a line of each (slope, bow) is off its middle in each segment (shapes, segments)."""
    t = (np.arange(SEGMENTS) + 0.5) / SEGMENTS * 0.96 + 0.02
    off = shapes[:, :1] * (t - 0.5) + shapes[:, 1:] * (1 - (2 * t - 1) ** 2)
    return np.round(off / row_size).astype(np.intp)


def _response(segments: Float32Array, largest: Float32Array, seen: BoolArray, shift: IndexArray) -> Float64Array:
    """Return per row how strong and how continuous the colour step along the shifted line is (rows,)."""
    rows = len(segments)
    # Segments first: numpy adds up whole rows of memory several times faster than runs of 24 or 3 values.
    cells = np.clip(np.arange(rows)[None] + shift[:, None], 0, rows - 1) * SEGMENTS + np.arange(SEGMENTS)[:, None]
    strength = np.sort(largest.ravel().take(cells.T), axis=1)
    count = np.maximum(np.count_nonzero(seen.ravel().take(cells), axis=0), 1)
    # Mean of the stronger three quarters of the visible segments: up to a quarter may be hidden without a loss.
    kept = strength[:, SEGMENTS // 4 :].sum(1) / np.maximum(count - SEGMENTS // 4, SEGMENTS // 4)
    steady = largest_channel(np.abs(segments.reshape(-1, 3).take(cells, axis=0).sum(0))) / count
    return np.asarray(0.6 * kept + 0.4 * steady, np.float64)


def _texture(colours: Float32Array, inside: BoolArray) -> Float64Array:
    """Return per row and segment the colours' standard deviation along the row; nan outside the photograph."""
    rows = len(colours)
    texture = colours.reshape(rows, SEGMENTS, COLUMNS_PER_SEGMENT, 3).std(2).mean(2).astype(np.float64)
    texture[~inside.reshape(rows, SEGMENTS, COLUMNS_PER_SEGMENT).all(2)] = np.nan
    return np.asarray(texture)


def _likeness(frame_colour: FrameColour, colours: Float32Array, inside: BoolArray) -> Float64Array:
    """Return per row and segment how much the colours look like the frame's; nan outside the photograph."""
    rows = len(colours)
    likeness = frame_colour.likeness(colours).reshape(rows, SEGMENTS, COLUMNS_PER_SEGMENT).mean(2).astype(np.float64)
    likeness[~inside.reshape(rows, SEGMENTS, COLUMNS_PER_SEGMENT).all(2)] = np.nan
    return np.asarray(likeness)


def _peaks(
    response: Float64Array, shapes: Float64Array, shifts: IndexArray, across: Float64Array, bands: _Bands
) -> list[Candidate]:
    """Pick lines by strength; a line that shares a part of its way with a stronger one is that one's echo."""
    level, top = float(np.median(response.max(0))), float(response.max())
    row_size = float(across[1] - across[0])
    reach = SHARED_WITHIN / row_size
    # Only crests across the line count: the flank of a blurred edge is no second edge.
    crest = cv2.dilate(response.astype(np.float32), np.ones((1, 2 * CREST_ROWS + 1), np.uint8))
    left = np.where(response.astype(np.float32) >= crest, response, 0.0)
    border = max(3, int(0.004 / row_size))
    left[:, :border] = left[:, -border:] = 0
    found: list[Candidate] = []
    parallel = np.zeros(len(shapes), bool)
    usual = 1.15 * level
    for number in range(MAX_CANDIDATES):
        shape, row = np.unravel_index(int(np.argmax(left)), left.shape)
        if parallel.any() and usual > 0 and (number >= FREE_CANDIDATES or left[shape, row] <= usual):
            left[~parallel] = 0  # a bar's weaker edges run parallel to its stronger ones
            usual = 0.0
            shape, row = np.unravel_index(int(np.argmax(left)), left.shape)
        if left[shape, row] <= max(usual, 1.3 * float(np.median(response[shape]))):
            break
        if left[shape, row] > 0.5 * top:
            parallel |= np.abs(shifts - shifts[shape]).max(1) <= PARALLEL_WITHIN / row_size
        slope, bow = (float(value) for value in shapes[shape])
        contrast, colour = bands.contrast(int(row), shifts[shape]), bands.colour_step(int(row), shifts[shape])
        strength = float(left[shape, row]) / top
        found.append(Candidate(float(across[row]), slope, bow, strength, contrast, colour, 0.0, int(shape)))
        _forget_echoes(left, int(row), shifts - shifts[shape], reach)
    return [replace(item, backing=_backing(item, found)) for item in found]


def _forget_echoes(left: Float64Array, row: int, shifts: IndexArray, reach: float) -> None:
    """Set to 0, in place, the lines that lie within ``reach`` rows of the one at ``row`` on more than 15 % of it.

    ``shifts`` (shapes, segments) says by how many rows each shape is off the line's own in each segment.
    """
    furthest = int(np.abs(shifts).max()) + int(np.ceil(reach))
    near = slice(max(0, row - furthest), row + furthest + 1)  # no line further away can share a part of the way
    apart = np.abs(np.arange(left.shape[1])[None, near, None] + shifts[:, None, :] - row)
    left[:, near][np.count_nonzero(apart < reach, axis=2) > 0.15 * SEGMENTS] = 0


def _backing(item: Candidate, others: list[Candidate]) -> float:
    best = 0.0
    for other in others:
        if 0.004 < item.offset - other.offset < PATTERN_DEPTH:
            skew = ((other.slope - item.slope) / 0.004) ** 2 + ((other.bow - item.bow) / 0.003) ** 2
            best = max(best, other.strength * float(np.exp(-0.5 * skew)))
    return best
