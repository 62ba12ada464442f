"""Exports of real annotation tools, for photographs that the camera stored turned: outlines lie on the right pixels."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from reefsteps.masks import mask_iou
from training.library.coco import ALL, AnnotationError, load_example, read
from training.library.run_lengths import problem, unpacked

EXPORTS = Path(__file__).parents[2] / "data/annotations"
WIDTH, HEIGHT = 60, 40
TRUTH = np.zeros((HEIGHT, WIDTH), np.uint8)
TRUTH[4:12, 6:30] = 1
TRUTH[4:32, 6:14] = 1
# How a camera that writes this orientation has turned the pixels.
_STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def picture(path: Path, orientation: int, truth: np.ndarray[Any, Any] = TRUTH) -> Path:
    """Write a picture on which the outlined pixels are bright and all others dark."""
    stored = Image.fromarray(np.repeat((40 + 180 * truth)[:, :, None], 3, axis=2).astype(np.uint8))
    if orientation in _STORED:
        stored = stored.transpose(_STORED[orientation])
    exif = Image.Exif()
    exif[274] = orientation
    quality: dict[str, Any] = {"quality": 95} if path.suffix == ".jpg" else {}
    stored.save(path, exif=exif, **quality)
    return path


def pictures(folder: Path, suffix: str) -> Path:
    for orientation in range(1, 9):
        picture(folder / f"orientation-{orientation}.{suffix}", orientation)
    return folder


@pytest.mark.parametrize(
    ("export", "suffix"),
    [
        ("label-studio-jpg", "jpg"),
        ("label-studio-jpg", "png"),
        ("label-studio-tif", "tif"),
        ("labelme2coco", "jpg"),
        ("cvat", "jpg"),
    ],
)
def test_outlines_lie_on_what_was_outlined(tmp_path: Path, export: str, suffix: str) -> None:
    text = (EXPORTS / f"{export}.json").read_text("utf-8")
    path = tmp_path / "export.json"
    path.write_text(text.replace(".jpg", f".{suffix}"), "utf-8")
    found = read(path, pictures(tmp_path, suffix))
    assert len(found) == 8
    for item in found:
        example = load_example(item, HEIGHT)
        assert example.image_bgr.shape == (HEIGHT, WIDTH, 3), item.path.name
        bright = example.image_bgr[:, :, 1] > 130
        assert mask_iou(example.labels > 0, bright) > 0.9, item.path.name
        np.testing.assert_array_equal(bright, TRUTH > 0)


def changed(folder: Path, export: str, **changes: Any) -> Path:
    data = json.loads((EXPORTS / f"{export}.json").read_text("utf-8")) | changes
    path = folder / "export.json"
    path.write_text(json.dumps(data), "utf-8")
    return path


def test_outlines_on_stored_pixels_of_no_known_tool_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError) as error:
        read(changed(tmp_path, "label-studio-jpg", info={}), pictures(tmp_path, "jpg"))
    message = str(error.value)
    assert "has 4 error(s)" in message
    for orientation in (5, 6, 7, 8):
        assert f"(orientation-{orientation}.jpg): the annotations say 40 x 60 pixels, as the file stores" in message
    assert "Save the photograph upright" in message


def test_the_same_picture_twice_is_refused(tmp_path: Path) -> None:
    data = json.loads((EXPORTS / "cvat.json").read_text("utf-8"))
    images = [{**image, "file_name": f"{image['id']}/orientation-1.jpg"} for image in data["images"]]
    with pytest.raises(AnnotationError, match=r"image 2: '2/orientation-1.jpg' is the same file as image 1"):
        read(changed(tmp_path, "cvat", images=images), pictures(tmp_path, "jpg"))


@pytest.mark.parametrize(
    "said",
    [
        "/data/local-files/?d=survey%2Fmy%20reef.jpg",
        "/data/local-files/?d=survey/my reef.jpg",
        "my%20reef.jpg",
        "https://bucket.example/survey/my%20reef.jpg?X-Signature=a/b",
        "/data/upload/3/my reef.jpg",
    ],
)
def test_addresses_of_label_studio_are_found(tmp_path: Path, said: str) -> None:
    path = changed(tmp_path, "cvat")
    data = json.loads(path.read_text("utf-8"))
    data["images"] = [image for image in data["images"] if "orientation-1." in image["file_name"]]
    data["annotations"] = [item for item in data["annotations"] if item["image_id"] == data["images"][0]["id"]]
    data["images"][0]["file_name"] = said
    path.write_text(json.dumps(data), "utf-8")
    picture(tmp_path / "my reef.jpg", 1)
    (found,) = read(path, tmp_path)
    assert found.path.name == "my reef.jpg"


def test_paths_of_windows_are_found(tmp_path: Path) -> None:
    data = json.loads((EXPORTS / "cvat.json").read_text("utf-8"))
    images = [{**image, "file_name": f"C:\\corals\\{image['file_name']}"} for image in data["images"]]
    assert len(read(changed(tmp_path, "cvat", images=images), pictures(tmp_path, "jpg"))) == 8


def test_a_picture_that_label_studio_could_not_open_has_no_sizes(tmp_path: Path) -> None:
    data = json.loads((EXPORTS / "label-studio-jpg.json").read_text("utf-8"))
    images = [{**image, "width": None, "height": None} for image in data["images"]]
    path = changed(tmp_path, "label-studio-jpg", images=images, annotations=[])
    assert [item.instances for item in read(path, pictures(tmp_path, "jpg"))] == [()] * 8


# TagLab exports one category for each genus.
GENERA = [{"id": 1, "name": "Acropora"}, {"id": 2, "name": "Porites"}, {"id": 3, "name": "Rubble"}]


def genera(folder: Path) -> Path:
    """Return an export with an instance of each genus in the first picture, each in pixels of its own."""
    squares = [[x, 5, x + 9, 5, x + 9, 15, x, 15] for x in (5, 25, 45)]
    drawn = [{"id": i, "image_id": 1, "category_id": i, "segmentation": [squares[i - 1]]} for i in (1, 2, 3)]
    return changed(folder, "cvat", categories=GENERA, annotations=drawn)


@pytest.mark.parametrize(
    ("merge", "instances"),
    [(ALL, 3), ({"Acropora", "Porites"}, 2), ({"Rubble"}, 1)],
)
def test_categories_are_merged_into_the_models_class(tmp_path: Path, merge: set[str], instances: int) -> None:
    found = read(genera(tmp_path), pictures(tmp_path, "jpg"), merge)
    assert [len(item.instances) for item in found] == [instances] + [0] * 7


def test_several_categories_without_a_choice_are_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError) as error:
        read(genera(tmp_path), pictures(tmp_path, "jpg"))
    assert "3 categories are drawn (Acropora, Porites, Rubble)" in str(error.value)
    assert "--merge 'Acropora' 'Porites', or give --merge alone for all" in str(error.value)


def test_a_category_that_is_not_in_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="--merge names 'Acropra', the file has Acropora, Porites, Rubble"):
        read(genera(tmp_path), pictures(tmp_path, "jpg"), {"Acropra"})


PACKED = "X1Q1Q1"  # not of 60 x 40


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (PACKED, "add up to"),
        ("PPP", "packed run lengths are damaged"),
        ("XQ", "packed run lengths are damaged"),
        ("Ã", "packed run lengths are damaged"),
        ("", "add up to 0 pixels instead of 2400"),
        ("o" * 5000, "packed run lengths are damaged"),
        ([2400.5], "no counts of pixels"),
        ([-1, 2401], "no counts of pixels"),
        ([True, 2399], "no counts of pixels"),
        (None, "its run lengths are missing"),
        ({"a": 1}, "its run lengths are missing"),
    ],
)
def test_run_lengths_of_a_wrong_length_name_the_annotation(tmp_path: Path, counts: Any, message: str) -> None:
    shape = {"size": [HEIGHT, WIDTH], "counts": counts}
    drawn = [{"id": 77, "image_id": 1, "category_id": 1, "segmentation": shape}]
    with pytest.raises(AnnotationError, match=f"annotation 77: .*{message}"):
        read(changed(tmp_path, "cvat", annotations=drawn), pictures(tmp_path, "jpg"))


@given(st.text(alphabet=[chr(code) for code in range(40, 120)], max_size=40))
def test_any_packed_text_is_read_or_refused(packed: str) -> None:
    counts = unpacked(packed)
    right = counts is not None and min(counts, default=0) >= 0 and sum(counts) == WIDTH * HEIGHT
    assert (problem({"size": [HEIGHT, WIDTH], "counts": packed}, WIDTH, HEIGHT) is None) == right


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 9) | st.floats(allow_nan=True) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pictures(tmp_path_factory.mktemp("any"), "jpg")


@given(data=st.data())
def test_an_export_with_any_value_is_read_or_refused(folder: Path, data: st.DataObject) -> None:
    export = json.loads((EXPORTS / "cvat.json").read_text("utf-8"))
    place = export[data.draw(st.sampled_from(["images", "annotations", "categories"]))][0]
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(_VALUES)
    path = folder / "export.json"
    path.write_text(json.dumps(export), "utf-8")
    try:
        assert len(read(path, folder)) == 8
    except AnnotationError as error:
        assert "export.json" in str(error)


def test_a_damaged_picture_is_named(tmp_path: Path) -> None:
    folder = pictures(tmp_path, "jpg")
    (folder / "orientation-1.jpg").write_bytes(b"no picture")
    shutil.copy(folder / "orientation-2.jpg", folder / "orientation-3.jpg")  # its EXIF says 2 now, its size is right
    with pytest.raises(
        AnnotationError, match=r"has 1 error\(s\)(?s:.*)image 1 \(orientation-1.jpg\): no readable picture"
    ):
        read(changed(tmp_path, "cvat"), folder)
