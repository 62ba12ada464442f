"""Where the camera is: from the quadrat's plane to pixels and back.

The opening lies in the plane from (0, 0) to its ``extent`` (width, height), whose mean is 1: a square's is the unit
square.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from reefsteps.arrays import BoolArray, Float64Array
from synthetic.config import PhotoConfig

UNIT_SQUARE: Float64Array = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


@dataclass(frozen=True)
class View:
    """A pinhole camera with one radial term: ``homography`` takes plane coordinates to undistorted pixels."""

    homography: Float64Array
    k1: float
    width_px: int
    height_px: int
    extent: tuple[float, float] = (1.0, 1.0)

    @property
    def opening(self) -> Float64Array:
        """The opening's corners in the plane, (4, 2), clockwise."""
        return UNIT_SQUARE * self.extent

    def around(self, margin: float) -> Float64Array:
        """Return the opening's corners moved outwards by a distance, (4, 2)."""
        return self.opening + (UNIT_SQUARE * 2 - 1) * margin

    def project(self, points: Float64Array) -> Float64Array:
        """Return the pixels, (N, 2), of plane points (N, 2)."""
        flat = np.column_stack([points, np.ones(len(points))]) @ self.homography.T
        flat = flat[:, :2] / flat[:, 2:]
        centre, radius = self._lens()
        v = (flat - centre) / radius
        return np.asarray(centre + radius * v * (1 + self.k1 * (v**2).sum(1, keepdims=True)))

    def unproject(self, pixels: Float64Array) -> Float64Array:
        """Return the plane points, (N, 2), of pixels (N, 2); inverts ``project`` to 1e-9 of the side."""
        centre, radius = self._lens()
        v = (pixels - centre) / radius
        u = v.copy()
        for _ in range(30):
            u = v / (1 + self.k1 * (u**2).sum(1, keepdims=True))
        flat = np.column_stack([centre + radius * u, np.ones(len(u))]) @ np.linalg.inv(self.homography).T
        return np.asarray(flat[:, :2] / flat[:, 2:])

    def scaled(self, factor_x: float, factor_y: float) -> View:
        """Return the same view for the picture resized by the two (nearly equal) factors."""
        scale = np.diag([factor_x, factor_y, 1.0])
        size = round(self.width_px * factor_x), round(self.height_px * factor_y)
        return View(scale @ self.homography, self.k1, *size, self.extent)

    def jacobian(self, point: Float64Array) -> Float64Array:
        """Return the 2 x 2 matrix of pixels per plane unit at a plane point (2,)."""
        step = 1e-3
        p = self.project(np.array([point, point + np.array([step, 0.0]), point + np.array([0.0, step])]))
        return np.column_stack([p[1] - p[0], p[2] - p[0]]) / step

    def _lens(self) -> tuple[Float64Array, float]:
        centre = np.array([self.width_px / 2, self.height_px / 2])
        return centre, float(np.hypot(*centre))


def draw_view(rng: np.random.Generator, config: PhotoConfig, framing: str, bar_sides: float) -> View:
    """Return a view in which the opening (and for "inside" its bars, ``bar_sides`` wide) lies as ``framing`` says."""
    for _ in range(400):
        view = _candidate(rng, config, framing, bar_sides)
        if _lies(view, framing, bar_sides):
            return view
    upright = replace(config, max_roll_deg=2.0, max_tilt_deg=3.0, distortion=0.01)
    for _ in range(2000):
        view = _candidate(rng, upright, framing, bar_sides)
        if _lies(view, framing, bar_sides):
            return view
    raise ValueError(f"No view with framing {framing!r} fits {config.width_px} x {config.height_px} pixels.")


def _candidate(rng: np.random.Generator, config: PhotoConfig, framing: str, bar_sides: float) -> View:
    w, h = config.width_px, config.height_px
    wide_roll = rng.random() < 0.3
    roll = np.deg2rad(rng.uniform(-1, 1) * (config.max_roll_deg if wide_roll else min(8.0, config.max_roll_deg)))
    tilt = np.deg2rad(min(abs(rng.normal(0, config.max_tilt_deg / 2.6)), config.max_tilt_deg))
    axis = rng.uniform(0, 2 * np.pi)
    rotation = _axis_rotation(axis, tilt) @ np.array(
        [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
    )
    wide, tall = config.extent
    cos, sin = abs(np.cos(roll)), abs(np.sin(roll))
    low, high = {"inside": (0.5, 0.99), "tight": (0.85, 1.0), "cut": (0.8, 1.15)}[framing]
    bars = (1 + 2.1 * bar_sides) if framing == "inside" else 1.0
    size = rng.uniform(low, high)
    side_px = min(size * w / ((wide * cos + tall * sin) * bars), size * h / ((wide * sin + tall * cos) * bars))
    focal = rng.uniform(0.9, 1.5) * max(w, h)
    shift = rng.normal(0, 0.04 if framing == "inside" else 0.02, 2) * [w, h]
    if framing == "cut":
        angle = rng.uniform(0, 2 * np.pi)
        shift = np.array([np.cos(angle), np.sin(angle)]) * rng.uniform(0.02, 0.2) * [w, h]
    depth = focal / side_px
    camera = np.array([[focal, 0, w / 2], [0, focal, h / 2], [0, 0, 1]])
    offset = np.array([shift[0] / focal * depth, shift[1] / focal * depth, depth])
    plane = np.array([[1, 0, -0.5 * wide], [0, 1, -0.5 * tall], [0, 0, 1.0]])
    homography = camera @ np.column_stack([rotation[:, 0], rotation[:, 1], offset]) @ plane
    k1 = rng.uniform(-config.distortion, config.distortion / 2)
    return View(homography / homography[2, 2], float(k1), w, h, config.extent)


def _lies(view: View, framing: str, bar_sides: float) -> bool:
    def inside(margin_sides: float) -> BoolArray:
        p = view.project(view.around(margin_sides))
        return np.asarray((p > 1).all(1) & (p < [view.width_px - 1, view.height_px - 1]).all(1))

    if framing == "inside":
        return bool(inside(bar_sides * 1.05).all())
    if framing == "tight":
        return bool(inside(0.004).all() and not inside(bar_sides).all())
    corners = view.project(view.opening)
    beyond = np.maximum(np.maximum(-corners, corners - [view.width_px, view.height_px]), 0).max()
    side_px = np.linalg.norm(corners[1] - corners[0]) / view.extent[0]
    return bool(not inside(0.0).all() and beyond < 0.12 * side_px)


def _axis_rotation(axis: float, angle: float) -> Float64Array:
    u = np.array([np.cos(axis), np.sin(axis), 0.0])
    cross = np.array([[0, -u[2], u[1]], [u[2], 0, -u[0]], [-u[1], u[0], 0]])
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


def ordered_corners(corners: Float64Array) -> Float64Array:
    """Return the four corners clockwise in the picture, first the one whose following side is closest to +x."""
    a, b = corners[1] - corners[0], corners[2] - corners[0]
    area = a[0] * b[1] - a[1] * b[0]
    turned = corners if area > 0 else corners[::-1]
    sides = np.roll(turned, -1, 0) - turned
    start = int(np.argmin(np.abs(np.arctan2(sides[:, 1], sides[:, 0]))))
    return np.roll(turned, -start, 0)
