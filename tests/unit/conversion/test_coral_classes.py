"""Which classes of a model are coral: the operator's choice beside the checkpoint, and what happens without one."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from conversion.convert import convert
from reefsteps.detection import detectron2_engine, load_detector
from reefsteps.errors import UnsupportedModelError
from tests.support import checkpoints as make


def test_only_the_chosen_classes_count(tmp_path: Path) -> None:
    path = make.write_checkpoint(tmp_path / "m.pth", make.random_mask_rcnn(classes=3, seed=4))
    dump = make.config_dump(tmp_path / "m.yaml", **{"MODEL.ROI_HEADS.NUM_CLASSES": 3})
    names = ["Acropora", "rubble", "Porites"]  # class 1 is found besides another one
    picture = np.random.default_rng(1).integers(0, 256, (150, 200, 3), dtype=np.uint8)
    everything = make.classes_file(path, names, names)
    convert(path, dump, tmp_path, classes=everything)
    found = load_detector(tmp_path / "m.onnx", tmp_path / "m.json", threads=1).detect(picture)
    assert {1} < set(found.classes.tolist())
    manifest = convert(path, dump, tmp_path, classes=make.classes_file(path, names, ["Acropora", "Porites"]))
    assert (manifest.classes, manifest.counted) == (tuple(names), ("Acropora", "Porites"))
    corals = load_detector(tmp_path / "m.onnx", tmp_path / "m.json", threads=1).detect(picture)
    assert set(corals.classes.tolist()) == set(found.classes.tolist()) - {1}
    np.testing.assert_array_equal(corals.scores, found.scores[found.classes != 1])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (None, "no file names those that count"),
        ({"checkpoint_sha256": "0" * 64}, "belongs to another checkpoint"),
        ({"classes": ["a", "b"], "counted": ["a"]}, "names 2 classes, the model tells 3 apart"),
        ({"counted": ["d"]}, "'counted' has 'd', which is not in 'classes'"),
        ({"counted": []}, "'counted' is no list"),
        ({"classes": ["a", "a", "b"]}, "'classes' is no list of different names"),
        ({"format": 2}, "'format' is not 1"),
    ],
)
def test_several_classes_need_a_choice_that_is_theirs(
    tmp_path: Path, change: dict[str, Any] | None, reason: str
) -> None:
    path = make.write_checkpoint(tmp_path / "m.pth", make.random_mask_rcnn(classes=3))
    dump = make.config_dump(tmp_path / "m.yaml", **{"MODEL.ROI_HEADS.NUM_CLASSES": 3})
    classes = None
    if change is not None:
        classes = make.classes_file(path, ["a", "b", "c"], ["a"])
        classes.write_text(json.dumps(json.loads(classes.read_text("utf-8")) | change), "utf-8")
    with pytest.raises(UnsupportedModelError) as error:
        convert(path, dump, tmp_path / "out", classes=classes)
    assert reason in str(error.value)
    assert '"checkpoint_sha256"' in str(error.value)  # what to write


def test_a_choice_for_another_checkpoint_of_one_class_is_said_to_be_unused(tmp_path: Path) -> None:
    path = make.write_checkpoint(tmp_path / "m.pth", make.random_mask_rcnn())
    classes = make.classes_file(path, ["rubble"], ["rubble"])
    assert convert(path, make.config_dump(tmp_path / "m.yaml"), tmp_path, classes=classes).classes == ("rubble",)
    make.write_checkpoint(path, make.random_mask_rcnn(seed=1))
    manifest = convert(path, make.config_dump(tmp_path / "m.yaml"), tmp_path, classes=classes)
    assert (manifest.classes, manifest.counted) == (("class_0",), None)
    assert "m.classes.json belongs to another checkpoint, so it was not used." in manifest.notes


def test_the_other_engine_refuses_classes_that_nobody_chose(tmp_path: Path) -> None:
    path = make.write_checkpoint(tmp_path / "m.pth", {"head.b": np.ones(2, np.float32)})
    config = SimpleNamespace(MODEL=SimpleNamespace(ROI_HEADS=SimpleNamespace(NUM_CLASSES=3)))
    with pytest.raises(UnsupportedModelError, match="tells 3 classes apart"):
        detectron2_engine._manifest(path, None, config)
