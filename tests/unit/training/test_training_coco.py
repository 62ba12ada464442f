"""Loading COCO exports, and telling an annotator what is wrong in them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as run_lengths

from reefsteps.learned import LearnedPhotograph
from training.library.coco import AnnotationError, load_example, read
from training.library.coco import _mask as draw_mask
from training.library.learned import learned_photographs, together

SQUARE = [10.0, 10.0, 30.0, 10.0, 30.0, 25.0, 10.0, 25.0]


def export(folder: Path, **changes: Any) -> Path:
    """Write a picture of 60 x 40 and an export with one square; return the export's path."""
    cv2.imwrite(str(folder / "a.png"), np.full((40, 60, 3), 90, np.uint8))
    data: dict[str, Any] = {
        "images": [{"id": 1, "file_name": "a.png", "width": 60, "height": 40}],
        "categories": [{"id": 1, "name": "coral"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [SQUARE]}],
    }
    path = folder / "annotations.json"
    path.write_text(json.dumps({**data, **changes}), encoding="utf-8")
    return path


def annotation(**changes: Any) -> list[dict[str, Any]]:
    return [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [SQUARE], **changes}]


def test_a_polygon_becomes_a_mask(tmp_path: Path) -> None:
    (found,) = read(export(tmp_path), tmp_path)
    (mask,) = found.masks()
    assert mask.shape == (40, 60)
    assert mask.sum() == pytest.approx(20 * 15, rel=0.15)
    example = load_example(found, 80)
    assert example.image_bgr.shape == (80, 120, 3)
    assert set(np.unique(example.labels)) == {0, 1}


def test_photographs_that_are_learned_from_are_named_by_content_or_as_the_deployment_names_them(tmp_path: Path) -> None:
    (own,) = learned_photographs(read(export(tmp_path), tmp_path))
    content = (tmp_path / "a.png").read_bytes()
    assert own == LearnedPhotograph(hashlib.sha256(content).hexdigest(), "a.png")
    said: dict[str, Any] = {"key": "2006-A-01.jpg", "version_id": "v1", "sha256": "0a" * 32, "name": "DSC_0001.JPG"}
    image = {"id": 1, "file_name": "a.png", "width": 60, "height": 40}
    (exported,) = learned_photographs(read(export(tmp_path, images=[{**image, "original": said}]), tmp_path))
    assert exported == LearnedPhotograph(**said)
    (others,) = learned_photographs(read(export(tmp_path, images=[{**image, "original": {"key": 5}}]), tmp_path))
    assert others == own
    assert together([own, exported], [exported]) == [own, exported]


def test_label_studio_paths_are_found_by_file_name(tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "/data/upload/3/a.png", "width": 60, "height": 40}]
    (found,) = read(export(tmp_path, images=images), tmp_path)
    assert found.path.name == "a.png"


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31))
def test_packed_run_lengths_are_read_as_pycocotools_writes_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    blobs = cv2.GaussianBlur(rng.random((37, 53)).astype(np.float32), (0, 0), float(rng.uniform(0.5, 4)))
    truth = (blobs > np.median(blobs)).astype(np.uint8)
    packed = run_lengths.encode(np.asfortranarray(truth))
    shape = {"size": packed["size"], "counts": packed["counts"].decode()}
    assert np.array_equal(draw_mask(shape, 53, 37), truth)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"annotations": annotation(segmentation=[[1, 2, 3, 4]])}, "needs x, y of at least 3 points"),
        ({"annotations": annotation(segmentation=[[0, 0, 500, 0, 500, 30]])}, "leaves its image of 60 x 40"),
        ({"annotations": annotation(segmentation=[[1, 1, 2, 1, 2, 2]])}, "its area is 0.5 pixels"),
        ({"annotations": annotation(segmentation=[])}, "a box alone cannot train a mask"),
        ({"annotations": annotation(category_id=7)}, "category 7 is not in the file"),
        ({"annotations": annotation(image_id=9)}, "image 9 is not in the file"),
        ({"annotations": annotation() * 2}, "this id occurs twice"),
        (
            {"annotations": annotation(segmentation={"size": [60, 40], "counts": [2400]})},
            r"its image is \[40, 60\]",
        ),
        ({"annotations": annotation(segmentation={"size": [40, 60], "counts": [5]})}, "add up to 5 pixels"),
        ({"images": [{"id": 1, "file_name": "b.png", "width": 60, "height": 40}]}, "no file 'b.png'"),
        ({"images": [{"id": 1}]}, "needs id, file_name, width and height"),
    ],
)
def test_errors_are_named(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        read(export(tmp_path, **changes), tmp_path)


def test_outlines_of_several_categories_are_not_taken_for_one(tmp_path: Path) -> None:
    categories = [{"id": 1, "name": "coral"}, {"id": 2, "name": "sand"}, {"id": 3, "name": "never drawn"}]
    drawn = [*annotation(), *annotation(id=2, category_id=2)]
    with pytest.raises(AnnotationError, match=r"2 categories are drawn \(coral, sand\)"):
        read(export(tmp_path, categories=categories, annotations=drawn), tmp_path)
    assert len(read(export(tmp_path, categories=categories), tmp_path)) == 1


def test_all_errors_are_listed_at_once(tmp_path: Path) -> None:
    many = [{"id": i, "image_id": 1, "category_id": 1, "segmentation": []} for i in range(60)]
    with pytest.raises(AnnotationError, match=r"(?s)has 60 error\(s\).*and 10 more"):
        read(export(tmp_path, annotations=many), tmp_path)


def test_a_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "a.png", "width": 120, "height": 80}]
    with pytest.raises(AnnotationError, match=r"has 1 error\(s\)(?s:.*)annotate the same file"):
        read(export(tmp_path, images=images), tmp_path)


def test_no_coco_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(AnnotationError, match="no COCO object"):
        read(path, tmp_path)
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(AnnotationError, match="lacks the list"):
        read(path, tmp_path)
