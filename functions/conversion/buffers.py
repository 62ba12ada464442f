"""The buffers that detectron2 up to 0.5 saved with the weights: cell anchors, pixel mean and standard deviation.

They follow from the configuration, so they tell whether the configuration at hand is the model's. detectron2 0.6 no
longer saves them, and takes the configuration's values in their place.
"""

from __future__ import annotations

import math
import re

import numpy as np

from conversion.checkpoint import Weights
from conversion.config import LEVELS, ModelConfig
from reefsteps.arrays import AnyArray
from reefsteps.errors import UnsupportedModelError

_ANCHORS = re.compile(r"proposal_generator\.anchor_generator\.cell_anchors\.(\d+)")
_TOLERANCE = 2e-3  # relative: half precision keeps three digits


def cell_anchors(config: ModelConfig, level: int) -> AnyArray:
    """Return the anchors of one location around its origin, as DefaultAnchorGenerator makes them: (A, 4) float32."""
    anchors = []
    for size in config.anchor_sizes[level]:
        for ratio in config.anchor_ratios[level]:
            width = math.sqrt(size**2 / ratio)
            height = ratio * width
            anchors.append([-width / 2, -height / 2, width / 2, height / 2])
    return np.array(anchors, np.float32)


def checked_buffers(weights: Weights, config: ModelConfig, *, bound: bool) -> tuple[Weights, tuple[str, ...]]:
    """Return the weights without those buffers, and what they say against the configuration, in sentences.

    Raises UnsupportedModelError naming both values when they differ, unless the configuration is ``bound``, that is,
    names these very weights: then its values are used, as detectron2 0.6 does.
    """
    expected: dict[str, AnyArray] = {
        "pixel_mean": np.array(config.pixel_mean, np.float32),
        "pixel_std": np.array(config.pixel_std, np.float32),
    }
    for level in range(LEVELS):
        expected[f"proposal_generator.anchor_generator.cell_anchors.{level}"] = cell_anchors(config, level)
    present = [name for name in weights if name in expected or _ANCHORS.fullmatch(name)]
    differing = [name for name in present if not _agree(weights[name], expected.get(name))]
    rest = {name: values for name, values in weights.items() if name not in present}
    if not differing:
        return rest, ()
    name = differing[0]
    others = f" (and {len(differing) - 1} more)" if len(differing) > 1 else ""
    said = (
        f"'{name}' is {_shown(weights[name])} in the checkpoint and {_shown(expected.get(name))} in the configuration "
        f"({config.origin}){others}."
    )
    if bound:
        return rest, (f"{said} The configuration names these weights, so its values are used, as detectron2 0.6 does.",)
    raise UnsupportedModelError(
        f"{said} The configuration belongs to another model: upload the config.yaml that this checkpoint was trained "
        "with as <name>.yaml beside it."
    )


def _agree(found: AnyArray, expected: AnyArray | None) -> bool:
    if expected is None or found.size != expected.size:
        return False
    values = np.asarray(found, np.float32).reshape(expected.shape)
    return bool(np.allclose(values, expected, rtol=_TOLERANCE, atol=_TOLERANCE))


def _shown(values: AnyArray | None) -> str:
    if values is None:
        return "missing"
    flat = [f"{value:.6g}" for value in np.asarray(values[:4] if values.ndim else values, np.float32).reshape(-1)[:4]]
    return f"({', '.join(flat)}{', ...' if values.size > len(flat) else ''})"
