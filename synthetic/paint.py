"""Polygons with exact edges: OpenCV's own are about 0.6 pixels too fat, which the fill of the outside cancels."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from reefsteps.arrays import AnyArray, ByteArray, Float64Array, Int32Array, LabelArray
from synthetic.camera import View

SHIFT = 6
_FAR = 40_000.0


def dense(outline: Float64Array, step: float = 0.04) -> Float64Array:
    """Return the closed outline with points at most ``step`` plane units apart, so that the lens can bend it."""
    following = np.roll(outline, -1, 0)
    count = np.maximum(1, np.ceil(np.linalg.norm(following - outline, axis=1) / step)).astype(int)
    parts = [
        a + (b - a) * np.linspace(0, 1, n, endpoint=False)[:, None]
        for a, b, n in zip(outline, following, count, strict=True)
    ]
    return np.concatenate(parts)


def fixed(pixels: Float64Array) -> Int32Array:
    """Return pixels (origin at the corner) as OpenCV's fixed-point numbers (origin at the centre)."""
    return np.asarray(np.round((np.clip(pixels, -_FAR / 4, _FAR / 4) - 0.5) * (1 << SHIFT)), np.int32)


def fill(canvas: AnyArray, outlines: Sequence[Float64Array], colour: object) -> None:
    """Fill pixel outlines (even-odd) without smoothing."""
    cv2.fillPoly(canvas, [fixed(o) for o in outlines], colour, cv2.LINE_8, SHIFT)  # type: ignore[call-overload]


def coverage(outlines: Sequence[Float64Array], width: int, height: int) -> ByteArray:
    """Return 0 to 255, (height, width): how much of each pixel lies inside the outlines (even-odd), without bias."""
    shapes = [fixed(o) for o in outlines]
    far = fixed(
        np.array([[-50.0, -50.0], [width + 50.0, -50.0], [width + 50.0, height + 50.0], [-50.0, height + 50.0]])
    )
    inner = np.zeros((height, width), np.uint8)
    outer = np.zeros((height, width), np.uint8)
    cv2.fillPoly(inner, shapes, (255,), cv2.LINE_AA, SHIFT)
    cv2.fillPoly(outer, [far, *shapes], (255,), cv2.LINE_AA, SHIFT)
    return cv2.addWeighted(inner, 0.5, cv2.bitwise_not(outer), 0.5, 0).astype(np.uint8)


def inside(outlines: Sequence[Float64Array], width: int, height: int) -> ByteArray:
    """Return 1 where at least half of the pixel lies inside the outlines, else 0."""
    return (coverage(outlines, width, height) >= 128).astype(np.uint8)


def stamp(canvas: LabelArray, outline: Float64Array, value: int) -> None:
    """Set ``canvas`` to ``value`` in place where at least half of the pixel lies inside the pixel outline."""
    limit = [canvas.shape[1], canvas.shape[0]]
    low = np.clip(np.floor(outline.min(0)).astype(int) - 1, 0, limit)
    high = np.clip(np.ceil(outline.max(0)).astype(int) + 1, 0, limit)
    if (high > low).all():
        window = canvas[low[1] : high[1], low[0] : high[0]]
        window[inside([outline - low], int(high[0] - low[0]), int(high[1] - low[1])) > 0] = value


def strip(view: View, start: Float64Array, end: Float64Array, half_width: float, sag: float = 0.0) -> Float64Array:
    """Return the pixel outline of a line ``half_width`` plane units wide to each side, sagging sideways."""
    t = np.linspace(0, 1, 24)[:, None]
    normal = np.array([-(end - start)[1], (end - start)[0]]) / np.linalg.norm(end - start)
    middle = start + (end - start) * t + 4 * sag * t * (1 - t) * normal
    return view.project(np.concatenate([middle + half_width * normal, (middle - half_width * normal)[::-1]]))
