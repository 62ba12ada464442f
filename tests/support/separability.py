"""Can corals still be told from what is around them after restoration, when the water has changed?

A classifier (linear discriminant on patch colours) is trained on pictures in one water and tested on other pictures in
another. A segmentation model lives through the same between islands and years. The score is balanced accuracy (chance
0.5) over all ordered pairs of different waters: mean and worst.

There are two kinds of scenes. The colours of drawn reefs with known corals (``drawn_reef``) overlap, so that no method
reaches 1. The real photographs with masks were taken through water already, so the simulated water comes on top.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Bgr = npt.NDArray[np.uint8]
Restore = Callable[[Bgr], Bgr]

_CELL_PX = 8


@dataclass(frozen=True)
class Water:
    """Simple image formation for a plane at one range: direct light attenuated per channel plus a uniform veil.

    Akkaynak, Treibitz, "A revised underwater image formation model", CVPR 2018, at constant range. ``attenuation_bgr``
    is per metre of light path. The values are of the size that Jerlov's types have between oceanic I and coastal 5;
    they are round figures and no place's measured water.
    """

    name: str
    attenuation_bgr: tuple[float, float, float]
    path_m: float
    veil: float


WATERS = (
    Water("oceanic I, 3 m", (0.018, 0.045, 0.22), 3, 0.01),
    Water("oceanic I, 12 m", (0.018, 0.045, 0.22), 12, 0.04),
    Water("oceanic III, 8 m", (0.11, 0.10, 0.28), 8, 0.08),
    Water("coastal 3, 5 m", (0.35, 0.21, 0.36), 5, 0.08),
    Water("coastal 5, 5 m", (0.52, 0.28, 0.43), 5, 0.14),
)


@dataclass(frozen=True)
class Scene:
    """A picture out of the water (or as near as there is), and where its corals are (HxW bool)."""

    bgr: Bgr
    coral: npt.NDArray[np.bool_]


def immerse(bgr: Bgr, water: Water, seed: int) -> Bgr:
    """Return the picture as a camera with automatic exposure takes it in this water, with sensor noise."""
    rng = np.random.default_rng(seed)
    linear = _to_linear(bgr)
    transmission = np.exp(-np.asarray(water.attenuation_bgr) * water.path_m)
    scattered = transmission / transmission.max() * water.veil
    seen = linear * transmission + scattered
    seen *= 0.85 / max(float(np.percentile(seen.max(axis=2), 99)), 1e-6)
    seen += rng.normal(0, 0.004, seen.shape)
    return _from_linear(seen)


def drawn_reef(seed: int, height: int = 320, width: int = 480) -> Scene:
    """Return a reef with rock, algae, sand and corals of overlapping colours under uneven light."""
    rng = np.random.default_rng(seed)
    rock = np.array([[0.22, 0.27, 0.28], [0.16, 0.22, 0.20], [0.45, 0.52, 0.55]])  # rock, turf algae, sand; BGR, linear
    coral = np.array([[0.13, 0.22, 0.36], [0.22, 0.24, 0.42], [0.14, 0.28, 0.38], [0.30, 0.26, 0.40]])
    ground = _noise(rng, height, width, 70)
    kind = np.digitize(ground, [-0.2, 1.3])
    albedo = rock[kind] * rng.normal(1, 0.08, (3, 3))[kind]
    mask = np.zeros((height, width), np.uint8)
    share = rng.uniform(0.1, 0.5)
    while mask.mean() < share:
        center = (int(rng.integers(width)), int(rng.integers(height)))
        axes = (int(rng.integers(12, 60)), int(rng.integers(12, 60)))
        blob = cv2.ellipse(np.zeros_like(mask), center, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)
        albedo[blob > 0] = coral[rng.integers(len(coral))] * rng.normal(1, 0.12, 3)
        mask[blob > 0] = 1
    shade = np.exp(0.28 * _noise(rng, height, width, 12) + 0.15 * _noise(rng, height, width, 120))
    albedo = albedo * shade[..., None] * rng.normal(1, 0.05, (height, width, 3))
    return Scene(_from_linear(albedo * rng.uniform(0.7, 1.2)), mask > 0)


def cross_water_accuracy(
    scenes: Sequence[Scene], restore: Restore, waters: Sequence[Water] = WATERS
) -> dict[tuple[str, str], float]:
    """Return the balanced accuracy for every (training water, test water) of different waters.

    The first half of the scenes trains, the second tests: no picture is in both.
    """
    half = len(scenes) // 2
    table = {}
    cells = {
        water.name: [_cells(restore(immerse(scene.bgr, water, seed)), scene.coral) for seed, scene in enumerate(scenes)]
        for water in waters
    }
    for trained in waters:
        direction, threshold = _discriminant(*_joined(cells[trained.name][:half]))
        for tested in waters:
            if tested.name != trained.name:
                features, coral = _joined(cells[tested.name][half:])
                said = features @ direction > threshold
                table[trained.name, tested.name] = float((said[coral].mean() + (~said[~coral]).mean()) / 2)
    return table


def cross_water_accuracy_within(scenes: Sequence[Scene], restore: Restore, waters: Sequence[Water]) -> list[float]:
    """Return the balanced accuracy for every scene and ordered pair of different waters.

    For photographs that differ too much to share a classifier: of each, every other of eight upright strips trains and
    the rest tests. Scenes with less than 3 % coral in either part are left out.
    """
    results = []
    for scene in scenes:
        strips = np.array_split(np.arange(scene.coral.shape[1]), 8)
        train, test = np.concatenate(strips[::2]), np.concatenate(strips[1::2])
        if min(scene.coral[:, train].mean(), scene.coral[:, test].mean()) < 0.03:
            continue
        pictures = [restore(immerse(scene.bgr, water, 3) if water.path_m else scene.bgr) for water in waters]
        for trained, seen in enumerate(pictures):
            direction, threshold = _discriminant(*_cells(seen[:, train], scene.coral[:, train]))
            for tested, other in enumerate(pictures):
                if tested != trained:
                    features, coral = _cells(other[:, test], scene.coral[:, test])
                    said = features @ direction > threshold
                    results.append(float((said[coral].mean() + (~said[~coral]).mean()) / 2))
    return results


def _cells(bgr: Bgr, coral: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Return the mean CIELAB colour and the lightness' spread of cells that lie wholly in or out of coral."""
    rows, columns = bgr.shape[0] // _CELL_PX, bgr.shape[1] // _CELL_PX
    shape = (rows, _CELL_PX, columns, _CELL_PX)
    lab = cv2.cvtColor(bgr.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)[: rows * _CELL_PX, : columns * _CELL_PX]
    blocks = lab.reshape(*shape, 3)
    features = np.dstack([blocks.mean(axis=(1, 3)), blocks[..., 0].std(axis=(1, 3))]).reshape(-1, 4)
    share = coral[: rows * _CELL_PX, : columns * _CELL_PX].reshape(shape).mean(axis=(1, 3)).ravel()
    pure = (share == 0) | (share == 1)
    return features[pure].astype(np.float64), share[pure] == 1


def _joined(
    cells: Sequence[tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]],
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    return np.concatenate([features for features, _ in cells]), np.concatenate([coral for _, coral in cells])


def _discriminant(
    features: npt.NDArray[np.float64], coral: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float64], float]:
    """Fisher's linear discriminant with equal priors."""
    inside, outside = features[coral], features[~coral]
    scatter = np.cov(inside.T) + np.cov(outside.T) + 1e-3 * np.eye(features.shape[1])
    direction = np.linalg.solve(scatter, inside.mean(axis=0) - outside.mean(axis=0))
    return direction, float((inside.mean(axis=0) + outside.mean(axis=0)) @ direction / 2)


def _noise(rng: np.random.Generator, height: int, width: int, period_px: float) -> npt.NDArray[np.float64]:
    total = np.zeros((height, width))
    for octave in range(4):
        step = max(2.0, period_px / 2**octave)
        grid = rng.normal(size=(int(height / step) + 3, int(width / step) + 3))
        total += 0.55**octave * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    normalised: npt.NDArray[np.float64] = total / total.std()
    return normalised


def _to_linear(bgr: Bgr) -> npt.NDArray[np.float64]:
    values = bgr / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _from_linear(linear: npt.NDArray[np.float64]) -> Bgr:
    values = np.clip(linear, 0, 1)
    encoded = np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)
    return (encoded * 255 + 0.5).astype(np.uint8)
