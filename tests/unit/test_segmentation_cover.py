"""Percent cover, colonies, strings and the overlay, on detections whose truth is known."""

from __future__ import annotations

import json

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reefsteps.detection import Detections, InstanceMask
from reefsteps.errors import InvalidParameterError
from reefsteps.excluded import excluded_mask
from segmentation.cover import measure, outside
from segmentation.overlay import draw_overlay
from segmentation.string_mask import find_strings
from tests.support.real_data import NOT_HERE, REAL_DATA

ByteArray = npt.NDArray[np.uint8]


def detections(shape: tuple[int, int], boxes: list[tuple[int, int, int, int]]) -> Detections:
    """Return one rectangular instance for each x0, y0, x1, y1."""
    return Detections(
        boxes_px=np.array(boxes, np.float32).reshape(-1, 4),
        scores=np.linspace(0.99, 0.5, len(boxes)).astype(np.float32),
        classes=np.zeros(len(boxes), np.int64),
        masks=tuple(InstanceMask(x0, y0, np.ones((y1 - y0, x1 - x0), np.uint8)) for x0, y0, x1, y1 in boxes),
        image_shape=shape,
    )


def test_nothing_found_is_zero_cover() -> None:
    cover = measure(detections((100, 100), []), px_per_cm=1)
    assert (cover.cover_percent, cover.colonies, cover.strings_percent) == (0.0, (), None)
    assert not cover.mask.any()


def test_everything_found_is_full_cover() -> None:
    cover = measure(detections((100, 100), [(0, 0, 100, 100)]), px_per_cm=1)
    assert cover.cover_percent == 100.0
    assert cover.colonies[0].cut_by_frame


def test_overlapping_colonies_count_once_in_cover_and_each_in_area() -> None:
    cover = measure(detections((100, 100), [(10, 10, 30, 30), (20, 10, 40, 30)]), px_per_cm=2)
    assert cover.cover_percent == 6.0  # 30 x 20 of 10,000 pixels
    assert [found.area_cm2 for found in cover.colonies] == [100.0, 100.0]  # 400 px at 4 px per cm2
    assert not any(found.cut_by_frame for found in cover.colonies)


@pytest.mark.parametrize("box", [(0, 40, 10, 50), (90, 40, 100, 50), (40, 0, 50, 10), (40, 90, 50, 100)])
def test_a_colony_at_any_border_is_cut_by_the_frame(box: tuple[int, int, int, int]) -> None:
    inside, at_border = measure(detections((100, 100), [(40, 40, 50, 50), box]), px_per_cm=1).colonies
    assert at_border.cut_by_frame
    assert not inside.cut_by_frame


boxes = st.lists(
    st.tuples(st.integers(0, 49), st.integers(0, 49), st.integers(1, 15), st.integers(1, 15)).map(
        lambda b: (b[0], b[1], min(50, b[0] + b[2]), min(50, b[1] + b[3]))
    ),
    max_size=8,
)


@given(boxes, st.floats(0.5, 50))
@settings(max_examples=50, deadline=None)
def test_cover_is_what_counting_pixels_gives(found: list[tuple[int, int, int, int]], px_per_cm: float) -> None:
    covered = np.zeros((50, 50), bool)
    for x0, y0, x1, y1 in found:
        covered[y0:y1, x0:x1] = True
    cover = measure(detections((50, 50), found), px_per_cm)
    assert cover.cover_percent == round(100 * covered.mean(), 2)
    assert np.array_equal(cover.mask, covered * np.uint8(255))
    assert sum(c.area_cm2 for c in cover.colonies) >= 0.99 * covered.sum() / px_per_cm**2 - 0.01 * len(found)


def reef(width_px: int, seed: int = 1, height_px: int | None = None) -> ByteArray:
    """Return ground with the contrast of a reef at several scales."""
    rng = np.random.default_rng(seed)
    size = (width_px, height_px or width_px)
    ground = np.full((*size[::-1], 3), 110, np.float32)
    for cells, strength in ((8, 30), (40, 20), (200, 12)):
        noise = rng.normal(0, strength, (cells, cells, 1)).astype(np.float32)
        ground += cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC)[..., None]
    return np.clip(ground, 0, 255).astype(np.uint8)


def strung(
    picture: ByteArray, thickness_px: int, grey: int = 230, cells: tuple[int, int] = (10, 10)
) -> tuple[ByteArray, ByteArray]:
    """Return the picture with a grid of sagging strings, and their mask; ``cells`` lie along the top and down."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    for axis, (count, length) in enumerate(zip(cells, picture.shape[1::-1], strict=True)):
        other = picture.shape[axis]
        along = np.linspace(0, other - 1, 60)
        for cell in range(1, count):
            sag = cell * length / count + 0.004 * min(length, other) * np.sin(along / other * np.pi)
            points = np.column_stack([sag, along] if axis == 0 else [along, sag])
            cv2.polylines(mask, [points.round().astype(np.int32)], False, 255, thickness_px)
    picture = picture.copy()
    picture[mask > 0] = grey
    return picture, mask


@pytest.mark.parametrize(("side_px", "thickness_px"), [(900, 3), (2400, 7)])
def test_strings_are_found_where_they_are(side_px: int, thickness_px: int) -> None:
    picture, truth = strung(reef(side_px), thickness_px)
    found = find_strings(picture)
    assert np.count_nonzero(found & truth) > 0.85 * np.count_nonzero(truth)
    assert np.count_nonzero(found) < 2.2 * np.count_nonzero(truth)


@pytest.mark.parametrize("lying", [True, False])
def test_a_rectangles_strings_are_found_where_they_are(lying: bool) -> None:
    width, height, cells = (1200, 800, (15, 10)) if lying else (800, 1200, (10, 15))
    picture, truth = strung(reef(width, height_px=height), 4, cells=cells)
    found = find_strings(picture, cells)
    assert np.count_nonzero(found & truth) > 0.85 * np.count_nonzero(truth)
    assert np.count_nonzero(found) < 2.2 * np.count_nonzero(truth)
    assert np.count_nonzero(find_strings(reef(width, height_px=height), cells)) == 0


def test_no_strings_are_found_where_there_are_none() -> None:
    assert np.count_nonzero(find_strings(reef(1200))) == 0
    assert np.count_nonzero(find_strings(np.full((400, 400, 3), 90, np.uint8))) == 0


def test_a_pixel_under_a_string_counts_as_its_surroundings_do() -> None:
    _, strings = strung(reef(900), 5)
    left_half = detections((900, 900), [(0, 0, 450, 900)])
    gaps = left_half.masks[0].bitmap.copy()
    gaps[strings[:, :450] > 0] = 0  # a detector that sees the strings as no coral
    seen = Detections(left_half.boxes_px, left_half.scores, left_half.classes, (InstanceMask(0, 0, gaps),), (900, 900))
    assert measure(seen, 9).cover_percent < 47
    judged = measure(seen, 9, strings)
    assert judged.cover_percent == pytest.approx(50, abs=0.5)
    assert judged.strings_percent == pytest.approx(100 * np.count_nonzero(strings) / strings.size, abs=0.01)
    free = strings == 0
    assert np.array_equal(judged.mask[free], seen.union_mask()[free])


def test_strings_over_bare_ground_add_nothing() -> None:
    _, strings = strung(reef(900), 5)
    assert measure(detections((900, 900), []), 9, strings).cover_percent == 0.0


def test_the_overlay_changes_colonies_and_leaves_the_rest() -> None:
    picture = reef(700)
    before = picture.copy()
    found = detections((700, 700), [(100, 100, 300, 300), (600, 650, 700, 700)])
    overlay = draw_overlay(picture, measure(found, 7).mask, found)
    assert np.array_equal(picture, before)
    assert overlay.shape == picture.shape
    outside = np.ones((700, 700), bool)
    outside[90:310, 90:310] = outside[640:, 590:] = False
    assert np.array_equal(overlay[outside], picture[outside])
    assert (overlay[150, 150] != picture[150, 150]).any()
    assert overlay[100:300, 100:300, 2].mean() > overlay[100:300, 100:300, 0].mean() + 20  # orange


QUADRATS = REAL_DATA / "quadrats"


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "least_percent", "most_percent"),
    [("other/D01_2003-12-17.jpeg", 5, 12), ("other/sample1.jpg", 0, 0)],
    ids=["strung", "without strings"],
)
def test_strings_of_real_quadrats(name: str, least_percent: float, most_percent: float) -> None:
    if not (QUADRATS / name).exists():
        pytest.skip(NOT_HERE)
    photo = cv2.imread(str(QUADRATS / name))
    assert photo is not None
    inner = np.array(json.loads((QUADRATS / "corners.json").read_text())["images"][name]["inner"], np.float32)
    side = round(float(np.linalg.norm(inner[1] - inner[0])))
    square = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
    straight = cv2.warpPerspective(photo, cv2.getPerspectiveTransform(inner, square), (side, side))
    strings = find_strings(np.asarray(straight, np.uint8))
    assert least_percent <= 100 * np.count_nonzero(strings) / strings.size <= most_percent


@settings(max_examples=60, deadline=None)
@given(found=boxes, hidden=boxes)
def test_excluded_pixels_count_neither_as_coral_nor_as_bottom(
    found: list[tuple[int, int, int, int]], hidden: list[tuple[int, int, int, int]]
) -> None:
    shape = (100, 100)
    excluded = detections(shape, hidden).union_mask()
    if excluded.all():
        return
    kept = outside(detections(shape, found), excluded)
    cover = measure(kept, 1, excluded=excluded)
    coral = (detections(shape, found).union_mask() > 0) & (excluded == 0)
    assert cover.cover_percent == round(100 * coral.sum() / (excluded == 0).sum(), 2)
    assert cover.excluded_percent == round(100 * (excluded > 0).mean(), 2)
    assert not (cover.mask[excluded > 0]).any()
    assert all(colony.area_cm2 > 0 for colony in cover.colonies)


def test_a_colony_that_goes_on_under_a_slate_is_a_lower_bound_and_a_fin_taken_for_coral_is_none() -> None:
    excluded = np.zeros((100, 100), np.uint8)
    excluded[40:60, 40:60] = 255
    kept = outside(detections((100, 100), [(30, 40, 50, 50), (42, 42, 58, 58), (10, 10, 20, 20)]), excluded)
    under, free = measure(kept, 1, excluded=excluded).colonies
    assert (under.area_cm2, under.cut_by_frame) == (100.0, True)
    assert (free.area_cm2, free.cut_by_frame) == (100.0, False)


def test_strings_beside_an_excluded_area_are_judged_by_what_is_measured() -> None:
    strings = np.zeros((100, 100), np.uint8)
    strings[:, 50:53] = 255
    excluded = np.zeros((100, 100), np.uint8)
    excluded[:, 53:] = 255
    cover = measure(detections((100, 100), [(0, 0, 50, 100)]), 1, strings, excluded)
    assert cover.cover_percent == 100.0
    assert cover.strings_percent == round(100 * 3 / 53, 2)


def test_a_quadrat_that_is_hidden_whole_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match="nothing is left"):
        measure(detections((10, 10), []), 1, excluded=np.full((10, 10), 255, np.uint8))


def test_an_outline_is_straightened_as_the_picture_is_even_beyond_the_horizon() -> None:
    corners = [(400.0, 300.0), (600.0, 300.0), (900.0, 700.0), (100.0, 700.0)]  # seen from low: its horizon is y = 167
    left_half = [(-500.0, 0.0), (500.0, 0.0), (500.0, 900.0), (-500.0, 900.0)]  # x = 500 is the quadrat's middle
    mask = excluded_mask([left_half], corners, (900, 1000), (200, 200))
    assert abs(int((mask > 0).sum()) - 200 * 100) <= 200
    assert mask[:, :98].all()
    assert not mask[:, 102:].any()
