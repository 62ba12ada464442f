"""Rectangular frames: which way round they lie, at which scale, and what is refused because it has another shape."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reefsteps.errors import InvalidParameterError, QuadratNotFoundError
from reefsteps.quadrat_size import QuadratSize
from reframing.manual import manual_model
from reframing.plane.geometry import Extent, opening, order_corners, side_lengths, signed_area
from reframing.plane.view import PlaneModel, squareness_error
from reframing.quadrat import find_quadrat
from reframing.rectification import height_px, rectify, source_side_px
from reframing.shape import extents_of, refuse_other_shapes
from reframing.strings.mesh import possible_meshes
from tests.support import quadrat_drawing as drawing

SIZE = QuadratSize(50, 75)
LYING, STANDING = extents_of(SIZE)


def error_percent(corners: np.ndarray, model: PlaneModel) -> float:
    truth = order_corners(model.corners_px)
    return float(100 * np.linalg.norm(corners - truth, axis=1).max() / side_lengths(truth).mean())


def test_the_plane_has_one_scale_and_a_mean_side_of_one() -> None:
    assert pytest.approx((1.2, 0.8)) == LYING
    assert pytest.approx((0.8, 1.2)) == STANDING
    assert extents_of(QuadratSize(70, 70)) == extents_of(None) == ((1.0, 1.0),)


@pytest.mark.parametrize("strings", [True, False])
@pytest.mark.parametrize(("extent", "roll_deg"), [(LYING, -8), (STANDING, 12), (LYING, 35), (STANDING, 95)])
def test_a_rectangle_is_found_the_right_way_round(extent: Extent, roll_deg: float, strings: bool) -> None:
    model = drawing.view(roll_deg, extent=extent)
    fit = find_quadrat(*drawing.draw(model, strings=strings), SIZE)
    assert error_percent(fit.corners_px, model) < 0.2
    assert signed_area(fit.corners_px) > 0
    turned = 45 < roll_deg < 135
    assert fit.extent == (extent[::-1] if turned else extent)
    assert fit.strings_used == strings
    cells = (15, 10) if fit.extent[0] > 1 else (10, 15)
    assert fit.string_cells == (cells if strings else None)
    assert squareness_error(fit.model.matrix) < 0.005


@pytest.mark.parametrize("strings", [True, False])
def test_a_frame_of_another_shape_than_given_is_refused(strings: bool) -> None:
    rectangle = drawing.draw(drawing.view(5, extent=LYING), strings=strings)
    square = drawing.draw(drawing.view(5), strings=strings)
    for photograph, size in ((rectangle, QuadratSize(100, 100)), (rectangle, None), (square, SIZE)):
        with pytest.raises(QuadratNotFoundError, match="by hand"):
            find_quadrat(*photograph, size)


@pytest.mark.parametrize("focal", [0.7, 1.0])
def test_a_view_so_oblique_that_either_side_may_be_the_longer_is_refused(focal: float) -> None:
    oblique = drawing.view(0, side_px=250, tilt_deg=50, radial=0.0, extent=LYING, focal=focal)
    with pytest.raises(QuadratNotFoundError, match="so obliquely"):
        refuse_other_shapes(oblique, SIZE)
    refuse_other_shapes(drawing.view(0, tilt_deg=15, extent=STANDING, focal=focal), SIZE)
    refuse_other_shapes(drawing.view(0, tilt_deg=50), QuadratSize(100, 100))


@given(st.floats(-44, 44), st.floats(0, 20), st.floats(0.9, 2.5), st.sampled_from([LYING, STANDING]), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_hand_set_corners_tell_which_way_round(
    roll: float, tilt: float, focal: float, extent: Extent, first: int
) -> None:
    model = drawing.view(roll, side_px=300, tilt_deg=tilt, radial=0.0, extent=extent, focal=focal)
    corners = np.roll(model.corners_px, first, axis=0)
    found = manual_model(corners.tolist(), drawing.WIDTH, drawing.HEIGHT, SIZE)
    np.testing.assert_allclose(found.corners_px, order_corners(corners), atol=1e-6)
    turn = int(np.argmin(np.linalg.norm(model.corners_px - found.corners_px[0], axis=1)))
    assert found.extent == (extent if turn % 2 == 0 else extent[::-1])


def test_hand_set_corners_of_another_shape_are_refused() -> None:
    square = drawing.view(5).corners_px.tolist()
    rectangle = drawing.view(5, extent=LYING).corners_px.tolist()
    with pytest.raises(InvalidParameterError, match="no view of a rectangle of 50x75 cm"):
        manual_model(square, drawing.WIDTH, drawing.HEIGHT, SIZE)
    for size in (None, QuadratSize(100, 100)):
        with pytest.raises(InvalidParameterError, match="no view of a square"):
            manual_model(rectangle, drawing.WIDTH, drawing.HEIGHT, size)
    with pytest.raises(InvalidParameterError, match="do not show which side"):
        manual_model(square, drawing.WIDTH, drawing.HEIGHT, QuadratSize(100, 100.2))


@given(st.floats(1, 200), st.floats(1, 5), st.booleans(), st.floats(-30, 30), st.floats(0, 15), st.floats(100, 300))
@settings(max_examples=60, deadline=None)
def test_the_straightened_picture_has_the_frames_shape_and_one_scale(
    short_cm: float, ratio: float, lying: bool, roll: float, tilt: float, side_px: float
) -> None:
    extent = extents_of(QuadratSize(short_cm, short_cm * ratio))[0 if lying else -1]
    model = drawing.view(roll, side_px=side_px, tilt_deg=tilt, radial=0.0, extent=extent)
    width = source_side_px(model)
    height = height_px(model, width)
    assert min(width, height) >= 64
    px_per_unit = width / extent[0]
    assert height == pytest.approx(px_per_unit * extent[1], abs=0.5 + 1e-9)
    picture = np.zeros((drawing.HEIGHT, drawing.WIDTH, 3), np.uint8)
    assert rectify(picture, model, width).shape == (height, width, 3)


def test_the_straightened_picture_is_the_plane_both_ways() -> None:
    model = drawing.view(20, extent=LYING)
    plane = np.clip(drawing.plane_coordinates(model), -0.2, 1.4)
    ramp = np.stack([plane[..., 0], plane[..., 1], np.full(plane.shape[:2], 0.5)], axis=2)
    picture = np.round(np.clip(40 + 150 * ramp, 0, 255)).astype(np.uint8)
    straight = rectify(picture, model, 360)
    assert straight.shape == (240, 360, 3)
    columns, rows = (40 + 150 * (np.arange(count) + 0.5) / 300 for count in (360, 240))
    inner = np.s_[3:-3, 3:-3]
    np.testing.assert_allclose(straight[..., 0][inner], np.tile(columns, (240, 1))[inner], atol=2.5)
    np.testing.assert_allclose(straight[..., 1][inner], np.tile(rows[:, None], 360)[inner], atol=2.5)


@pytest.mark.parametrize(
    ("size", "cells"),
    [
        (QuadratSize(50, 75), [(10, 15)]),
        (QuadratSize(100, 150), [(10, 15)]),
        (QuadratSize(60, 80), [(12, 16)]),
        (QuadratSize(100, 100), [(10, 10)]),
        (QuadratSize(50, 60), [(10, 12)]),
        (QuadratSize(30, 47), []),
        (QuadratSize(20, 500), []),
    ],
)
def test_grids_have_square_cells(size: QuadratSize, cells: list[tuple[int, int]]) -> None:
    for extent in extents_of(size):
        found = possible_meshes(size, extent)
        assert [mesh.cells for mesh in found] == [pair[:: 1 if extent[0] <= extent[1] else -1] for pair in cells]
        for mesh in found:
            assert mesh.position(0, 1, extent) == pytest.approx(mesh.position(1, 1, extent), rel=0.002)
            assert opening(extent)[2] == pytest.approx(
                [mesh.position(axis, mesh.cells[axis], extent) for axis in (0, 1)]
            )


# Corners of two drawn squares as they were found before rectangles were known.
SQUARES_BEFORE = {
    (-23, False): [[132.965, 193.167], [511.428, 26.986], [656.092, 402.445], [299.601, 546.204]],
    (7, True): [[218.376, 69.793], [630.146, 121.902], [566.301, 510.794], [185.148, 466.198]],
}


@pytest.mark.parametrize(("roll_deg", "strings"), SQUARES_BEFORE)
def test_squares_are_found_where_they_always_were(roll_deg: int, strings: bool) -> None:
    fit = find_quadrat(*drawing.draw(drawing.view(roll_deg), strings=strings))
    np.testing.assert_allclose(fit.corners_px, np.array(SQUARES_BEFORE[roll_deg, strings]), atol=0.01)
