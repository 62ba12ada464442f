"""What a map of coral learns from: areas of points cut out of photographs, and drawn quadrats."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from reefsteps.errors import UnsupportedModelError
from training.learn_map import learn_map
from training.learn_map import parser as learn_map_parser
from training.library.coco import AnnotationError
from training.library.lessons import QUADRAT_PX, drawn_quadrat, quadrat_lessons
from training.library.points import PointPhoto
from training.library.predict import load_predictor

MODELS = Path(__file__).parents[3] / "models"
GREEN = (0, 200, 0)


def photo(folder: Path) -> PointPhoto:
    """A photograph whose points lie on a regular grid in its middle; coral is the green left half of them."""
    picture = np.full((300, 400, 3), 90, np.uint8)
    picture[:, :200] = GREEN
    path = folder / "a.png"
    cv2.imwrite(str(path), picture)
    x, y = (grid.ravel() for grid in np.meshgrid(np.linspace(0.225, 0.775, 12), np.linspace(0.225, 0.775, 12)))
    places = np.stack([x, y], axis=1)
    off_frame = np.arange(len(places)) == 5
    return PointPhoto(path, "site", places, x < 0.5, off_frame)


def test_points_stay_on_what_they_name(tmp_path: Path) -> None:
    own = photo(tmp_path)
    restored, raw = quadrat_lessons(own)
    for lesson in (restored, raw):
        assert lesson.picture_bgr.shape == (QUADRAT_PX, QUADRAT_PX, 3)
        np.testing.assert_array_equal(lesson.places, restored.places)
    column, row = np.clip((raw.places * QUADRAT_PX).astype(int), 0, QUADRAT_PX - 1).T
    green = (raw.picture_bgr[row, column] == GREEN).all(1)
    np.testing.assert_array_equal(green[raw.counts], raw.coral[raw.counts])
    assert raw.true_percent == pytest.approx(own.cover_percent)


def test_a_point_off_the_frame_teaches_that_it_is_no_coral_and_does_not_count(tmp_path: Path) -> None:
    _, raw = quadrat_lessons(photo(tmp_path))
    (off,) = np.flatnonzero(~raw.counts)
    assert not raw.coral[off]


def test_points_of_a_drawn_quadrat_say_what_is_drawn_there() -> None:
    drawn = drawn_quadrat(5)
    side_px = len(drawn.coral)
    column, row = (drawn.lesson.places * side_px).astype(int).T
    np.testing.assert_array_equal(drawn.lesson.coral, drawn.coral[row, column])
    dark = drawn_quadrat(5, lambda image: image // 2)
    np.testing.assert_array_equal(dark.coral, drawn.coral)
    assert dark.lesson.picture_bgr.mean() < 0.6 * drawn.lesson.picture_bgr.mean()


def survey(folder: Path, *names: str, label: str = "Porites") -> argparse.Namespace:
    """Options of the command for a folder of photographs with two points each."""
    for name in names:
        cv2.imwrite(str(folder / f"{name}.jpg"), np.zeros((40, 40, 3), np.uint8))
        (folder / f"{name}.jpg.txt").write_text(f"# Row; Col; Label\n5; 5; {label}\n30; 20; Off\n")
    return learn_map_parser().parse_args(["--model", str(folder / "m.pth"), "--points", str(folder)])


def test_two_photographs_are_too_few(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"on 2 photographs.*learns from 3 or more"):
        learn_map(survey(tmp_path, "a", "b"))


def test_what_teaching_left_out_stays_unseen(tmp_path: Path) -> None:
    options = survey(tmp_path, "a", "b", "c")
    (tmp_path / "errors.json").write_text(json.dumps({"left_out": {"photos": {"b.jpg": {}}}}))
    with pytest.raises(AnnotationError, match="on 2 photographs"):
        learn_map(options)


def test_labels_of_another_survey_are_explained_by_a_table(tmp_path: Path) -> None:
    options = survey(tmp_path, "a", "b", label="Massive thing")
    with pytest.raises(AnnotationError, match="--labels"):
        learn_map(options)
    options.labels = tmp_path / "labels.csv"
    options.labels.write_text("label,answer\nMassive thing,coral\nOff,not coral\n")
    with pytest.raises(AnnotationError, match="on 2 photographs"):
        learn_map(options)


def test_a_checkpoint_with_a_map_is_measured_as_the_product_measures() -> None:
    with pytest.raises(UnsupportedModelError, match="Convert it with 'python -m conversion"):
        load_predictor(MODELS / "detectron2-classifier.pth")
