"""A plain quadrat drawn with exact corners, for tests that need a picture and its frame's mask."""

import cv2
import numpy as np
from numpy.typing import NDArray

from reframing.plane.geometry import SQUARE, Extent
from reframing.plane.view import PlaneModel

WIDTH, HEIGHT = 800, 600
BAR = 0.05


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


def plane_coordinates(model: PlaneModel, factor: int = 1) -> NDArray[np.float64]:
    """Return the plane coordinates (H, W, 2) of all pixel centres of the picture enlarged by ``factor``."""
    x, y = np.meshgrid(np.arange(WIDTH * factor) + 0.5, np.arange(HEIGHT * factor) + 0.5)
    points = np.stack([x.ravel(), y.ravel()], axis=1) / factor
    return model.to_plane(points).reshape(HEIGHT * factor, WIDTH * factor, 2)


def draw(
    model: PlaneModel, *, strings: bool, bevel: float = 0.0, seed: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the photograph (H, W, 3) and the mask of the frame's bars (H, W); the bars' inner ``bevel`` is shaded.

    The strings make ten cells along the shorter side, and square ones.
    """
    factor = 2
    random = np.random.default_rng(seed)
    plane = plane_coordinates(model, factor)
    inward = np.minimum(plane, np.array(model.extent) - plane).min(2)
    bars = (inward < 0) & (inward > -BAR)
    coarse = random.uniform(20, 150, (HEIGHT // 6, WIDTH // 6, 3)).astype(np.float32)
    picture = cv2.resize(coarse, (WIDTH * factor, HEIGHT * factor), interpolation=cv2.INTER_CUBIC)
    picture[bars] = (225, 222, 210)
    picture[bars & (inward > -bevel)] = (120, 116, 108)
    if strings:
        cells = np.round(np.array(model.extent) / min(model.extent) * 10)
        cell = np.array(model.extent) / cells
        nearest = np.abs(plane - np.clip(np.round(plane / cell), 1, cells - 1) * cell)
        on_string = (nearest.min(2) < 0.0025) & (inward > 0)
        picture[on_string] = (245, 245, 245)
    small = cv2.resize(picture, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), 0.7) + random.normal(0, 2, small.shape)
    mask = cv2.resize(bars.astype(np.uint8) * 255, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA) > 127
    return np.clip(small, 0, 255).astype(np.uint8), mask
