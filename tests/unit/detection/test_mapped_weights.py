"""Weights that stay in the model's file: the same model, without a copy of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper
from onnxruntime.capi import onnxruntime_pybind11_state as ort

from conversion.convert import convert
from reefsteps.detection import Manifest
from reefsteps.detection.mapped_weights import SMALLEST_BYTES, by_reference
from reefsteps.detection.onnx_engine import OnnxDetector
from reefsteps.errors import UnsupportedModelError
from tests.support import checkpoints as make
from tests.support.pictures import picture

TYPES = (np.float32, np.float16, np.int8, np.int64)


def written(path: Path, tensors: list[np.ndarray]) -> onnx.ModelProto:
    """A model with these weights, each of which it returns; written to ``path``."""
    weights = [numpy_helper.from_array(value, f"w{i}") for i, value in enumerate(tensors)]
    nodes = [helper.make_node("Identity", [f"w{i}"], [f"y{i}"]) for i in range(len(tensors))]
    outputs = [
        helper.make_tensor_value_info(f"y{i}", weight.data_type, value.shape)
        for i, (weight, value) in enumerate(zip(weights, tensors, strict=True))
    ]
    model = helper.make_model(helper.make_graph(nodes, "weights", [], outputs, weights), producer_name="test")
    onnx.save(model, path)
    return model


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(TYPES), st.integers(0, 3 * SMALLEST_BYTES)), max_size=5))
def test_it_is_the_same_model(tmp_path_factory: pytest.TempPathFactory, kinds: list[tuple[type, int]]) -> None:
    path = tmp_path_factory.mktemp("model") / "weights.onnx"
    rng = np.random.default_rng(1)
    model = written(path, [rng.integers(-99, 99, count).astype(kind) for kind, count in kinds])
    light = onnx.load_model_from_string(by_reference(path))
    referring = [tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in light.graph.initializer]
    sizes = [len(tensor.raw_data) for tensor in model.graph.initializer]
    assert all(refers for refers, size in zip(referring, sizes, strict=True) if size >= SMALLEST_BYTES)
    assert all(len(tensor.raw_data) < SMALLEST_BYTES for tensor in light.graph.initializer)
    onnx.load_external_data_for_model(light, str(path.parent))
    for tensor in light.graph.initializer:
        tensor.ClearField("data_location")
        tensor.ClearField("external_data")
    assert light == model


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Mask R-CNN: ``m.onnx`` and ``m.json`` in this folder."""
    folder = tmp_path_factory.mktemp("converted")
    checkpoint = make.write_checkpoint(folder / "m.pth", make.random_mask_rcnn(18, 1))
    dump = make.config_dump(folder / "m.yaml", **{"MODEL.RESNETS.DEPTH": 18, "MODEL.ROI_HEADS.NUM_CLASSES": 1})
    convert(checkpoint, dump, folder)
    return folder


def test_a_loaded_model_outlives_its_replacement(converted: Path, tmp_path: Path) -> None:
    """As the model store does: the new file is moved to the place of the one in use, or that one is removed."""
    manifest = Manifest.load(converted / "m.json")
    model = tmp_path / "m.onnx"
    model.write_bytes((converted / "m.onnx").read_bytes())
    detector = OnnxDetector(model, manifest, 1)
    before = detector.detect(picture(200, 300, 1))
    (tmp_path / "new").write_bytes(bytes(model.stat().st_size))
    (tmp_path / "new").replace(model)
    after = detector.detect(picture(200, 300, 1))
    assert len(before) > 0
    np.testing.assert_array_equal(before.boxes_px, after.boxes_px)
    np.testing.assert_array_equal(before.scores, after.scores)


def test_what_is_no_model_is_refused_by_name(converted: Path, tmp_path: Path) -> None:
    manifest = Manifest.load(converted / "m.json")
    whole = (converted / "m.onnx").read_bytes()
    for content in (b"", b"\x0f", b"\xff" * 20, whole[: len(whole) // 2], b"no model at all"):
        (tmp_path / "m.onnx").write_bytes(content)
        with pytest.raises(ValueError):
            by_reference(tmp_path / "m.onnx")
        with pytest.raises(UnsupportedModelError, match=r"Upload the \.pth again"):
            OnnxDetector(tmp_path / "m.onnx", manifest)


@pytest.mark.parametrize("fault", [MemoryError(), ort.RuntimeException("Failed to allocate memory")])
def test_a_machine_without_memory_does_not_blame_the_model(
    converted: Path, fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise fault

    monkeypatch.setattr(onnxruntime, "InferenceSession", fail)
    with pytest.raises(MemoryError):
        OnnxDetector(converted / "m.onnx", Manifest.load(converted / "m.json"))
