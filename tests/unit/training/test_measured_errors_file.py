"""What an evaluation measured is written beside the model, in the form that conversion reads."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from conversion.evaluation import read_evaluation
from reefsteps.errors import UnsupportedModelError
from training.measured import (
    EXPERT_POINTS,
    NO_QUADRAT,
    REAL_QUADRATS,
    SYNTHETIC,
    cover_evaluation,
    frame_evaluation,
    real_frame_evaluations,
    record,
)
from training.metrics import coverage_errors

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


def test_entries_are_merged_by_what_they_were_measured_on(tmp_path: Path) -> None:
    model = tmp_path / "m.pth"
    record(model, [cover_evaluation(SYNTHETIC, {**COVER, "mae_points": 9.0})])
    record(model, [cover_evaluation(EXPERT_POINTS, COVER)])
    path = record(model, [cover_evaluation(SYNTHETIC, COVER)])
    assert path == tmp_path / "m.evaluation.json"
    entries = read_evaluation(path)
    assert [entry.measured_on for entry in entries] == [SYNTHETIC, EXPERT_POINTS]
    assert entries[0].photos == 3
    figures = {figure.name: (figure.value, figure.unit) for figure in entries[0].figures}
    assert figures["cover, mean absolute error"] == (pytest.approx(3.5 / 3, abs=1e-4), "points")
    assert figures["cover, bias (found minus true)"] == (0.5, "points")


def test_figures_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    (entry,) = read_evaluation(record(tmp_path / "m.pth", [frame_evaluation(SYNTHETIC, FRAME)]))
    assert (entry.measured_on, entry.photos) == (SYNTHETIC, 200)
    assert [(figure.value, figure.unit) for figure in entry.figures] == [(0.951, ""), (97.0, "%"), (30.0, "%")]


def test_real_photographs_without_a_quadrat_are_an_entry_of_their_own(tmp_path: Path) -> None:
    entries = read_evaluation(record(tmp_path / "m.pth", real_frame_evaluations(REAL)))
    assert [(entry.measured_on, entry.photos) for entry in entries] == [(REAL_QUADRATS, 16), (NO_QUADRAT, 7)]
    assert entries[0].figures[0].value == 75.0


def test_a_damaged_file_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "m.evaluation.json"
    path.write_text("{", "utf-8")
    with pytest.raises(UnsupportedModelError, match="damaged"):
        record(tmp_path / "m.pth", [frame_evaluation(SYNTHETIC, FRAME)])
    assert path.read_text("utf-8") == "{"
