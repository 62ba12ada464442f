"""Strings in a small straightened picture: thin, light, nearly straight and evenly spaced lines."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from reefsteps.arrays import Float32Array
from reframing.plane.geometry import Extent
from reframing.plane.sampling import largest_channel
from reframing.strings.mesh import Mesh

SIZE_PX = 640
MARGIN = 0.14
SEGMENTS = 24
SLOPES = np.arange(-0.045, 0.0451, 0.003)
MIN_PEAK = 3.5  # of a string's response over its neighbourhood's, robust standard deviations
FAMILY_TOLERANCE = 0.009


@dataclass(frozen=True)
class StringLine:
    """A string seen in the straightened picture: number, due position, position at its start and end, strength."""

    number: int
    due: float
    start: float
    end: float
    strength: float


def local_contrast(straight: Float32Array) -> Float32Array:
    """Grey minus its surroundings: removes shadows and vignetting."""
    grey = grey_of(straight)
    return np.asarray(grey - cv2.GaussianBlur(grey, (0, 0), 0.03 * SIZE_PX), np.float32)


def grey_of(colours: Float32Array) -> Float32Array:
    """Mean of the mean and the brightest channel (...,) of colours (..., 3)."""
    mean = (colours[..., 0] + colours[..., 1] + colours[..., 2]) / 3
    return np.asarray(0.5 * largest_channel(colours) + 0.5 * mean, np.float32)


def candidate_strings(grey: Float32Array, reach: float, mesh: Mesh, axis: int, extent: Extent) -> list[StringLine]:
    """Return up to three candidate strings near each multiple of a cell; ``grey`` shows the axis's strings upright."""
    border = round(MARGIN * SIZE_PX)
    distance = max(3, round(0.0075 * SIZE_PX))
    smooth = cv2.blur(grey, (3, 5))
    left, right = np.roll(smooth, distance, 1), np.roll(smooth, -distance, 1)
    ridge = np.clip(smooth - 0.5 * (left + right) - 0.25 * np.abs(left - right), -0.02, 0.10)
    down_px = round(extent[1 - axis] * SIZE_PX)
    ridge = ridge[border + int(0.03 * down_px) : border + int(0.97 * down_px)]
    width = ridge.shape[1]
    segments = cv2.resize(np.ascontiguousarray(ridge), (width, SEGMENTS), interpolation=cv2.INTER_AREA)
    centre_t = ((np.arange(SEGMENTS) + 0.5) / SEGMENTS - 0.5) * 0.94
    shift = np.round(SLOPES[:, None] * centre_t[None] * SIZE_PX).astype(int)
    column = np.clip(np.arange(width)[None, :, None] + shift[:, None, :], 0, width - 1)
    response = segments[np.arange(SEGMENTS)[None, None], column].mean(2)
    found: list[StringLine] = []
    for number in range(1, mesh.cells[axis]):
        due = mesh.position(axis, number, extent)
        first = border + int((due - reach) * SIZE_PX)
        near = response[:, first : border + int((due + reach) * SIZE_PX)].copy()
        level = float(np.median(near))
        noise = float(np.median(np.abs(near - level))) * 1.48 + 1e-5
        for _ in range(3):
            row, place = np.unravel_index(int(np.argmax(near)), near.shape)
            strength = (float(near[row, place]) - level) / noise
            if strength < MIN_PEAK:
                break
            centre = (first + place - border + 0.5) / SIZE_PX
            half = float(SLOPES[row]) / 2
            found.append(StringLine(number, due, centre - half, centre + half, strength))
            gap = int(0.008 * SIZE_PX)
            near[:, max(0, place - gap) : place + gap + 1] = -1
    return found


def evenly_spaced(lines: list[StringLine], least: int) -> list[StringLine]:
    """Return the largest set of lines that are evenly spaced at both ends (RANSAC over pairs), one a number."""
    if len({line.number for line in lines}) < least:
        return []
    table = np.array([[line.due, line.start, line.end, line.strength] for line in lines])
    first, second = np.triu_indices(len(lines), 1)
    apart = np.abs(table[first, 0] - table[second, 0]) > 0.25
    first, second = first[apart], second[apart]
    run = table[second, 0] - table[first, 0]
    errors = np.zeros((len(first), len(lines)))
    sane = np.ones(len(first), bool)
    for end in (1, 2):
        pitch = (table[second, end] - table[first, end]) / run
        sane &= (pitch > 0.88) & (pitch < 1.12)
        expected = table[first, end][:, None] + pitch[:, None] * (table[None, :, 0] - table[first, 0][:, None])
        errors = np.maximum(errors, np.abs(table[None, :, end] - expected))
    errors[~sane] = np.inf
    worth = np.maximum(1 - 0.5 * errors / FAMILY_TOLERANCE, 0) * (errors < FAMILY_TOLERANCE)
    worth = worth * np.minimum(1.0, 0.4 + 0.6 * table[None, :, 3] / 12)
    score = np.zeros(len(first))
    for number in np.unique(table[:, 0]):
        score += worth[:, table[:, 0] == number].max(1)
    if len(score) == 0:
        return []
    best = worth[int(np.argmax(score))]
    chosen = []
    for number in np.unique(table[:, 0]):
        members = np.nonzero(table[:, 0] == number)[0]
        top = members[int(np.argmax(best[members]))]
        if best[top] > 0:
            chosen.append(lines[int(top)])
    return chosen
