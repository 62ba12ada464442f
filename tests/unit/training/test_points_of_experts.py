"""Photographs with experts' points: the layouts that surveys keep them in, and what training makes of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from training.library.augment import Example
from training.library.coco import AnnotationError
from training.library.colonies import colonies
from training.library.point_examples import (
    CORAL,
    NO_CORAL,
    UNKNOWN,
    colonies_of,
    drawn_points,
    experts_of,
    opening,
    point_example,
)
from training.library.points import by_site, read_points

MOOREA = "mcr_lter1_fringingreef_pole1-2_qu{}_20080415.jpg"


def photo(path: Path, width: int = 80, height: int = 60) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width, 3), 90, np.uint8))
    return path


def test_the_layout_of_the_full_moorea_set(tmp_path: Path) -> None:
    path = photo(tmp_path / "2008" / MOOREA.format(1))
    lines = ["# Row; Col; Label", "14; 39; Porit", "29; 0; CCA", "59; 79; Off", ""]
    path.with_name(f"{path.name}.txt").write_text("\n".join(lines), encoding="utf-8")
    (found,) = read_points(tmp_path)
    assert found.path == path and found.site == "mcr_lter1_fringingreef"
    assert np.allclose(found.places, [[39.5 / 80, 14.5 / 60], [0.5 / 80, 29.5 / 60], [79.5 / 80, 59.5 / 60]])
    assert found.coral.tolist() == [True, False, False] and found.off_frame.tolist() == [False, False, True]
    assert found.cover_percent == 50.0  # the point off the frame is no part of the quadrat


def test_an_export_of_coralnet_for_many_photographs(tmp_path: Path) -> None:
    first, second = photo(tmp_path / "reef_qu1.jpg"), photo(tmp_path / "other.png")
    rows = "\n".join(
        ["Name,Date,Row,Column,Label", f"{first.name},,5,6,Acropora", f"{second.name},,7,8,Sand", "gone.jpg,,1,1,Sand"]
    )
    (tmp_path / "labelset.csv").write_text("Name,Group\nSand,Soft Substrate\n", encoding="utf-8")  # not of points
    (tmp_path / "annotations.csv").write_text(rows, encoding="utf-8-sig")
    found = {p.path.name: p for p in read_points(tmp_path)}
    assert found[first.name].coral.tolist() == [True] and found[second.name].coral.tolist() == [False]
    assert {site: len(photos) for site, photos in by_site(found.values()).items()} == {"reef": 1, tmp_path.name: 1}


def test_pictures_that_training_wrote_below_the_photographs_are_none_of_them(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.png")
    path.with_name("a.png.txt").write_text("# Row; Col; Label\n14; 39; Porit\n", encoding="utf-8")
    photo(tmp_path / "out" / "colonies" / "a.png")
    (tmp_path / "out" / "losses.csv").write_text("map,20\n", encoding="utf-8")
    assert [found.path for found in read_points(tmp_path)] == [path]


def test_points_of_a_photograph_that_was_reduced(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg", 40, 30)
    (tmp_path / "points.csv").write_text(f"Name,Row,Column,Label\n{path.name},50,70,Porit\n", encoding="utf-8")
    with pytest.raises(AnnotationError, match=r"1 of 1 points lie outside its 40 x 30 pixels.*cover_from_points\.csv"):
        read_points(tmp_path)
    (tmp_path / "cover_from_points.csv").write_text("image,width,height\na.jpg,80,60\n", encoding="utf-8")
    assert np.allclose(read_points(tmp_path)[0].places, [[70.5 / 80, 50.5 / 60]])


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.jpg")
    path.with_name("a.jpg.txt").write_text("# Row; Col; Label\nx; 3; Porit\n4; 5;\n", encoding="utf-8")
    (tmp_path / "more.csv").write_text("Name,Row,Column,Label\nb.jpg,1,5,Rock\n", encoding="utf-8")
    with pytest.raises(AnnotationError) as told:
        read_points(tmp_path)
    said = str(told.value)
    assert all(part in said for part in ("a.jpg.txt", "ine 2", "ine 3", "with --labels: Rock")), said
    (tmp_path / "a.jpg.txt").write_text("# Row; Col; Label\n1; 3; Unsure rock\n4; 5; Rock\n2; 2; Brain\n", "utf-8")
    table = tmp_path / "means.csv"
    table.write_text("label,answer\nRock,not coral\nUnsure rock,cannot tell\nBrain,coral\n", encoding="utf-8")
    (found,) = read_points(tmp_path, table)
    assert found.coral.tolist() == [False, True]  # what nobody could tell teaches nothing
    (tmp_path / "again.csv").write_text("Name,Row,Column,Label\na.jpg,1,5,Rock\n", encoding="utf-8")
    with pytest.raises(AnnotationError, match=r"a\.jpg has points in a\.jpg\.txt as well"):
        read_points(tmp_path, table)
    with pytest.raises(AnnotationError, match="holds no photograph with points"):
        read_points(photo(tmp_path / "empty" / "b.jpg").parent)


def test_points_go_where_the_picture_goes(tmp_path: Path) -> None:
    """White squares are coral: wherever a piece of the photograph shows one, its point says coral."""
    picture = np.zeros((600, 600, 3), np.uint8)
    rows = ["# Row; Col; Label"]
    for i in range(10):
        for j in range(10):
            white = (i + j) % 2 == 0
            picture[i * 60 : i * 60 + 60, j * 60 : j * 60 + 60] = 255 if white else 0
            rows.append(f"{i * 60 + 30}; {j * 60 + 30}; {'Porit' if white else 'Sand'}")
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), picture)
    path.with_name("a.png.txt").write_text("\n".join(rows), encoding="utf-8")
    (found,) = read_points(tmp_path)
    assert np.allclose(opening(found), [0.045, 0.045, 0.955, 0.955], atol=0.005)
    rng = np.random.default_rng(1)
    seen = 0
    for _ in range(12):
        piece = point_example(rng, found, 200)
        said = experts_of(piece.labels)
        for value, is_white in ((1, True), (0, False)):
            shades = piece.image_bgr[said == value].mean(1)
            assert (np.abs(shades - (255 if is_white else 0)) < 60).all()
            seen += len(shades)
    assert seen > 100


def test_the_frame_is_no_coral(tmp_path: Path) -> None:
    path = photo(tmp_path / "a.png", 300, 300)
    inner = [f"{row}; {column}; Porit" for row in range(60, 241, 20) for column in range(60, 241, 20)]
    path.with_name("a.png.txt").write_text("\n".join(["# Row; Col; Label", *inner]), encoding="utf-8")
    (found,) = read_points(tmp_path)
    rng = np.random.default_rng(2)
    said = [experts_of(point_example(rng, found, 640, framed=framed).labels) for framed in (False, True)]
    assert not (said[0] == 0).any() and (said[1] == 0).any()


def test_one_array_holds_colonies_and_points() -> None:
    labels = np.array([[3, 3 | CORAL, NO_CORAL, 5 | CORAL | NO_CORAL]], np.uint16)
    assert colonies_of(labels).tolist() == [[3, 3, 0, 5]]
    assert experts_of(labels).tolist() == [[UNKNOWN, 1, 0, UNKNOWN]]
    drawn = drawn_points(
        np.random.default_rng(0), Example(np.zeros((50, 50, 3), np.uint8), np.eye(50, dtype=np.uint16))
    )
    said = experts_of(drawn.labels)
    assert ((said == 1) <= (np.eye(50) > 0)).all() and 60 < (said != UNKNOWN).sum() <= 120


def test_colonies_are_split_at_their_necks() -> None:
    coral = np.zeros((200, 200), np.uint8)
    cv2.circle(coral, (50, 60), 30, 1, -1)
    cv2.circle(coral, (120, 60), 30, 1, -1)
    cv2.rectangle(coral, (50, 55), (120, 65), 1, -1)  # a neck between both
    cv2.rectangle(coral, (40, 150), (160, 180), 1, -1)  # one colony without a neck
    coral[120, :] = 1  # a thread
    coral[10, 10] = 1  # a speck
    found = colonies(coral > 0)
    assert len(np.unique(found)) == 1 + 3
    assert found[60, 50] != found[60, 120] and found[160, 60] == found[170, 150] > 0
    assert found[120, 10] == found[10, 10] == 0
    assert abs(int((found > 0).sum()) - int(coral.sum())) < 0.05 * coral.sum()


def test_a_map_without_coral_has_no_colonies() -> None:
    assert not colonies(np.zeros((30, 40), bool)).any()
