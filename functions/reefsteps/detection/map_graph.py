"""The graph of a map of coral: a network up to its levels, and a fitted head as 1 x 1 convolutions.

The network's proposals, boxes and masks are left out: colonies come from the map (`reefsteps.detection.map_engine`).
A linear layer and an enlargement may change places, so the first layer runs on each level at its own size, and only
its few results are enlarged.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from reefsteps.arrays import AnyArray
from reefsteps.detection.map_head import Head
from reefsteps.detection.stages import AROUND_CELLS, LEVELS, MAP_OUTPUT, STAGES
from reefsteps.errors import UnsupportedModelError

_LATERAL = "backbone.fpn_lateral"  # conversion's name of the layer that reads a stage


def trunk(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    """Return the part of a converted or adapted model that leads to the levels of its backbone, which it returns.

    Its input is ``image`` (3, H, W) float32, its outputs are `LEVELS`, each (1, C, h, w) float32. Raises
    UnsupportedModelError where the model ``name`` has no stages of a ResNet.
    """
    outputs = _stages(model.graph)
    if set(outputs) != set(STAGES):
        raise UnsupportedModelError(
            f"The model '{name}' does not show the stages of a ResNet, so nothing can be learned on top of it. "
            "Upload its .pth again to convert it."
        )
    part = onnx.ModelProto()
    part.CopyFrom(model)
    graph = part.graph
    kept: list[onnx.NodeProto] = [
        helper.make_node("Identity", [source], [stage], name=stage) for stage, source in sorted(outputs.items())
    ]
    needed = set(outputs.values())
    for node in reversed(model.graph.node):
        if node.name not in LEVELS and needed.intersection(node.output):
            kept.insert(0, node)
            needed.update(node.input)
    kept += [
        helper.make_node(
            "AveragePool",
            [stage],
            [f"{stage}_around"],
            name=f"{stage}_around",
            kernel_shape=[cells, cells],
            pads=[cells // 2] * 4,
        )
        for stage, cells in AROUND_CELLS.items()
    ]
    initializers = [tensor for tensor in model.graph.initializer if tensor.name in needed]
    inputs = [entry for entry in model.graph.input if entry.name == "image"]
    for field, values in (("node", kept), ("initializer", initializers), ("input", inputs)):
        _replace(graph, field, values)
    shapes: list[tuple[str, list[int | str]]] = [
        (level, [1, f"{level}_channels", f"{level}_h", f"{level}_w"]) for level in LEVELS
    ]
    outputs_of = [helper.make_tensor_value_info(level, TensorProto.FLOAT, shape) for level, shape in shapes]
    _replace(graph, "output", outputs_of)
    graph.ClearField("value_info")
    return part


def with_map(part: onnx.ModelProto, heads: Sequence[Head], channels: Sequence[int]) -> onnx.ModelProto:
    """Return the model whose output ``coral_map`` (K, h, w) holds the probability that each of K heads gives.

    ``part`` is from `trunk`; ``channels`` are those of its levels, in which order the heads' weights are. The map has
    the size of the first level. All heads are of one kind.
    """
    model = onnx.ModelProto()
    model.CopyFrom(part)
    graph = model.graph
    units = [head.first.shape[1] for head in heads]
    first = np.concatenate([head.first for head in heads], axis=1)
    first_bias = np.concatenate([head.first_bias for head in heads])
    last = np.zeros((len(heads), sum(units)), np.float32)
    for row, head in enumerate(heads):
        start = sum(units[:row])
        last[row, start : start + units[row]] = head.last
    store = _Store(graph)
    parts: list[str] = []
    for level, weights in zip(LEVELS, np.split(first, np.cumsum(channels)[:-1]), strict=True):
        inputs = [level, store(f"{level}_weight", weights.T[:, :, None, None])]
        if level == LEVELS[0]:
            inputs.append(store("first_bias", first_bias))
        parts.append(store.op("Conv", inputs, f"{level}_units", kernel_shape=[1, 1]))
    size = store.op("Shape", parts[:1], "map_size")
    total = parts[0]
    for level, small in zip(LEVELS[1:], parts[1:], strict=True):
        large = store.op(
            "Resize",
            [small, "", "", size],
            f"{level}_enlarged",
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        )
        total = store.op("Add", [total, large], f"{level}_sum")
    if heads[0].hidden:
        total = store.op("Relu", [total], "hidden")
    biases = np.array([head.last_bias for head in heads], np.float32)
    inputs = [total, store("last_weight", last[:, :, None, None]), store("last_bias", biases)]
    logits = store.op("Conv", inputs, "logits", kernel_shape=[1, 1])
    chances = store.op("Sigmoid", [logits], "chances")
    axis = store("batch_axis", np.array([0], np.int64))
    graph.node.append(helper.make_node("Squeeze", [chances, axis], [MAP_OUTPUT], name=MAP_OUTPUT))
    _replace(graph, "output", [helper.make_tensor_value_info(MAP_OUTPUT, TensorProto.FLOAT, ["K", "h", "w"])])
    onnx.checker.check_model(model)
    return model


def read_model(path: Path, name: str) -> onnx.ModelProto:
    """Return a model from its file; raises UnsupportedModelError when it is damaged."""
    try:
        return onnx.load(str(path))
    except Exception as error:  # protobuf's errors have no public base
        raise UnsupportedModelError(f"The model '{name}' cannot be read ({error}). Upload its .pth again.") from error


class _Store:
    """Adds tensors and operators of the head to a graph, under names of their own."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph

    def __call__(self, name: str, values: AnyArray) -> str:
        label = f"map_head.{name}"
        self._graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), label))
        return label

    def op(self, kind: str, inputs: Sequence[str], name: str, **attributes: Any) -> str:
        label = f"map_head.{name}"
        self._graph.node.append(helper.make_node(kind, list(inputs), [label], name=label, **attributes))
        return label


def _stages(graph: onnx.GraphProto) -> dict[str, str]:
    """Return what each stage's value is called in the graph."""
    named = {node.name: node.input[0] for node in graph.node if node.op_type == "Identity" and node.name in STAGES}
    if named:  # a model with a map, whose pyramid is gone
        return named
    return {
        stage: node.input[0]
        for node in graph.node
        for number, stage in enumerate(STAGES, start=2)
        if node.op_type == "Conv" and node.name == f"{_LATERAL}{number}"
    }


def _replace(graph: onnx.GraphProto, field: str, values: Sequence[object]) -> None:
    graph.ClearField(field)
    getattr(graph, field).extend(values)
