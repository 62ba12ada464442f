"""What a detector finds in one picture."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from reefsteps.arrays import AnyArray, ByteArray, Float32Array, IntArray


@dataclass(frozen=True, eq=False)
class InstanceMask:
    """One instance's pixels as a crop: a full-size bitmap for each of 100 instances would not fit into a Lambda.

    ``bitmap`` is (h, w) uint8, 1 inside the instance and 0 outside; its top-left pixel is picture pixel (x0, y0).
    """

    x0: int
    y0: int
    bitmap: ByteArray

    def __post_init__(self) -> None:
        if self.bitmap.ndim != 2 or self.bitmap.dtype != np.uint8:
            raise ValueError(f"A mask's bitmap is 2-D uint8, not {self.bitmap.ndim}-D {self.bitmap.dtype}.")
        if self.bitmap.size and int(self.bitmap.max()) > 1:
            raise ValueError("A mask's bitmap holds 0 and 1 only.")
        if self.x0 < 0 or self.y0 < 0:
            raise ValueError("A mask starts inside the picture.")

    @property
    def area_px(self) -> int:
        """Number of pixels inside the instance."""
        return int(np.count_nonzero(self.bitmap))

    def window(self) -> tuple[slice, slice]:
        """Return the (rows, columns) of the picture that the bitmap covers, to index a picture-sized array with."""
        height, width = self.bitmap.shape
        return slice(self.y0, self.y0 + height), slice(self.x0, self.x0 + width)


@dataclass(frozen=True, eq=False)
class Detections:
    """Instances in one picture, best score first.

    ``boxes_px`` is (N, 4) float32 x0, y0, x1, y1 with the origin at the outer corner of the top-left pixel; ``scores``
    (N,) float32 from 0 to 1; ``classes`` (N,) int64, an index into the manifest's class names; ``image_shape`` the
    picture's (height, width). ``other_scores`` (M,) are of instances of classes that do not count: they took places of
    those that a detector can find in a picture. Raises ValueError when the parts do not fit together.
    """

    boxes_px: Float32Array
    scores: Float32Array
    classes: IntArray
    masks: tuple[InstanceMask, ...]
    image_shape: tuple[int, int]
    other_scores: Float32Array = field(default_factory=lambda: np.zeros(0, np.float32))

    def __post_init__(self) -> None:
        count = len(self.masks)
        expected: tuple[tuple[str, AnyArray, tuple[int, ...], type], ...] = (
            ("boxes_px", self.boxes_px, (count, 4), np.float32),
            ("scores", self.scores, (count,), np.float32),
            ("classes", self.classes, (count,), np.int64),
        )
        for name, array, shape, dtype in expected:
            if array.shape != shape or array.dtype != dtype:
                raise ValueError(f"{name} is {array.shape} {array.dtype}, expected {shape} {dtype.__name__}.")
        height, width = self.image_shape
        for mask in self.masks:
            rows, columns = mask.window()
            if rows.stop > height or columns.stop > width:
                raise ValueError(f"A mask reaches beyond the picture of {width} x {height} pixels.")

    def __len__(self) -> int:
        return len(self.masks)

    def select(self, keep: AnyArray) -> Detections:
        """Return the detections that a boolean mask or an index array over the N picks, in that order."""
        indices = np.arange(len(self))[keep]
        return Detections(
            self.boxes_px[indices],
            self.scores[indices],
            self.classes[indices],
            tuple(self.masks[int(i)] for i in indices),
            self.image_shape,
            self.other_scores,
        )

    def above(self, score: float) -> Detections:
        """Return the detections whose score is higher than ``score``, the comparison that detectron2 makes."""
        return replace(self.select(self.scores > score), other_scores=self.other_scores[self.other_scores > score])

    def full_mask(self, index: int) -> ByteArray:
        """Return one instance as a picture-sized (H, W) uint8 mask, 0 or 255."""
        full = np.zeros(self.image_shape, np.uint8)
        mask = self.masks[index]
        full[mask.window()] = mask.bitmap * np.uint8(255)
        return full

    def union_mask(self) -> ByteArray:
        """Return the pixels that belong to any instance, (H, W) uint8, 0 or 255: overlaps count once."""
        full = np.zeros(self.image_shape, np.uint8)
        for mask in self.masks:
            np.bitwise_or(full[mask.window()], mask.bitmap, out=full[mask.window()])
        full *= np.uint8(255)
        return full
