"""The seabed: substrate, corals and what is easily taken for one."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from reefsteps.arrays import Float32Array, Float64Array
from synthetic import textures
from synthetic.camera import View
from synthetic.paint import coverage

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Form:
    """How a kind of patch looks: colours are BGR reflectances from 0 to 1, lengths in sides of the quadrat."""

    textures: tuple[str, ...]
    colours: tuple[Colour, ...]
    period: tuple[float, float]
    contrast: tuple[float, float]
    radius: tuple[float, float]
    relief: float  # 0 flat, 1 a half sphere
    lobes: tuple[int, float]  # number of waves and depth of the outline's fringe
    coral: bool


_BROWNS: tuple[Colour, ...] = ((0.22, 0.42, 0.55), (0.30, 0.50, 0.62), (0.25, 0.50, 0.50), (0.18, 0.33, 0.45))
_PALES: tuple[Colour, ...] = ((0.62, 0.72, 0.78), (0.55, 0.65, 0.75))
_VIVIDS: tuple[Colour, ...] = ((0.55, 0.42, 0.52), (0.62, 0.45, 0.40), (0.30, 0.58, 0.42), (0.42, 0.38, 0.68))
FORMS: dict[str, Form] = {
    "massive": Form(
        ("polyps", "smooth"), _BROWNS + _PALES[:1], (0.006, 0.016), (0.06, 0.16), (0.05, 0.26), 1.0, (5, 0.05), True
    ),
    "brain": Form(
        ("meander",), _BROWNS + _VIVIDS[2:3], (0.012, 0.03), (0.12, 0.25), (0.04, 0.16), 0.9, (4, 0.04), True
    ),
    "branching": Form(
        ("branches",), _BROWNS + _PALES + _VIVIDS, (0.018, 0.05), (0.22, 0.42), (0.04, 0.18), 0.5, (17, 0.12), True
    ),
    "tabular": Form(
        ("table",),
        _BROWNS + _VIVIDS[:2] + _PALES[1:],
        (0.012, 0.028),
        (0.18, 0.32),
        (0.05, 0.22),
        0.2,
        (23, 0.05),
        True,
    ),
    "encrusting": Form(
        ("crust", "polyps"), _BROWNS[:3] + _VIVIDS, (0.01, 0.025), (0.10, 0.22), (0.03, 0.14), 0.25, (7, 0.16), True
    ),
    "rock": Form(
        ("rock", "rubble"),
        ((0.32, 0.36, 0.38), (0.40, 0.45, 0.48), (0.36, 0.34, 0.46), (0.2, 0.25, 0.27)),
        (0.03, 0.12),
        (0.12, 0.3),
        (0.03, 0.2),
        0.8,
        (6, 0.14),
        False,
    ),
    "sand": Form(
        ("sand",),
        ((0.62, 0.70, 0.74), (0.52, 0.60, 0.64)),
        (0.02, 0.06),
        (0.03, 0.08),
        (0.05, 0.3),
        0.0,
        (5, 0.12),
        False,
    ),
    "algae": Form(
        ("turf",),
        ((0.16, 0.30, 0.26), (0.14, 0.22, 0.30), (0.22, 0.40, 0.30)),
        (0.02, 0.05),
        (0.15, 0.35),
        (0.03, 0.14),
        0.3,
        (19, 0.2),
        False,
    ),
    "crevice": Form(
        ("rock",), ((0.06, 0.07, 0.07), (0.10, 0.11, 0.10)), (0.03, 0.1), (0.1, 0.3), (0.02, 0.1), 0.0, (6, 0.3), False
    ),
}
CORALS = tuple(name for name, form in FORMS.items() if form.coral)
OTHERS = tuple(name for name, form in FORMS.items() if not form.coral)
GROUNDS = {"rock": (0.04, 0.12), "rubble": (0.015, 0.05), "sand": (0.02, 0.06), "turf": (0.02, 0.06)}


@dataclass(frozen=True)
class Patch:
    """One thing on the seabed, in plane coordinates; later patches lie over earlier ones."""

    form: str
    outline: Float64Array

    @property
    def coral(self) -> bool:
        return FORMS[self.form].coral


def draw_outline(
    rng: np.random.Generator, centre: Float64Array, radius: float, lobes: tuple[int, float]
) -> Float64Array:
    """Return a closed outline (N, 2) around ``centre``: low waves for the shape, higher ones for the fringe."""
    t = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    r = np.ones_like(t)
    for k in range(2, 6):
        r += rng.normal(0, 0.16 / k) * np.cos(k * t + rng.uniform(0, 2 * np.pi))
    for k in lobes[0] + rng.integers(-2, 8, 4):
        r += 0.6 * lobes[1] * rng.normal() * np.cos(k * t + rng.uniform(0, 2 * np.pi))
    r = np.clip(r, 0.35, 1.9) * radius
    stretch, angle = rng.uniform(1.0, 1.5), rng.uniform(0, np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    wave = np.column_stack([r * np.cos(t) * stretch**0.5, r * np.sin(t) / stretch**0.5])
    return np.asarray(centre + wave @ turn.T)


def scatter(rng: np.random.Generator, low: Float64Array, high: Float64Array, cover_percent: float) -> tuple[Patch, ...]:
    """Return patches over the plane from ``low`` to ``high`` so that corals cover about ``cover_percent`` of it."""
    cells = 96
    taken = np.zeros((cells, cells), np.uint8)
    patches: list[Patch] = []
    favourites = rng.choice(CORALS, rng.integers(1, 4), replace=False)

    def add(form_name: str) -> None:
        form = FORMS[form_name]
        radius = float(np.exp(rng.uniform(np.log(form.radius[0]), np.log(form.radius[1]))))
        outline = draw_outline(rng, rng.uniform(low, high), radius, form.lobes)
        trial = np.zeros_like(taken)
        cv2.fillPoly(trial, [np.round((outline - low) / (high - low) * cells).astype(np.int32)], (1,))
        if form.coral and (trial & taken).sum() > 0.3 * max(1, trial.sum()):
            return
        taken[trial > 0] = form.coral
        patches.append(Patch(form_name, outline))

    span = float(np.prod(high - low))
    for _ in range(int(rng.integers(4, 14) * span)):
        add(str(rng.choice(OTHERS)))
    for _ in range(int(160 * span)):
        if 100 * taken.mean() >= cover_percent:
            break
        add(str(rng.choice(favourites if rng.random() < 0.7 else CORALS)))
        if rng.random() < 0.25:
            add(str(rng.choice(OTHERS)))
    return tuple(patches)


def ground(rng: np.random.Generator, view: View) -> Float32Array:
    """Return the bare seabed, (H, W, 3) reflectance: two substrates that a soft border divides, with large shades."""
    w, h = view.width_px, view.height_px
    jacobian = view.jacobian(np.array([0.5, 0.5]))
    side_px = np.sqrt(abs(np.linalg.det(jacobian)))
    layers = []
    for name in rng.choice(list(GROUNDS), 2, replace=False):
        period = rng.uniform(*GROUNDS[name]) * side_px
        tone = textures.sample(rng, name, w, h, period, jacobian) * rng.uniform(0.12, 0.3)
        tone += textures.sample(rng, "rock", w, h, period * 6, jacobian) * 0.12
        pale = 0.62 if name == "sand" else rng.uniform(0.25, 0.5)
        hue = np.array([0.92, 1.0, 1.03]) * rng.normal(1, 0.07, 3)
        tint = textures.sample(rng, "rock", w, h, 0.15 * side_px, jacobian)[..., None] * rng.normal(0, 0.07, 3)
        layers.append((pale * np.exp(tone)[..., None] * (hue + tint)).astype(np.float32))
    border = textures.sample(rng, "rock", w, h, 0.5 * side_px, jacobian) + rng.normal(0, 0.8)
    share = np.clip(border * 4 + 0.5, 0, 1)[..., None].astype(np.float32)
    return np.asarray(layers[0] * share + layers[1] * (1 - share), np.float32)


def paint(rng: np.random.Generator, canvas: Float32Array, view: View, patch: Patch, light: Float64Array) -> None:
    """Paint one patch with its texture, relief, rim and shadow onto ``canvas`` in place."""
    form = FORMS[patch.form]
    outline = view.project(patch.outline)
    jacobian = view.jacobian(patch.outline.mean(0))
    side_px = float(np.sqrt(abs(np.linalg.det(jacobian))))
    pad = int(3 + 0.03 * side_px)
    x0, y0 = np.maximum(np.floor(outline.min(0)).astype(int) - pad, 0)
    x1, y1 = np.minimum(np.ceil(outline.max(0)).astype(int) + pad, [view.width_px, view.height_px])
    if x1 - x0 < 4 or y1 - y0 < 4:
        return
    w, h = int(x1 - x0), int(y1 - y0)
    alpha = np.asarray(coverage([outline - [x0, y0]], w, h) / np.float32(255), np.float32)
    area = canvas[y0:y1, x0:x1]
    if form.relief > 0:
        move = np.array([[1, 0, -light[0] * 0.02 * side_px], [0, 1, -light[1] * 0.02 * side_px]])
        shadow = cv2.GaussianBlur(cv2.warpAffine(alpha, move, (w, h)), (0, 0), max(0.5, 0.008 * side_px))
        area *= (1 - (0.35 + 0.3 * form.relief) * shadow)[..., None]
    colour = np.array(form.colours[rng.integers(len(form.colours))]) * rng.uniform(0.75, 1.25) * rng.normal(1, 0.06, 3)
    period = rng.uniform(*form.period) * side_px
    tone = textures.sample(rng, str(rng.choice(form.textures)), w, h, period, jacobian) * rng.uniform(*form.contrast)
    tone += textures.sample(rng, "rock", w, h, 0.12 * side_px, jacobian) * 0.08
    tone += _relief(alpha, form.relief, light)
    skin = colour.astype(np.float32) * np.exp(tone)[..., None]
    if form.coral and rng.random() < 0.5:
        skin += np.clip(tone, 0, 0.6)[..., None] * np.float32(0.25)  # paler tips and rims
    area += (skin.astype(np.float32) - area) * alpha[..., None]


def _relief(alpha: Float32Array, relief: float, light: Float64Array) -> Float32Array:
    if relief == 0:
        return np.zeros_like(alpha)
    depth = cv2.distanceTransform((alpha > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    top = max(float(depth.max()), 1.0)
    dome = np.sqrt(np.clip(1 - (1 - depth / top) ** 2, 0, 1)) * top * relief
    height = cv2.GaussianBlur(dome.astype(np.float32), (0, 0), max(0.6, top / 8))
    slope_x, slope_y = (
        cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=1 / 8),
        cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=1 / 8),
    )
    facing = -(slope_x * light[0] + slope_y * light[1]) * 0.35
    return np.asarray(np.clip(facing, -0.6, 0.4) + 0.35 * relief * (height / top - 0.6), np.float32)
