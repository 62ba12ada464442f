"""The generator's truth agrees with what it draws."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reframing.plane.view import PlaneModel
from reframing.rectification import rectify
from synthetic import FRAME_KINDS, PhotoConfig, SyntheticPhoto, generate
from synthetic.camera import UNIT_SQUARE, View, ordered_corners
from synthetic.paint import coverage, dense
from tests.support.forms import forms

SIZE = {"width_px": 320, "height_px": 240}
SEEDS = st.integers(0, 2**31)


def photo(seed: int, **choices: object) -> SyntheticPhoto:
    return generate(seed, PhotoConfig(**SIZE, **choices))  # type: ignore[arg-type]


@forms(4, 40)
def test_the_same_seed_gives_the_same_photograph(examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(SEEDS)
    def holds(seed: int) -> None:
        first, second = photo(seed), photo(seed)
        assert np.array_equal(first.image_bgr, second.image_bgr)
        assert np.array_equal(first.corners_px, second.corners_px)
        assert first.cover_percent == second.cover_percent

    holds()


@forms(6, 40)
def test_corners_are_ordered_and_lie_in_the_picture(examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(SEEDS, st.sampled_from([k for k in FRAME_KINDS if k != "none"]))
    def holds(seed: int, kind: str) -> None:
        shot = photo(seed, frame=kind, framing="inside")
        corners = shot.corners_px
        assert corners.shape == (4, 2) and corners.dtype == np.float64
        assert (corners > 0).all() and (corners < [320, 240]).all()
        x, y = corners.T
        assert x @ np.roll(y, -1) - y @ np.roll(x, -1) > 0  # clockwise on the screen: not mirrored
        sides = np.roll(corners, -1, 0) - corners
        angles = np.abs(np.arctan2(sides[:, 1], sides[:, 0]))
        assert angles[0] == angles.min()

    holds()


@forms(4, 40)
def test_the_opening_is_the_quadrilateral_of_its_corners(examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(SEEDS)
    def holds(seed: int) -> None:
        shot = photo(seed, frame="aluminium", framing="inside", distortion=0.0)
        x, y = shot.corners_px.T
        area = (x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2
        assert shot.opening_mask().sum() == pytest.approx(area, rel=0.01)

    holds()


@forms(4, 40)
def test_bars_lie_outside_the_opening(examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(SEEDS)
    def holds(seed: int) -> None:
        shot = photo(seed, frame="pvc", framing="inside")
        inner = cv2.erode(shot.opening_mask(), np.ones((3, 3), np.uint8)) > 0
        assert shot.frame_mask.any()
        assert not (shot.frame_mask & inner).any()

    holds()


@forms(4, 40)
def test_cover_is_the_corals_share_of_the_straightened_opening(examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(SEEDS)
    def holds(seed: int) -> None:
        shot = photo(seed, frame="patches", framing="inside")
        labels = shot.rectified_coral_labels(400)
        assert 100 * (labels > 0).mean() == pytest.approx(shot.cover_percent, abs=0.6)
        masks = shot.rectified_coral_masks(400)
        assert sum(int(m.sum()) for m in masks) == int((labels > 0).sum())

    holds()


@forms(4, 40)
def test_warping_the_photograph_by_its_corners_straightens_the_corals(examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(SEEDS)
    def holds(seed: int) -> None:
        shot = photo(
            seed, frame="aluminium", framing="inside", distortion=0.0, occlusion=0.0, cover_percent=(30.0, 50.0)
        )
        square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * 200.0
        matrix = cv2.getPerspectiveTransform(
            (shot.corners_px - 0.5).astype(np.float32), (square - 0.5).astype(np.float32)
        )
        labels = shot.coral_labels()
        warped = cv2.warpPerspective(labels, matrix, (200, 200), flags=cv2.INTER_NEAREST)
        truth = shot.rectified_coral_labels(200)
        inner = np.s_[4:-4, 4:-4]  # bars hide what their blurred edge touches
        assert (warped[inner] == truth[inner]).mean() > 0.9

    holds()


@forms(4, 40)
def test_a_rectangles_truth_is_what_is_drawn(examples: int) -> None:
    @settings(max_examples=examples, deadline=None)
    @given(SEEDS, st.sampled_from([(75.0, 50.0), (50.0, 75.0), (30.0, 100.0)]))
    def holds(seed: int, opening_cm: tuple[float, float]) -> None:
        shot = photo(
            seed,
            frame="aluminium",
            strings="none",
            framing="inside",
            distortion=0.0,
            occlusion=0.0,
            opening_cm=opening_cm,
        )
        corners = shot.corners_px
        assert {shot.side_cm, shot.height_cm} == set(opening_cm)
        x, y = corners.T
        area = (x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2
        assert area > 0
        assert shot.opening_mask().sum() == pytest.approx(area, rel=0.01)
        assert not (shot.frame_mask & (cv2.erode(shot.opening_mask(), np.ones((3, 3), np.uint8)) > 0)).any()
        truth = shot.rectified_coral_labels(150)
        height_px = round(150 * shot.height_cm / shot.side_cm)
        assert truth.shape == (height_px, 150)
        assert 100 * (truth > 0).mean() == pytest.approx(shot.cover_percent, abs=1.5)
        target = np.array([[0, 0], [150, 0], [150, height_px], [0, height_px]]) - 0.5
        matrix = cv2.getPerspectiveTransform((corners - 0.5).astype(np.float32), target.astype(np.float32))
        warped = cv2.warpPerspective(shot.coral_labels(), matrix, (150, height_px), flags=cv2.INTER_NEAREST)
        inner = np.s_[4:-4, 4:-4]
        assert (warped[inner] == truth[inner]).mean() > 0.85

    holds()


def test_a_rectangles_grid_has_square_cells_of_exact_place() -> None:
    shot = generate(3, PhotoConfig(900, 700, frame="aluminium", strings="grid10", framing="inside", occlusion=0.0,
                                   opening_cm=(75.0, 50.0), max_roll_deg=1.0, max_tilt_deg=1.0))  # fmt: skip
    assert shot.view.extent == pytest.approx((1.2, 0.8))
    picture = PlaneModel.from_corners(shot.corners_px, 900, 700, shot.view.extent)
    straight = cv2.cvtColor(rectify(shot.image_bgr, picture, 600), cv2.COLOR_BGR2GRAY).astype(float)
    for axis, cells in ((0, 15), (1, 10)):
        profile = straight.mean(axis)
        places = np.round(np.arange(1, cells) * 40).astype(int)
        on = [profile[place - 3 : place + 4].max() for place in places]
        between = [profile[place + 14 : place + 26].mean() for place in places]
        assert np.mean(np.array(on) > np.array(between)) > 0.85


def test_a_square_of_any_size_is_drawn_alike() -> None:
    usual, other = (photo(11, frame="painted", opening_cm=size) for size in (None, (30.0, 30.0)))
    assert np.array_equal(usual.image_bgr, other.image_bgr)
    assert (usual.side_cm, other.side_cm, other.height_cm) == (100.0, 30.0, 30.0)


def test_without_a_frame_there_are_no_corners() -> None:
    shot = photo(3, frame="none")
    assert shot.corners_px.shape == (0, 2)
    assert not shot.opening_mask().any() and not shot.frame_mask.any()


def test_no_corals_means_no_cover() -> None:
    shot = photo(5, frame="pvc", cover_percent=(0.0, 0.0))
    assert shot.cover_percent == 0.0
    assert not shot.coral_labels().any()


def test_large_and_small_pictures_of_a_seed_share_their_plane() -> None:
    small = generate(11, PhotoConfig(300, 200, frame="painted", framing="inside"))
    large = generate(11, PhotoConfig(900, 600, frame="painted", framing="inside"))
    assert small.corners_px * 3 == pytest.approx(large.corners_px, abs=0.05)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-0.3, 1.3), min_size=2, max_size=2), st.floats(-0.04, 0.04), st.floats(-0.2, 0.2))
def test_unproject_inverts_project(point: list[float], k1: float, lean: float) -> None:
    homography = np.array([[500, 30, 200], [-20, 480, 150], [lean, lean / 2, 1.0]])
    view = View(homography, k1, 900, 700)
    plane = np.array([point])
    assert view.unproject(view.project(plane)) == pytest.approx(plane, abs=1e-6)


def painted_excess_px(angle: float, half: float) -> float:
    """Return by how much each edge of a painted square lies outside of where it should."""
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    square = (UNIT_SQUARE * 2 - 1) * half @ turn.T + 100.3
    side = np.sqrt(coverage([square], 200, 200).astype(float).sum() / 255)
    return float(side / 2 - half)


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 1.5), st.floats(20.0, 60.0))
def test_painted_edges_lie_where_they_should(angle: float, half: float) -> None:
    # OpenCV smooths coarsely, and a level square's four edges err alike: 0.162 is the most of 36,000 squares.
    assert painted_excess_px(angle, half) == pytest.approx(0, abs=0.165)


def test_painted_edges_are_unbiased() -> None:
    random = np.random.default_rng(0)
    excess = [painted_excess_px(random.uniform(0, 1.5), random.uniform(20, 60)) for _ in range(400)]
    assert np.mean(excess) == pytest.approx(0, abs=0.02)


@given(st.integers(0, 3), st.booleans())
def test_corner_order_does_not_depend_on_the_start(start: int, mirrored: bool) -> None:
    square = np.array([[10.0, 12.0], [90.0, 8.0], [95.0, 91.0], [7.0, 88.0]])
    shuffled = np.roll(square[::-1] if mirrored else square, start, 0)
    assert np.array_equal(ordered_corners(shuffled), square)


def test_dense_keeps_the_outline() -> None:
    points = dense(UNIT_SQUARE, step=0.1)
    assert len(points) == 40
    on_edge = np.isclose(points, 0) | np.isclose(points, 1)
    assert on_edge.any(1).all()


def test_a_wrong_choice_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="frame is 'steel'; choose one of aluminium"):
        PhotoConfig(frame="steel")
    with pytest.raises(ValueError, match="60 megapixels"):
        PhotoConfig(10_000, 10_000)
