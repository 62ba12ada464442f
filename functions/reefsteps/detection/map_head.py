"""The head of a map of coral: two layers on the features of a frozen network, and its tensors in a checkpoint.

`adapt` fits heads to points of a survey. `training.learn_map` writes one beside the Mask R-CNN of a checkpoint. Both
end in the same graph (`reefsteps.detection.map_graph`).
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reefsteps.arrays import AnyArray, Float32Array, Float64Array
from reefsteps.errors import UnsupportedModelError

PREFIX = "map_head."  # of the tensors in a checkpoint
_TENSORS = {"first.weight": 2, "first.bias": 1, "last.weight": 2, "last.bias": 1}  # and their dimensions


@dataclass(frozen=True, eq=False)
class Head:
    """A fitted head on features (N, C): ``first`` (C, H) and ``first_bias`` (H,), then ``last`` (H,) and its bias.

    Where ``hidden`` is true a ReLU lies between the two; else H is 1 and ``last`` is 1.
    """

    first: Float32Array
    first_bias: Float32Array
    last: Float32Array
    last_bias: float
    hidden: bool

    def logits(self, features: Float32Array) -> Float64Array:
        """Return (N,) logits of coral."""
        values = features @ self.first + self.first_bias
        if self.hidden:
            values = np.maximum(values, 0)
        return np.asarray(values @ self.last + self.last_bias, np.float64)

    def shifted(self, by: float) -> Head:
        """Return the head whose logits are larger by that much."""
        return Head(self.first, self.first_bias, self.last, self.last_bias + by, self.hidden)


def has_map(checkpoint: Path) -> bool:
    """Return whether a checkpoint file has the tensors of a map; their names stand in it as they are."""
    with checkpoint.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(f"{PREFIX}first.weight".encode()) >= 0


def head_tensors(head: Head) -> dict[str, Float32Array]:
    """Return the float32 tensors of a head with hidden units, by their names in a checkpoint."""
    return {
        f"{PREFIX}first.weight": np.ascontiguousarray(head.first.T),
        f"{PREFIX}first.bias": head.first_bias,
        f"{PREFIX}last.weight": head.last[None, :],
        f"{PREFIX}last.bias": np.array([head.last_bias], np.float32),
    }


def read_head(tensors: Mapping[str, AnyArray]) -> Head | None:
    """Return the head of a checkpoint's tensors, None where there is none.

    ``first.weight`` is (H, C), ``last.weight`` (1, H); a ReLU lies between them. Raises UnsupportedModelError for other
    tensors under that name.
    """
    found = {name.removeprefix(PREFIX): value for name, value in tensors.items() if name.startswith(PREFIX)}
    if not found:
        return None
    values = {name: np.asarray(value, np.float32) for name, value in found.items()}
    known = {name: value.ndim for name, value in values.items()} == _TENSORS
    if known:
        hidden = len(values["first.weight"])
        shapes = (hidden,), (1, hidden), (1,)
        known = shapes == tuple(values[name].shape for name in ("first.bias", "last.weight", "last.bias"))
    if not known:
        shown = ", ".join(f"{PREFIX}{name} {value.shape}" for name, value in sorted(values.items())[:8])
        raise UnsupportedModelError(
            f"The map of coral has other tensors than first.weight (H, C), first.bias (H,), last.weight (1, H) and "
            f"last.bias (1,): {shown}. Write it with training.learn_map."
        )
    if not all(np.isfinite(value).all() for value in values.values()):
        raise UnsupportedModelError("The map of coral holds values that are no numbers: train it again.")
    return Head(
        np.ascontiguousarray(values["first.weight"].T),
        values["first.bias"],
        values["last.weight"][0],
        float(values["last.bias"][0]),
        True,
    )
