"""Geometry of the quadrat's plane: what must hold for every view of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reefsteps.errors import InvalidParameterError
from reframing.manual import manual_model
from reframing.plane.geometry import UNIT_SQUARE, apply_homography, homography, is_convex, order_corners, signed_area
from reframing.plane.view import PlaneModel
from reframing.quadrat_fit import model_with_corners

WIDTH, HEIGHT = 1200, 900


@st.composite
def views(draw: st.DrawFn, skew: float = 0.08) -> np.ndarray:
    """Draw the four corners of a quadrat in a photograph: rolled, off by up to ``skew`` sides, never mirrored."""
    roll = np.deg2rad(draw(st.floats(-180, 180)))
    side = draw(st.floats(200, 500))
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    corners = (UNIT_SQUARE - 0.5) @ turn.T * side + [WIDTH / 2, HEIGHT / 2]
    shifts = draw(st.lists(st.floats(-skew, skew), min_size=8, max_size=8))
    return corners + np.reshape(shifts, (4, 2)) * side


@given(views(), st.permutations(range(4)))
def test_order_is_clockwise_and_does_not_depend_on_the_order_given(corners: np.ndarray, shuffled: list[int]) -> None:
    ordered = order_corners(corners[shuffled])
    assert signed_area(ordered) > 0  # clockwise with y down: never mirrored
    np.testing.assert_array_equal(ordered, order_corners(corners))
    assert {tuple(corner) for corner in ordered} == {tuple(corner) for corner in corners}


@given(views())
def test_up_is_the_photographs_up(corners: np.ndarray) -> None:
    top = np.diff(order_corners(corners)[:2], axis=0)[0]
    others = np.diff(np.vstack([corners, corners[:1]]), axis=0)
    turns = np.abs(np.arctan2(others[:, 1], others[:, 0]))
    assert abs(np.arctan2(top[1], top[0])) == pytest.approx(turns.min())


@given(views(), st.floats(-0.05, 0.05))
def test_plane_and_image_are_inverse(corners: np.ndarray, radial: float) -> None:
    model = model_with_corners(order_corners(corners), radial, WIDTH, HEIGHT)
    np.testing.assert_allclose(model.corners_px, order_corners(corners), atol=1e-2)
    plane = np.array([[0.1, 0.2], [0.9, 0.4], [0.5, 0.5], [1.1, -0.1]])
    np.testing.assert_allclose(model.to_plane(model.to_image(plane)), plane, atol=1e-4)


@given(views())
def test_homography_takes_points_to_points(corners: np.ndarray) -> None:
    np.testing.assert_allclose(apply_homography(homography(UNIT_SQUARE, corners), UNIT_SQUARE), corners, atol=1e-6)


@given(views())
def test_change_within_the_plane_comes_first(corners: np.ndarray) -> None:
    model = PlaneModel.from_corners(order_corners(corners), WIDTH, HEIGHT)
    half = np.diag([0.5, 0.5, 1.0])
    np.testing.assert_allclose(model.compose(half).to_image(UNIT_SQUARE), model.to_image(UNIT_SQUARE / 2), atol=1e-6)


@given(views(skew=0.03), st.integers(0, 3), st.booleans())
@settings(max_examples=50)
def test_manual_corners_may_start_anywhere_and_run_either_way(corners: np.ndarray, start: int, back: bool) -> None:
    given_corners = np.roll(corners, start, axis=0)[:: -1 if back else 1]
    model = manual_model(given_corners.tolist(), WIDTH, HEIGHT)
    np.testing.assert_allclose(model.corners_px, order_corners(corners), atol=1e-6)
    assert is_convex(model.corners_px)


@pytest.mark.parametrize(
    ("corners", "says"),
    [
        ([[100, 100], [500, 500], [500, 100], [100, 500]], "crosses itself"),
        ([[100, 100], [500, 100], [150, 150], [100, 500]], "dented"),
        ([[100, 100], [1300, 100], [500, 500], [100, 500]], "(1300.0, 100.0) lies outside"),
        ([[100, 100], [500, 100], [500, 110], [100, 110]], "pixels long"),
        ([[100, 100], [500, 100], [500, 500]], "four pairs"),
        ([[100, 100], [500, 100], [500, float("nan")], [100, 500]], "four pairs"),
    ],
)
def test_impossible_manual_corners_are_refused(corners: list[list[float]], says: str) -> None:
    with pytest.raises(InvalidParameterError) as error:
        manual_model(corners, WIDTH, HEIGHT)
    assert says in str(error.value)
