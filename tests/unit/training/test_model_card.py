"""The card's figures come from the reports, and the recipe's stages fit together."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from training.card import BEGIN, END, write_card
from training.evaluate_real import KEPT, CoverCase, FrameCase, report, summary
from training.library.metrics import coverage_errors
from training.recipe import FOLDS, commands, parser

ERRORS = coverage_errors(np.array([10.0, 20.0]), np.array([12.0, 19.0]))
CORAL = {**dataclasses.asdict(ERRORS), "AP": 31.0, "AP50": 50.0, "AP75": 33.0}
FRAME = {
    "photos": 200,
    "mask_iou_mean": 0.949,
    "mask_iou_median": 0.96,
    "mask_iou_p5": 0.8,
    "found_share": 0.97,
    "mask_corner_error_percent_median": 2.5,
    "photos_without_frame": 10,
    "false_alarms": 3,
    "mask_iou_by_kind": {"pvc": 0.95},
}


def reports(folder: Path) -> tuple[Path, Path, Path]:
    for name, figures in (("frame", FRAME), ("coral", CORAL)):
        (folder / name).mkdir()
        (folder / name / "report.json").write_text(json.dumps(figures), "utf-8")
    frames = [FrameCase("a.jpg", "by hand", 1.0, 0.93, 2.0), FrameCase("b.jpg", "no quadrat", 0.0, None, None)]
    case = CoverCase("c.jpg", 40.0, 35.0, 45.0, 44.0, 0.8)
    other = dataclasses.replace(case, photo="e.jpg", true=60.0, found=59.0)
    covers = {"moorea_points": [case, other], "moorea_learned": [case], "reefsupport_masks": [case]}
    figures = summary(frames, covers)
    (folder / "real").mkdir()
    (folder / "real" / "report.json").write_text(json.dumps(figures), "utf-8")
    (folder / "real" / "report.md").write_text(report(figures, frames, covers), "utf-8")
    return folder / "frame", folder / "coral", folder / "real"


def test_figures_replace_earlier_ones_and_leave_the_text(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text(f"# Demo models\n\nBefore.\n\n{BEGIN}\nold figures\n{END}\n\nAfter.\n", "utf-8")
    folders = reports(tmp_path)
    write_card(card, *folders)
    text = card.read_text("utf-8")
    assert (
        "| frame: mask IoU, mean of 200 photographs | 0.949 (median 0.960, 5th percentile 0.800) | 0.95: NOT met |"
        in text
    )
    assert "| coral: cover, MAE of 2 crops | 1.50 points (bias +0.50, worst 2.0) | 6: met |" in text
    assert "1 of 1 quadrats found" in text
    assert "MAE 2.5 points (bar 9: met), bias +1.5, slope 0.75, 1 of 2 inside" in text
    assert "would be 10.0 points off" in text
    assert text.index("Measured on real photographs") < text.index("Measured on drawn photographs")
    assert "| c.jpg | 40.0 | 35.0 to 45.0 | 44.0 | 0.80 |" in text
    assert "old figures" not in text
    assert text.startswith("# Demo models\n\nBefore.")
    assert text.endswith("After.\n")
    write_card(card, *folders)
    assert card.read_text("utf-8") == text


def test_a_card_without_a_place_is_left_alone(tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_text("# By hand\n", "utf-8")
    frame, coral, _ = reports(tmp_path)
    with pytest.raises(ValueError, match="no place for the figures"):
        write_card(card, frame, coral, None)
    assert card.read_text("utf-8") == "# By hand\n"


def test_the_recipe_trains_before_it_measures(tmp_path: Path) -> None:
    options = parser().parse_args(["--output", str(tmp_path), "--minutes", "5", "--real", "data"])
    names = [f"{i}.jpg" for i in range(8)]
    stages = [command[0].removeprefix("training.") for command in commands(options, names)]
    teach = ["teach"] * (FOLDS + 1)
    measured = ["conversion", "conversion", "evaluate", "evaluate", "reference", "evaluate_real"]
    assert stages == ["train", *teach, "calibrate", "learn_map", *measured]
    left_out = []
    for command in commands(options, names):
        if command[0] == "training.teach":
            assert set(KEPT) <= set(command)
            left_out += command[command.index("--leave-out") + 1 :] if "--leave-out" in command else []
        if command[0] == "training.train":
            assert Path(command[command.index("--config") + 1]).exists()
            assert command[command.index("--minutes") + 1] == "5.0"
    assert sorted(left_out) == names
