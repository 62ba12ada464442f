"""The search publishes the fastest variant whose results are the full model's, and refuses bad ones with figures."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversion.__main__ import main
from conversion.agreement import SEARCHED, compare, is_small, rejection_reason
from conversion.convert import convert
from conversion.frame_judging import FrameJudge, difference_percent, hopeless
from conversion.frame_judging import rejection_reason as frame_rejection
from conversion.photographs import from_folder
from conversion.search import Candidate, Proposals, fastest, fewer_proposals, search, smaller_sides_px
from conversion.tuning import PHOTOS_MIN, CoralJudge, Earlier, Verdict
from conversion.variants import SCOPES, Photos, quantised
from reefsteps.arrays import ByteArray
from reefsteps.detection import Detections, Detector, InstanceMask, Manifest, load_detector, open_detector
from reefsteps.detection.manifest import FORMAT, FileIdentity, FrameAgreement, VariantTrial
from reefsteps.errors import UnsupportedModelError
from reefsteps.model_roles import ModelRole
from reefsteps.results import ModelIdentity
from reframing.quadrat_fit import model_with_corners
from reframing.rectification import rectify
from synthetic import PhotoConfig, generate
from tests.support import checkpoints as make
from tests.support.pictures import picture

MODELS = Path(__file__).parents[3] / "models"
ALL_SCOPES = range(len(SCOPES))
OWN = Proposals(1000, 1000, 100)
FULL = Candidate(800, OWN)
MANIFEST = Manifest(
    format=FORMAT,
    name="m",
    architecture="",
    classes=("quadrat",),
    precision="fp32",
    min_size_test=800,
    max_size_test=1333,
    score_threshold=0.05,
    nms_threshold=0.5,
    detections_per_image=100,
    mask_threshold=0.5,
    rgb=False,
    source=FileIdentity("m.pth", "0" * 64, 1),
    model=FileIdentity("m.onnx", "0" * 64, 1),
    config="",
    converter_version="",
)


def trial(candidate: Candidate, *, accepted: bool, cpu_s: float) -> VariantTrial:
    return VariantTrial(
        precision=candidate.precision,
        min_size_test=candidate.side_px,
        proposals_before=candidate.proposals.before_suppression,
        proposals_after=candidate.proposals.after_suppression,
        instances_max=candidate.proposals.instances,
        layers=() if candidate.layers is None else SCOPES[candidate.layers],
        cpu_s=cpu_s,
        times_faster=1.0 / cpu_s,
        size_bytes=1,
        accepted=accepted,
        reason=None if accepted else "worse",
    )


@given(role=st.sampled_from(ModelRole), own_px=st.integers(32, 1200), answers=st.lists(st.booleans(), max_size=40))
def test_a_search_ends_tries_nothing_twice_and_takes_only_what_was_accepted(
    role: ModelRole, own_px: int, answers: list[bool]
) -> None:
    said = itertools.chain(answers, itertools.repeat(False))
    full = Candidate(own_px, OWN)

    def attempt(candidate: Candidate) -> VariantTrial:
        return trial(candidate, accepted=next(said), cpu_s=candidate.side_px / own_px / (1 + (candidate.layers == 0)))

    trials = search(full, role, attempt, ALL_SCOPES)
    tried = [candidate for candidate, _ in trials]
    assert len(set(tried)) == len(tried) <= 17
    assert full not in tried
    assert all(candidate.side_px <= own_px for candidate in tried)
    best = fastest(trials)
    if best is not None:
        assert best[1].accepted
        assert best[1].cpu_s == min(each.cpu_s for _, each in trials if each.accepted)


def test_each_step_ends_at_the_first_that_is_accepted() -> None:
    good = {(800, 300, None), (800, 100, None), (512, 100, None), (640, 100, None), (640, 100, 0)}

    def attempt(candidate: Candidate) -> VariantTrial:
        known = (candidate.side_px, candidate.proposals.before_suppression, candidate.layers)
        return trial(candidate, accepted=known in good, cpu_s=0.5)

    tried = [
        (candidate.side_px, candidate.proposals.before_suppression, candidate.layers)
        for candidate, _ in search(FULL, ModelRole.FRAME, attempt, ALL_SCOPES)
    ]
    sizes = [(800, 100, None), (320, 100, None), (400, 100, None), (512, 100, None)]
    assert tried == [*sizes, *((512, 100, layers) for layers in range(len(SCOPES))), (640, 100, 0)]


def test_a_search_out_of_time_begins_nothing() -> None:
    turns = iter([True, True, False, False, False, False, False, False])

    def attempt(candidate: Candidate) -> VariantTrial:
        return trial(candidate, accepted=False, cpu_s=1)

    assert len(search(FULL, ModelRole.CORAL, attempt, ALL_SCOPES, lambda: next(turns, False))) == 2


def test_what_is_hardly_faster_is_not_taken() -> None:
    assert fastest([(FULL, trial(FULL, accepted=True, cpu_s=0.97))]) is None


def test_small_models_are_tried_at_sizes_relative_to_their_own() -> None:
    assert smaller_sides_px(800) == (320, 400, 512, 640)
    assert smaller_sides_px(256) == (104, 128, 160, 208)
    assert fewer_proposals(Proposals(200, 50, 3), ModelRole.FRAME) == (Proposals(100, 30, 3),)


AGREED = FrameAgreement(16, 16, 0, 0, 100.0, 0.02)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"flips": 1}, "1 photographs are accepted by one"),
        ({"corner_difference_max_percent": 0.31}, "a corner moves by 0.31 %"),
        ({"within_tight_percent": 93.75}, "the corners of only 94 %"),
        ({"quadrats": 3}, "only 3 quadrats"),
    ],
)
def test_one_difference_of_frames_refuses_a_variant_with_figures(change: dict[str, float], said: str) -> None:
    worse = dataclasses.replace(AGREED, **change)  # type: ignore[arg-type]
    assert said in str(frame_rejection(worse))
    assert hopeless(worse, 16) is (change.keys() != {"quadrats"})


def test_a_flip_at_the_margin_is_counted_and_refuses_nothing() -> None:
    assert frame_rejection(dataclasses.replace(AGREED, flips=2, flips_at_margin=2)) is None


@given(turn=st.integers(0, 3), moved=st.floats(0, 5))
def test_corners_are_compared_whichever_comes_first(turn: int, moved: float) -> None:
    square = np.array([[0.0, 0], [1000, 0], [1000, 1000], [0, 1000]])
    found = square.copy()
    found[0, 0] += moved
    assert difference_percent(square, np.roll(found, turn, 0)) == pytest.approx(moved / 10)


@dataclasses.dataclass(frozen=True)
class Drawn:
    """A frame model that finds the mask that was drawn, moved by some pixels; None: it finds nothing."""

    masks: dict[int, ByteArray]
    moved_px: int | None = 0

    @property
    def manifest(self) -> Manifest:
        return MANIFEST

    @property
    def identity(self) -> ModelIdentity:
        return MANIFEST.identity

    def detect(self, image_bgr: ByteArray, min_score: float = 0.0) -> Detections:
        shape = image_bgr.shape[0], image_bgr.shape[1]
        found = [] if self.moved_px is None else [np.roll(self.masks[id(image_bgr)], self.moved_px, 1)]
        return Detections(
            np.zeros((len(found), 4), np.float32),
            np.ones(len(found), np.float32),
            np.zeros(len(found), np.int64),
            tuple(InstanceMask(0, 0, mask) for mask in found),
            shape,
        ).above(min_score)


def test_refinement_decides_and_not_the_mask() -> None:
    drawn = [
        generate(seed, PhotoConfig(900, 600, framing="inside", occlusion=0.0, max_roll_deg=10)) for seed in range(2)
    ]
    photos = [photo.image_bgr for photo in drawn]
    masks = {id(photo.image_bgr): (photo.frame_mask > 0).astype(np.uint8) for photo in drawn}
    judge = FrameJudge(Drawn(masks), photos)
    agreement, reason = judge(Drawn(masks, moved_px=1))
    assert agreement.photos == 2
    assert agreement.flips == 0
    assert agreement.corner_difference_max_percent < 0.05
    assert reason is not None
    assert "quadrats to judge it by" in reason
    nothing, reason = judge(Drawn(masks, moved_px=None))
    assert nothing.flips == 1
    assert "accepted by one of the two" in str(reason)


@pytest.fixture(scope="module")
def coral_model(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    """The demo coral model's file and manifest."""
    folder = tmp_path_factory.mktemp("coral")
    name = ModelRole.CORAL.model_name
    manifest = convert(MODELS / f"{name}.pth", MODELS / f"{name}.yaml", folder, threads=1)
    return folder / f"{name}.onnx", manifest


@pytest.fixture(scope="module")
def quadrats() -> list[ByteArray]:
    """Drawn quadrats with corals, cut out along the frame."""
    cut = []
    for seed in range(40, 44):
        photo = generate(
            seed, PhotoConfig(720, 480, cover_percent=(20.0, 60.0), occlusion=0.0, water="clear", frame="aluminium")
        )
        height_px, width_px = photo.image_bgr.shape[:2]
        view = model_with_corners(photo.corners_px, 0.0, width_px, height_px)
        cut.append(rectify(photo.image_bgr, view, 480))
    return cut


def test_a_quarter_of_the_input_is_refused_with_figures(
    coral_model: tuple[Path, Manifest], quadrats: list[ByteArray]
) -> None:
    path, manifest = coral_model
    full = open_detector(path, manifest, 1)
    tiny = dataclasses.replace(manifest, min_size_test=manifest.min_size_test // 4)
    agreement, reason = CoralJudge(full, quadrats)(open_detector(path, tiny, 1))
    assert agreement.instances > 5
    assert f"finds only {agreement.matched_percent:.1f} % again" in str(reason)
    assert CoralJudge(full, quadrats)(full)[1] is None


def test_a_wrong_calibration_is_refused_with_figures(
    coral_model: tuple[Path, Manifest], quadrats: list[ByteArray], tmp_path: Path
) -> None:
    path, manifest = coral_model
    source = tmp_path / "full.onnx"
    source.write_bytes(path.read_bytes())
    black = [np.zeros((480, 480, 3), np.uint8)]
    quantised(source, tmp_path / "wrong.onnx", manifest, black, SCOPES[0])
    wrong = open_detector(tmp_path / "wrong.onnx", dataclasses.replace(manifest, precision="int8"), 1)
    agreement, reason = CoralJudge(open_detector(path, manifest, 1), quadrats)(wrong)
    assert agreement.photos == len(quadrats)
    assert "(4 photographs)." in str(reason)


def test_small_colonies_are_judged_apart() -> None:
    def found(*sides_px: int) -> Detections:
        boxes = np.array([[60 * i, 0, 60 * i + side, side] for i, side in enumerate(sides_px)], np.float32)
        masks = tuple(InstanceMask(60 * i, 0, np.ones((side, side), np.uint8)) for i, side in enumerate(sides_px))
        count = len(sides_px)
        return Detections(boxes, np.full(count, 0.9, np.float32), np.zeros(count, np.int64), masks, (100, 1000))

    assert is_small(found(49, 50)).tolist() == [True, False]
    assert is_small(Detections(*_nothing(), (10, 10))).tolist() == []

    @dataclasses.dataclass(frozen=True)
    class Sees(Drawn):
        seen: tuple[int, ...] = ()

        def detect(self, image_bgr: ByteArray, min_score: float = 0.0) -> Detections:
            assert image_bgr.shape == (100, 1000, 3)
            return found(*self.seen).above(min_score)

    full, fewer = Sees({}, seen=(50,) * 5 + (10,) * 11), Sees({}, seen=(50,) * 5 + (10,) * 9)
    agreement = compare(full, fewer, [np.zeros((100, 1000, 3), np.uint8)])
    assert agreement.small_instances == 11
    assert agreement.small_matched_percent == pytest.approx(100 * 9 / 11)
    assert agreement.count_difference_percent == pytest.approx(-100 * 2 / 16)
    reason = str(rejection_reason(agreement, SEARCHED))
    assert "finds only 81.8 % of 11 small ones again" in reason
    assert "the number of instances differs by -12.5 %" in reason


def _nothing() -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[InstanceMask, ...]]:
    return np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64), ()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny model and 16 pictures."""
    folder = tmp_path_factory.mktemp("tiny")
    make.write_checkpoint(folder / "m.pth", make.random_mask_rcnn(seed=5))
    make.config_dump(folder / "m.yaml")
    (folder / "photos").mkdir()
    for seed in range(PHOTOS_MIN):
        cv2.imwrite(str(folder / "photos" / f"{seed:02}.png"), picture(140, 170, seed))
    return folder


def test_the_command_publishes_what_the_search_has_chosen_and_says_what_it_tried(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [str(tiny / "m.pth"), "--auto", str(tiny / "photos"), "--target", "coral", "--out", str(tmp_path)]
    assert main(command) == 0
    manifest = Manifest.parse(capsys.readouterr().out)
    assert manifest.trials
    assert all((trial.reason is None) == trial.accepted for trial in manifest.trials)
    accepted = [trial for trial in manifest.trials if trial.accepted]
    if manifest.refused_variant is None:
        (chosen,) = [trial for trial in accepted if trial.times_faster == max(each.times_faster for each in accepted)]
        assert (manifest.precision, manifest.min_size_test) == (chosen.precision, chosen.min_size_test)
        assert manifest.agreement == chosen.agreement
    else:
        assert manifest.precision == "fp32"
        assert manifest.min_size_test == 128
    assert load_detector(tmp_path / "m.onnx", tmp_path / "m.json", 1).manifest == manifest


def test_a_search_of_one_trial_a_call_ends_with_what_one_call_would_have_tried(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {"in one": 0, "in parts": 0}
    part = "in one"

    def judge_for(_role: ModelRole, full: Detector, _photos: Photos) -> Callable[[Detector], Verdict]:
        full.detect(photos[0])

        def judge(variant: Detector) -> Verdict:
            made[part] += 1
            variant.detect(photos[0])
            return None, None, None if variant.manifest.min_size_test == 80 else "worse"

        return judge

    def converted(earlier: Earlier | None, time_limit_s: float | None) -> Manifest:
        return convert(
            tiny / "m.pth",
            tiny / "m.yaml",
            tmp_path,
            precision="auto",
            photos=photos,
            role=ModelRole.CORAL,
            time_limit_s=time_limit_s,
            earlier=earlier,
        )

    photos = from_folder(tiny / "photos")
    monkeypatch.setattr("conversion.tuning.judge_for", judge_for)
    whole = converted(None, None)
    assert whole.search is not None
    assert whole.search.finished
    part = "in parts"
    calls, manifest = 1, converted(None, 0.0)
    while manifest.search is not None and not manifest.search.finished:
        assert len(manifest.trials) == calls
        calls, manifest = calls + 1, converted(Earlier(manifest.search.full_sha256, manifest.trials), 0.0)
    assert made["in parts"] == made["in one"] == calls
    settings = [(t.min_size_test, t.proposals_before, t.layers, t.accepted) for t in manifest.trials]
    assert settings == [(t.min_size_test, t.proposals_before, t.layers, t.accepted) for t in whole.trials]


def test_trials_of_another_model_are_not_used_and_its_search_is_not_repeated(tiny: Path, tmp_path: Path) -> None:
    manifest = convert(
        tiny / "m.pth",
        tiny / "m.yaml",
        tmp_path,
        precision="auto",
        photos=from_folder(tiny / "photos"),
        role=ModelRole.CORAL,
        time_limit_s=0.0,
        earlier=Earlier("f" * 64, (trial(FULL, accepted=True, cpu_s=0.1),)),
    )
    assert manifest.search is not None
    assert manifest.search.finished
    assert [each.min_size_test for each in manifest.trials] != [FULL.side_px]


def test_too_few_photographs_leave_the_full_model_and_say_so(tiny: Path, tmp_path: Path) -> None:
    photos = from_folder(tiny / "photos")[: PHOTOS_MIN - 1]
    manifest = convert(tiny / "m.pth", tiny / "m.yaml", tmp_path, precision="auto", photos=photos, role=ModelRole.CORAL)
    assert manifest.precision == "fp32"
    assert manifest.refused_variant == "auto: 15 photographs to judge by, 16 are needed."


def test_what_a_model_finds_must_be_said(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModelError, match="frame or coral"):
        convert(tiny / "m.pth", tiny / "m.yaml", tmp_path, precision="auto")
