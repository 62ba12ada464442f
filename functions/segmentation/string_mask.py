"""The pixels under strings in a reframed picture. (`reframing.strings` finds the grid before, in the photograph.)

A CRIOBE frame has 10 x 10 cells, a rectangular one as many square cells as fit. Reframing puts each string within about
one percent of its place. There it is followed block by block as the brightest or darkest thin line, by dynamic
programming. The same search half way between the strings' places measures what is found by chance; a line that is not
clearly stronger is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from reefsteps.arrays import ByteArray, Float32Array, Int32Array, IntArray

USUAL_CELLS = (10, 10)  # along the top and down

_WORK_PX = 1200  # strings of 2 to 4 mm on 1 m are 2 to 5 pixels wide at this size
_SEARCH_CELLS = 0.15  # how far from its place a string may lie, in cells
_BLOCKS = 24  # pieces that a string is followed in
_HALF_WIDTHS_PX = (0, 1, 2, 3)  # at work size
_STEP_PX = 2  # how far a string may wander from one block to the next, at work size
# How much more a string must stand out than the best of the lines found by chance, and in grey levels.
_LEAST_PROMINENCE = 1.5
_LEAST_CONTRAST = 3.0


@dataclass(frozen=True, eq=False)
class _Line:
    """The best line of a search: its column in each block, and how much it stands out (grey levels)."""

    columns: IntArray
    contrast: float


@dataclass(frozen=True, eq=False)
class _String:
    """A string: its (N, 2) int32 points x, y and its thickness."""

    points: Int32Array
    thickness_px: int


def find_strings(picture_bgr: ByteArray, cells: tuple[int, int] | None = None) -> ByteArray:
    """Return the (H, W) uint8 mask of the strings in an (H, W, 3) reframed picture: 255 under a string, else 0.

    ``cells`` is how many cells of the grid lie along the top and down; None for 10 x 10.
    """
    height, width = picture_bgr.shape[:2]
    scale = min(1.0, _WORK_PX / max(height, width))
    small = cv2.resize(picture_bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
    along_top, along_side = cells or USUAL_CELLS
    down, across = _find_lines(grey, along_top), _find_lines(np.ascontiguousarray(grey.T), along_side)
    # All strings of a quadrat are of the same cord; something beside a single string may make it look wider.
    thickness_px = round(float(np.median([line.thickness_px for line in down + across]))) if down or across else 0
    mask = np.zeros(grey.shape, np.uint8)
    for lines, is_across in ((down, False), (across, True)):
        for line in lines:
            points = line.points[:, ::-1] if is_across else line.points
            cv2.polylines(mask, [np.ascontiguousarray(points)], isClosed=False, color=255, thickness=thickness_px)
    return np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)


def _find_lines(grey: ByteArray, cells: int) -> list[_String]:
    """Return the strings that run down a (H, W) picture and divide it into ``cells`` columns."""
    height, width = grey.shape
    rows = np.linspace(0, height, _BLOCKS + 1).astype(int)
    profiles = np.stack([grey[a:b].mean(axis=0, dtype=np.float32) for a, b in pairwise(rows)])
    reach = max(4, round(_SEARCH_CELLS / cells * width))
    by_chance = max(_best_line(profiles, (cell + 0.5) / cells, reach).contrast for cell in range(1, cells - 1))
    least = max(_LEAST_CONTRAST, _LEAST_PROMINENCE * by_chance)
    candidates = (_best_line(profiles, cell / cells, reach) for cell in range(1, cells))
    along = np.concatenate([[0], (rows[:-1] + rows[1:]) // 2, [height - 1]])
    return [
        _String(
            np.column_stack([np.pad(line.columns, 1, mode="edge"), along]).astype(np.int32),
            _thickness_px(profiles, line),
        )
        for line in candidates
        if line.contrast >= least
    ]


def _best_line(profiles: Float32Array, place: float, reach: int) -> _Line:
    """Return the line that stands out most within `reach` columns of `place` (a share of the width)."""
    first = round(place * profiles.shape[1]) - reach
    lines = []
    for half_width in _HALF_WIDTHS_PX:
        raised = _contrast(profiles, half_width)[:, first : first + 2 * reach + 1]
        for contrast in (raised, -raised):
            columns = _follow(contrast)
            # The contrast that three quarters of the line reach: coral may hide the rest.
            common = float(np.percentile(contrast[np.arange(len(columns)), columns], 25))
            lines.append(_Line(columns + first, common))
    return max(lines, key=lambda line: line.contrast)


def _thickness_px(profiles: Float32Array, line: _Line) -> int:
    """Return the line's full width at half its height, in the mean of its cross-sections."""
    reach = 2 * max(_HALF_WIDTHS_PX) + 2
    across = np.arange(-reach, reach + 1)
    columns = np.clip(line.columns[:, None] + across, 0, profiles.shape[1] - 1)
    section = np.take_along_axis(profiles, columns, axis=1).mean(axis=0)
    height = section - np.median(section)
    height *= np.sign(height[reach])
    wide = height > 0.5 * height[reach - 1 : reach + 2].max()
    left, right = int(np.argmin(wide[reach::-1])), int(np.argmin(wide[reach:]))
    return max(1, left + right - 1)


def _contrast(profiles: Float32Array, half_width: int) -> Float32Array:
    """Return, for each column, the mean over a line centred there less that of its nearer flank; 0 on slopes."""
    size = 2 * half_width + 1
    mean = cv2.blur(profiles, (size, 1))
    left, right = np.roll(mean, size, axis=1), np.roll(mean, -size, axis=1)
    # The flank with the nearer grey level decides: an edge between two grounds is no line.
    above, below = mean - np.maximum(left, right), mean - np.minimum(left, right)
    return np.where(above > 0, above, np.where(below < 0, below, 0)).astype(np.float32)


def _follow(contrast: Float32Array) -> IntArray:
    """Return the column of greatest total contrast in each row, neighbours at most `_STEP_PX` apart."""
    count, width = contrast.shape
    total, come_from = contrast[0].astype(np.float64), np.zeros((count, width), np.int64)
    offsets = np.arange(-_STEP_PX, _STEP_PX + 1)
    for row in range(1, count):
        padded = np.pad(total, _STEP_PX, constant_values=-np.inf)
        options = np.stack([padded[_STEP_PX + o : _STEP_PX + o + width] for o in offsets])
        choice = options.argmax(axis=0)
        come_from[row] = np.arange(width) + offsets[choice]
        total = options[choice, np.arange(width)] + contrast[row]
    columns = np.empty(count, np.int64)
    columns[-1] = int(total.argmax())
    for row in range(count - 1, 0, -1):
        columns[row - 1] = come_from[row, columns[row]]
    return columns
