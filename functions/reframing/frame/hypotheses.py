"""Which lines of the four sides are the frame's inner edge.

A frame's four bars are one object: across each of them the same steps of colour follow one another. So a hypothesis
takes one candidate line a side, and each combination is scored as a whole.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from reefsteps.arrays import Float64Array
from reframing.frame.side_search import Candidate, SideSearch
from reframing.limits.frame import HYPOTHESES as LIMITS
from reframing.limits.frame import SIDE_SEARCH
from reframing.plane.side import Side
from reframing.plane.view import FOCAL_LENGTHS, PlaneModel


@dataclass(frozen=True)
class Hypothesis:
    """One candidate a side (None where a side has none), and how well they form one frame."""

    candidates: tuple[Candidate | None, ...]
    score: float
    square_score: float  # part of the score (0 or less): how well the lines are a view of the opening
    similarity: float  # correlation of the least similar side's steps with those of the other three
    inner_rival: float  # strength of the strongest parallel line further in, relative to the candidate


def ranked_hypotheses(
    searches: list[SideSearch], priors: tuple[tuple[float, float], ...], start: PlaneModel | None
) -> list[Hypothesis]:
    """Return the hypotheses that differ by more than 0.6 % of the side on some side, best first.

    Each prior (offset, spread) is a place where the mask or the strings suggest the inner edge. The four offsets share
    one unknown shift, since a mask is too wide or too narrow all around. ``start`` is the model that the searches were
    made around; a hypothesis must be a view of its opening. Without ``start`` the strings give the shape, and a side
    may have no candidate.
    """
    sides: list[list[Candidate | None]] = [
        [*search.candidates, None] if start is None or not search.candidates else list(search.candidates)
        for search in searches
    ]
    unary = [
        np.array([_candidate_score(search, item, priors) for item in side])
        for search, side in zip(searches, sides, strict=True)
    ]
    total = np.zeros([len(side) for side in sides])
    for index, scores in enumerate(unary):
        total = total + scores.reshape([-1 if axis == index else 1 for axis in range(4)])
    for first, second in itertools.combinations(range(4), 2):
        pair = np.array(
            [
                [_pattern_similarity(searches[first], a, searches[second], b) for b in sides[second]]
                for a in sides[first]
            ]
        )
        shape = [1, 1, 1, 1]
        shape[first], shape[second] = pair.shape
        total = total + pair.reshape(shape)
    total = total - 0.5 * _spread_of_offsets(sides) / LIMITS.offset_spread**2
    total = total - LIMITS.inside_step_weight * _common_inner_step(searches, sides)
    square = np.zeros_like(total)
    if start is not None:
        square = -np.minimum(0.5 * (_squareness(start, sides) / LIMITS.square_spread) ** 2, LIMITS.max_square_penalty)
    return _best_first(total + square, square, sides, searches)


def _spread_of_offsets(sides: list[list[Candidate | None]]) -> Float64Array:
    """Return the sum of squared differences of the offsets from their mean, for each hypothesis."""
    offsets = np.meshgrid(*[[np.nan if c is None else c.offset for c in side] for side in sides], indexing="ij")
    stacked = np.stack(offsets)
    seen = np.isfinite(stacked)
    mean = np.nansum(stacked, axis=0) / np.maximum(seen.sum(0), 1)
    return np.asarray(np.nansum((stacked - mean) ** 2, axis=0))


def _squareness(start: PlaneModel, sides: list[list[Candidate | None]]) -> Float64Array:
    """Return `plane.view.squareness_error` of the four lines, for each hypothesis."""
    width, height = start.extent
    offset = np.meshgrid(*[[0.0 if c is None else c.offset for c in side] for side in sides], indexing="ij")
    slope = np.meshgrid(*[[0.0 if c is None else c.slope for c in side] for side in sides], indexing="ij")

    def corner(row: Side, column: Side) -> Float64Array:
        """Return where a top or bottom line (y = a + b x) meets a left or right one (x = c + d y)."""
        rise, run = (
            (slope[row] if row is Side.TOP else -slope[row]),
            (slope[column] if column is Side.LEFT else -slope[column]),
        )
        a = (offset[row] if row is Side.TOP else height - offset[row]) - 0.5 * rise
        c = (offset[column] if column is Side.LEFT else width - offset[column]) - 0.5 * run
        b, d = rise / width, run / height
        x = (c + d * a) / (1 - b * d)
        return np.stack([x, a + b * x], axis=-1)

    top_left, top_right = corner(Side.TOP, Side.LEFT), corner(Side.TOP, Side.RIGHT)
    bottom_right, bottom_left = corner(Side.BOTTOM, Side.RIGHT), corner(Side.BOTTOM, Side.LEFT)
    corners = np.stack([top_left, top_right, bottom_right, bottom_left], axis=-2)
    matrix = start.matrix @ _from_unit_square(corners) / np.array([width, height, 1.0])
    focal = FOCAL_LENGTHS[:: LIMITS.focal_length_step]
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


def _candidate_score(search: SideSearch, item: Candidate | None, priors: tuple[tuple[float, float], ...]) -> float:
    if item is None:
        return LIMITS.without_a_side
    rival = float(np.clip(_rival(search, item) - LIMITS.rival_from, 0.0, 1.0))
    return (
        LIMITS.strength_weight * float(np.log(max(item.strength, LIMITS.min_strength)))
        + LIMITS.contrast_weight * float(np.clip(item.contrast, *LIMITS.contrast_range))
        + LIMITS.colour_weight * float(np.clip(item.colour, -1.0, 1.0))
        + item.outer_line
        - LIMITS.rival_weight * rival
        - 0.5 * min(((item.offset - expected) / spread) ** 2 for expected, spread in priors)
    )


def _pattern(search: SideSearch, item: Candidate, depths: Float64Array) -> Float64Array:
    """Return the responses parallel to a candidate at ``depths`` from it (inside > 0); nan beyond the window."""
    profile = search.profiles[item.profile]
    return np.asarray(np.interp(item.offset + depths, search.across, profile, left=np.nan, right=np.nan))


def _pattern_similarity(one: SideSearch, a: Candidate | None, other: SideSearch, b: Candidate | None) -> float:
    """Return the correlation (-1 to 1) of the steps outside two candidates: high for two bars of one frame."""
    if a is None or b is None:
        return 0.0
    depths = np.linspace(-SIDE_SEARCH.pattern_depth, LIMITS.pattern_end, LIMITS.pattern_places)
    return _correlation(_pattern(one, a, depths), _pattern(other, b, depths))


def _common_inner_step(searches: list[SideSearch], sides: list[list[Candidate | None]]) -> Float64Array:
    """Return the strongest step (0 to 1) that all four sides show at one distance further in, for each hypothesis.

    The inner edge is the innermost step of the bars. A step further in, equally far on every side, means that the
    hypothesis takes a line within the bars for the edge.
    """
    depths = np.linspace(*LIMITS.inside_step_range, LIMITS.inside_step_places)
    total = np.zeros([len(side) for side in sides] + [len(depths)])
    for index, (search, side) in enumerate(zip(searches, sides, strict=True)):
        patterns = np.array(
            [np.zeros(len(depths)) if item is None else np.nan_to_num(_pattern(search, item, depths)) for item in side]
        )
        total = total + patterns.reshape([-1 if axis in (index, 4) else 1 for axis in range(4)] + [len(depths)])
    return np.asarray(total.max(-1) / 4)


def _similarity(searches: list[SideSearch], picked: tuple[Candidate | None, ...]) -> float:
    """Return the correlation (-1 to 1) of the least similar side's steps with the mean of the other sides'."""
    depths = np.linspace(-SIDE_SEARCH.pattern_depth, LIMITS.similarity_end, LIMITS.similarity_places)
    patterns = [
        _pattern(search, item, depths) for search, item in zip(searches, picked, strict=True) if item is not None
    ]
    if len(patterns) < LIMITS.min_similar_sides:
        return 0.0
    return min(
        _correlation(pattern, np.mean([np.nan_to_num(other) for other in patterns if other is not pattern], axis=0))
        for pattern in patterns
    )


def _rival(search: SideSearch, item: Candidate) -> float:
    """Return the strength of the strongest parallel line inside of a candidate, relative to the candidate.

    Seabed has no such line. If a ruler lies along the inner edge, the candidate may be the ruler's outer edge.
    """
    return max(
        (
            other.strength / max(item.strength, LIMITS.min_strength)
            for other in search.candidates
            if other.offset - item.offset > LIMITS.apart and abs(other.slope - item.slope) < LIMITS.parallel
        ),
        default=0.0,
    )


def _inner_rival(searches: list[SideSearch], picked: tuple[Candidate | None, ...]) -> float:
    return max(
        (_rival(search, item) for search, item in zip(searches, picked, strict=True) if item is not None), default=0.0
    )


def _correlation(first: Float64Array, second: Float64Array) -> float:
    both = np.isfinite(first) & np.isfinite(second)
    if both.sum() < LIMITS.min_common_places:
        return 0.0
    first, second = first[both] - first[both].mean(), second[both] - second[both].mean()
    norm = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / norm if norm > LIMITS.min_norm else 0.0


def _best_first(
    total: Float64Array, square: Float64Array, sides: list[list[Candidate | None]], searches: list[SideSearch]
) -> list[Hypothesis]:
    left = total.copy()
    ranked: list[Hypothesis] = []
    while len(ranked) < LIMITS.max_hypotheses:
        where = np.unravel_index(int(np.argmax(left)), left.shape)
        if not np.isfinite(left[where]):
            break
        picked = tuple(side[i] for side, i in zip(sides, where, strict=True))
        score, as_square = float(total[where]), float(square[where])
        ranked.append(
            Hypothesis(picked, score, as_square, _similarity(searches, picked), _inner_rival(searches, picked))
        )
        differs = np.zeros(total.shape, bool)
        for index, (side, chosen) in enumerate(zip(sides, picked, strict=True)):
            far = np.array(
                [c is not None and chosen is not None and abs(c.offset - chosen.offset) > LIMITS.apart for c in side]
            )
            differs |= far.reshape([-1 if axis == index else 1 for axis in range(4)])
        left[~differs] = -np.inf
    return ranked
