"""detectron2's own outputs, stored by tests/parity/store_outputs.py, against this project's numpy and ONNX."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from conversion.agreement import box_ious
from conversion.checkpoint import read_weights
from conversion.convert import convert
from reefsteps.detection import Detections, InstanceMask, load_detector
from reefsteps.detection.resizing import paste_mask, resize
from tests.support import checkpoints as make
from tests.support.pictures import picture
from tests.support.stored_outputs import MODELS, PICTURES, RESIZED, STORED


@pytest.mark.parametrize(("height", "width", "new_height", "new_width"), RESIZED)
def test_resizing_equals_detectron2_bit_for_bit(height: int, width: int, new_height: int, new_width: int) -> None:
    expected = np.load(STORED / "resized.npz")[f"{height}x{width}_{new_height}x{new_width}"]
    np.testing.assert_array_equal(resize(picture(height, width, 9), (new_height, new_width)), expected)


def test_pasting_equals_detectron2() -> None:
    stored = np.load(STORED / "pasted.npz")
    shape = tuple(stored["shape"])
    expected = np.unpackbits(stored["masks"], count=int(np.prod(shape))).reshape(shape)
    for index, (probabilities, box) in enumerate(zip(stored["probabilities"], stored["boxes"], strict=True)):
        mask = paste_mask(probabilities, box, (shape[1], shape[2]), 0.5)
        full = np.zeros(shape[1:], np.uint8)
        full[mask.window()] = mask.bitmap
        differing = np.count_nonzero(full != expected[index])
        assert differing <= 1, f"mask {index} differs in {differing} pixels"  # one may round to the other side of 0.5


@pytest.mark.parametrize(("depth", "classes", "norm", "seed"), MODELS)
def test_whole_detections_equal_detectron2(tmp_path: Path, depth: int, classes: int, norm: str, seed: int) -> None:
    checkpoint = make.write_checkpoint(tmp_path / "m.pth", make.random_mask_rcnn(depth, classes, norm=norm, seed=seed))
    dump = make.config_dump(
        tmp_path / "m.yaml", **{"MODEL.RESNETS.DEPTH": depth, "MODEL.ROI_HEADS.NUM_CLASSES": classes}
    )
    names = [f"coral {number}" for number in range(classes)]
    convert(checkpoint, dump, tmp_path, classes=make.classes_file(checkpoint, names, names))
    detector = load_detector(tmp_path / "m.onnx", tmp_path / "m.json", threads=1)
    stored = np.load(STORED / f"detections_r{depth}_{norm.lower()}.npz")
    for index, (height, width, picture_seed) in enumerate(PICTURES):
        found = detector.detect(picture(height, width, picture_seed))
        count = len(stored[f"scores_{index}"])
        assert len(found) == count
        bits = np.unpackbits(stored[f"masks_{index}"], count=count * height * width).reshape(count, height, width)
        expected = Detections(
            stored[f"boxes_{index}"],
            stored[f"scores_{index}"],
            stored[f"classes_{index}"],
            tuple(InstanceMask(0, 0, mask) for mask in bits),
            (height, width),
        )
        overlap = box_ious(expected.boxes_px, found.boxes_px)
        overlap *= expected.classes[:, None] == found.classes[None, :]
        partner = overlap.argmax(axis=1) if count else np.empty(0, np.intp)
        assert sorted(partner) == list(range(count))
        np.testing.assert_allclose(found.boxes_px[partner], expected.boxes_px, atol=0.05)
        np.testing.assert_allclose(found.scores[partner], expected.scores, atol=1e-3)
        for i, j in enumerate(partner):
            differing = np.count_nonzero(expected.full_mask(i) != found.full_mask(int(j)))
            assert differing <= max(4, 0.01 * expected.masks[i].area_px)


@pytest.mark.parametrize("file", ["trainer.pth", "trainer_legacy.pth"])
def test_what_torch_writes_is_read_as_torch_reads_it(file: str) -> None:
    read, expected = read_weights(STORED / file), np.load(STORED / "trainer.npz")
    assert set(read) == set(expected.files)
    for name in expected.files:
        np.testing.assert_array_equal(read[name], expected[name])
