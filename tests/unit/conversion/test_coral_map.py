"""A checkpoint with a map of coral beside its Mask R-CNN: cover and colonies come from the map."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from adapt.dense import dense
from adapt.views import plain_view
from conversion.convert import convert
from conversion.variants import SCOPES, distinct_scopes
from reefsteps.arrays import AnyArray
from reefsteps.detection import load_detector
from reefsteps.detection.map_engine import MapDetector
from reefsteps.detection.map_graph import read_model, trunk
from reefsteps.detection.map_head import Head, head_tensors, read_head
from reefsteps.detection.stages import LEVELS, LONGEST_PX, SIDE_PX, STRIDE_PX, Backbone
from reefsteps.errors import UnsupportedModelError
from reefsteps.model_roles import ModelRole
from tests.support.checkpoints import config_dump, random_mask_rcnn, write_checkpoint

UNITS = 5


@pytest.fixture(scope="module")
def network() -> dict[str, AnyArray]:
    return dict(random_mask_rcnn())


@pytest.fixture(scope="module")
def channels(network: dict[str, AnyArray], tmp_path_factory: pytest.TempPathFactory) -> int:
    return sum(backbone_of(network, tmp_path_factory.mktemp("backbone")).channels())


def backbone_of(network: dict[str, AnyArray], folder: Path) -> Backbone:
    convert(write_checkpoint(folder / "plain.pth", network), config_dump(folder / "plain.yaml"), folder)
    onnx.save(trunk(read_model(folder / "plain.onnx", "plain"), "plain"), str(folder / "trunk.onnx"))
    return Backbone(folder / "trunk.onnx", "plain", rgb=False)


def head(channels: int, seed: int = 1) -> Head:
    rng = np.random.default_rng(seed)
    first = rng.normal(0, 0.3, (channels, UNITS)).astype(np.float32)
    return Head(
        first, rng.normal(0, 1, UNITS).astype(np.float32), rng.normal(0, 1, UNITS).astype(np.float32), -0.25, True
    )


def converted(network: dict[str, AnyArray], folder: Path, **options: object) -> MapDetector:
    checkpoint = write_checkpoint(folder / "corals.pth", network)
    convert(checkpoint, config_dump(folder / "corals.yaml"), folder, **options)  # type: ignore[arg-type]
    detector = load_detector(folder / "corals.onnx", folder / "corals.json")
    assert isinstance(detector, MapDetector)
    return detector


def pictures(count: int) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    rng = np.random.default_rng(3)
    return [rng.integers(0, 255, (96, 128, 3), np.uint8).repeat(3, 0).repeat(3, 1) for _ in range(count)]


def test_tensors_are_read_as_they_were_written(channels: int) -> None:
    written = head(channels)
    read = read_head(head_tensors(written))
    assert read is not None
    for name in ("first", "first_bias", "last"):
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name))
    assert (read.last_bias, read.hidden) == (-0.25, True)
    assert read_head({"backbone.stem": np.zeros(1)}) is None


def test_the_map_is_what_the_head_says_of_the_backbone(
    network: dict[str, AnyArray], channels: int, tmp_path: Path
) -> None:
    own = head(channels)
    detector = converted(network | head_tensors(own), tmp_path)
    manifest = detector.manifest
    assert (manifest.map_stride_px, manifest.min_size_test, manifest.max_size_test) == (STRIDE_PX, SIDE_PX, LONGEST_PX)
    assert manifest.most_instances is None
    assert manifest.least_side_px == 698
    assert manifest.architecture.startswith("map of coral on the backbone of Mask R-CNN")
    (tmp_path / "plain").mkdir()
    (picture,) = pictures(1)
    seen = plain_view(picture)
    expected = dense(own, backbone_of(network, tmp_path / "plain").levels(seen))
    found = detector.coral_map(picture)
    np.testing.assert_allclose(found, expected[: found.shape[0], : found.shape[1]], atol=2e-3)


def test_boxes_and_masks_are_not_in_the_graph(network: dict[str, AnyArray], channels: int, tmp_path: Path) -> None:
    converted(network | head_tensors(head(channels)), tmp_path)
    graph = onnx.load(str(tmp_path / "corals.onnx")).graph
    assert not {node.op_type for node in graph.node} & {"NonMaxSuppression", "RoiAlign", "TopK"}
    assert [output.name for output in graph.output] == ["coral_map"]
    assert not [tensor.name for tensor in graph.initializer if "roi_heads" in tensor.name or "fpn" in tensor.name]


def test_it_can_be_adapted(network: dict[str, AnyArray], channels: int, tmp_path: Path) -> None:
    converted(network | head_tensors(head(channels)), tmp_path)
    part = trunk(read_model(tmp_path / "corals.onnx", "corals"), "corals")
    assert [output.name for output in part.graph.output] == list(LEVELS)
    onnx.save(part, str(tmp_path / "trunk.onnx"))
    (tmp_path / "plain").mkdir()
    (picture,) = pictures(1)
    expected = backbone_of(network, tmp_path / "plain").levels(picture)
    levels = Backbone(tmp_path / "trunk.onnx", "corals", rgb=False).levels(picture)
    for found, level in zip(levels, expected, strict=True):
        np.testing.assert_allclose(found, level, atol=1e-3)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_a_smaller_variant_is_judged_by_the_map(
    network: dict[str, AnyArray], channels: int, tmp_path: Path, precision: str
) -> None:
    detector = converted(network | head_tensors(head(channels)), tmp_path, precision=precision, photos=pictures(3))
    manifest = detector.manifest
    assert manifest.agreement is not None
    assert manifest.agreement.photos == 3
    assert manifest.precision == precision or manifest.refused_variant


def test_sets_of_layers_that_a_map_has_not_are_not_tried(
    network: dict[str, AnyArray], channels: int, tmp_path: Path
) -> None:
    converted(network | head_tensors(head(channels)), tmp_path)
    assert distinct_scopes(tmp_path / "corals.onnx") == (0,)
    (tmp_path / "plain").mkdir()
    backbone_of(network, tmp_path / "plain")
    assert distinct_scopes(tmp_path / "plain" / "plain.onnx") == tuple(range(len(SCOPES)))


def wrong_channels(tensors: dict[str, AnyArray]) -> None:
    tensors["map_head.first.weight"] = np.zeros((UNITS, 7), np.float32)


def another_tensor(tensors: dict[str, AnyArray]) -> None:
    tensors["map_head.norm.weight"] = np.zeros(UNITS, np.float32)


def a_tensor_is_missing(tensors: dict[str, AnyArray]) -> None:
    del tensors["map_head.last.bias"]


def other_units(tensors: dict[str, AnyArray]) -> None:
    tensors["map_head.last.weight"] = np.zeros((1, UNITS + 1), np.float32)


def diverged(tensors: dict[str, AnyArray]) -> None:
    tensors["map_head.first.bias"] = np.full(UNITS, np.nan, np.float32)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (wrong_channels, "reads 7 channels, the backbone gives it"),
        (another_tensor, r"norm.weight \(5,\)"),
        (a_tensor_is_missing, "other tensors than"),
        (other_units, "other tensors than"),
        (diverged, "no numbers"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    network: dict[str, AnyArray],
    channels: int,
    tmp_path: Path,
    change: Callable[[dict[str, AnyArray]], None],
    said: str,
) -> None:
    tensors = dict(network | head_tensors(head(channels)))
    change(tensors)
    with pytest.raises(UnsupportedModelError, match=said):
        converted(tensors, tmp_path)


def test_a_frame_model_has_no_map_of_coral(network: dict[str, AnyArray], channels: int, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModelError, match="belongs to a coral model"):
        converted(network | head_tensors(head(channels)), tmp_path, role=ModelRole.FRAME)
