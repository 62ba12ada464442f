"""Changes to a training picture that a photograph from above may show: no direction is up, any water may tint it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from reefsteps.arrays import ByteArray, Float32Array, LabelArray
from synthetic.paint import coverage


@dataclass(frozen=True)
class Example:
    """A picture, uint8 (H, W, 3) BGR, with uint16 (H, W) instance numbers from 1; 0 is background."""

    image_bgr: ByteArray
    labels: LabelArray


@dataclass(frozen=True)
class Augmentation:
    """How much of each change to apply: probabilities from 0 to 1, ``cast`` as the spread of log channel gains."""

    turn: bool = True
    cast: float = 0.1
    contrast: float = 0.1
    blur: float = 0.25
    strings: float = 0.0


def augment(rng: np.random.Generator, example: Example, options: Augmentation) -> Example:
    """Return a changed copy: mirrored, turned by half a circle, recoloured, blurred, strings laid over it."""
    image, labels = example.image_bgr, example.labels
    if options.turn:
        if rng.random() < 0.5:
            image, labels = image[:, ::-1], labels[:, ::-1]
        if rng.random() < 0.5:
            image, labels = image[::-1], labels[::-1]
    pixels = np.asarray(image / np.float32(255), np.float32)
    if rng.random() < options.strings:
        pixels = _lay_strings(rng, pixels)
    gain = np.exp(rng.normal(0, options.cast, 3) + rng.normal(0, options.contrast))
    gamma = float(np.exp(rng.normal(0, options.contrast)))
    pixels = np.asarray(np.clip(np.clip(pixels, 0, 1) ** gamma * gain, 0, 1), np.float32)
    if rng.random() < options.blur:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.3, 1.0)), np.float32)
    pixels = pixels + rng.normal(0, rng.uniform(0, 0.015), pixels.shape).astype(np.float32)
    return Example(np.clip(pixels * 255 + 0.5, 0, 255).astype(np.uint8), np.ascontiguousarray(labels))


def quarter_turn(example: Example) -> Example:
    """Return the example turned by 90 degrees (applied to whole batches, so that their shapes stay equal)."""
    return Example(np.ascontiguousarray(np.rot90(example.image_bgr)), np.ascontiguousarray(np.rot90(example.labels)))


def _lay_strings(rng: np.random.Generator, pixels: Float32Array) -> Float32Array:
    """Return the picture under a grid of strings; the labels stay, as coral under a string is coral."""
    h, w = pixels.shape[:2]
    cells = int(rng.choice([4, 5, 10]))
    half = rng.uniform(0.3, 1.1)
    shapes = []
    for k in range(1, cells):
        x, y = w * k / cells + rng.normal(0, 1.5, 2), h * k / cells + rng.normal(0, 1.5, 2)
        shapes.append(np.array([[x[0] - half, -1], [x[0] + half, -1], [x[1] + half, h + 1], [x[1] - half, h + 1]]))
        shapes.append(np.array([[-1, y[0] - half], [-1, y[0] + half], [w + 1, y[1] + half], [w + 1, y[1] - half]]))
    alpha = np.zeros((h, w), np.uint8)
    for shape in shapes:
        np.maximum(alpha, coverage([shape], w, h), out=alpha)
    share = alpha[..., None].astype(np.float32) / 255 * np.float32(rng.uniform(0.6, 1.0))
    shade = np.float32(rng.uniform(0.6, 1.0)) * rng.normal(1, 0.05, 3).astype(np.float32)
    return np.asarray(pixels + (shade - pixels) * share, np.float32)
