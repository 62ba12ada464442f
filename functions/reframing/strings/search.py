"""Strings in a small straightened picture: thin, light, nearly straight and evenly spaced lines."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from reefsteps.arrays import Float32Array
from reframing.limits.strings import STRING_SEARCH as LIMITS
from reframing.plane.geometry import Extent
from reframing.plane.lines import LineModels
from reframing.plane.sampling import largest_channel
from reframing.strings.mesh import Mesh

SLOPES = np.arange(-LIMITS.max_slope, LIMITS.max_slope + 0.5 * LIMITS.slope_step, LIMITS.slope_step)


@dataclass(frozen=True)
class StringLine:
    """A string seen in the straightened picture; positions in shares of the side."""

    number: int
    due: float  # where an even grid has it
    start: float
    end: float
    strength: float  # robust standard deviations above its neighbourhood


def local_contrast(straight: Float32Array) -> Float32Array:
    """Return grey less its surroundings, (H, W): this removes shadows and vignetting."""
    grey = grey_of(straight)
    return np.asarray(grey - cv2.GaussianBlur(grey, (0, 0), LIMITS.surroundings * LIMITS.size_px), np.float32)


def grey_of(colours: Float32Array) -> Float32Array:
    """Return the mean of the mean and the brightest channel of colours (..., 3), (...,)."""
    mean = (colours[..., 0] + colours[..., 1] + colours[..., 2]) / 3
    return np.asarray(0.5 * largest_channel(colours) + 0.5 * mean, np.float32)


def candidate_strings(grey: Float32Array, reach: float, mesh: Mesh, axis: int, extent: Extent) -> list[StringLine]:
    """Return up to three candidates near the place of each string; ``grey`` (H, W) shows the axis's strings upright."""
    border = round(LIMITS.margin * LIMITS.size_px)
    distance = max(LIMITS.min_flank_px, round(LIMITS.flank * LIMITS.size_px))
    smooth = cv2.blur(grey, LIMITS.blur_px)
    left, right = np.roll(smooth, distance, 1), np.roll(smooth, -distance, 1)
    uneven = LIMITS.flank_difference_weight * np.abs(left - right)
    ridge = np.clip(smooth - 0.5 * (left + right) - uneven, *LIMITS.ridge_range)
    down_px = round(extent[1 - axis] * LIMITS.size_px)
    ridge = ridge[border + int(LIMITS.along[0] * down_px) : border + int(LIMITS.along[1] * down_px)]
    width = ridge.shape[1]
    segments = cv2.resize(np.ascontiguousarray(ridge), (width, LIMITS.segments), interpolation=cv2.INTER_AREA)
    centre_t = ((np.arange(LIMITS.segments) + 0.5) / LIMITS.segments - 0.5) * (LIMITS.along[1] - LIMITS.along[0])
    shift = np.round(SLOPES[:, None] * centre_t[None] * LIMITS.size_px).astype(int)
    column = np.clip(np.arange(width)[None, :, None] + shift[:, None, :], 0, width - 1)
    response = segments[np.arange(LIMITS.segments)[None, None], column].mean(2)
    found: list[StringLine] = []
    gap = int(LIMITS.same_string * LIMITS.size_px)
    for number in range(1, mesh.cells[axis]):
        due = mesh.position(axis, number, extent)
        first = border + int((due - reach) * LIMITS.size_px)
        near = response[:, first : border + int((due + reach) * LIMITS.size_px)].copy()
        level = float(np.median(near))
        noise = float(np.median(np.abs(near - level))) * LIMITS.deviations_per_median + LIMITS.noise_floor
        for _ in range(LIMITS.candidates_per_string):
            row, place = np.unravel_index(int(np.argmax(near)), near.shape)
            strength = (float(near[row, place]) - level) / noise
            if strength < LIMITS.min_peak:
                break
            centre = (first + place - border + 0.5) / LIMITS.size_px
            half = float(SLOPES[row]) / 2
            found.append(StringLine(number, due, centre - half, centre + half, strength))
            near[:, max(0, place - gap) : place + gap + 1] = -1
    return found


def evenly_spaced(lines: list[StringLine], least: int) -> list[StringLine]:
    """Return the largest set of lines that are evenly spaced at both ends, at most one for each number.

    Every pair of lines proposes a spacing (random sample consensus without the randomness), and each number votes with
    its best line. Empty if fewer than ``least`` numbers have a line.
    """
    if len({line.number for line in lines}) < least:
        return []
    number, due, strength = (
        np.array([getattr(line, name) for line in lines]) for name in ("number", "due", "strength")
    )
    first, second = np.triu_indices(len(lines), 1)
    apart = np.abs(due[first] - due[second]) > LIMITS.min_pair_distance
    first, second = first[apart], second[apart]
    if len(first) == 0:
        return []
    errors = np.zeros((len(first), len(lines)))
    sane = np.ones(len(first), bool)
    for ends in (np.array([line.start for line in lines]), np.array([line.end for line in lines])):
        spacing = LineModels.estimate(due, ends, first, second)
        sane &= (spacing.slope > LIMITS.pitch[0]) & (spacing.slope < LIMITS.pitch[1])
        errors = np.maximum(errors, spacing.residuals(due, ends))
    errors[~sane] = np.inf
    votes = np.maximum(1 - 0.5 * errors / LIMITS.even_within, 0) * (errors < LIMITS.even_within)
    by_strength = LIMITS.weak_vote + LIMITS.strength_vote * strength[None] / LIMITS.full_vote_from
    votes = votes * np.minimum(1.0, by_strength)
    score = np.zeros(len(first))
    for own in np.unique(number):
        score += votes[:, number == own].max(1)
    best = votes[int(np.argmax(score))]
    chosen = []
    for own in np.unique(number):
        members = np.nonzero(number == own)[0]
        top = members[int(np.argmax(best[members]))]
        if best[top] > 0:
            chosen.append(lines[int(top)])
    return chosen
