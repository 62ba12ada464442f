"""The inner edge of the frame in the photograph itself.

A frame's four bars are one object: seen across, they show the same steps (seabed, rim, bar, seabed) on every side.
Straight steps of colour are collected per side, and the four that fit together best are the inner edge: bars of one
width and pattern, uniform along the bar and busy on the seabed.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import cv2
import numpy as np

from reframing.geometry import Array, PlaneModel, side_lengths
from reframing.sampling import Floats, Photograph, on_side, side_strip

SEGMENTS = 24
COLUMNS_PER_SEGMENT = 8
COARSE_ROWS_PER_SIDE = 1400
GRADIENT_LIMIT = 0.12  # a glint counts no more than this step of colour
MAX_CANDIDATES = 7
MIN_SEPARATION = 0.0035
PATTERN_DEPTH = 0.085  # how far outside the inner edge the bars' pattern is compared
FINE_COLUMNS = 320


@dataclass(frozen=True)
class Candidate:
    """A straight (slightly bowed) step of colour along one side: inward position at t is
    ``offset + slope (t - 0.5) + bow (1 - (2t - 1)^2)``."""

    offset: float
    slope: float
    bow: float
    strength: float  # relative to the side's strongest
    contrast: float  # log of colour variation inside over that outside; > 0 at the bars' inner edge

    def inward(self, along: Array) -> Array:
        """Return the inward positions at ``along`` (N,)."""
        return np.asarray(self.offset + self.slope * (along - 0.5) + self.bow * (1 - (2 * along - 1) ** 2))


@dataclass(frozen=True)
class SideSearch:
    """The candidates of one side and the response profile that they were picked from."""

    candidates: tuple[Candidate, ...]
    profile: Array  # (rows,)
    across: Array  # (rows,)
    visible: float  # share of the band within the photograph


@dataclass(frozen=True)
class EdgePoints:
    """Sub-pixel points of one side and the share of the whole side on which they were found."""

    points_px: Array
    share: float


@dataclass(frozen=True)
class Choice:
    """One candidate per side (None where a side has none), and how much better it is than any other reading."""

    candidates: tuple[Candidate | None, ...]
    margin: float
    rival_distance: float  # how far the nearest rival reading lies, parts of the side


def search_side(
    photo: Photograph, model: PlaneModel, side: int, window: tuple[float, float], max_slope: float
) -> SideSearch:
    """Collect straight colour steps parallel to a side, at inward positions within ``window``."""
    step_px = float(side_lengths(model.corners_px).mean()) / COARSE_ROWS_PER_SIDE
    rows = int((window[1] - window[0]) * COARSE_ROWS_PER_SIDE)
    across = np.linspace(*window, rows)
    along = np.linspace(0.02, 0.98, SEGMENTS * COLUMNS_PER_SEGMENT)
    strip = side_strip(photo, model, side, np.zeros_like(along), across, along, step_px)
    colours = cv2.GaussianBlur(strip.values, (0, 0), sigmaX=0.8, sigmaY=1.2)
    gradient = np.zeros_like(colours)
    gradient[1:-1] = np.clip(colours[2:] - colours[:-2], -GRADIENT_LIMIT, GRADIENT_LIMIT)
    gradient[~strip.inside] = 0
    segments = gradient.reshape(rows, SEGMENTS, COLUMNS_PER_SEGMENT, 3).mean(2)
    seen = strip.inside.reshape(rows, SEGMENTS, COLUMNS_PER_SEGMENT).all(2)
    slopes = np.linspace(-max_slope, max_slope, 17 if max_slope > 0.01 else 9)
    bows = np.array([-0.003, -0.0015, 0.0, 0.0015, 0.003])
    centre_t = (np.arange(SEGMENTS) + 0.5) / SEGMENTS * 0.96 + 0.02
    shapes = np.array(list(itertools.product(slopes, bows)))
    row_size = float(across[1] - across[0])
    response = np.stack([_response(segments, seen, s, b, centre_t, row_size) for s, b in shapes])
    variation = _variation(colours, strip.inside)
    candidates = _peaks(response, shapes, across, variation)
    return SideSearch(tuple(candidates), response.max(0), across, float(strip.inside.mean()))


def _response(segments: Floats, seen: Array, slope: float, bow: float, centre_t: Array, row_size: float) -> Array:
    """Return per row how strong and how continuous the colour step along the shifted line is (rows,)."""
    rows = len(segments)
    shift = (slope * (centre_t - 0.5) + bow * (1 - (2 * centre_t - 1) ** 2)) / row_size
    index = np.clip(np.arange(rows)[:, None] + np.round(shift)[None].astype(int), 0, rows - 1)
    columns = np.arange(SEGMENTS)[None]
    moved, visible = segments[index, columns], seen[index, columns]
    strength = np.sort(np.abs(moved).max(2), axis=1)
    count = np.maximum(visible.sum(1), 1)
    # Mean of the stronger three quarters of the visible segments: up to a quarter may be hidden without a loss.
    kept = strength[:, SEGMENTS // 4 :].sum(1) / np.maximum(count - SEGMENTS // 4, SEGMENTS // 4)
    steady = np.abs(moved.sum(1)).max(1) / count
    return np.asarray(0.6 * kept + 0.4 * steady, np.float64)


def _variation(colours: Floats, inside: Array) -> Array:
    """Return per row and segment the colours' variation along the row, and the segments' mean colours' spread."""
    rows = len(colours)
    blocks = colours.reshape(rows, SEGMENTS, COLUMNS_PER_SEGMENT, 3)
    texture = blocks.std(2).mean(2)
    texture[~inside.reshape(rows, SEGMENTS, COLUMNS_PER_SEGMENT).all(2)] = np.nan
    return np.asarray(texture, np.float64)


def _peaks(response: Array, shapes: Array, across: Array, variation: Array) -> list[Candidate]:
    strongest = response.max(0)
    level = float(np.median(strongest))
    row_size = float(across[1] - across[0])
    gap = max(2, int(MIN_SEPARATION / row_size))
    left = strongest.copy()
    edge = max(3, int(0.004 / row_size))
    left[:edge] = left[-edge:] = 0
    found: list[Candidate] = []
    top = float(left.max())
    for _ in range(MAX_CANDIDATES):
        row = int(np.argmax(left))
        if left[row] <= max(1.2 * level, 0.2 * top):
            break
        slope, bow = shapes[int(np.argmax(response[:, row]))]
        contrast = _contrast(variation, row, float(slope), float(bow), row_size)
        found.append(Candidate(float(across[row]), float(slope), float(bow), float(strongest[row]) / top, contrast))
        left[max(0, row - gap) : row + gap + 1] = 0
    return found


def _contrast(variation: Array, row: int, slope: float, bow: float, row_size: float) -> float:
    centre_t = (np.arange(SEGMENTS) + 0.5) / SEGMENTS * 0.96 + 0.02
    shift = (slope * (centre_t - 0.5) + bow * (1 - (2 * centre_t - 1) ** 2)) / row_size

    def level(first: float, last: float) -> float:
        offsets = np.arange(int(np.floor(first / row_size)), int(np.ceil(last / row_size)) + 1)
        index = np.clip(row + offsets[:, None] + np.round(shift)[None].astype(int), 0, len(variation) - 1)
        values = variation[index, np.arange(SEGMENTS)[None]]
        return float(np.nanmedian(values)) if np.isfinite(values).any() else 0.01

    return float(np.log((level(0.004, 0.022) + 0.003) / (level(-0.012, -0.0035) + 0.003)))


def choose(searches: list[SideSearch], expected: float, spread: float, *, common_offset: bool) -> Choice:
    """Pick the candidates that read as one frame.

    ``expected`` and ``spread`` say where the mask (or the strings) put the inner edge; with ``common_offset`` the
    four offsets share one unknown shift (a mask is too fat or too thin all around).
    """
    sides = [list(search.candidates) or [None] for search in searches]
    unary = [np.array([_own_score(item, expected, spread) for item in side]) for side in sides]
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
    if common_offset:
        offsets = np.meshgrid(*[[0.0 if c is None else c.offset for c in side] for side in sides], indexing="ij")
        stacked = np.stack(offsets)
        total = total - 0.5 * np.sum(((stacked - stacked.mean(0)) / 0.012) ** 2, axis=0)
    best = np.unravel_index(int(np.argmax(total)), total.shape)
    picked = tuple(side[i] for side, i in zip(sides, best, strict=True))
    return _against_rivals(total, sides, picked)


def _own_score(item: Candidate | None, expected: float, spread: float) -> float:
    if item is None:
        return -3.0
    return (
        1.5 * float(np.log(item.strength))
        + 1.5 * float(np.clip(item.contrast, -1.0, 1.2))
        - 0.5 * ((item.offset - expected) / spread) ** 2
    )


def _alike(one: SideSearch, a: Candidate | None, other: SideSearch, b: Candidate | None) -> float:
    """Return how well the step patterns outside two candidates match (-1 to 1), which they do for one frame's bars."""
    if a is None or b is None:
        return 0.0
    depths = np.linspace(-PATTERN_DEPTH, -0.004, 120)
    first = np.interp(a.offset + depths, one.across, one.profile, left=np.nan, right=np.nan)
    second = np.interp(b.offset + depths, other.across, other.profile, left=np.nan, right=np.nan)
    both = np.isfinite(first) & np.isfinite(second)
    if both.sum() < 30:
        return 0.0
    first, second = first[both] - first[both].mean(), second[both] - second[both].mean()
    norm = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / norm if norm > 1e-9 else 0.0


def _against_rivals(total: Array, sides: list[list[Candidate | None]], picked: tuple[Candidate | None, ...]) -> Choice:
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
        return Choice(picked, 99.0, 0.0)
    rival = np.where(differs, total, -np.inf)
    where = np.unravel_index(int(np.argmax(rival)), rival.shape)
    return Choice(picked, float(total.max() - rival[where]), float(distance[where]))


def edge_points(photo: Photograph, model: PlaneModel, side: int, candidate: Candidate, window: float) -> EdgePoints:
    """Return sub-pixel points of the edge near a candidate line, outliers to a parabola removed.

    The frame's colour is steady and the seabed's is not, so the step's main colour direction over the whole side is
    taken first (principal axis of the gradients), then each column's strongest step in that direction.
    """
    side_px = float(side_lengths(model.corners_px).mean())
    step = max(0.7 / side_px, window / 40)
    across = np.arange(-window, window + step / 2, step)
    along = np.linspace(0.015, 0.985, FINE_COLUMNS)
    strip = side_strip(photo, model, side, candidate.inward(along), across, along, step * side_px)
    smooth = cv2.GaussianBlur(strip.values, (0, 0), sigmaX=1.5, sigmaY=1.2)
    gradient = smooth[2:] - smooth[:-2]
    near = np.exp(-0.5 * (across[1:-1] / (0.6 * window)) ** 2)
    weighted = (gradient * near[:, None, None].astype(np.float32)).reshape(-1, 3)
    _, vectors = np.linalg.eigh((weighted.T @ weighted).astype(np.float64))
    step_size = np.abs(gradient @ vectors[:, -1].astype(np.float32)) * near[:, None].astype(np.float32)
    row = np.clip(step_size.argmax(0), 1, len(step_size) - 2)
    column = np.arange(FINE_COLUMNS)
    before, peak, after = step_size[row - 1, column], step_size[row, column], step_size[row + 1, column]
    curve = np.minimum(before - 2 * peak + after, -1e-6)
    position = across[1:-1][row] + np.clip(0.5 * (before - after) / curve, -0.5, 0.5) * step
    usable = strip.inside.all(0) & (peak > 0.006) & (np.abs(position) < 0.97 * window)
    inlier = _parabola_inliers(along, position, usable, max(0.0012, 1.5 / side_px))
    inward = candidate.inward(along) + position
    points = model.to_image(on_side(side, along[inlier], inward[inlier]))
    return EdgePoints(points, float(inlier.sum()) / FINE_COLUMNS)


def _parabola_inliers(along: Array, position: Array, usable: Array, tolerance: float) -> Array:
    """Return which points lie on the best straight line (200 pairs tried), then on a parabola refined from it."""
    index = np.nonzero(usable)[0]
    none = np.zeros(len(along), bool)
    if len(index) < 25:
        return none
    random = np.random.default_rng(0)
    pairs = random.choice(index, (200, 2))
    pairs = pairs[np.abs(along[pairs[:, 0]] - along[pairs[:, 1]]) > 0.2]
    if len(pairs) == 0:
        return none
    run = along[pairs[:, 1]] - along[pairs[:, 0]]
    slope = (position[pairs[:, 1]] - position[pairs[:, 0]]) / run
    start = position[pairs[:, 0]] - slope * along[pairs[:, 0]]
    distance = np.abs(position[index][None] - start[:, None] - slope[:, None] * along[index][None])
    best = int(np.argmax((distance < tolerance).sum(1)))
    inlier = none.copy()
    inlier[index] = distance[best] < tolerance
    for degree in (1, 2, 2):
        if inlier.sum() < 20:
            return none
        fitted = np.polyval(np.polyfit(along[inlier], position[inlier], degree), along)
        inlier = usable & (np.abs(position - fitted) < tolerance)
    return inlier
