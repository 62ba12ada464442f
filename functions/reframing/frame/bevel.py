"""Where a bar really ends, if its bevel or shading shows several parallel steps."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from reefsteps.arrays import Float64Array
from reframing.frame.side_search import Candidate
from reframing.limits.frame import BEVEL as LIMITS
from reframing.limits.frame import SIDE_POINTS
from reframing.plane.geometry import side_lengths
from reframing.plane.sampling import ImagePyramid, side_strip
from reframing.plane.side import Side
from reframing.plane.view import PlaneModel


@dataclass(frozen=True)
class _Across:
    """Profiles across a side, taken along its whole length or a part of it."""

    at: Float64Array  # (rows,), inward positions
    steps: Float64Array  # (rows,), usual size of the colour step
    busy: Float64Array  # (rows,), usual variation of the colours along the side


def bar_end(photo: ImagePyramid, model: PlaneModel, side: Side) -> Candidate | None:
    """Return where the bar ends if that is further in than the fitted side; else None.

    A bevel or the shading of a tube has several parallel steps a few pixels apart, and the strongest need not be the
    last. Two signs show the end. In both halves of the side, the uniform bar gives way to the varied seabed there. Or
    there is a weaker step further in along the whole side, with a band as uniform as a bar before it.
    """
    side_px = float(side_lengths(model.corners_px).mean())
    step = max(LIMITS.step_px / side_px, LIMITS.finest_step)
    if step > LIMITS.coarsest_step:
        return None
    across = np.arange(-LIMITS.calm_from, LIMITS.profile_end * LIMITS.reach, step)
    along = np.linspace(*LIMITS.along, SIDE_POINTS.columns)
    strip = side_strip(photo, model, side, np.zeros_like(along), across, along, step * side_px)
    smooth = np.asarray(cv2.GaussianBlur(strip.values, (0, 0), sigmaX=1.0, sigmaY=1.0), np.float64)
    halves = [_end_of_calm(_profile(part, across)) for part in np.array_split(smooth, 2, axis=1)]
    known = [end for end in halves if end is not None]
    inward = min(known, default=0.0)  # a coral's smooth side in one half is no bevel
    if inward < LIMITS.min_shift:
        inward = _last_step(_profile(smooth, across), step)
    return Candidate(inward, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0) if inward > 0 else None


def _profile(smooth: Float64Array, across: Float64Array) -> _Across:
    steps = np.median(np.linalg.norm(smooth[2:] - smooth[:-2], axis=2), axis=1)
    busy = np.median(np.abs(np.diff(smooth, axis=1)).sum(2), axis=1)[1:-1]
    return _Across(across[1:-1], steps, busy)


def _end_of_calm(profile: _Across) -> float | None:
    """Return where the variation rises, by the best two-level fit to its logarithm; None where it hardly rises."""
    near = profile.at < LIMITS.calm_to
    levels = np.log(profile.busy[near] + LIMITS.variation_floor)
    count = np.arange(LIMITS.min_rows, len(levels) - LIMITS.min_rows + 1)
    outer = np.cumsum(levels)[count - 1]
    inner = levels.sum() - outer
    best = int(np.argmax(outer**2 / count + inner**2 / (len(levels) - count)))
    split = int(count[best])
    rise = inner[best] / (len(levels) - split) - outer[best] / split
    if rise < LIMITS.min_rise:
        return None
    return float(profile.at[split - 1 : split + 1].mean()) + LIMITS.lag


def _last_step(profile: _Across, step: float) -> float:
    """Return the furthest step with a uniform band between it and the fitted one; 0 if there is none."""
    at, steps, busy = profile.at, profile.steps, profile.busy
    own = float(steps[np.abs(at) < LIMITS.own_step_within].max())
    floor = float(np.median(steps[at > LIMITS.seabed_from * LIMITS.reach]))
    crest = np.r_[False, (steps[1:-1] >= steps[:-2]) & (steps[1:-1] > steps[2:]), False]
    first, last = LIMITS.calm_between
    found = 0.0
    for row in np.nonzero(
        crest & (at > max(LIMITS.own_step_within, LIMITS.min_rows_apart * step)) & (at < LIMITS.reach)
    )[0]:
        between = float(np.median(busy[(at > first * at[row]) & (at < last * at[row])]))
        seabed = float(np.median(busy[row + 2 : row + 3 + int(LIMITS.beyond / step)]))
        valley = float(steps[(at > 0) & (at < at[row])].min())
        height = max(own - floor, LIMITS.min_height)
        strong = steps[row] - floor > LIMITS.strong_step * height and steps[row] - valley > LIMITS.crest * height
        if strong and between < LIMITS.calm * seabed:
            found = float(at[row])
    return found
