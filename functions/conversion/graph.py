"""A small builder of ONNX graphs: names, constants, and the layers of a detectron2 checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from conversion.checkpoint import Weights
from reefsteps.arrays import AnyArray
from reefsteps.errors import UnsupportedModelError

OPSET = 17
IR_VERSION = 9
GROUPS = 32  # of detectron2's GroupNorm
EPSILON = 1e-5  # of its BatchNorm, FrozenBatchNorm and GroupNorm


def ints(*values: int) -> AnyArray:
    """Return an int64 vector."""
    return np.array(values, np.int64)


def floats(*values: float) -> AnyArray:
    """Return a float32 vector."""
    return np.array(values, np.float32)


class Graph:
    """A graph under construction; every method that adds an operator returns its output's name.

    Checks each layer against the channels that reach it and keeps account of the checkpoint's tensors, so that
    nothing is silently left out: see ``unused``.
    """

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._unused = set(weights)
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: dict[str, onnx.TensorProto] = {}
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._channels: dict[str, int] = {}
        self._count = 0

    @property
    def unused(self) -> list[str]:
        """Names of the checkpoint's tensors that no layer has asked for."""
        return sorted(self._unused)

    def has(self, tensor: str) -> bool:
        """Say whether the checkpoint has the tensor."""
        return tensor in self._weights

    def tensor(self, name: str) -> AnyArray:
        """Return a tensor of the checkpoint as float32; raises UnsupportedModelError when it is not there."""
        if name not in self._weights:
            raise UnsupportedModelError(f"The model lacks the tensor '{name}' of a ResNet-FPN Mask R-CNN.")
        self._unused.discard(name)
        values = np.asarray(self._weights[name], np.float32)
        if not np.isfinite(values).all():
            raise UnsupportedModelError(f"Tensor '{name}' holds values that are no numbers: training diverged.")
        return values

    def const(self, values: AnyArray) -> str:
        """Return the name of a constant; equal ones are stored once."""
        key = (values.dtype.str, values.shape, values.tobytes())
        if key not in self._constants:
            self._constants[key] = self._store(f"const_{len(self._constants)}", values)
        return self._constants[key]

    def op(self, kind: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        """Add an operator with one output."""
        return self.ops(kind, 1, *inputs, name=name, **attributes)[0]

    def ops(self, kind: str, outputs: int, *inputs: str, name: str | None = None, **attributes: Any) -> list[str]:
        """Add an operator with several outputs."""
        self._count += 1
        label = name or f"{kind.lower()}_{self._count}"
        names = [label] if outputs == 1 else [f"{label}_{i}" for i in range(outputs)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, name=label, **attributes))
        return names

    def columns(self, values: str, start: int, stop: int) -> str:
        """Return columns start..stop of a matrix."""
        return self.op("Slice", values, self.const(ints(start)), self.const(ints(stop)), self.const(ints(1)))

    def gather(self, values: str, indices: str) -> str:
        """Return rows of ``values``."""
        return self.op("Gather", values, indices)

    def largest(self, values: str, limit: int) -> tuple[str, str]:
        """Return the ``limit`` largest entries of a vector (fewer if it is shorter), sorted, and their indices."""
        count = self.op("Min", self.op("Shape", values), self.const(ints(limit)))
        top, indices = self.ops("TopK", 2, values, count, axis=0)
        return top, indices

    def input_channels(self, values: str, count: int) -> None:
        """State how many channels a graph input or pooled feature has."""
        self._channels[values] = count

    def channels(self, values: str) -> int:
        """Return the number of channels (or features) of a layer's output."""
        return self._channels[values]

    def conv(self, source: str, layer: str, *, stride: int = 1, relu: bool = False, use: int = 0) -> str:
        """Add a convolution with its normalisation (BatchNorm is folded into it) and, if wanted, a ReLU.

        ``use`` numbers the uses of a layer that several feature maps share. Padding keeps the size.
        """
        weight = self.tensor(f"{layer}.weight")
        bias = self.tensor(f"{layer}.bias") if self.has(f"{layer}.bias") else None
        if weight.ndim != 4 or weight.shape[2] != weight.shape[3] or weight.shape[2] % 2 == 0:
            raise UnsupportedModelError(f"'{layer}' is no square convolution (weight {weight.shape}).")
        if weight.shape[1] != self.channels(source):
            raise UnsupportedModelError(
                f"'{layer}' takes {weight.shape[1]} channels but gets {self.channels(source)}: grouped convolutions "
                "(ResNeXt) and other backbones are not supported."
            )
        grouped = self.has(f"{layer}.norm.weight") and not self.has(f"{layer}.norm.running_mean")
        if self.has(f"{layer}.norm.weight") and not grouped:
            weight, bias = self._folded(layer, weight, bias)
        inputs = [source, self._store(f"{layer}.weight", weight)]
        if bias is not None:
            inputs.append(self._store(f"{layer}.bias", bias))
        size = int(weight.shape[2])
        label = f"{layer}:{use}" if use else layer
        pads = [size // 2] * 4
        output = self.op("Conv", *inputs, name=label, kernel_shape=[size, size], strides=[stride, stride], pads=pads)
        if grouped:
            output = self._group_norm(output, f"{layer}.norm", int(weight.shape[0]))
        self._channels[output] = int(weight.shape[0])
        return self.relu(output) if relu else output

    def relu(self, source: str) -> str:
        """Add a ReLU."""
        output = self.op("Relu", source)
        self._channels[output] = self._channels[source]
        return output

    def upsampled(self, source: str, upconv: str, predictor: str) -> str:
        """Add a 2 x 2 transposed convolution that doubles height and width, a ReLU and a 1 x 1 convolution.

        With a stride of 2 the four output pixels of an input pixel do not overlap, so they are four 1 x 1 convolutions.
        The predictor sees one of them at a time. Only its few channels have to be laid out in the larger picture.
        """
        weight, bias = self.tensor(f"{upconv}.weight"), self.tensor(f"{upconv}.bias")
        if weight.shape[0] != self.channels(source) or weight.shape[2:] != (2, 2):
            raise UnsupportedModelError(f"'{upconv}' has a weight {weight.shape}; a 2 x 2 upsampling is supported.")
        last, last_bias = self.tensor(f"{predictor}.weight"), self.tensor(f"{predictor}.bias")
        if last.shape[1:] != (weight.shape[1], 1, 1):
            raise UnsupportedModelError(f"'{predictor}' has a weight {last.shape}, {weight.shape[1]} channels come.")
        four = np.transpose(weight, (2, 3, 1, 0)).reshape(-1, weight.shape[0], 1, 1)  # (row, column, channel) major
        inner = self._store(f"{upconv}.weight", four), self._store(f"{upconv}.bias", np.tile(bias, 4))
        hidden = self.op("Relu", self.op("Conv", source, *inner, name=upconv, kernel_shape=[1, 1]))
        outer = (
            self._store(f"{predictor}.weight", np.tile(last, (4, 1, 1, 1))),
            self._store(f"{predictor}.bias", np.tile(last_bias, 4)),
        )
        logits = self.op("Conv", hidden, *outer, name=predictor, kernel_shape=[1, 1], group=4)
        output = self.op("DepthToSpace", logits, blocksize=2, mode="DCR")
        self._channels[output] = int(last.shape[0])
        return output

    def linear(self, source: str, layer: str) -> str:
        """Add a fully connected layer."""
        weight, bias = self.tensor(f"{layer}.weight"), self.tensor(f"{layer}.bias")
        if weight.ndim != 2 or weight.shape[1] != self.channels(source):
            raise UnsupportedModelError(f"'{layer}' has a weight {weight.shape}, {self.channels(source)} inputs come.")
        inputs = source, self._store(f"{layer}.weight", weight), self._store(f"{layer}.bias", bias)
        output = self.op("Gemm", *inputs, name=layer, transB=1)
        self._channels[output] = int(weight.shape[0])
        return output

    def model(self, inputs: Sequence[onnx.ValueInfoProto], outputs: Sequence[onnx.ValueInfoProto]) -> onnx.ModelProto:
        """Return the finished, checked model."""
        graph = helper.make_graph(self._nodes, "mask_rcnn", inputs, outputs, list(self._initializers.values()))
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="reefsteps")
        onnx.checker.check_model(model)
        return model

    def _folded(self, layer: str, weight: AnyArray, bias: AnyArray | None) -> tuple[AnyArray, AnyArray]:
        scale = self.tensor(f"{layer}.norm.weight") / np.sqrt(self.tensor(f"{layer}.norm.running_var") + EPSILON)
        shift = self.tensor(f"{layer}.norm.bias") - self.tensor(f"{layer}.norm.running_mean") * scale
        self._unused.discard(f"{layer}.norm.num_batches_tracked")
        return weight * scale[:, None, None, None], shift if bias is None else shift + bias * scale

    def _group_norm(self, source: str, norm: str, channels: int) -> str:
        if channels % GROUPS:
            raise UnsupportedModelError(
                f"'{norm}' normalises {channels} channels, which {GROUPS} groups do not divide."
            )
        grouped = self.op("Reshape", source, self.const(ints(0, GROUPS, -1)))
        ones, zeros = self.const(np.ones(GROUPS, np.float32)), self.const(np.zeros(GROUPS, np.float32))
        normal = self.op("InstanceNormalization", grouped, ones, zeros, epsilon=EPSILON)
        restored = self.op("Reshape", normal, self.op("Shape", source))
        scale = self._store(f"{norm}.weight", self.tensor(f"{norm}.weight").reshape(-1, 1, 1))
        shift = self._store(f"{norm}.bias", self.tensor(f"{norm}.bias").reshape(-1, 1, 1))
        return self.op("Add", self.op("Mul", restored, scale), shift)

    def _store(self, name: str, values: AnyArray) -> str:
        if name not in self._initializers:
            self._initializers[name] = numpy_helper.from_array(np.ascontiguousarray(values), name)
        return name


def value_info(name: str, kind: str, shape: Sequence[int | str]) -> onnx.ValueInfoProto:
    """Describe an input or output of the graph; ``kind`` is FLOAT or INT64."""
    return helper.make_tensor_value_info(name, TensorProto.DataType.Value(kind), list(shape))
