"""Half-precision and 8-bit variants are used only when they find what the full model finds."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from PIL import Image

from conversion.__main__ import main
from conversion.agreement import compare, matches, rejection_reason
from conversion.config import model_config
from conversion.convert import convert, self_check
from conversion.photographs import from_folder
from conversion.variants import half_weights
from reefsteps.arrays import ByteArray
from reefsteps.detection import Detections, InstanceMask, Manifest, load_detector
from reefsteps.detection.manifest import VariantAgreement
from reefsteps.errors import InvalidParameterError
from reefsteps.results import ModelIdentity
from tests.support import checkpoints as make
from tests.support.pictures import picture

PERFECT = VariantAgreement(
    photos=4,
    instances=40,
    matched_percent=100.0,
    extra_percent=0.0,
    mask_iou_mean=1.0,
    mask_iou_min=1.0,
    score_difference_max=0.0,
    cover_difference_mean_points=0.0,
    cover_difference_max_points=0.0,
    cover_bias_points=0.0,
    small_instances=40,
)


@dataclasses.dataclass(frozen=True)
class Fixed:
    """A detector that finds the same squares in every picture."""

    lefts: tuple[int, ...]
    score: float = 0.9

    @property
    def manifest(self) -> Manifest:
        raise NotImplementedError

    @property
    def identity(self) -> ModelIdentity:
        raise NotImplementedError

    def detect(self, image_bgr: ByteArray, min_score: float = 0.0) -> Detections:
        boxes = np.array([[left, 0, left + 10, 10] for left in self.lefts], np.float32).reshape(-1, 4)
        count = len(self.lefts)
        masks = tuple(InstanceMask(left, 0, np.ones((10, 10), np.uint8)) for left in self.lefts)
        found = Detections(
            boxes, np.full(count, self.score, np.float32), np.zeros(count, np.int64), masks, image_bgr.shape[:2]
        )
        return found.above(min_score)


PHOTOS = [np.zeros((60, 400, 3), np.uint8)] * 2
FULL = Fixed(tuple(range(0, 400, 20)))


def test_the_same_detections_agree_completely() -> None:
    agreement = compare(FULL, FULL, PHOTOS)
    assert agreement.instances == 2 * len(FULL.lefts)
    assert dataclasses.replace(agreement, photos=4, instances=40, small_instances=40) == PERFECT
    assert rejection_reason(agreement) is None


def test_lost_added_and_moved_detections_are_counted() -> None:
    lost = compare(FULL, Fixed(FULL.lefts[:-4]), PHOTOS)
    assert lost.matched_percent == 80.0
    added = compare(Fixed(FULL.lefts[:-4]), FULL, PHOTOS)
    assert added.extra_percent == 25.0
    moved = compare(FULL, Fixed(tuple(left + 2 for left in FULL.lefts if left < 380)), PHOTOS)
    assert moved.mask_iou_mean == pytest.approx(8 / 12)
    assert all(rejection_reason(agreement) for agreement in (lost, added, moved))


def test_a_detection_that_only_slips_below_one_half_is_still_matched() -> None:
    assert compare(FULL, dataclasses.replace(FULL, score=0.45), PHOTOS).matched_percent == 100.0


def test_cover_is_compared_in_points_of_the_picture() -> None:
    agreement = compare(FULL, dataclasses.replace(FULL, lefts=FULL.lefts[:-2]), PHOTOS)
    lost_points = 100 * 2 * 10 * 10 / (60 * 400)
    assert agreement.cover_bias_points == pytest.approx(-lost_points)
    assert agreement.cover_difference_mean_points == pytest.approx(lost_points)
    assert agreement.cover_difference_max_points == pytest.approx(lost_points)


def test_one_instance_at_the_threshold_in_one_photograph_refuses_nothing() -> None:
    slipped = dataclasses.replace(PERFECT, cover_difference_max_points=5.0, cover_difference_mean_points=5.0 / 16)
    assert rejection_reason(slipped) is None


def test_each_detection_is_matched_once() -> None:
    twice = Fixed((0, 1))
    assert len(matches(twice.detect(PHOTOS[0]), Fixed((0,)).detect(PHOTOS[0]))) == 1


@pytest.mark.parametrize(
    "worse",
    [
        {"matched_percent": 90.0},
        {"extra_percent": 10.0},
        {"mask_iou_mean": 0.9},
        {"cover_difference_mean_points": 1.2},
        {"cover_bias_points": -0.6},
        {"instances": 2},
    ],
)
def test_any_one_disagreement_refuses_the_variant(worse: dict[str, float]) -> None:
    assert rejection_reason(dataclasses.replace(PERFECT, **worse))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    make.write_checkpoint(folder / "m.pth", make.random_mask_rcnn(50, seed=5))
    make.config_dump(folder / "m.yaml", **{"MODEL.RESNETS.DEPTH": 50})
    return folder


def photographs(folder: Path) -> Path:
    from PIL import Image

    folder.mkdir()
    for seed in range(3):
        Image.fromarray(picture(140, 170, seed)).save(folder / f"{seed}.png")
    return folder


def test_half_precision_halves_the_file_and_rounds_the_weights(trained: Path, tmp_path: Path) -> None:
    exact = convert(trained / "m.pth", trained / "m.yaml", tmp_path)
    half_weights(tmp_path / "m.onnx", tmp_path / "half.onnx")
    assert (tmp_path / "half.onnx").stat().st_size < 0.6 * exact.model.size_bytes
    stored = {t.name: numpy_helper.to_array(t) for t in onnx.load(tmp_path / "half.onnx").graph.initializer}
    for tensor in onnx.load(tmp_path / "m.onnx").graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.name in stored:
            np.testing.assert_array_equal(stored[tensor.name], values)
        else:
            np.testing.assert_array_equal(stored[f"{tensor.name}:half"], values.astype(np.float16))
    self_check(tmp_path / "half.onnx", model_config("m", trained / "m.yaml"))


def test_the_command_tries_8_bits_and_says_what_came_of_it(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = photographs(tmp_path / "photos")
    status = main([str(trained / "m.pth"), "--int8", str(photos), "--out", str(tmp_path / "out")])
    assert status == 0
    manifest = Manifest.parse(capsys.readouterr().out)
    assert manifest == Manifest.load(tmp_path / "out" / "m.json")
    assert manifest.agreement is not None
    assert manifest.agreement.instances > 0
    if manifest.precision == "int8":
        assert rejection_reason(manifest.agreement) is None
    else:
        assert manifest.refused_variant is not None
        assert manifest.refused_variant.startswith("int8: ")
    assert len(load_detector(tmp_path / "out" / "m.onnx", tmp_path / "out" / "m.json").detect(picture(140, 170, 1))) > 0


def test_the_command_refuses_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "detectron2-reframe.pth").write_bytes(b"nothing")
    assert main([str(tmp_path / "detectron2-reframe.pth")]) == 1
    assert capsys.readouterr().err.startswith("UnsupportedModelError: detectron2-reframe.pth is no torch checkpoint")


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    Image.fromarray(picture(60, 80, 1)).save(tmp_path / "a.jpg")
    whole = (tmp_path / "a.jpg").read_bytes()
    for content in (b"no picture", whole[: len(whole) // 2]):
        (tmp_path / "b.jpg").write_bytes(content)
        with pytest.raises(InvalidParameterError, match=r"b\.jpg cannot be read"):
            from_folder(tmp_path)
