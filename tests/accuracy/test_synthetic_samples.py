"""The command that writes sample photographs."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import pytest

from reefsteps.surveys import SurveyKey
from synthetic import PhotoConfig
from synthetic.__main__ import survey_name, write_samples


def test_samples_carry_survey_keys_and_truth(tmp_path: Path) -> None:
    paths = write_samples(tmp_path, 3, 40, PhotoConfig(320, 240, framing="inside"))
    with (tmp_path / "truth.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [path.name for path in paths]
    for path, row in zip(paths, rows, strict=True):
        image = cv2.imread(str(path))
        assert image is not None and image.shape == (240, 320, 3)
        assert 0 <= float(row["cover_percent"]) <= 100
        assert 0 < float(row["x0"]) < 320
        assert SurveyKey.parse(path.name).year >= 2006


def test_survey_names_do_not_repeat() -> None:
    names = [survey_name(i) for i in range(500)]
    assert len(set(names)) == 500


@pytest.mark.parametrize(("index", "name"), [(0, "2006-Takapoto-01.jpg"), (5, "2007-Takapoto-02.jpg")])
def test_survey_names(index: int, name: str) -> None:
    assert survey_name(index) == name
