"""Which straight steps of the four sides are the frame's inner edge: every reading is scored as a whole."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from reefsteps.arrays import Float64Array
from reframing.frame.side_search import PATTERN_DEPTH, Candidate, SideSearch
from reframing.plane.view import FOCAL_LENGTHS, PlaneModel

INSIDE_STEP_WEIGHT = 4.0
COMMON_OFFSET_SPREAD = 0.012
WITHOUT_A_SIDE = -3.0
CONTRAST_WEIGHT = 0.7
COLOUR_WEIGHT = 4.0
RIVAL_WEIGHT = 4.0
RIVAL_FROM = 0.5  # strength of a line further in, relative to the candidate's
SQUARE_SPREAD = 0.006  # by which coarse lines of the right reading miss a square
MAX_READINGS = 5
APART = 0.006  # readings that lie nearer than this are one
PARALLEL = 0.004  # difference of slopes
SQUARE_LIMIT = 6.0  # score that a reading loses at most for being no square


@dataclass(frozen=True)
class Choice:
    """One candidate per side (None where a side has none) and how well they read as one frame."""

    candidates: tuple[Candidate | None, ...]
    score: float
    score_as_square: float  # the part of the score (0 or less) that is due to the view of a square
    likeness: float  # correlation of the least fitting side's steps with the other three's
    inner_rival: float  # strength of the strongest line that runs parallel further in, relative to its side's candidate


def choose(
    searches: list[SideSearch], priors: tuple[tuple[float, float], ...], start: PlaneModel | None
) -> list[Choice]:
    """Return the readings that differ by more than 0.6 % of the side somewhere, best first.

    Each prior (offset, spread) is a place where the mask (or the strings) may put the inner edge; the four offsets
    share one unknown shift (a mask is too fat or too thin all around). With ``start``, the model that the searches were
    made around, the reading must be a view of its opening; without it strings stand in, and a side may go without.
    """
    sides: list[list[Candidate | None]] = [
        [*search.candidates, None] if start is None or not search.candidates else list(search.candidates)
        for search in searches
    ]
    unary = [
        np.array([_own_score(search, item, priors) for item in side])
        for search, side in zip(searches, sides, strict=True)
    ]
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
    square = np.zeros_like(total)
    if start is not None:
        square = -np.minimum(0.5 * (_squareness(start, sides) / SQUARE_SPREAD) ** 2, SQUARE_LIMIT)
    return _ranked(total + square, square, sides, searches)


def _spread_of_offsets(sides: list[list[Candidate | None]]) -> Float64Array:
    """Return for every reading the sum of squared differences of its offsets from their mean."""
    offsets = np.meshgrid(*[[np.nan if c is None else c.offset for c in side] for side in sides], indexing="ij")
    stacked = np.stack(offsets)
    seen = np.isfinite(stacked)
    mean = np.nansum(stacked, axis=0) / np.maximum(seen.sum(0), 1)
    return np.asarray(np.nansum((stacked - mean) ** 2, axis=0))


def _squareness(start: PlaneModel, sides: list[list[Candidate | None]]) -> Float64Array:
    """Return for every reading by how much its lines are no view of the opening (``geometry.squareness_error``)."""
    width, height = start.extent
    offset = np.meshgrid(*[[0.0 if c is None else c.offset for c in side] for side in sides], indexing="ij")
    slope = np.meshgrid(*[[0.0 if c is None else c.slope for c in side] for side in sides], indexing="ij")

    def corner(row: int, column: int) -> Float64Array:
        """Return where a top or bottom line (y = a + b x) meets a left or right one (x = c + d y)."""
        rise, run = (slope[row] if row == 0 else -slope[row]), (slope[column] if column == 3 else -slope[column])
        a = (offset[row] if row == 0 else height - offset[row]) - 0.5 * rise
        c = (offset[column] if column == 3 else width - offset[column]) - 0.5 * run
        b, d = rise / width, run / height
        x = (c + d * a) / (1 - b * d)
        return np.stack([x, a + b * x], axis=-1)

    corners = np.stack([corner(0, 3), corner(0, 1), corner(2, 1), corner(2, 3)], axis=-2)
    matrix = start.matrix @ _from_unit_square(corners) / np.array([width, height, 1.0])
    focal = FOCAL_LENGTHS[::3]
    first, second = (matrix[..., :, column, None] / np.stack([focal, focal, np.ones_like(focal)]) for column in (0, 1))
    lengths = np.linalg.norm(first, axis=-2), np.linalg.norm(second, axis=-2)
    skew = np.abs(np.sum(first * second, axis=-2)) / (lengths[0] * lengths[1])
    return np.asarray(np.maximum(np.abs(np.log(lengths[0] / lengths[1])), skew).min(-1))


def _from_unit_square(corners: Float64Array) -> Float64Array:
    """Return the homographies (..., 3, 3) of the unit square to corners (..., 4, 2) (Heckbert 1989, section 2.2)."""
    p0, p1, p2, p3 = np.moveaxis(corners, -2, 0)
    d1, d2, excess = p1 - p2, p3 - p2, p0 - p1 + p2 - p3
    scale = d1[..., 0] * d2[..., 1] - d2[..., 0] * d1[..., 1]
    g = (excess[..., 0] * d2[..., 1] - d2[..., 0] * excess[..., 1]) / scale
    h = (d1[..., 0] * excess[..., 1] - excess[..., 0] * d1[..., 1]) / scale
    first = np.concatenate([p1 - p0 + g[..., None] * p1, g[..., None]], axis=-1)
    second = np.concatenate([p3 - p0 + h[..., None] * p3, h[..., None]], axis=-1)
    third = np.concatenate([p0, np.ones_like(g)[..., None]], axis=-1)
    return np.stack([first, second, third], axis=-1)


def _own_score(search: SideSearch, item: Candidate | None, priors: tuple[tuple[float, float], ...]) -> float:
    if item is None:
        return WITHOUT_A_SIDE
    rival = float(np.clip(_rival(search, item) - RIVAL_FROM, 0.0, 1.0))
    return (
        0.8 * float(np.log(max(item.strength, 0.05)))
        + CONTRAST_WEIGHT * float(np.clip(item.contrast, -1.0, 1.2))
        + COLOUR_WEIGHT * float(np.clip(item.colour, -1.0, 1.0))
        + 1.0 * item.backing
        - RIVAL_WEIGHT * rival
        - 0.5 * min(((item.offset - expected) / spread) ** 2 for expected, spread in priors)
    )


def _pattern(search: SideSearch, item: Candidate, depths: Float64Array) -> Float64Array:
    """Return the responses parallel to a candidate at ``depths`` from it (inside > 0); nan beyond the window."""
    profile = search.profiles[item.profile]
    return np.asarray(np.interp(item.offset + depths, search.across, profile, left=np.nan, right=np.nan))


def _alike(one: SideSearch, a: Candidate | None, other: SideSearch, b: Candidate | None) -> float:
    """Return how well the step patterns outside two candidates match (-1 to 1), which they do for one frame's bars."""
    if a is None or b is None:
        return 0.0
    depths = np.linspace(-PATTERN_DEPTH, -0.004, 120)
    return _correlation(_pattern(one, a, depths), _pattern(other, b, depths))


def _common_step_inside(searches: list[SideSearch], sides: list[list[Candidate | None]]) -> Float64Array:
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


def _likeness(searches: list[SideSearch], picked: tuple[Candidate | None, ...]) -> float:
    """Return how well the least fitting side's steps match the mean of the other sides' (-1 to 1)."""
    depths = np.linspace(-PATTERN_DEPTH, 0.006, 130)
    patterns = [
        _pattern(search, item, depths) for search, item in zip(searches, picked, strict=True) if item is not None
    ]
    if len(patterns) < 3:
        return 0.0
    return min(
        _correlation(pattern, np.mean([np.nan_to_num(other) for other in patterns if other is not pattern], axis=0))
        for pattern in patterns
    )


def _rival(search: SideSearch, item: Candidate) -> float:
    """Return the strength of the strongest line parallel to a candidate and inside of it, relative to the candidate's.

    Seabed has no such lines; a ruler along the inner edge has, and then the candidate is the ruler's outer edge.
    """
    return max(
        (
            other.strength / max(item.strength, 0.05)
            for other in search.candidates
            if other.offset - item.offset > APART and abs(other.slope - item.slope) < PARALLEL
        ),
        default=0.0,
    )


def _inner_rival(searches: list[SideSearch], picked: tuple[Candidate | None, ...]) -> float:
    return max(
        (_rival(search, item) for search, item in zip(searches, picked, strict=True) if item is not None), default=0.0
    )


def _correlation(first: Float64Array, second: Float64Array) -> float:
    both = np.isfinite(first) & np.isfinite(second)
    if both.sum() < 15:
        return 0.0
    first, second = first[both] - first[both].mean(), second[both] - second[both].mean()
    norm = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / norm if norm > 1e-9 else 0.0


def _ranked(
    total: Float64Array, square: Float64Array, sides: list[list[Candidate | None]], searches: list[SideSearch]
) -> list[Choice]:
    left = total.copy()
    ranked: list[Choice] = []
    while len(ranked) < MAX_READINGS:
        where = np.unravel_index(int(np.argmax(left)), left.shape)
        if not np.isfinite(left[where]):
            break
        picked = tuple(side[i] for side, i in zip(sides, where, strict=True))
        score, as_square = float(total[where]), float(square[where])
        ranked.append(Choice(picked, score, as_square, _likeness(searches, picked), _inner_rival(searches, picked)))
        differs = np.zeros(total.shape, bool)
        for index, (side, chosen) in enumerate(zip(sides, picked, strict=True)):
            far = np.array(
                [c is not None and chosen is not None and abs(c.offset - chosen.offset) > APART for c in side]
            )
            differs |= far.reshape([-1 if axis == index else 1 for axis in range(4)])
        left[~differs] = -np.inf
    return ranked
