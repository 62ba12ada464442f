"""Measured errors beside a checkpoint: read exactly, damaged ones refused with every fault, others' never used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversion.evaluation import accepted, read_evaluation
from reefsteps.detection.manifest import FileIdentity, Manifest
from reefsteps.errors import UnsupportedModelError
from reefsteps.evaluation import MAX_BYTES, MOST_LEARNED, Evaluation, Figure, MeasuredSet
from reefsteps.learned import LearnedPhotograph
from reefsteps.trust import trust_of

SHA = "5e" * 32
FIGURE = {"name": "mae_points", "value": 2.9, "unit": "points"}
SET: dict[str, Any] = {
    "kind": "drawn",
    "description": "drawn photographs",
    "photos": 200,
    "date": "2026-11-27",
    "figures": [FIGURE],
    "survey": None,
}
FILE: dict[str, Any] = {"format": 1, "checkpoint_sha256": SHA, "sets": [SET], "demonstration": False}


def written(folder: Path, content: Any) -> Path:
    path = folder / "m.evaluation.json"
    path.write_text(json.dumps(content), "utf-8")
    return path


def in_set(**change: Any) -> dict[str, Any]:
    return {**FILE, "sets": [{**SET, **change}]}


def test_what_was_measured_is_read_and_written_alike(tmp_path: Path) -> None:
    real = {**SET, "kind": "real", "survey": "Moorea LTER", "photos": 11}
    read = read_evaluation(written(tmp_path, {**FILE, "sets": [SET, real], "demonstration": True}))
    mae = Figure("mae_points", 2.9, "points")
    assert read == Evaluation(
        1,
        SHA,
        (
            MeasuredSet("drawn", "drawn photographs", 200, "2026-11-27", (mae,)),
            MeasuredSet("real", "drawn photographs", 11, "2026-11-27", (mae,), "Moorea LTER"),
        ),
        demonstration=True,
    )
    assert mae.label == "cover, mean absolute error"
    (tmp_path / "m.evaluation.json").write_text(read.dump(), "utf-8")
    assert read_evaluation(tmp_path / "m.evaluation.json") == read


PHOTO = {"sha256": "0a" * 32, "name": "a.jpg", "key": None, "version_id": None, "left_out_cover_percent": 41.5}


def test_photographs_that_a_model_learned_from_are_read_and_written_alike(tmp_path: Path) -> None:
    read = read_evaluation(written(tmp_path, {**FILE, "sets": [], "learned_from": [PHOTO, {"key": "2006-A-01.jpg"}]}))
    assert read.learned_from == (
        LearnedPhotograph("0a" * 32, "a.jpg", left_out_cover_percent=41.5),
        LearnedPhotograph(key="2006-A-01.jpg"),
    )
    (tmp_path / "m.evaluation.json").write_text(read.dump(), "utf-8")
    assert read_evaluation(tmp_path / "m.evaluation.json") == read
    assert read_evaluation(written(tmp_path, {**FILE, "learned_from": []})).learned_from == ()
    assert read_evaluation(written(tmp_path, FILE)).learned_from is None


def test_ten_thousand_photographs_fit(tmp_path: Path) -> None:
    long = {**PHOTO, "name": "n" * 100, "key": "k" * 40, "version_id": "v" * 32}
    read = read_evaluation(written(tmp_path, {**FILE, "learned_from": [long] * MOST_LEARNED}))
    assert len(read.learned_from or ()) == MOST_LEARNED
    assert len(read.dump()) <= MAX_BYTES


@pytest.mark.parametrize(
    ("photo", "said"),
    [
        ([], "it is no JSON object"),
        ({"left_out_cover_percent": 3}, "none of 'sha256', 'name' and 'key'"),
        ({**PHOTO, "sha256": "XY"}, "'sha256' is no sha256"),
        ({**PHOTO, "name": ""}, "'name' is no line"),
        ({**PHOTO, "version_id": 5}, "'version_id' is no line"),
        ({**PHOTO, "left_out_cover_percent": 100.5}, "'left_out_cover_percent' is 100.5"),
        ({**PHOTO, "left_out_cover_percent": float("nan")}, "'left_out_cover_percent' is NaN"),
        ({**PHOTO, "left_out_cover_percent": True}, "'left_out_cover_percent' is true"),
    ],
)
def test_a_damaged_list_of_photographs_is_refused_by_its_entry(tmp_path: Path, photo: Any, said: str) -> None:
    with pytest.raises(UnsupportedModelError, match="photograph 2 of 'learned_from'") as refused:
        read_evaluation(written(tmp_path, {**FILE, "learned_from": [PHOTO, photo]}))
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ({}, "'format' is missing"),
        (3, "no JSON object"),
        ({**FILE, "format": 2}, "'format' is 2, this release reads 1"),
        ({**FILE, "format": True}, "'format' is true"),
        ({**FILE, "checkpoint_sha256": None}, "checkpoint_sha256"),
        ({**FILE, "checkpoint_sha256": SHA[1:]}, "checkpoint_sha256"),
        ({**FILE, "checkpoint_sha256": SHA.upper()}, "checkpoint_sha256"),
        ({**FILE, "demonstration": 1}, "'demonstration'"),
        ({**FILE, "sets": []}, "'sets'"),
        ({**FILE, "sets": [SET] * 17}, "'sets'"),
        ({**FILE, "sets": [[]]}, "set 1: it is no JSON object"),
        (in_set(kind="synthetic"), "set 1: 'kind' is \"synthetic\""),
        (in_set(photos=0), "'photos' is 0"),
        (in_set(photos=True), "'photos' is true"),
        (in_set(photos="200"), "'photos'"),
        (in_set(description=""), "'description'"),
        (in_set(description="a\nb"), "'description'"),
        (in_set(description="x" * 200), "'description'"),
        (in_set(survey=3), "'survey'"),
        (in_set(date="27.11.2026"), "'date' is \"27.11.2026\""),
        (in_set(date="2026-02-30"), "'date'"),
        (in_set(figures=[]), "'figures'"),
        (in_set(figures=[FIGURE] * 41), "'figures'"),
        (in_set(figures={"a": 1}), "'figures'"),
        (in_set(figures=[FIGURE, FIGURE]), "two figures have one name"),
        (in_set(figures=[{**FIGURE, "value": float("nan")}]), "'value' is NaN"),
        (in_set(figures=[{**FIGURE, "value": "much"}]), "'value' is \"much\""),
        (in_set(figures=[{**FIGURE, "value": None}]), "'value' is missing"),
        (in_set(figures=[{**FIGURE, "value": True}]), "'value' is true"),
        (in_set(figures=[{**FIGURE, "value": 10**400}]), "'value'"),
        (in_set(figures=[{**FIGURE, "unit": ["%"]}]), "'unit'"),
        (in_set(figures=[{**FIGURE, "name": ""}]), "'name'"),
    ],
)
def test_what_nobody_measured_is_refused(tmp_path: Path, content: Any, fault: str) -> None:
    with pytest.raises(UnsupportedModelError) as error:
        read_evaluation(written(tmp_path, content))
    assert "m.evaluation.json has 1 fault(s)" in str(error.value)
    assert fault in str(error.value)


def test_all_faults_are_listed_at_once(tmp_path: Path) -> None:
    wrong = {**SET, "photos": -1, "figures": [{**FIGURE, "value": "x"}]}
    with pytest.raises(UnsupportedModelError) as error:
        read_evaluation(written(tmp_path, {**FILE, "checkpoint_sha256": 5, "sets": [SET, wrong]}))
    for fault in ("has 3 fault(s)", "'checkpoint_sha256'", "set 2: 'photos' is -1", "set 2: figure 1: 'value'"):
        assert fault in str(error.value)


def test_the_format_that_named_no_checkpoint_is_refused(tmp_path: Path) -> None:
    old = [{"measured_on": "synthetic photographs", "photos": 200, "figures": [FIGURE]}]
    with pytest.raises(UnsupportedModelError, match="does not name the checkpoint"):
        read_evaluation(written(tmp_path, old))


def test_another_checkpoints_errors_are_used_for_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, FILE)
    assert accepted(path, SHA) == (read_evaluation(path), None)
    measured, refused = accepted(path, "6f" * 32)
    assert measured is None
    assert refused == (
        "m.evaluation.json was measured on another checkpoint (sha256 5e5e5e5e5e5e instead of 6f6f6f6f6f6f). Measure "
        "this one with training.evaluate."
    )
    assert accepted(None, SHA) == (None, None)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "m.evaluation.json"
    path.write_bytes(b" " * (MAX_BYTES + 1))
    with pytest.raises(UnsupportedModelError, match="more than"):
        read_evaluation(path)


@given(content=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "m.evaluation.json"
    path.write_bytes(content)
    with pytest.raises(UnsupportedModelError, match=r"evaluation\.json"):
        read_evaluation(path)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(data=st.data())
def test_any_change_of_a_value_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = json.loads(json.dumps(FILE))
    place = data.draw(st.sampled_from([content, content["sets"][0], content["sets"][0]["figures"][0]]))
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(_JSON)
    path = tmp_path_factory.mktemp("any")
    try:
        assert read_evaluation(written(path, content)).format == 1
    except UnsupportedModelError as error:
        assert "m.evaluation.json" in str(error)


def manifest(measured: Evaluation | None) -> Manifest:
    file = FileIdentity("m.pth", SHA, 1)
    texts = {"architecture": "a", "precision": "fp32", "config": "c", "converter_version": "1"}
    sizes = {"min_size_test": 8, "max_size_test": 9, "detections_per_image": 1, "format": 1, "rgb": False}
    limits = {"score_threshold": 0.05, "nms_threshold": 0.5, "mask_threshold": 0.5}
    fields: dict[str, Any] = {**texts, **sizes, **limits}
    return Manifest(name="m", classes=("coral",), source=file, model=file, measured=measured, **fields)


def measured(*sets: MeasuredSet, demonstration: bool = False) -> Evaluation:
    return Evaluation(1, SHA, sets, demonstration)


def real(**figures: float) -> MeasuredSet:
    return MeasuredSet("real", "d", 9, "2026-01-01", tuple(Figure(n, v, "") for n, v in figures.items()))


@pytest.mark.parametrize(
    ("evaluation", "state", "words"),
    [
        (None, "not measured", "Nobody has measured how wrong the model 'm' is on real photographs"),
        (measured(MeasuredSet("drawn", "d", 9, "2026-01-01", (Figure("mae_points", 1, ""),))), "not measured", ""),
        (measured(real(AP=40)), "not measured", ""),
        (measured(real(mae_points=3, bias_points=1), demonstration=True), "demonstration", "is a demonstration"),
        (measured(real(mae_points=9, bias_points=-8.4)), "biased", "8 points too low"),
        (measured(real(bias_points=1), real(bias_points=5.2)), "biased", "5 points too high"),
        (measured(real(mae_points=9, bias_points=5.0)), "trusted", "were measured on real photographs"),
        (measured(real(iou_mean=0.9)), "trusted", ""),
    ],
)
def test_how_far_a_model_may_be_trusted(evaluation: Evaluation | None, state: str, words: str) -> None:
    trust = trust_of(manifest(evaluation))
    assert (trust.state, trust.trusted) == (state, state == "trusted")
    assert words in trust.sentence


def test_the_shipped_models_say_that_they_are_demonstrations() -> None:
    models = Path(__file__).parents[3] / "models"
    for name in ("detectron2-reframe", "detectron2-classifier"):
        measured, refused = accepted(models / f"{name}.evaluation.json", FileIdentity.of(models / f"{name}.pth").sha256)
        assert refused is None
        assert measured is not None
        assert trust_of(manifest(measured)).state == "demonstration"
        assert {entry.kind for entry in measured.sets} == {"drawn", "real"}


def test_a_manifest_from_before_the_checkpoint_was_named_shows_no_figures() -> None:
    old = json.loads(manifest(None).dump())
    for field in ("measured", "counted", "notes"):
        del old[field]
    entry = {"measured_on": "synthetic photographs", "photos": 200, "figures": [FIGURE]}
    parsed = Manifest.parse(json.dumps({**old, "evaluation": [entry]}))
    assert parsed.measured is None
    assert trust_of(parsed).state == "not measured"
    new = manifest(measured(real(mae_points=2)))
    assert Manifest.parse(new.dump()) == new
