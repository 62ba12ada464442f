"""Smaller models: half-precision weights, and 8-bit convolutions calibrated on photographs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from reefsteps.arrays import ByteArray
from reefsteps.detection.manifest import Manifest
from reefsteps.detection.resizing import network_shape, resize

Photos = Sequence[ByteArray]
Scope = tuple[str, ...]  # prefixes of layer names

# Widest first: more 8-bit layers are faster, fewer agree better.
SCOPES: tuple[Scope, ...] = (
    ("backbone.", "proposal_generator.", "roi_heads.mask_head.", "roi_heads.box_head."),
    ("backbone.", "proposal_generator.", "roi_heads.mask_head."),
    ("backbone.",),
    ("backbone.fpn_output", "roi_heads.mask_head."),
)

_QUANTISED = ("Conv", "Gemm")  # kinds of layers
_HALF_LIMIT = 65504.0  # largest float16
_PREDICTORS = ("objectness_logits", "anchor_deltas", "predictor")
_CALIBRATION_SIDE_PX = 480  # ranges hardly depend on the size; calibration keeps many layers in memory at once
_SMALL = 1024  # elements: biases and constants stay float32


def half_weights(source: Path, target: Path) -> None:
    """Write the model with its large weights as float16; they become float32 again when it is loaded.

    Halves the download and the storage, changes neither speed nor memory.
    """
    model = onnx.load(str(source))
    casts = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size <= _SMALL or np.abs(values).max() > _HALF_LIMIT:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}:half"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, str(target))


def quantised(source: Path, target: Path, manifest: Manifest, photos: Photos, scope: Scope) -> None:
    """Write the model with 8-bit convolutions in ``scope``; the layers that give boxes and scores stay in floating
    point.

    The ranges of all layers are measured once and kept beside ``source`` for further scopes.
    """
    model = onnx.load(str(source), load_external_data=False)
    floating = [node.name for node in model.graph.node if not _quantisable(node.name, scope)]
    del model
    quantize_static(
        str(source),
        str(target),
        _Calibration(manifest, photos),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=[*_QUANTISED],
        nodes_to_exclude=floating,
        per_channel=True,
        reduce_range=True,  # without VNNI the products of full-range 8-bit numbers overflow
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,  # percentiles, entropy and moving averages agreed less (measured)
        calibration_cache_path=source.with_suffix(".ranges.json"),
    )


def distinct_scopes(source: Path) -> tuple[int, ...]:
    """Return which of `SCOPES` reach layers of this graph that no wider one reaches alike, widest first."""
    model = onnx.load(str(source), load_external_data=False)
    layers = [node.name for node in model.graph.node if node.op_type in _QUANTISED]
    found: dict[frozenset[str], int] = {}
    for index, scope in enumerate(SCOPES):
        reached = frozenset(name for name in layers if _quantisable(name, scope))
        if reached:
            found.setdefault(reached, index)
    return tuple(found.values())


def _quantisable(layer: str, scope: Scope) -> bool:
    return layer.startswith(scope) and not layer.partition(":")[0].endswith(_PREDICTORS)


class _Calibration(CalibrationDataReader):  # type: ignore[misc]
    """Feeds the photographs as a detector would."""

    def __init__(self, manifest: Manifest, photos: Photos) -> None:
        self._feeds = self._prepared(manifest, photos)

    def get_next(self) -> dict[str, Any] | None:
        return next(self._feeds, None)

    @staticmethod
    def _prepared(manifest: Manifest, photos: Photos) -> Iterator[dict[str, Any]]:
        for photo in photos:
            side = min(manifest.min_size_test, _CALIBRATION_SIDE_PX)
            shape = network_shape(photo.shape[0], photo.shape[1], side, 2 * side)
            pixels = resize(photo, shape)
            pixels = pixels[:, :, ::-1] if manifest.rgb else pixels
            feed = {"image": np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32)}
            if manifest.map_stride_px is None:
                feed["score_threshold"] = np.array([manifest.score_threshold], np.float32)
            yield feed
