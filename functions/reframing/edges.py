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
from numpy.typing import NDArray

from reframing.geometry import Array, PlaneModel, side_lengths
from reframing.sampling import Floats, Photograph, side_strip

SEGMENTS = 24
COLUMNS_PER_SEGMENT = 8
COARSE_ROWS_PER_SIDE = 1400
GRADIENT_LIMIT = 0.12  # a glint counts no more than this step of colour
MAX_CANDIDATES = 9
FREE_CANDIDATES = 4  # of these, found at any slope
PARALLEL_WITHIN = 0.0025
CREST_ROWS = 4
SHARED_WITHIN = 0.0034  # two lines nearer than this over a part of their way are one
INSIDE_STEP_WEIGHT = 4.0
COMMON_OFFSET_SPREAD = 0.012
WITHOUT_A_SIDE = -3.0
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
    backing: float  # strength (0 to 1) of the best line that runs parallel outside of it, as a bar's other edges do
    profile: int = 0  # which of the search's profiles runs parallel to it

    def inward(self, along: Array) -> Array:
        """Return the inward positions at ``along`` (N,)."""
        return np.asarray(self.offset + self.slope * (along - 0.5) + self.bow * (1 - (2 * along - 1) ** 2))


@dataclass(frozen=True)
class SideSearch:
    """The candidates of one side and the responses that they were picked from."""

    candidates: tuple[Candidate, ...]
    profiles: Array  # (line shapes, rows), 0 (usual) to 1 (strongest)
    across: Array  # (rows,)
    visible: float  # share of the band within the photograph


@dataclass(frozen=True)
class Choice:
    """One candidate per side (None where a side has none), and how much better it is than any other reading."""

    candidates: tuple[Candidate | None, ...]
    margin: float
    rival_distance: float  # how far the nearest rival reading lies, parts of the side
    likeness: float  # correlation of the least fitting side's steps with the other three's
    misalignment: float  # largest shift that would fit a side's steps better to the other sides', parts of the side

    @property
    def contrast(self) -> float:
        """The candidates' mean contrast: log of the colours' variation inside over that outside; 0 without any."""
        known = [item.contrast for item in self.candidates if item is not None]
        return float(np.mean(known)) if known else 0.0


def search_side(
    photo: Photograph, model: PlaneModel, side: int, window: tuple[float, float], max_slope: float
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
    response = np.stack([_response(segments, seen, shift) for shift in _shifts(shapes, row_size)])
    texture = _texture(colours, strip.inside)
    shifts = _shifts(shapes, row_size)
    candidates = _peaks(response, shapes, shifts, across, texture)
    level, top = float(np.median(response.max(0))), float(response.max())
    profiles = np.clip((response - level) / max(top - level, 1e-6), 0, 1)
    return SideSearch(tuple(candidates), profiles, across, float(strip.inside.mean()))


def _shifts(shapes: Array, row_size: float) -> NDArray[np.intp]:
    """Return by how many rows a line of each (slope, bow) is off its middle in each segment (shapes, segments)."""
    t = (np.arange(SEGMENTS) + 0.5) / SEGMENTS * 0.96 + 0.02
    off = shapes[:, :1] * (t - 0.5) + shapes[:, 1:] * (1 - (2 * t - 1) ** 2)
    return np.round(off / row_size).astype(np.intp)


def _response(segments: Floats, seen: NDArray[np.bool_], shift: NDArray[np.intp]) -> Array:
    """Return per row how strong and how continuous the colour step along the shifted line is (rows,)."""
    rows = len(segments)
    index = np.clip(np.arange(rows)[:, None] + shift[None], 0, rows - 1)
    columns = np.arange(SEGMENTS)[None]
    moved, visible = segments[index, columns], seen[index, columns]
    strength = np.sort(np.abs(moved).max(2), axis=1)
    count = np.maximum(visible.sum(1), 1)
    # Mean of the stronger three quarters of the visible segments: up to a quarter may be hidden without a loss.
    kept = strength[:, SEGMENTS // 4 :].sum(1) / np.maximum(count - SEGMENTS // 4, SEGMENTS // 4)
    steady = np.abs(moved.sum(1)).max(1) / count
    return np.asarray(0.6 * kept + 0.4 * steady, np.float64)


def _texture(colours: Floats, inside: NDArray[np.bool_]) -> Array:
    """Return per row and segment the colours' standard deviation along the row; nan outside the photograph."""
    rows = len(colours)
    texture = colours.reshape(rows, SEGMENTS, COLUMNS_PER_SEGMENT, 3).std(2).mean(2).astype(np.float64)
    texture[~inside.reshape(rows, SEGMENTS, COLUMNS_PER_SEGMENT).all(2)] = np.nan
    return np.asarray(texture)


def _peaks(response: Array, shapes: Array, shifts: NDArray[np.intp], across: Array, texture: Array) -> list[Candidate]:
    """Pick lines by strength; a line that shares a part of its way with a stronger one is that one's echo."""
    level, top = float(np.median(response.max(0))), float(response.max())
    row_size = float(across[1] - across[0])
    reach = SHARED_WITHIN / row_size
    rows = np.arange(len(across))
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
        contrast = _contrast(texture, int(row), shifts[shape], row_size)
        strength = float(left[shape, row]) / top
        found.append(Candidate(float(across[row]), slope, bow, strength, contrast, 0.0, int(shape)))
        apart = np.abs(rows[None, :, None] + (shifts - shifts[shape])[:, None, :] - row)
        left[(apart < reach).mean(2) > 0.15] = 0
    return [replace(item, backing=_backing(item, found)) for item in found]


def _backing(item: Candidate, others: list[Candidate]) -> float:
    best = 0.0
    for other in others:
        if 0.004 < item.offset - other.offset < PATTERN_DEPTH:
            skew = ((other.slope - item.slope) / 0.004) ** 2 + ((other.bow - item.bow) / 0.003) ** 2
            best = max(best, other.strength * float(np.exp(-0.5 * skew)))
    return best


def _contrast(texture: Array, row: int, shift: NDArray[np.intp], row_size: float) -> float:
    """Return the log ratio of colour variation inside a line to that outside it, the lower of a near and a far look."""

    def level(first: float, last: float) -> float:
        offsets = np.arange(int(np.floor(first / row_size)), int(np.ceil(last / row_size)) + 1)
        index = np.clip(row + offsets[:, None] + shift[None], 0, len(texture) - 1)
        values = texture[index, np.arange(SEGMENTS)[None]]
        return float(np.nanmedian(values)) if np.isfinite(values).any() else 0.01

    near = np.log((level(0.0025, 0.007) + 0.003) / (level(-0.006, -0.0025) + 0.003))
    far = np.log((level(0.004, 0.022) + 0.003) / (level(-0.012, -0.0035) + 0.003))
    return float(min(near, far))


def choose(searches: list[SideSearch], priors: tuple[tuple[float, float], ...], *, optional: bool) -> Choice:
    """Pick the candidates that read as one frame.

    Each prior (offset, spread) is a place where the mask (or the strings) may put the inner edge; the four offsets
    share one unknown shift (a mask is too fat or too thin all around). ``optional`` lets a side go without, where
    strings stand in.
    """
    sides: list[list[Candidate | None]] = [
        [*search.candidates, None] if optional or not search.candidates else list(search.candidates)
        for search in searches
    ]
    unary = [np.array([_own_score(item, priors) for item in side]) for side in sides]
    total = np.zeros([len(side) for side in sides])
    for index, scores in enumerate(unary):
        total = total + scores.reshape([-1 if axis == index else 1 for axis in range(4)])
    for first, second in itertools.combinations(range(4), 2):
        pair = np.array(
            [[_alike(searches[first], a, searches[second], b) for b in sides[second]] for a in sides[first]]
        )
        shape = [1, 1, 1, 1]
        shape[first], shape[second] = pair.shape
        total = total + pair.reshape(shape)
    total = total - 0.5 * _spread_of_offsets(sides) / COMMON_OFFSET_SPREAD**2
    total = total - INSIDE_STEP_WEIGHT * _common_step_inside(searches, sides)
    best = np.unravel_index(int(np.argmax(total)), total.shape)
    picked = tuple(side[i] for side, i in zip(sides, best, strict=True))
    return _against_rivals(total, sides, picked, _alignment(searches, picked))


def _spread_of_offsets(sides: list[list[Candidate | None]]) -> Array:
    """Return for every reading the sum of squared differences of its offsets from their mean."""
    offsets = np.meshgrid(*[[np.nan if c is None else c.offset for c in side] for side in sides], indexing="ij")
    stacked = np.stack(offsets)
    seen = np.isfinite(stacked)
    mean = np.nansum(stacked, axis=0) / np.maximum(seen.sum(0), 1)
    return np.asarray(np.nansum((stacked - mean) ** 2, axis=0))


def _own_score(item: Candidate | None, priors: tuple[tuple[float, float], ...]) -> float:
    if item is None:
        return WITHOUT_A_SIDE
    return (
        0.8 * float(np.log(max(item.strength, 0.05)))
        + 1.5 * float(np.clip(item.contrast, -1.0, 1.2))
        + 1.0 * item.backing
        - 0.5 * min(((item.offset - expected) / spread) ** 2 for expected, spread in priors)
    )


def _pattern(search: SideSearch, item: Candidate, depths: Array) -> Array:
    """Return the responses parallel to a candidate at ``depths`` from it (inside > 0); nan beyond the window."""
    profile = search.profiles[item.profile]
    return np.asarray(np.interp(item.offset + depths, search.across, profile, left=np.nan, right=np.nan))


def _alike(one: SideSearch, a: Candidate | None, other: SideSearch, b: Candidate | None) -> float:
    """Return how well the step patterns outside two candidates match (-1 to 1), which they do for one frame's bars."""
    if a is None or b is None:
        return 0.0
    depths = np.linspace(-PATTERN_DEPTH, -0.004, 120)
    return _correlation(_pattern(one, a, depths), _pattern(other, b, depths))


def _common_step_inside(searches: list[SideSearch], sides: list[list[Candidate | None]]) -> Array:
    """Return for every reading the strongest step that all four sides show at one distance inside it (0 to 1).

    The inner edge is the innermost step of the bars; a step further in at the same distance on every side means that
    the reading took the line between rim and bar for it.
    """
    depths = np.linspace(0.0045, 0.024, 28)
    total = np.zeros([len(side) for side in sides] + [len(depths)])
    for index, (search, side) in enumerate(zip(searches, sides, strict=True)):
        patterns = np.array(
            [np.zeros(len(depths)) if item is None else np.nan_to_num(_pattern(search, item, depths)) for item in side]
        )
        total = total + patterns.reshape([-1 if axis in (index, 4) else 1 for axis in range(4)] + [len(depths)])
    return np.asarray(total.max(-1) / 4)


def _alignment(searches: list[SideSearch], picked: tuple[Candidate | None, ...]) -> tuple[float, float]:
    """Return how well the least fitting side's steps match the mean of the other sides', and the largest better shift.

    The shift is 0 when all sides are aligned; it shows a reading in which one side took the wrong one of the bars'
    lines.
    """
    depths = np.linspace(-PATTERN_DEPTH, 0.006, 130)
    shifts = np.linspace(-0.02, 0.02, 41)
    known = [(search, item) for search, item in zip(searches, picked, strict=True) if item is not None]
    if len(known) < 3:
        return 0.0, 0.0
    patterns = [np.nan_to_num(_pattern(search, item, depths)) for search, item in known]
    least, worst = 1.0, 0.0
    for index, (search, item) in enumerate(known):
        others = np.mean([pattern for i, pattern in enumerate(patterns) if i != index], axis=0)
        match = np.array([_correlation(_pattern(search, item, depths + shift), others) for shift in shifts])
        best, here = int(np.argmax(match)), float(match[len(shifts) // 2])
        least = min(least, here)
        if match[best] > here + 0.15:
            worst = max(worst, abs(float(shifts[best])))
    return least, worst


def _correlation(first: Array, second: Array) -> float:
    both = np.isfinite(first) & np.isfinite(second)
    if both.sum() < 15:
        return 0.0
    first, second = first[both] - first[both].mean(), second[both] - second[both].mean()
    norm = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / norm if norm > 1e-9 else 0.0


def _against_rivals(
    total: Array,
    sides: list[list[Candidate | None]],
    picked: tuple[Candidate | None, ...],
    alignment: tuple[float, float],
) -> Choice:
    """Measure the lead over the best reading that differs by more than 0.6 % of the side somewhere."""
    differs = np.zeros(total.shape, bool)
    distance = np.zeros(total.shape)
    for index, side in enumerate(sides):
        chosen = picked[index]
        far = np.array([0.0 if c is None or chosen is None else abs(c.offset - chosen.offset) for c in side])
        shape = [-1 if axis == index else 1 for axis in range(4)]
        differs |= (far > 0.006).reshape(shape)
        distance = np.maximum(distance, far.reshape(shape))
    if not differs.any():
        return Choice(picked, 99.0, 0.0, *alignment)
    rival = np.where(differs, total, -np.inf)
    where = np.unravel_index(int(np.argmax(rival)), rival.shape)
    return Choice(picked, float(total.max() - rival[where]), float(distance[where]), *alignment)
