"""A model that learned: its graph says what the fitted head says, and it learns colours from a few pictures."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapt.dense import dense
from adapt.head import HeadChoice
from adapt.learning import Learned, Lesson, balance, choose, clearly_best, learn
from adapt.views import plain_view
from conversion.convert import convert
from reefsteps.arrays import HalfArray
from reefsteps.detection import Manifest, load_detector
from reefsteps.detection.manifest import FileIdentity
from reefsteps.detection.map_engine import MapDetector
from reefsteps.detection.map_graph import read_model, trunk, with_map
from reefsteps.detection.map_head import Head
from reefsteps.detection.stages import LEVELS, SIDE_PX, STRIDE_PX, Backbone
from reefsteps.errors import UnsupportedModelError
from tests.support.checkpoints import config_dump, random_mask_rcnn, write_checkpoint

PICTURE = (300, 400)


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> tuple[onnx.ModelProto, Manifest]:
    folder = tmp_path_factory.mktemp("parent")
    checkpoint = write_checkpoint(folder / "corals.pth", random_mask_rcnn())
    manifest = convert(checkpoint, config_dump(folder / "corals.yaml"), folder)
    return read_model(folder / "corals.onnx", "corals"), manifest


def lesson(seed: int, count: int = 120) -> Lesson:
    """Blue colonies on orange ground."""
    rng = np.random.default_rng(seed)
    coral = np.zeros(PICTURE, np.uint8)
    for _ in range(rng.integers(2, 7)):
        centre, radius = (int(rng.integers(400)), int(rng.integers(300))), int(rng.integers(20, 70))
        cv2.circle(coral, centre, radius, 1, -1)
    picture = np.where(coral[:, :, None] > 0, (200, 90, 40), (40, 110, 210)).astype(np.float64)
    picture += rng.normal(0, 15, (*PICTURE, 1))
    places = rng.random((count, 2))
    column, row = (places * (400, 300)).astype(int).T
    return Lesson(
        f"lesson-{seed}",
        np.clip(picture, 0, 255).astype(np.uint8),
        places,
        coral[row, column] > 0,
        np.ones(count, bool),
    )


@pytest.fixture(scope="module")
def learned(parent: tuple[onnx.ModelProto, Manifest], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Learned]:
    model, manifest = parent
    yield learn(
        [lesson(seed) for seed in range(4)], model, manifest, "corals-adapted-1", tmp_path_factory.mktemp("new")
    )


def test_it_learns_a_palette_that_no_reef_has(learned: Learned) -> None:
    detector = MapDetector(learned.model, learned.manifest)
    for seed in (50, 51, 52):
        unseen = lesson(seed, 4000)
        cover = 100 * (detector.detect(unseen.picture_bgr).union_mask() > 0).mean()
        assert cover == pytest.approx(unseen.true_percent, abs=6)


def test_left_out_cover_is_near_what_the_points_say(learned: Learned) -> None:
    true = [lesson(seed).true_percent for seed in range(4)]
    assert np.abs(np.array(learned.chosen.left_out_percent) - true).mean() < 8


def test_the_manifest_is_of_the_new_model(learned: Learned, parent: tuple[onnx.ModelProto, Manifest]) -> None:
    manifest = learned.manifest
    assert manifest.name == "corals-adapted-1"
    assert manifest.identity.sha256 == manifest.model.sha256 != parent[1].model.sha256
    assert manifest.measured is None
    assert Manifest.parse(manifest.dump()) == manifest


def test_what_is_loaded_from_its_files_is_a_map_model(learned: Learned, tmp_path: Path) -> None:
    described = tmp_path / "m.json"
    described.write_text(learned.manifest.dump())
    assert isinstance(load_detector(learned.model, described), MapDetector)
    damaged = tmp_path / "other.onnx"
    damaged.write_bytes(learned.model.read_bytes() + b"\x00")
    with pytest.raises(UnsupportedModelError):
        load_detector(damaged, described)


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("shape", [(128, 160), (100, 75)])
def test_the_graph_says_what_numpy_says(
    parent: tuple[onnx.ModelProto, Manifest], tmp_path: Path, hidden: bool, shape: tuple[int, int]
) -> None:
    model, manifest = parent
    part = trunk(model, "corals")
    onnx.save(part, str(tmp_path / "trunk.onnx"))
    backbone = Backbone(tmp_path / "trunk.onnx", "corals", rgb=False)
    channels = backbone.channels()
    rng = np.random.default_rng(4)
    units = 5 if hidden else 1
    first = rng.normal(0, 0.3, (sum(channels), units)).astype(np.float32)
    last = rng.normal(0, 1, units).astype(np.float32) if hidden else np.ones(1, np.float32)
    head = Head(first, rng.normal(0, 1, units).astype(np.float32), last, -0.3, hidden)
    onnx.save(with_map(part, [head, head.shifted(1)], channels), str(tmp_path / "map.onnx"))
    picture = rng.integers(0, 255, (*shape, 3), np.uint8)
    expected = dense(head, backbone.levels(picture))
    described = _described(manifest, tmp_path / "map.onnx", shape)
    rows, columns = -(-shape[0] // STRIDE_PX), -(-shape[1] // STRIDE_PX)
    found = MapDetector(tmp_path / "map.onnx", described).coral_map(picture)
    np.testing.assert_allclose(found, expected[:rows, :columns], atol=2e-4)
    middles = (np.stack(np.meshgrid(np.arange(6), np.arange(5)), -1).reshape(-1, 2) * 3 + 0.5) * STRIDE_PX
    at_points = head.logits(backbone.at(picture, middles / (shape[1], shape[0])))
    cells = (middles / STRIDE_PX).astype(int)
    np.testing.assert_allclose(1 / (1 + np.exp(-at_points)), expected[cells[:, 1], cells[:, 0]], atol=2e-3)


def test_a_model_can_be_adapted_on_an_adapted_one(learned: Learned) -> None:
    again = trunk(read_model(learned.model, "corals-adapted-1"), "corals-adapted-1")
    assert [output.name for output in again.graph.output] == list(LEVELS)
    assert not any(node.name.startswith("map_head.") for node in again.graph.node)


def test_the_parents_heads_are_left_out(learned: Learned, parent: tuple[onnx.ModelProto, Manifest]) -> None:
    names = {node.op_type for node in onnx.load(str(learned.model)).graph.node}
    assert not names & {"NonMaxSuppression", "RoiAlign"}
    assert {"NonMaxSuppression", "RoiAlign"} <= {node.op_type for node in parent[0].graph.node}


def test_a_graph_without_stages_is_refused(tmp_path: Path) -> None:
    nothing = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], []))
    with pytest.raises(UnsupportedModelError, match="does not show the stages"):
        trunk(nothing, "other")
    (tmp_path / "x.onnx").write_bytes(b"no model")
    with pytest.raises(UnsupportedModelError, match="cannot be read"):
        read_model(tmp_path / "x.onnx", "x")


def test_the_plain_view_has_the_models_side() -> None:
    assert min(plain_view(np.zeros((900, 1200, 3), np.uint8)).shape[:2]) == SIDE_PX


def _described(parent: Manifest, model: Path, shape: tuple[int, int]) -> Manifest:
    return dataclasses.replace(
        parent,
        classes=("coral", "other"),
        counted=("coral",),
        min_size_test=min(shape),
        max_size_test=max(shape),
        model=FileIdentity.of(model),
        map_stride_px=STRIDE_PX,
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.floats(-2, 2))
def test_balance_moves_towards_as_many_points_of_coral_as_there_are(seed: int, off: float) -> None:
    rng = np.random.default_rng(seed)
    lessons = [dataclasses.replace(lesson(0), coral=rng.random(120) < share) for share in (0.2, 0.5, 0.4)]
    logits = [np.where(one.coral, 1.0, -1.0) + rng.normal(0, 1.5, 120) + off for one in lessons]
    true = sum(int(one.coral.sum()) for one in lessons)
    before = sum(int((one > 0).sum()) for one in logits)
    shift = balance(logits, lessons)
    after = sum(int((one + shift > 0).sum()) for one in logits)
    assert abs(after - true) <= abs(before - true)


@pytest.mark.parametrize("said", [False, True])
def test_balance_leaves_a_head_that_is_right_as_it_is(said: bool) -> None:
    lessons = [dataclasses.replace(lesson(0), coral=np.full(120, said)), lesson(1)]
    logits = [np.where(one.coral, 3.0, -4.0) for one in lessons]
    assert balance(logits, lessons) == 0


@pytest.mark.parametrize(
    ("wrong", "best"),
    [
        ([[20, 22, 24], [20, 22, 24]], 0),
        ([[20, 22, 24], [25, 21, 19]], 0),  # better on average, by chance
        ([[20, 22, 24], [15, 18, 19]], 1),
        ([[20, 22, 24], [15, 18, 19], [10, 12, 15]], 2),
        ([[20, 22, 24], [30, 32, 34]], 0),
    ],
)
def test_another_head_has_to_be_clearly_better(wrong: list[list[float]], best: int) -> None:
    assert clearly_best(np.array(wrong, float)) == best


def test_what_stands_besides_is_learned_and_never_measured() -> None:
    rng = np.random.default_rng(2)

    def taught(seed: int, at: float) -> tuple[HalfArray, Lesson]:
        own = dataclasses.replace(lesson(seed), coral=np.arange(120) % 3 == 0)
        features = rng.normal(0, 0.3, (1, 120, 6))
        features[0, own.coral, 0] += at
        return features.astype(np.float16), own

    features, lessons = zip(*(taught(seed, 3.0) for seed in range(4)), strict=True)
    levels = [np.zeros((6, 4, 4), np.float32)]
    besides = [taught(seed, -3.0) for seed in range(10, 14)]
    alone = choose(features, lessons, lambda _: levels)
    together = choose(features, lessons, lambda _: levels, choices=(HeadChoice(16, 0.1),), besides=besides)
    assert len(together.left_out_percent) == 4
    assert list(together.wrong_percent) == [str(HeadChoice(16, 0.1))]
    on_the_other_side = np.zeros((1, 6), np.float32)
    on_the_other_side[0, 0] = -3
    assert alone.head.logits(on_the_other_side)[0] < 0 < together.head.logits(on_the_other_side)[0]
