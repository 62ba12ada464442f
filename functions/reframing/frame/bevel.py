"""Where a bar really ends, if a bevel or shading has several parallel steps."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from reefsteps.arrays import Float64Array
from reframing.frame.side_points import FINE_COLUMNS
from reframing.frame.side_search import Candidate
from reframing.plane.geometry import side_lengths
from reframing.plane.sampling import Photograph, side_strip
from reframing.plane.view import PlaneModel

NEIGHBOUR_REACH = 0.009
NEIGHBOUR_STRENGTH = 0.2  # of the fitted edge's step
NEIGHBOUR_CREST = 0.06
NEIGHBOUR_CALM = 0.5  # of the seabed's variation
# Where a bar's calm ends: looked for between these positions, as a rise of the log variation by at least this much.
CALM_FROM = 0.006
CALM_TO = 0.011
CALM_RISE = 0.7
CALM_LAG = 0.0008  # the seabed's variation beside a blurred edge is still the edge's own
MIN_SHIFT = 0.0018
COARSEST_STEP = 0.002  # parts of the side: a quadrat of fewer pixels shows no bevel


@dataclass(frozen=True)
class _Across:
    """What a side shows across itself, along its whole length or a part of it."""

    at: Float64Array  # (rows,), inward positions
    steps: Float64Array  # (rows,), usual size of the colour step
    busy: Float64Array  # (rows,), usual variation of the colours along the side


def inner_end(photo: Photograph, model: PlaneModel, side: int) -> Candidate | None:
    """Return where the bar really ends, when that is further in than the fitted side; else None.

    A bevel or a tube's shading has several parallel steps a few pixels apart, and the strongest need not be the last.
    Two signs are looked for: a weaker step further in, with what lies between as uniform as a bar, along the whole
    side; and, in each half of it, the place where the calm bar gives way to the busy seabed.
    """
    side_px = float(side_lengths(model.corners_px).mean())
    step = max(0.7 / side_px, 0.0003)
    if step > COARSEST_STEP:
        return None
    across = np.arange(-CALM_FROM, 2.5 * NEIGHBOUR_REACH, step)
    along = np.linspace(0.02, 0.98, FINE_COLUMNS)
    strip = side_strip(photo, model, side, np.zeros_like(along), across, along, step * side_px)
    smooth = np.asarray(cv2.GaussianBlur(strip.values, (0, 0), sigmaX=1.0, sigmaY=1.0), np.float64)
    halves = [_end_of_calm(_profile(part, across)) for part in np.array_split(smooth, 2, axis=1)]
    known = [end for end in halves if end is not None]
    inward = min(known, default=0.0)  # a coral's smooth side in one half is no bevel
    if inward < MIN_SHIFT:
        inward = _last_step(_profile(smooth, across), step)
    return Candidate(inward, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0) if inward > 0 else None


def _profile(smooth: Float64Array, across: Float64Array) -> _Across:
    steps = np.median(np.linalg.norm(smooth[2:] - smooth[:-2], axis=2), axis=1)
    busy = np.median(np.abs(np.diff(smooth, axis=1)).sum(2), axis=1)[1:-1]
    return _Across(across[1:-1], steps, busy)


def _end_of_calm(profile: _Across) -> float | None:
    """Return where the variation rises, by the best two-level fit to its logarithm; None where it hardly does."""
    near = profile.at < CALM_TO
    levels = np.log(profile.busy[near] + 0.002)
    count = np.arange(3, len(levels) - 2)
    before = np.cumsum(levels)[count - 1]
    after = levels.sum() - before
    best = int(np.argmax(before**2 / count + after**2 / (len(levels) - count)))
    split = int(count[best])
    rise = after[best] / (len(levels) - split) - before[best] / split
    if rise < CALM_RISE:
        return None
    return float(profile.at[split - 1 : split + 1].mean()) + CALM_LAG


def _last_step(profile: _Across, step: float) -> float:
    """Return the furthest step that a uniform strip joins to the fitted one; 0 when there is none."""
    at, steps, busy = profile.at, profile.steps, profile.busy
    own = float(steps[np.abs(at) < 0.0012].max())
    floor = float(np.median(steps[at > 1.2 * NEIGHBOUR_REACH]))
    crest = np.r_[False, (steps[1:-1] >= steps[:-2]) & (steps[1:-1] > steps[2:]), False]
    found = 0.0
    for row in np.nonzero(crest & (at > max(0.0012, 3.5 * step)) & (at < NEIGHBOUR_REACH))[0]:
        between = float(np.median(busy[(at > 0.3 * at[row]) & (at < 0.8 * at[row])]))
        beyond = float(np.median(busy[row + 2 : row + 3 + int(0.004 / step)]))
        valley = float(steps[(at > 0) & (at < at[row])].min())
        height = max(own - floor, 0.004)
        strong = steps[row] - floor > NEIGHBOUR_STRENGTH * height and steps[row] - valley > NEIGHBOUR_CREST * height
        if strong and between < NEIGHBOUR_CALM * beyond:
            found = float(at[row])
    return found
