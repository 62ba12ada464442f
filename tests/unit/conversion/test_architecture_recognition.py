"""Which models are converted, and what is said of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from conversion.architecture import recognise
from conversion.config import NAMED, model_config
from conversion.convert import convert
from reefsteps.detection import load_detector
from reefsteps.errors import UnsupportedModelError
from tests.support import checkpoints as make


@pytest.mark.parametrize(
    ("depth", "classes", "fpn", "norm"),
    [(18, 1, 16, "BN"), (34, 2, 32, "GN"), (50, 1, 16, "BN"), (50, 3, 24, "BN"), (101, 1, 16, "")],
)
def test_every_supported_variant_converts_and_runs(
    tmp_path: Path, depth: int, classes: int, fpn: int, norm: str
) -> None:
    path = make.write_checkpoint(tmp_path / "m.pth", make.random_mask_rcnn(depth, classes, fpn, norm))
    dump = make.config_dump(
        tmp_path / "m.yaml", **{"MODEL.RESNETS.DEPTH": depth, "MODEL.ROI_HEADS.NUM_CLASSES": classes}
    )
    names = [f"coral {i}" for i in range(classes)]
    manifest = convert(path, dump, tmp_path, classes=make.classes_file(path, names, names))
    assert f"ResNet-{depth}-FPN ({fpn} channels" in manifest.architecture
    assert len(manifest.classes) == classes
    picture = np.random.default_rng(1).integers(0, 256, (150, 200, 3), dtype=np.uint8)
    found = load_detector(tmp_path / "m.onnx", tmp_path / "m.json", threads=1).detect(picture)
    assert len(found) > 0
    assert set(found.classes.tolist()) <= set(range(classes))
    assert np.all(np.diff(found.scores) <= 0)


def test_heads_that_look_at_fine_levels_and_large_masks_convert(tmp_path: Path) -> None:
    path = make.write_checkpoint(tmp_path / "m.pth", make.random_mask_rcnn(18))
    fine = {"MODEL.ROI_HEADS.IN_FEATURES": ["p2", "p3"], "MODEL.ROI_MASK_HEAD.POOLER_RESOLUTION": 28}
    convert(path, make.config_dump(tmp_path / "m.yaml", **fine), tmp_path)
    graph = onnx.load(tmp_path / "m.onnx").graph
    pools = [{a.name: a for a in node.attribute} for node in graph.node if node.op_type == "RoiAlign"]
    assert sorted({round(1 / pool["spatial_scale"].f) for pool in pools}) == [4, 8]
    assert {pool["output_width"].i for pool in pools} == {7, 28}
    picture = np.random.default_rng(1).integers(0, 256, (150, 200, 3), dtype=np.uint8)
    assert len(load_detector(tmp_path / "m.onnx", tmp_path / "m.json", threads=1).detect(picture)) > 0


def test_the_named_configurations_are_the_two_that_the_operator_has() -> None:
    assert NAMED["detectron2-reframe"].depth == 101
    assert NAMED["detectron2-classifier"].depth == 50
    assert {len(config.class_names) for config in NAMED.values()} == {1}


def test_the_named_configuration_is_used_without_a_dump(tmp_path: Path) -> None:
    path = make.write_checkpoint(tmp_path / "detectron2-classifier.pth", make.random_mask_rcnn(50))
    manifest = convert(path, None, tmp_path)
    assert (manifest.min_size_test, manifest.max_size_test, manifest.classes) == (800, 1333, ("coral",))
    assert manifest.config == "mask_rcnn_R_50_FPN_3x"


def refused(state: dict[str, Any], tmp_path: Path, message: str, name: str = "detectron2-classifier") -> None:
    path = make.write_checkpoint(tmp_path / f"{name}.pth", state)
    with pytest.raises(UnsupportedModelError, match=message):
        convert(path, None, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True


def test_other_classes_are_refused(tmp_path: Path) -> None:
    refused(make.random_mask_rcnn(50, classes=80), tmp_path, "tells 80 classes apart")


def test_another_depth_is_refused(tmp_path: Path) -> None:
    refused(make.random_mask_rcnn(50), tmp_path, "is a ResNet-50, .* says ResNet-101", "detectron2-reframe")


def test_an_unknown_name_needs_its_configuration(tmp_path: Path) -> None:
    refused(make.random_mask_rcnn(18), tmp_path, "Upload the config.yaml", "my-model")


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["backbone.body.layer1.0.conv1.weight", "rpn.head.conv.weight"], "torchvision's Mask R-CNN"),
        (["model.0.conv.weight"], "a YOLO network"),
        (["head.cls_subnet.0.weight", "backbone.fpn_lateral3.weight"], "RetinaNet"),
        (["layer1.0.conv1.weight", "fc.weight"], "a classification network"),
        (["encoder.bias"], "a network with tensors such as 'encoder.bias'"),
    ],
)
def test_other_architectures_are_refused_by_what_they_are(tmp_path: Path, names: list[str], message: str) -> None:
    refused({name: np.zeros(3, np.float32) for name in names}, tmp_path, message)


@pytest.mark.parametrize(
    ("tensor", "shape", "message"),
    [
        ("backbone.bottom_up.res2.0.conv2_offset.weight", (18, 8, 3, 3), "1 tensors that a ResNet-FPN"),
        ("backbone.bottom_up.res2.0.conv2.weight", (8, 1, 3, 3), "takes 1 channels but gets 8"),
        ("roi_heads.box_predictor.bbox_pred.weight", (12, 32), "12 offsets for 1 classes"),
        ("proposal_generator.rpn_head.anchor_deltas.weight", (4, 16, 1, 1), "anchors a location"),
    ],
)
def test_a_variation_that_would_change_results_is_refused(
    tmp_path: Path, tensor: str, shape: tuple[int, ...], message: str
) -> None:
    state = make.random_mask_rcnn(50)
    state[tensor] = np.zeros(shape, np.float32)
    refused(state, tmp_path, message)


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    state = make.random_mask_rcnn(50)
    del state["roi_heads.mask_head.deconv.bias"]
    refused(state, tmp_path, "lacks the tensor 'roi_heads.mask_head.deconv.bias'")


def test_diverged_weights_are_refused(tmp_path: Path) -> None:
    state = make.random_mask_rcnn(50)
    state["roi_heads.box_head.fc1.bias"][0] = np.nan
    refused(state, tmp_path, "no numbers: training diverged")


def test_a_failed_conversion_leaves_the_working_model(tmp_path: Path) -> None:
    name = tmp_path / "detectron2-classifier.pth"
    convert(make.write_checkpoint(name, make.random_mask_rcnn(50)), None, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.[oj]*")}
    broken = make.random_mask_rcnn(50, seed=2)
    broken["roi_heads.box_predictor.cls_score.bias"][:] = [-1e4, 1e4]  # background always wins: nothing is found
    with pytest.raises(UnsupportedModelError, match="self-check"):
        convert(make.write_checkpoint(name, broken), None, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.[oj]*")} == before
    assert {path.suffix for path in tmp_path.iterdir()} == {".pth", ".onnx", ".json"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"MODEL.META_ARCHITECTURE": "RetinaNet"}, "META_ARCHITECTURE is 'RetinaNet'"),
        ({"MODEL.ROI_BOX_HEAD.POOLER_TYPE": "ROIPool"}, "POOLER_TYPE"),
        ({"MODEL.PIXEL_STD": [1.0, 0.0, 1.0]}, "PIXEL_STD"),
        ({"INPUT.MIN_SIZE_TEST": "800"}, "MIN_SIZE_TEST"),
        ({"INPUT.MIN_SIZE_TEST": 10**9}, "MIN_SIZE_TEST"),
        ({"MODEL.ANCHOR_GENERATOR.SIZES": [[32], [64]]}, "SIZES"),
        ({"MODEL.ROI_HEADS.NUM_CLASSES": True}, "NUM_CLASSES"),
        ({"MODEL.ROI_HEADS.IN_FEATURES": ["p2", "p4"]}, "neighbouring levels"),
        ({"MODEL.ROI_HEADS.IN_FEATURES": []}, "neighbouring levels"),
        ({"MODEL.RPN.IN_FEATURES": ["p3", "p4", "p5", "p6", "p7"]}, "RPN.IN_FEATURES"),
        ({"TEST.DETECTIONS_PER_IMAGE": 2.5}, "DETECTIONS_PER_IMAGE"),
    ],
)
def test_a_configuration_that_cannot_be_obeyed_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UnsupportedModelError, match=message):
        model_config("m", make.config_dump(tmp_path / "m.yaml", **changes))


@pytest.mark.parametrize(
    "content",
    ["!!python/object/apply:os.system ['touch ran']", "_BASE_: x.yaml\nMODEL: {}", "[1, 2", "- 1", "[" * 1500, "\x00"],
)
def test_yaml_is_read_without_building_objects(tmp_path: Path, content: str) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(content)
    with pytest.raises(UnsupportedModelError, match=r"YAML|complete configuration"):
        model_config("m", path)


def test_recognition_looks_at_shapes_before_it_trusts_them() -> None:
    state = make.random_mask_rcnn(50)
    state["roi_heads.box_predictor.cls_score.weight"] = np.array(1.0, np.float32)
    with pytest.raises(UnsupportedModelError, match="0 dimensions"):
        recognise(state, NAMED["detectron2-classifier"])
