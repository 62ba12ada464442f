"""Between the camera and the quadrat: transect tape, hands and fins, fish, colonies that overgrow the bars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from reefsteps.arrays import ByteArray, Float32Array, Float64Array
from synthetic import textures
from synthetic.camera import View
from synthetic.paint import coverage, dense
from synthetic.seabed import draw_outline

_TAPES = ((0.92, 0.92, 0.90), (0.20, 0.75, 0.88), (0.15, 0.5, 0.92), (0.85, 0.85, 0.75))


@dataclass(frozen=True)
class Occluder:
    """An opaque outline in plane coordinates; ``colour`` is a BGR reflectance, ``texture`` a name of the bank."""

    outline: Float64Array
    colour: tuple[float, float, float]
    texture: str
    contrast: float


def draw_occluders(
    rng: np.random.Generator, amount: float, bar_sides: float, extent: tuple[float, float] = (1.0, 1.0)
) -> tuple[Occluder, ...]:
    """Return occluders; ``amount`` from 0 (none) to 1 (several over the bars, a hand, a tape across)."""
    found: list[Occluder] = []
    wide, tall = extent
    for _ in range(rng.binomial(6, 0.6 * amount)):
        along, out = rng.uniform(0, 1), bar_sides / 2 + rng.normal(0, 0.03)
        x, y = along * wide, along * tall
        centre = np.array([(x, -out), (wide + out, y), (x, tall + out), (-out, y)][rng.integers(4)])
        outline = draw_outline(rng, centre, rng.uniform(0.02, 0.07), (9, 0.1))
        found.append(Occluder(outline, _dull(rng), str(rng.choice(["turf", "rock", "rubble"])), 0.3))
    if rng.random() < 0.4 * amount:
        a, b = rng.uniform(0.05, 0.95, 2)
        slope = b if rng.random() < 0.3 else a + rng.normal(0, 0.05)
        if rng.random() < 0.4:
            ends = np.array([[a * wide, -0.3], [slope * wide, tall + 0.3]])
        else:
            ends = np.array([[-0.3, a * tall], [wide + 0.3, slope * tall]])
        found.append(_tape(rng, ends))
    if rng.random() < 0.35 * amount:
        side = rng.integers(4)
        base = rng.uniform(0, 1)
        x, y = base * wide, base * tall
        start = np.array([(x, -0.5), (wide + 0.5, y), (x, tall + 0.5), (-0.5, y)][side])
        found.append(_limb(rng, start, rng.uniform(0.0, 1.0, 2) * extent))
    for _ in range(rng.binomial(3, 0.3 * amount)):
        found.append(_fish(rng, extent))
    return tuple(found)


def paint_occluders(
    rng: np.random.Generator, canvas: Float32Array, view: View, occluders: tuple[Occluder, ...]
) -> ByteArray:
    """Paint the occluders in place; return 1 where one hides what lies below, (H, W)."""
    h, w = canvas.shape[:2]
    hidden = np.zeros((h, w), np.uint8)
    jacobian = view.jacobian(np.array(view.extent) / 2)
    side_px = float(np.sqrt(abs(np.linalg.det(jacobian))))
    for item in occluders:
        shape = view.project(dense(item.outline))
        low = np.clip(np.floor(shape.min(0)).astype(int) - 1, 0, [w, h])
        high = np.clip(np.ceil(shape.max(0)).astype(int) + 1, 0, [w, h])
        if (high - low < 2).any():
            continue
        cw, ch = int(high[0] - low[0]), int(high[1] - low[1])
        alpha = coverage([shape - low], cw, ch)
        tone = textures.sample(rng, item.texture, cw, ch, 0.03 * side_px, jacobian) * item.contrast
        skin = np.array(item.colour, np.float32) * np.exp(tone)[..., None]
        part = canvas[low[1] : high[1], low[0] : high[0]]
        part += (skin - part) * (alpha[..., None].astype(np.float32) / 255)
        hidden[low[1] : high[1], low[0] : high[0]] |= (alpha >= 128).astype(np.uint8)
    return hidden


def _dull(rng: np.random.Generator) -> tuple[float, float, float]:
    tone = rng.uniform(0.2, 0.5)
    return (tone * rng.uniform(0.7, 1.1), tone, tone * rng.uniform(0.9, 1.2))


def _tape(rng: np.random.Generator, ends: Float64Array) -> Occluder:
    half = rng.uniform(0.006, 0.03)
    normal = np.array([-(ends[1] - ends[0])[1], (ends[1] - ends[0])[0]])
    normal = normal / np.linalg.norm(normal) * half
    colour = _TAPES[rng.integers(len(_TAPES))]
    return Occluder(
        np.array([ends[0] + normal, ends[1] + normal, ends[1] - normal, ends[0] - normal]), colour, "sand", 0.05
    )


def _limb(rng: np.random.Generator, start: Float64Array, towards: Float64Array) -> Occluder:
    tip = start + (towards - start) * rng.uniform(0.5, 0.9)
    normal = np.array([-(tip - start)[1], (tip - start)[0]])
    normal = normal / np.linalg.norm(normal) * rng.uniform(0.025, 0.07)
    colour = ((0.05, 0.05, 0.06), (0.45, 0.58, 0.78), (0.1, 0.1, 0.4), (0.2, 0.65, 0.75))[rng.integers(4)]
    shape = np.array(
        [start + normal, tip + 0.7 * normal, tip + 0.25 * (tip - start) * 0.4, tip - 0.7 * normal, start - normal]
    )
    return Occluder(shape, colour, "rock", 0.1)


def _fish(rng: np.random.Generator, extent: tuple[float, float]) -> Occluder:
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    length, angle = rng.uniform(0.03, 0.09), rng.uniform(0, 2 * np.pi)
    body = np.column_stack([np.cos(t), 0.38 * np.sin(t) * np.where(np.cos(t) < -0.8, 2.2, 1.0)]) * length
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    colour = ((0.75, 0.45, 0.15), (0.15, 0.75, 0.85), (0.12, 0.12, 0.12), (0.75, 0.75, 0.75))[rng.integers(4)]
    return Occluder(rng.uniform(-0.1, np.array(extent) + 0.1) + body @ turn.T, colour, "table", 0.25)
