"""A plain quadrat drawn with exact corners, for tests that need a picture and its frame's mask."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from reframing.plane.geometry import SQUARE, Extent
from reframing.plane.view import PlaneModel

WIDTH, HEIGHT = 800, 600
BAR = 0.05
ROWS = 16  # drawn at once


def view(
    roll_deg: float,
    side_px: float = 400.0,
    tilt_deg: float = 8.0,
    radial: float = -0.01,
    extent: Extent = SQUARE,
    focal: float = 1.4,
) -> PlaneModel:
    """Return a camera's view of a rolled, slightly tilted square or rectangle in the middle of the picture."""
    roll, tilt = np.deg2rad(roll_deg), np.deg2rad(tilt_deg)
    turned = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    tilted = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
    rotation = tilted @ turned
    distance = focal * np.hypot(WIDTH / 2, HEIGHT / 2) / side_px
    columns = np.stack([rotation[:, 0], rotation[:, 1], [0, 0, distance]], axis=1)
    centred = np.array([[1, 0, -extent[0] / 2], [0, 1, -extent[1] / 2], [0, 0, 1]])
    matrix = np.diag([focal, focal, 1.0]) @ columns @ centred
    return PlaneModel(matrix / matrix[2, 2], radial, WIDTH, HEIGHT, extent)


def plane_coordinates(model: PlaneModel) -> NDArray[np.float64]:
    """Return the plane coordinates (H, W, 2) of all pixel centres of the picture."""
    return np.concatenate(list(_strips(model, 1)))


def _strips(model: PlaneModel, factor: int) -> Iterator[NDArray[np.float64]]:
    """Yield the plane coordinates of the picture enlarged by ``factor``; the whole at once takes five times as long."""
    width, height = WIDTH * factor, HEIGHT * factor
    for top in range(0, height, ROWS):
        x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(top, min(top + ROWS, height)) + 0.5)
        yield model.to_plane(np.stack([x.ravel(), y.ravel()], axis=1) / factor).reshape(len(x), width, 2)


def draw(
    model: PlaneModel, *, strings: bool, bevel: float = 0.0, seed: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the photograph (H, W, 3) and the mask of the frame's bars (H, W); the bars' inner ``bevel`` is shaded.

    The strings make ten cells along the shorter side, and square ones.
    """
    factor = 2
    random = np.random.default_rng(seed)
    coarse = random.uniform(20, 150, (HEIGHT // 6, WIDTH // 6, 3)).astype(np.float32)
    picture = cv2.resize(coarse, (WIDTH * factor, HEIGHT * factor), interpolation=cv2.INTER_CUBIC)
    bars = np.zeros((HEIGHT * factor, WIDTH * factor), np.uint8)
    extent = np.array(model.extent)
    cells = np.round(extent / min(model.extent) * 10)
    cell = extent / cells
    for number, plane in enumerate(_strips(model, factor)):
        rows = slice(number * ROWS, number * ROWS + len(plane))
        strip = picture[rows]
        inward = np.minimum(plane, extent - plane).min(2)
        bar = (inward < 0) & (inward > -BAR)
        bars[rows] = bar
        strip[bar] = (225, 222, 210)
        strip[bar & (inward > -bevel)] = (120, 116, 108)
        if strings:
            nearest = np.abs(plane - np.clip(np.round(plane / cell), 1, cells - 1) * cell)
            strip[(nearest.min(2) < 0.0025) & (inward > 0)] = (245, 245, 245)
    small = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), 0.7) + random.normal(0, 2, small.shape)
    mask = cv2.resize(bars * np.uint8(255), (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) > 127
    return np.clip(small, 0, 255).astype(np.uint8), mask
