"""One synthetic photograph and its truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from reefsteps.arrays import ByteArray, Float32Array, Float64Array, LabelArray
from synthetic.camera import View, draw_view, ordered_corners
from synthetic.config import FRAME_KINDS, FRAMINGS, PhotoConfig
from synthetic.frames import Frame, draw_frame, paint_frame
from synthetic.occluders import Occluder, draw_occluders, paint_occluders
from synthetic.paint import dense, inside, stamp
from synthetic.seabed import Patch, ground, paint, scatter
from synthetic.water import Water, draw_water, expose

_STRINGS_OF = {
    "aluminium": ("grid10", "grid10", "grid10", "grid5", "none"),
    "pvc": ("grid4", "grid5", "none", "grid10", "diagonals"),
    "patches": ("diagonals", "diagonals", "none"),
    "rulers": ("none", "none", "grid10"),
    "painted": ("grid10", "grid5", "none", "none"),
    "none": ("none",),
}
_SIDES_CM = {"aluminium": 100.0, "pvc": 100.0, "patches": 50.0, "rulers": 75.0, "painted": 100.0, "none": 100.0}
_KIND_SHARES = (0.24, 0.22, 0.2, 0.16, 0.12, 0.06)
_FRAMING_SHARES = (0.7, 0.22, 0.08)
_COVER_GRID_PX = 1024


@dataclass(frozen=True)
class SyntheticPhoto:
    """A photograph with everything that was drawn.

    ``image_bgr`` uint8 (H, W, 3). ``corners_px`` float64 (4, 2): the opening's corners, clockwise in the picture, first
    the one whose following side is closest to +x; (0, 2) where there is no frame. ``frame_mask`` uint8 (H, W), 1 on the
    visible bars and corner pieces. ``cover_percent``: coral in the opening; under strings it counts, under tape, hands
    and fish it does not. ``side_cm``: the opening's length along the picture's top, from the first corner to the
    second, and ``height_cm`` its other length; equal for a square.
    """

    seed: int
    config: PhotoConfig
    image_bgr: ByteArray
    corners_px: Float64Array
    frame_mask: ByteArray
    cover_percent: float
    side_cm: float
    height_cm: float
    frame: Frame | None
    framing: str
    water: Water
    view: View
    patches: tuple[Patch, ...]
    occluders: tuple[Occluder, ...]

    def opening_mask(self) -> ByteArray:
        """Return uint8 (H, W), 1 inside the frame's inner edge, what covers it included; all 0 without a frame."""
        h, w = self.image_bgr.shape[:2]
        if self.frame is None:
            return np.zeros((h, w), np.uint8)
        return inside([self.view.project(dense(self.view.opening))], w, h)

    def coral_labels(self) -> LabelArray:
        """Return uint16 (H, W): 0, or the number (from 1) of the coral instance seen there through strings."""
        labels = _draw_labels(self, self.view.project, self.view.width_px, self.view.height_px)
        labels[self.frame_mask > 0] = 0
        return labels

    def rectified_coral_labels(self, side_px: int) -> LabelArray:
        """Return uint16 (height_px, side_px): the same for the opening, straightened, first corner top-left.

        ``height_px`` is ``side_px`` for a square, and in the opening's own ratio to it otherwise.
        """
        start = first_corner(self.corners_px, self.view)
        order = np.roll(self.view.opening, -start, 0)
        wide, tall = np.roll(self.view.extent, start % 2)
        axes = np.column_stack([(order[1] - order[0]) / wide, (order[3] - order[0]) / tall])
        height_px = round(side_px / wide * tall)
        return _draw_labels(self, lambda p: (p - order[0]) @ axes * (side_px / wide), side_px, height_px)

    def rectified_coral_masks(self, side_px: int) -> list[ByteArray]:
        """Return one uint8 (height_px, side_px) mask for each coral instance inside the opening."""
        return split_labels(self.rectified_coral_labels(side_px))


def first_corner(corners_px: Float64Array, view: View) -> int:
    """Return which of the opening's corners in the plane is the first of ``corners_px``; 0 without any."""
    if not len(corners_px):
        return 0
    return int(np.argmin(np.linalg.norm(view.project(view.opening) - corners_px[0], axis=1)))


def generate(seed: int, config: PhotoConfig | None = None) -> SyntheticPhoto:
    """Return the photograph of this seed; raises ValueError when no view of the wanted framing fits the size."""
    config = config or PhotoConfig()
    rng = np.random.default_rng(seed)
    kind = config.frame or str(rng.choice(FRAME_KINDS, p=_KIND_SHARES))
    strings = config.strings or str(rng.choice(_STRINGS_OF[kind]))
    framing = config.framing or str(rng.choice(FRAMINGS, p=_FRAMING_SHARES))
    water = draw_water(
        rng, config.water or str(rng.choice(["clear", "green", "blue", "deep"], p=[0.4, 0.2, 0.28, 0.12]))
    )
    amount = (
        config.occlusion if config.occlusion is not None else float(rng.choice([0.0, rng.uniform(0, 1)], p=[0.3, 0.7]))
    )
    frame = None if kind == "none" else draw_frame(rng, kind, strings)
    bar_sides = frame.bar_sides if frame else 0.03
    view = draw_view(rng, config, framing, bar_sides)
    border = np.array([[0.0, 0.0], [view.width_px, 0.0], [view.width_px, view.height_px], [0.0, view.height_px]])
    seen = view.unproject(border)
    low, high = np.maximum(seen.min(0), -1.2), np.minimum(seen.max(0), np.array(config.extent) + 1.2)
    patches = scatter(rng, low, high, rng.uniform(*config.cover_percent))
    occluders = draw_occluders(rng, amount, bar_sides, config.extent)

    canvas = _seabed(rng, view, patches, config.seabed_max_px)
    frame_mask = np.zeros(canvas.shape[:2], np.uint8) if frame is None else paint_frame(rng, canvas, view, frame)
    frame_mask &= 1 - paint_occluders(rng, canvas, view, occluders)
    image = expose(rng, canvas, water, config)

    corners = ordered_corners(view.project(view.opening)) if frame else np.zeros((0, 2))
    side_cm, height_cm = config.opening_cm or (_SIDES_CM[kind], _SIDES_CM[kind])
    if first_corner(corners, view) % 2:
        side_cm, height_cm = height_cm, side_cm
    photo = SyntheticPhoto(
        seed, config, image, corners, frame_mask, 0.0, side_cm, height_cm, frame, framing, water, view, patches,
        occluders,
    )  # fmt: skip
    object.__setattr__(photo, "cover_percent", 100 * float((photo.rectified_coral_labels(_COVER_GRID_PX) > 0).mean()))
    return photo


def split_labels(labels: LabelArray) -> list[ByteArray]:
    """Return one 0/1 mask for each number above 0 that occurs in ``labels``."""
    return [(labels == number).astype(np.uint8) for number in np.unique(labels) if number]


def _seabed(rng: np.random.Generator, view: View, patches: tuple[Patch, ...], max_px: int) -> Float32Array:
    w, h = view.width_px, view.height_px
    factor = min(1.0, max_px / max(w, h))
    small = view.scaled(round(w * factor) / w, round(h * factor) / h)
    canvas = ground(rng, small)
    angle = rng.uniform(0, 2 * np.pi)
    light = np.array([np.cos(angle), np.sin(angle)])
    for patch in patches:
        paint(rng, canvas, small, patch, light)
    if (small.width_px, small.height_px) == (w, h):
        return canvas
    return np.asarray(cv2.resize(canvas, (w, h), interpolation=cv2.INTER_CUBIC), np.float32)


def _draw_labels(
    photo: SyntheticPhoto, place: Callable[[Float64Array], Float64Array], width: int, height: int
) -> LabelArray:
    labels = np.zeros((height, width), np.uint16)
    number = 0
    for patch in photo.patches:
        number += patch.coral
        stamp(labels, place(patch.outline), number if patch.coral else 0)
    for item in photo.occluders:
        stamp(labels, place(dense(item.outline)), 0)
    return labels
