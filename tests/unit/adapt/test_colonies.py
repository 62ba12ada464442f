"""Colonies of a map: every cell belongs to one, necks divide, and the picture's pixels are those of the map."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reefsteps.detection.colonies import label_colonies, nearest_colony, without_specks
from reefsteps.detection.map_engine import colonies_of


def discs(shape: tuple[int, int], *circles: tuple[int, int, int]) -> np.ndarray:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    found = np.zeros(shape, bool)
    for x, y, radius in circles:
        found |= (columns - x) ** 2 + (rows - y) ** 2 <= radius**2
    return found


def blobs(seed: int, shape: tuple[int, int] = (48, 64)) -> np.ndarray:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 9))
    circles = [
        (int(rng.integers(shape[1])), int(rng.integers(shape[0])), int(rng.integers(1, 12))) for _ in range(count)
    ]
    return discs(shape, *circles)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_every_cell_of_coral_belongs_to_one_colony(seed: int) -> None:
    coral = blobs(seed)
    numbers = label_colonies(coral)
    assert ((numbers > 0) == coral).all()
    assert set(np.unique(numbers)) - {0} == set(range(1, numbers.max() + 1))


def test_two_discs_that_touch_are_two_colonies_and_an_ellipse_is_one() -> None:
    assert label_colonies(discs((64, 96), (30, 32, 18), (66, 32, 18)) | discs((64, 96), (48, 32, 4))).max() == 2
    rows, columns = np.mgrid[:64, :96]
    assert label_colonies(((columns - 48) / 40) ** 2 + ((rows - 32) / 16) ** 2 <= 1).max() == 1


def test_a_neck_divides_where_it_is_narrow() -> None:
    rows, columns = np.mgrid[:64, :128]
    neck = (np.abs(rows - 32) < 4) & (np.abs(columns - 55) < 26)
    numbers = label_colonies(discs((64, 128), (30, 32, 20), (80, 32, 20)) | neck)
    assert numbers.max() == 2
    assert numbers[32, 30] != numbers[32, 80]
    boundary = np.flatnonzero(np.diff(numbers[32, 40:70]) != 0)
    assert len(boundary) == 1
    assert abs(boundary[0] + 40 - 55) < 8


def test_specks_go_and_what_is_cut_by_the_frame_stays() -> None:
    coral = discs((40, 40), (20, 20, 8))
    coral[0:2, 10:20] = True  # two rows at the border: the colony goes on beyond it
    coral[5, 5] = True
    kept = without_specks(coral)
    assert not kept[5, 5]
    assert kept[0, 12:18].all()
    assert kept[20, 20]


def test_no_coral_gives_no_colony() -> None:
    empty = np.zeros((10, 12), bool)
    assert not label_colonies(empty).any()
    assert not nearest_colony(label_colonies(empty)).any()
    assert len(colonies_of(np.zeros((10, 12), np.float32), (10.0, 12.0), (100, 120))) == 0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([(192, 256), (480, 640), (101, 133), (40, 50)]))
def test_colonies_do_not_overlap_and_cover_what_the_enlarged_map_says(seed: int, picture: tuple[int, int]) -> None:
    coral = without_specks(blobs(seed))
    chances = np.where(coral, 0.9, 0.1).astype(np.float32)
    found = colonies_of(chances, (48.0, 64.0), picture)
    total = sum(mask.area_px for mask in found.masks)
    union = np.count_nonzero(found.union_mask())
    assert total == union
    assert union / (picture[0] * picture[1]) == pytest.approx(coral.mean(), abs=0.02)
    assert (np.diff(found.scores) <= 0).all()
    assert (found.scores > 0.5).all()


def test_a_map_whose_last_cell_reaches_beyond_the_picture_is_not_stretched() -> None:
    chances = np.zeros((25, 25), np.float32)
    chances[:, :12] = 0.9
    found = colonies_of(chances, (24.5, 24.5), (490, 490))
    assert found.boxes_px[0, 2] == pytest.approx(12 * 20, abs=1.5)
