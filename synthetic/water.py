"""What water, light and camera do to the picture.

The water follows the usual image formation model (Akkaynak and Treibitz, CVPR 2018, with one range for the whole
plane). Light falls off with depth per channel, and a veil of scattered light is added.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from reefsteps.arrays import ByteArray, Float32Array
from synthetic.config import PhotoConfig

_ATTENUATION = {  # per metre of blue, green, red: oceanic to coastal water
    "clear": (0.03, 0.04, 0.12),
    "blue": (0.03, 0.06, 0.30),
    "green": (0.12, 0.05, 0.26),
    "deep": (0.04, 0.08, 0.42),
}
_DEPTHS_M = {"clear": (0.5, 4.0), "blue": (3.0, 9.0), "green": (3.0, 9.0), "deep": (6.0, 11.0)}


@dataclass(frozen=True)
class Water:
    """Water as chosen: ``transmission`` and ``veil`` per channel (BGR) in linear light."""

    name: str
    depth_m: float
    transmission: tuple[float, float, float]
    veil: tuple[float, float, float]
    flash: float  # share of light from the strobes, which falls off towards the border


def draw_water(rng: np.random.Generator, name: str) -> Water:
    """Return a water of this name at a drawn depth."""
    depth_m = float(rng.uniform(*_DEPTHS_M[name]))
    rate = np.array(_ATTENUATION[name]) * rng.uniform(0.8, 1.25, 3)
    flash = float(rng.choice([0.0, rng.uniform(0.2, 0.8)]))
    through = (1 - flash) * np.exp(-depth_m * rate) + flash * np.exp(-2.0 * rate)
    veil = through * rng.uniform(0.01, 0.16) * np.array([1.1, 1.0, 0.8])
    b, g, r = (float(v) for v in through)
    return Water(name, depth_m, (b, g, r), (float(veil[0]), float(veil[1]), float(veil[2])), flash)


def light_field(rng: np.random.Generator, width: int, height: int, water: Water) -> Float32Array:
    """Return the light on the plane, (H, W): slope, strobe fall-off, diver's shadow and caustics."""
    w, h = 96, max(16, round(96 * height / width))
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    x, y = x / w - 0.5, y / h - 0.5
    angle = rng.uniform(0, 2 * np.pi)
    field = 1 + rng.uniform(0, 0.35) * 2 * (x * np.cos(angle) + y * np.sin(angle))
    spot = rng.normal(0, 0.12, 2)
    field *= 1 - (0.15 + 0.9 * water.flash) * rng.uniform(0.3, 1.0) * ((x - spot[0]) ** 2 + (y - spot[1]) ** 2)
    if rng.random() < 0.25:
        shade = ((x - rng.uniform(-0.5, 0.5)) ** 2 + (y - rng.uniform(-0.5, 0.5)) ** 2) < rng.uniform(0.02, 0.12)
        soft = cv2.GaussianBlur(shade.astype(np.float32), (0, 0), rng.uniform(2, 8))
        field *= 1 - rng.uniform(0.2, 0.55) * soft
    if water.name == "clear" and rng.random() < 0.6:
        field *= 1 + rng.uniform(0.05, 0.3) * _caustics(rng, w, h)
    field = cv2.resize(np.clip(field, 0.12, 3).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.maximum(field, 0.1), np.float32)


def expose(rng: np.random.Generator, canvas: Float32Array, water: Water, config: PhotoConfig) -> ByteArray:
    """Return the photograph, uint8 (H, W, 3) BGR, from display reflectances 0 to 1; ``canvas`` is used up."""
    h, w = canvas.shape[:2]
    np.clip(canvas, 0.003, 1.15, out=canvas)
    cv2.pow(canvas, 2.2, canvas)
    canvas *= light_field(rng, w, h, water)[..., None]
    white_balance = np.array(water.transmission) ** (-rng.uniform(0.0, 0.65))
    canvas *= (np.array(water.transmission) * white_balance).astype(np.float32)
    canvas += (np.array(water.veil) * white_balance).astype(np.float32)
    canvas *= np.float32(rng.uniform(0.85, 1.12) / np.percentile(canvas[::8, ::8].max(2), rng.uniform(96.5, 99.5)))
    np.clip(canvas, 0, 1, out=canvas)
    cv2.pow(canvas, 1 / 2.2, canvas)
    sigma = rng.uniform(*config.blur_px)
    if sigma > 0:
        canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), sigma), np.float32)
    noise = rng.uniform(0.002, 0.014)
    grain = rng.normal(0, noise, (min(h, 512), min(w, 512), 3)).astype(np.float32)
    for y in range(0, h, 512):
        for x in range(0, w, 512):
            part = canvas[y : y + 512, x : x + 512]
            part += grain[: part.shape[0], : part.shape[1]]
    photo = np.clip(canvas * 255 + 0.5, 0, 255).astype(np.uint8)
    low, high = config.jpeg_quality
    encoded = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(low, high + 1))])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)


def _caustics(rng: np.random.Generator, w: int, h: int) -> Float32Array:
    waves = cv2.GaussianBlur(rng.normal(0, 1, (h, w)).astype(np.float32), (0, 0), 3.0)
    spread = 0.35 * max(float(waves.std()), 1e-6)
    return np.asarray(np.exp(-((waves / spread) ** 2)) - 0.3, np.float32)
