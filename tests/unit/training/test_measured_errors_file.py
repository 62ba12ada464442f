"""What an evaluation measured is written beside the model, in the form that conversion reads."""

from __future__ import annotations

import dataclasses
import hashlib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from conversion.evaluation import read_evaluation
from reefsteps.detection import Manifest
from reefsteps.errors import UnsupportedModelError
from reefsteps.learned import LearnedPhotograph
from reefsteps.trust import NOT_MEASURED, trust_of
from tests.support.manifests import manifest
from training.library.measured import (
    EXPERT_POINTS,
    NO_QUADRAT,
    REAL_QUADRATS,
    SYNTHETIC,
    cover_set,
    frame_set,
    real_frame_sets,
    record,
    record_learned,
)
from training.library.metrics import coverage_errors

COVER = dataclasses.asdict(coverage_errors(np.array([10.0, 20.0, 0.0]), np.array([12.0, 19.0, 0.5])))
FRAME = {
    "photos": 200,
    "mask_iou_mean": 0.951,
    "found_share": 0.97,
    "mask_corner_error_percent_median": float("nan"),
    "photos_without_frame": 10,
    "false_alarms": 3,
}
REAL = {"quadrats": 16, "quadrats_found": 12, "mean_iou": 0.9, "photos_without_quadrat": 7, "false_alarms": 1}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "m.pth"
    path.write_bytes(b"weights")
    return path


def test_sets_are_merged_by_what_they_were_measured_on(model: Path) -> None:
    record(model, [cover_set(SYNTHETIC, {**COVER, "mae_points": 9.0})], demonstration=True)
    record(model, [cover_set(EXPERT_POINTS, COVER)])
    path = record(model, [cover_set(SYNTHETIC, COVER)])
    assert path == model.with_name("m.evaluation.json")
    written = read_evaluation(path)
    assert written.checkpoint_sha256 == hashlib.sha256(b"weights").hexdigest()
    assert written.demonstration
    assert [entry.description for entry in written.sets] == [SYNTHETIC.description, EXPERT_POINTS.description]
    assert [(entry.kind, entry.survey) for entry in written.sets] == [("drawn", None), ("real", "Moorea LTER")]
    assert written.sets[0].photos == 3
    assert written.sets[0].date == datetime.now(UTC).date().isoformat()
    assert written.sets[0].value("mae_points") == pytest.approx(3.5 / 3, abs=1e-4)
    assert written.sets[0].value("bias_points") == 0.5


def test_figures_of_other_weights_are_not_kept(model: Path) -> None:
    record(model, [cover_set(EXPERT_POINTS, COVER)], demonstration=True)
    model.write_bytes(b"other weights")
    written = read_evaluation(record(model, [cover_set(SYNTHETIC, COVER)]))
    assert [entry.kind for entry in written.sets] == ["drawn"]
    assert not written.demonstration


def test_photographs_stay_with_the_checkpoint_that_learned_from_them(model: Path) -> None:
    learned = [LearnedPhotograph("0a" * 32, "a.jpg"), LearnedPhotograph(key="2006-A-01.jpg", version_id="v1")]
    path = record_learned(model, learned)
    assert read_evaluation(path).sets == ()
    record(model, [cover_set(SYNTHETIC, COVER)])
    written = read_evaluation(path)
    assert written.learned_from == tuple(learned)
    assert len(written.sets) == 1
    assert trust_of(dataclasses.replace(Manifest.from_json(manifest("m")), measured=written)).state == NOT_MEASURED
    assert len(read_evaluation(record_learned(model, [])).sets) == 1
    model.write_bytes(b"other weights")
    assert read_evaluation(record(model, [cover_set(SYNTHETIC, COVER)])).learned_from is None


def test_figures_that_are_no_numbers_are_left_out(model: Path) -> None:
    (entry,) = read_evaluation(record(model, [frame_set(SYNTHETIC, FRAME)])).sets
    assert entry.photos == 200
    assert [(figure.name, figure.value, figure.unit) for figure in entry.figures] == [
        ("iou_mean", 0.951, ""),
        ("found_percent", 97.0, "%"),
        ("false_alarm_percent", 30.0, "%"),
    ]


def test_real_photographs_without_a_quadrat_are_a_set_of_their_own(model: Path) -> None:
    sets = read_evaluation(record(model, real_frame_sets(REAL))).sets
    assert [(entry.description, entry.photos) for entry in sets] == [
        (REAL_QUADRATS.description, 16),
        (NO_QUADRAT.description, 7),
    ]
    assert sets[0].value("found_percent") == 75.0


def test_a_damaged_file_is_not_overwritten(model: Path) -> None:
    path = model.with_name("m.evaluation.json")
    path.write_text("{", "utf-8")
    with pytest.raises(UnsupportedModelError, match="no JSON"):
        record(model, [frame_set(SYNTHETIC, FRAME)])
    assert path.read_text("utf-8") == "{"


def test_the_format_that_named_no_checkpoint_is_replaced(model: Path) -> None:
    path = model.with_name("m.evaluation.json")
    path.write_text('[{"measured_on": "synthetic photographs", "photos": 200, "figures": []}]', "utf-8")
    assert len(read_evaluation(record(model, [frame_set(SYNTHETIC, FRAME)])).sets) == 1
