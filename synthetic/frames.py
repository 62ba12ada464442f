"""The quadrat's frame: bars, corners, rulers, strings, and what lies across them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from reefsteps.arrays import ByteArray, Float32Array, Float64Array
from synthetic.camera import UNIT_SQUARE, View
from synthetic.paint import coverage, dense, fill, strip

Colour = tuple[float, float, float]
_PAINTS: dict[str, tuple[Colour, ...]] = {
    "aluminium": ((0.72, 0.72, 0.70), (0.60, 0.60, 0.58), (0.82, 0.80, 0.76)),
    "pvc": ((0.88, 0.88, 0.86), (0.55, 0.56, 0.56), (0.80, 0.84, 0.80), (0.45, 0.55, 0.42), (0.3, 0.38, 0.3)),
    "patches": ((0.10, 0.10, 0.10), (0.20, 0.20, 0.19), (0.30, 0.30, 0.29)),
    "rulers": ((0.16, 0.16, 0.15), (0.70, 0.72, 0.72), (0.10, 0.10, 0.12)),
    "painted": ((0.70, 0.72, 0.22), (0.75, 0.40, 0.12), (0.15, 0.75, 0.85), (0.10, 0.45, 0.90), (0.2, 0.25, 0.75)),
}
_MARKS: tuple[Colour, ...] = (
    (0.80, 0.75, 0.20),
    (0.25, 0.20, 0.80),
    (0.9, 0.9, 0.9),
    (0.15, 0.80, 0.88),
    (0.75, 0.35, 0.2),
)
_WIDTHS = {
    "aluminium": (0.02, 0.06),
    "pvc": (0.02, 0.05),
    "patches": (0.05, 0.12),
    "rulers": (0.02, 0.05),
    "painted": (0.02, 0.06),
}


@dataclass(frozen=True)
class Frame:
    """A frame as chosen: lengths in sides of the quadrat."""

    kind: str
    strings: str
    bar_sides: float
    colour: Colour
    string_sides: float
    string_colour: Colour


def draw_frame(rng: np.random.Generator, kind: str, strings: str) -> Frame:
    """Return a frame of this kind with drawn widths and colours."""
    paint = _PAINTS[kind][rng.integers(len(_PAINTS[kind]))]
    red = strings == "diagonals" and rng.random() < 0.7
    pale = rng.uniform(0.7, 1.0)
    string_colour = (0.2, 0.22, 0.75) if red else (pale, pale, pale) if rng.random() < 0.85 else (0.2, 0.7, 0.85)
    return Frame(
        kind=kind,
        strings=strings,
        bar_sides=float(rng.uniform(*_WIDTHS[kind])),
        colour=(paint[0], paint[1], paint[2]),
        string_sides=float(rng.uniform(0.002, 0.0055)),
        string_colour=string_colour,
    )


def outlines(frame: Frame, view: View) -> tuple[Float64Array, Float64Array]:
    """Return the outer and the inner outline of the bars in pixels."""
    return view.project(dense(view.around(frame.bar_sides))), view.project(dense(view.opening))


def paint_frame(rng: np.random.Generator, canvas: Float32Array, view: View, frame: Frame) -> ByteArray:
    """Paint shadow, legs, bars, fittings and strings in place; return the bars' mask (0 or 1), fittings included."""
    h, w = canvas.shape[:2]
    _paint_legs(rng, canvas, view, frame)
    ring = [*outlines(frame, view)]
    alpha = coverage(ring, w, h)
    _paint_shadow(rng, canvas, view, alpha)
    skin = np.zeros((h, w, 3), np.uint8)
    for side in range(4):
        _paint_bar(rng, skin, view, frame, side)
    for block in _fittings(rng, frame, view):
        shape = view.project(dense(block))
        colour = np.clip(np.array(frame.colour) * rng.uniform(0.6, 1.25), 0, 1)
        fill(skin, [shape], _byte(colour))
        alpha = np.maximum(alpha, coverage([shape], w, h))
    alpha = np.where(coverage([ring[1]], w, h) > 0, np.minimum(alpha, 255 - coverage([ring[1]], w, h)), alpha)
    _over(canvas, skin, alpha)
    _paint_strings(rng, canvas, view, frame)
    return (alpha >= 128).astype(np.uint8)


def _over(canvas: Float32Array, skin: ByteArray, alpha: ByteArray) -> None:
    """Lay an 8-bit picture over the canvas where alpha says so, touching only those rows and pixels."""
    ys, xs = np.nonzero(alpha)
    a = alpha[ys, xs, None].astype(np.float32) / 255
    canvas[ys, xs] += (skin[ys, xs].astype(np.float32) / 255 - canvas[ys, xs]) * a


def _byte(colour: Float64Array | Colour) -> tuple[int, int, int]:
    b, g, r = (round(255 * float(np.clip(c, 0, 1))) for c in colour)
    return b, g, r


def _side_points(view: View, side: int, along: Float64Array, outward: Float64Array) -> Float64Array:
    """Return plane points of a side (0 top, clockwise) from positions along it and distances outward."""
    wide, tall = view.extent
    return np.column_stack(
        [(along, -outward), (wide + outward, along), (wide - along, tall + outward), (-outward, tall - along)][side]
    )


def _band(view: View, side: int, start: float, end: float, low: float, high: float) -> Float64Array:
    along = np.array([start, end, end, start])
    outward = np.array([low, low, high, high])
    return view.project(dense(_side_points(view, side, along, outward)))


def _paint_bar(rng: np.random.Generator, skin: ByteArray, view: View, frame: Frame, side: int) -> None:
    """Paint strips across the bar (a tube's or a flat bar's shading), then marks, rulers, stains along it."""
    wide, over, length = frame.bar_sides, 0.01, view.extent[side % 2]
    tube = frame.kind == "pvc" or rng.random() < 0.15
    base = np.array(frame.colour) * rng.uniform(0.8, 1.15)
    strips = 9 if tube else 3
    lamp = rng.uniform(0.25, 0.75)
    for i in range(strips):
        position = (i + 0.5) / strips
        shade = (
            0.55 + 0.6 * np.cos((position - lamp) * 2.2) ** 2 if tube else (rng.uniform(0.45, 1.0) if i == 0 else 1.0)
        )
        low = -over if i == 0 else wide * (position - 0.5 / strips if tube else rng.uniform(0.05, 0.3) * i)
        fill(skin, [_band(view, side, -wide - over, length + wide + over, low, wide + over)], _byte(base * shade))
    if frame.kind == "patches":
        position = rng.uniform(0.0, 0.25)
        while position < length:
            patch = rng.uniform(0.08, 0.17)
            if rng.random() < 0.75:
                mark = np.array(_MARKS[rng.integers(len(_MARKS))]) * rng.uniform(0.8, 1.1)
                low = rng.choice([-over, wide * 0.15])
                end = min(length, position + patch)
                fill(skin, [_band(view, side, position, end, low, wide + over)], _byte(mark))
            position += patch + rng.choice([0.0, 0.1, 0.3])
    if frame.kind == "rulers" or (frame.kind == "patches" and rng.random() < 0.3):
        _paint_ruler(rng, skin, view, frame, side)
    if rng.random() < 0.4:
        for position in rng.uniform(0, length, rng.integers(1, 5)):
            tape = np.array(_MARKS[rng.integers(len(_MARKS))]) * rng.uniform(0.7, 1.1)
            fill(
                skin, [_band(view, side, position, position + rng.uniform(0.01, 0.05), -over, wide + over)], _byte(tape)
            )
    if rng.random() < 0.5:
        for position in rng.uniform(-wide, length, rng.integers(2, 14)):
            low = rng.uniform(-over, wide)
            stain = base * rng.uniform(0.4, 1.1) * np.array([0.9, 1.0, 0.95])
            fill(
                skin,
                [_band(view, side, position, position + rng.uniform(0.004, 0.05), low, low + wide * 0.4)],
                _byte(stain),
            )


def _paint_ruler(rng: np.random.Generator, skin: ByteArray, view: View, frame: Frame, side: int) -> None:
    wide, length = frame.bar_sides, view.extent[side % 2]
    low, high = wide * rng.uniform(-0.1, 0.2), wide * rng.uniform(0.55, 1.1)
    pale = np.array([(0.92, 0.92, 0.90), (0.25, 0.80, 0.88), (0.80, 0.45, 0.40)][rng.integers(3)])
    dark = np.array([(0.08, 0.08, 0.08), (0.2, 0.2, 0.2)][rng.integers(2)])
    fill(skin, [_band(view, side, 0.0, length, low, high)], _byte(pale))
    blocks = int(rng.choice([15, 10, 30]))
    checker = rng.random() < 0.6
    for i in range(blocks):
        end = (i + (0.5 if checker else 0.08)) / blocks
        top = high if checker else low + (high - low) * (0.9 if i % 5 == 0 else 0.5)
        fill(skin, [_band(view, side, i / blocks * length, end * length, low, top)], _byte(dark))


def _fittings(rng: np.random.Generator, frame: Frame, view: View) -> list[Float64Array]:
    """Return plane outlines of corner pieces and joints; they never reach into the opening (it is cut out later)."""
    wide = frame.bar_sides
    if rng.random() < 0.35:
        return []
    reach, bulge = wide * rng.uniform(0.6, 2.5), wide * rng.uniform(0.0, 0.3)
    blocks = []
    for x, y in view.opening:
        sx, sy = (1 if x else -1), (1 if y else -1)
        along = np.array([[x - sx * reach, y], [x + sx * (wide + bulge), y + sy * (wide + bulge)]])
        upward = np.array([[x, y - sy * reach], [x + sx * (wide + bulge), y + sy * (wide + bulge)]])
        blocks += [_box(along), _box(upward)]
    if rng.random() < 0.3:
        middle = rng.uniform(0.3, 0.7) * view.extent[0]
        blocks += [_box(np.array([[middle - wide, -wide - bulge], [middle + wide, 0.0]]))]
    return blocks


def _box(diagonal: Float64Array) -> Float64Array:
    (x0, y0), (x1, y1) = diagonal.min(0), diagonal.max(0)
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def _paint_legs(rng: np.random.Generator, canvas: Float32Array, view: View, frame: Frame) -> None:
    """A quadrapod's legs leave the corners outward, towards the camera."""
    if rng.random() > (0.6 if frame.kind == "rulers" else 0.12):
        return
    h, w = canvas.shape[:2]
    for corner, place in zip(view.opening, UNIT_SQUARE, strict=True):
        out = (place - 0.5) * rng.uniform(0.5, 1.6)
        leg = strip(view, corner + (place - 0.5) * frame.bar_sides, corner + out, rng.uniform(0.008, 0.022))
        alpha = coverage([leg], w, h)
        _over(canvas, np.full((h, w, 3), _byte(np.array(frame.colour) * rng.uniform(0.5, 1.1)), np.uint8), alpha)


def _paint_shadow(rng: np.random.Generator, canvas: Float32Array, view: View, alpha: ByteArray) -> None:
    """The bars' shadow on the seabed, soft, so painted at a quarter of the size."""
    h, w = alpha.shape
    side_px = float(np.sqrt(abs(np.linalg.det(view.jacobian(np.array(view.extent) / 2)))))
    factor = max(1.0, side_px / 250)
    small = cv2.resize(alpha, (max(8, round(w / factor)), max(8, round(h / factor))), interpolation=cv2.INTER_AREA)
    move = rng.normal(0, 0.025, 2) * side_px / factor
    small = cv2.warpAffine(small, np.array([[1, 0, move[0]], [0, 1, move[1]]]), small.shape[::-1])
    small = cv2.GaussianBlur(small, (0, 0), rng.uniform(0.003, 0.015) * side_px / factor + 0.5)
    soft = cv2.resize(small, (w, h), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    canvas *= (1 - rng.uniform(0.2, 0.6) / 255 * soft)[..., None]


def _paint_strings(rng: np.random.Generator, canvas: Float32Array, view: View, frame: Frame) -> None:
    h, w = canvas.shape[:2]
    ends: list[tuple[Float64Array, Float64Array]] = []
    if frame.strings == "diagonals":
        ends = [(view.opening[0], view.opening[2]), (view.opening[1], view.opening[3])]
    elif frame.strings.startswith("grid"):
        wide, tall = view.extent
        cell = min(wide, tall) / int(frame.strings[4:])
        columns, rows = round(wide / cell), round(tall / cell)
        slip = rng.uniform(0, 0.003)
        for k in range(1, max(columns, rows)):
            a, b, c, d = rng.normal(0, slip, 4)
            x, y = k / columns * wide, k / rows * tall
            if k < columns:
                ends.append((np.array([x + a, -0.004]), np.array([x + b, tall + 0.004])))
            if k < rows:
                ends.append((np.array([-0.004, y + c]), np.array([wide + 0.004, y + d])))
        ends = [pair for pair in ends if rng.random() > 0.015]
    lines = np.zeros((h, w), np.uint8)
    for start, end in ends:
        line = strip(view, start, end, frame.string_sides / 2, sag=rng.normal(0, 0.0012))
        low = np.clip(np.floor(line.min(0)).astype(int) - 2, 0, [w, h])
        high = np.clip(np.ceil(line.max(0)).astype(int) + 2, 0, [w, h])
        if (high > low).all():
            part = lines[low[1] : high[1], low[0] : high[0]]
            np.maximum(part, coverage([line - low], int(high[0] - low[0]), int(high[1] - low[1])), out=part)
    shade = np.array(frame.string_colour) * rng.uniform(0.75, 1.1)
    ys, xs = np.nonzero(lines)
    a = lines[ys, xs, None].astype(np.float32) / 255 * np.float32(rng.uniform(0.75, 1.0))
    canvas[ys, xs] += (shade.astype(np.float32) - canvas[ys, xs]) * a
