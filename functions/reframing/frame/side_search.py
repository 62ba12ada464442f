"""Candidate lines for the frame's inner edge along one side.

A candidate is a straight or slightly bowed step of colour. For each candidate the search also measures how the two
bands beside it differ. A bar is uniform along its length and has the frame's colours; seabed varies.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import cv2
import numpy as np

from reefsteps.arrays import BoolArray, Float32Array, Float64Array, IndexArray
from reframing.frame.colour import FrameColour
from reframing.limits.frame import SIDE_SEARCH as LIMITS
from reframing.plane.geometry import side_lengths
from reframing.plane.sampling import ImagePyramid, largest_channel, side_strip
from reframing.plane.side import Side
from reframing.plane.view import PlaneModel


@dataclass(frozen=True)
class Candidate:
    """A straight or slightly bowed step of colour along one side.

    The inward position at t (0 to 1 along the side) is ``offset + slope (t - 0.5) + bow (1 - (2t - 1)^2)``, in shares
    of the side.
    """

    offset: float
    slope: float
    bow: float
    strength: float  # relative to the side's strongest
    contrast: float  # log of colour variation inside over that outside; > 0 at the bars' inner edge
    colour: float  # log ratio of the frame's colours, outside less inside (frame/colour.py)
    outer_line: float  # strength (0 to 1) of the best parallel line outside: a bar has other edges there
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
    """Colour variation and the frame's log ratio for each row and segment, (rows, segments) each; nan is unseen."""

    texture: Float64Array
    log_ratio: Float64Array
    row_size: float  # share of the side

    def _along(self, values: Float64Array, row: int, shift: IndexArray, first: float, last: float) -> Float64Array:
        offsets = np.arange(int(np.floor(first / self.row_size)), int(np.ceil(last / self.row_size)) + 1)
        index = np.clip(row + offsets[:, None] + shift[None], 0, len(values) - 1)
        return np.asarray(values[index, np.arange(LIMITS.segments)[None]])

    def contrast(self, row: int, shift: IndexArray) -> float:
        """Return the log ratio of colour variation inside to outside: the lower of a near and a far pair of bands."""

        def level(first: float, last: float) -> float:
            values = self._along(self.texture, row, shift, first, last)
            return float(np.nanmedian(values)) if np.isfinite(values).any() else LIMITS.unseen_texture

        def log_ratio(inside: tuple[float, float], outside: tuple[float, float]) -> float:
            return float(np.log((level(*inside) + LIMITS.texture_floor) / (level(*outside) + LIMITS.texture_floor)))

        return min(log_ratio(*LIMITS.texture_near), log_ratio(*LIMITS.texture_far))

    def colour_step(self, row: int, shift: IndexArray) -> float:
        """Return the frame's log ratio outside less that inside, for the more frame-like of two bands inside."""

        def level(first: float, last: float) -> float:
            values = self._along(self.log_ratio, row, shift, first, last)
            return float(np.nanmean(values)) if np.isfinite(values).any() else 0.0

        near, far = LIMITS.colour_inside
        return level(*LIMITS.colour_outside) - max(level(*near), level(*far))


def search_side(
    photo: ImagePyramid,
    model: PlaneModel,
    side: Side,
    window: tuple[float, float],
    max_slope: float,
    frame_colour: FrameColour,
) -> SideSearch:
    """Return the steps of colour along a side: inward positions within ``window``, slopes up to ``max_slope``."""
    step_px = float(side_lengths(model.corners_px).mean()) / LIMITS.rows_per_side
    rows = int((window[1] - window[0]) * LIMITS.rows_per_side)
    across = np.linspace(*window, rows)
    along = np.linspace(*LIMITS.along, LIMITS.segments * LIMITS.columns_per_segment)
    strip = side_strip(photo, model, side, np.zeros_like(along), across, along, step_px)
    colours = np.asarray(
        cv2.GaussianBlur(strip.values, (0, 0), sigmaX=LIMITS.smoothing_along, sigmaY=LIMITS.smoothing_across),
        np.float32,
    )
    gradient = np.zeros_like(colours)
    gradient[1:-1] = np.clip(colours[2:] - colours[:-2], -LIMITS.max_step, LIMITS.max_step)
    gradient[~strip.inside] = 0
    segments = gradient.reshape(rows, LIMITS.segments, LIMITS.columns_per_segment, 3).mean(2)
    seen = np.asarray(strip.inside.reshape(rows, LIMITS.segments, LIMITS.columns_per_segment).all(2))
    count = LIMITS.slopes_wide if max_slope > LIMITS.wide_from else LIMITS.slopes_narrow
    shapes = np.array(list(itertools.product(np.linspace(-max_slope, max_slope, count), LIMITS.bows)))
    row_size = float(across[1] - across[0])
    shifts = _shifts(shapes, row_size)
    largest = largest_channel(np.abs(segments))
    response = np.stack([_response(segments, largest, seen, shift) for shift in shifts])
    bands = _Bands(_texture(colours, strip.inside), _frame_log_ratio(frame_colour, colours, strip.inside), row_size)
    candidates = _peaks(response, shapes, shifts, across, bands)
    level, top = float(np.median(response.max(0))), float(response.max())
    profiles = np.clip((response - level) / max(top - level, LIMITS.min_range), 0, 1)
    return SideSearch(tuple(candidates), profiles, across, float(strip.inside.mean()))


def _shifts(shapes: Float64Array, row_size: float) -> IndexArray:
    """Return how many rows a line of each (slope, bow) lies inside of its offset, (shapes, segments)."""
    t = (np.arange(LIMITS.segments) + 0.5) / LIMITS.segments * (LIMITS.along[1] - LIMITS.along[0]) + LIMITS.along[0]
    off = shapes[:, :1] * (t - 0.5) + shapes[:, 1:] * (1 - (2 * t - 1) ** 2)
    return np.round(off / row_size).astype(np.intp)


def _response(segments: Float32Array, largest: Float32Array, seen: BoolArray, shift: IndexArray) -> Float64Array:
    """Return the strength of the step along the shifted line through each row, (rows,): continuous steps count more."""
    rows = len(segments)
    # Segments first: numpy adds up whole rows of memory several times faster than runs of 24 or 3 values.
    cells = (
        np.clip(np.arange(rows)[None] + shift[:, None], 0, rows - 1) * LIMITS.segments
        + np.arange(LIMITS.segments)[:, None]
    )
    strength = np.sort(largest.ravel().take(cells.T), axis=1)
    count = np.maximum(np.count_nonzero(seen.ravel().take(cells), axis=0), 1)
    # Mean of the stronger three quarters of the visible segments: up to a quarter may be hidden without a loss.
    hidden = LIMITS.segments // LIMITS.hidden_part
    kept = strength[:, hidden:].sum(1) / np.maximum(count - hidden, hidden)
    steady = largest_channel(np.abs(segments.reshape(-1, 3).take(cells, axis=0).sum(0))) / count
    return np.asarray(LIMITS.strength_weight * kept + LIMITS.steadiness_weight * steady, np.float64)


def _texture(colours: Float32Array, inside: BoolArray) -> Float64Array:
    """Return the standard deviation of colour along each row and segment; nan outside the photograph."""
    rows = len(colours)
    texture = colours.reshape(rows, LIMITS.segments, LIMITS.columns_per_segment, 3).std(2).mean(2).astype(np.float64)
    texture[~inside.reshape(rows, LIMITS.segments, LIMITS.columns_per_segment).all(2)] = np.nan
    return np.asarray(texture)


def _frame_log_ratio(frame_colour: FrameColour, colours: Float32Array, inside: BoolArray) -> Float64Array:
    """Return the mean log ratio of the frame's colours for each row and segment; nan outside the photograph."""
    rows = len(colours)
    log_ratio = (
        frame_colour.log_ratio(colours)
        .reshape(rows, LIMITS.segments, LIMITS.columns_per_segment)
        .mean(2)
        .astype(np.float64)
    )
    log_ratio[~inside.reshape(rows, LIMITS.segments, LIMITS.columns_per_segment).all(2)] = np.nan
    return np.asarray(log_ratio)


def _peaks(
    response: Float64Array, shapes: Float64Array, shifts: IndexArray, across: Float64Array, bands: _Bands
) -> list[Candidate]:
    """Return the strongest lines. A line that overlaps a stronger one along part of the side is not listed again."""
    level, top = float(np.median(response.max(0))), float(response.max())
    row_size = float(across[1] - across[0])
    reach = LIMITS.shared_within / row_size
    # Only local maxima across the line count: the flank of a blurred edge is no second edge.
    crest = cv2.dilate(response.astype(np.float32), np.ones((1, 2 * LIMITS.crest_rows + 1), np.uint8))
    remaining = np.where(response.astype(np.float32) >= crest, response, 0.0)
    border = max(LIMITS.min_border_rows, int(LIMITS.border / row_size))
    remaining[:, :border] = remaining[:, -border:] = 0
    found: list[Candidate] = []
    parallel = np.zeros(len(shapes), bool)
    usual = LIMITS.min_over_level * level
    for number in range(LIMITS.max_candidates):
        shape, row = np.unravel_index(int(np.argmax(remaining)), remaining.shape)
        if parallel.any() and usual > 0 and (number >= LIMITS.free_candidates or remaining[shape, row] <= usual):
            remaining[~parallel] = 0  # a bar's weaker edges run parallel to its stronger ones
            usual = 0.0
            shape, row = np.unravel_index(int(np.argmax(remaining)), remaining.shape)
        if remaining[shape, row] <= max(usual, LIMITS.min_over_own_level * float(np.median(response[shape]))):
            break
        if remaining[shape, row] > LIMITS.strong * top:
            parallel |= np.abs(shifts - shifts[shape]).max(1) <= LIMITS.parallel_within / row_size
        slope, bow = (float(value) for value in shapes[shape])
        contrast, colour = bands.contrast(int(row), shifts[shape]), bands.colour_step(int(row), shifts[shape])
        strength = float(remaining[shape, row]) / top
        found.append(Candidate(float(across[row]), slope, bow, strength, contrast, colour, 0.0, int(shape)))
        _suppress_overlapping(remaining, int(row), shifts - shifts[shape], reach)
    return [replace(item, outer_line=_strongest_outer_line(item, found)) for item in found]


def _suppress_overlapping(remaining: Float64Array, row: int, shifts: IndexArray, reach: float) -> None:
    """Set to 0, in place, the lines that lie within ``reach`` rows of the one at ``row`` along more than 15 % of it.

    ``shifts`` (shapes, segments) is the distance in rows between each shape and the line's own in each segment.
    """
    furthest = int(np.abs(shifts).max()) + int(np.ceil(reach))
    near = slice(max(0, row - furthest), row + furthest + 1)  # no line further away can share a part of the way
    apart = np.abs(np.arange(remaining.shape[1])[None, near, None] + shifts[:, None, :] - row)
    remaining[:, near][np.count_nonzero(apart < reach, axis=2) > LIMITS.shared_part * LIMITS.segments] = 0


def _strongest_outer_line(item: Candidate, others: list[Candidate]) -> float:
    """Return the strength of the best line outside of a candidate, weighted by how parallel the two are."""
    best = 0.0
    for other in others:
        if LIMITS.outer_line_from < item.offset - other.offset < LIMITS.pattern_depth:
            slope, bow = (
                (other.slope - item.slope) / LIMITS.outer_line_slope,
                (other.bow - item.bow) / LIMITS.outer_line_bow,
            )
            best = max(best, other.strength * float(np.exp(-0.5 * (slope**2 + bow**2))))
    return best
