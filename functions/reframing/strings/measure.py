"""One string measured to sub-pixels in full resolution."""

from __future__ import annotations

import cv2
import numpy as np

from reefsteps.arrays import Float64Array
from reframing.plane.geometry import side_lengths
from reframing.plane.joint_fit import Constraint
from reframing.plane.sampling import Photograph
from reframing.plane.view import PlaneModel
from reframing.strings.search import grey_of

STRING_WEIGHT = 0.35  # strings sag and are tied by hand; their points weigh less than a side's, 0.5


def measure_string(photo: Photograph, model: PlaneModel, axis: int, due: float, reach: float) -> Constraint | None:
    """Measure one string to sub-pixels; None when fewer than 25 of 100 places along it show it on one line."""
    side_px = float(side_lengths(model.corners_px).mean())
    step = float(np.clip(0.7 / side_px, reach / 40, reach / 4))
    offsets = np.arange(-reach, reach + step / 2, step)
    along = np.linspace(0.04, 0.96, 100)
    t = np.broadcast_to(along * model.extent[1 - axis], (len(offsets), len(along)))
    across = due + np.broadcast_to(offsets[:, None], t.shape)
    plane = np.stack([across.ravel(), t.ravel()] if axis == 0 else [t.ravel(), across.ravel()], axis=1)
    colours, inside = photo.sample(model.to_image(plane), t.shape, step * side_px)
    grey = cv2.GaussianBlur(grey_of(colours), (0, 0), sigmaX=1.2, sigmaY=1.2)
    fifth = max(2, len(offsets) // 5)
    grey = grey - np.maximum(grey[:fifth].mean(0), grey[-fifth:].mean(0))
    grey = grey * np.exp(-0.5 * (offsets / (0.7 * reach)) ** 2)[:, None].astype(np.float32)
    row = np.clip(grey.argmax(0), 1, len(offsets) - 2)
    column = np.arange(len(along))
    before, peak, after = grey[row - 1, column], grey[row, column], grey[row + 1, column]
    curve = np.minimum(before - 2 * peak + after, -1e-6)
    place = offsets[row] + np.clip(0.5 * (before - after) / curve, -0.5, 0.5) * step
    good = (peak > 0.025) & inside.all(0) & (np.abs(place) < 0.95 * reach)
    keep = _on_one_line(along, place, good, 0.0018)
    if keep.sum() < 25:
        return None
    chosen = np.nonzero(keep)[0][::2]
    position, down = due + place[chosen], along[chosen] * model.extent[1 - axis]
    points = np.stack([position, down] if axis == 0 else [down, position], axis=1)
    return Constraint(model.to_image(points), axis, due, 0, STRING_WEIGHT)


def _on_one_line(along: Float64Array, place: Float64Array, good: Float64Array, tolerance: float) -> Float64Array:
    index = np.nonzero(good)[0]
    keep = np.zeros(len(along), bool)
    if len(index) < 20:
        return keep
    random = np.random.default_rng(0)
    pairs = random.choice(index, (120, 2))
    pairs = pairs[np.abs(along[pairs[:, 0]] - along[pairs[:, 1]]) > 0.2]
    if len(pairs) == 0:
        return keep
    slope = (place[pairs[:, 1]] - place[pairs[:, 0]]) / (along[pairs[:, 1]] - along[pairs[:, 0]])
    start = place[pairs[:, 0]] - slope * along[pairs[:, 0]]
    distance = np.abs(place[index][None] - start[:, None] - slope[:, None] * along[index][None])
    keep[index] = distance[int(np.argmax((distance < tolerance).sum(1)))] < tolerance
    return keep
