"""Finding the inner edge: on drawn quadrats with exact corners, whole and damaged masks, and pictures without one."""

import cv2
import numpy as np
import pytest

from reefsteps.errors import QuadratNotFoundError
from reframing.frame.bevel import bar_end
from reframing.limits.gate import GATE
from reframing.plane.geometry import UNIT_SQUARE, homography, order_corners, side_lengths, signed_area
from reframing.plane.sampling import ImagePyramid
from reframing.plane.side import Side
from reframing.plane.view import PlaneModel
from reframing.quadrat import find_quadrat
from reframing.rectification import rectify, source_side_px
from reframing.strings.visibility import end_cell_visibility
from tests.support import quadrat_drawing as drawing


def error_percent(corners: np.ndarray, model: PlaneModel) -> float:
    truth = order_corners(model.corners_px)
    return float(100 * np.linalg.norm(corners - truth, axis=1).max() / side_lengths(truth).mean())


@pytest.mark.parametrize("strings", [True, False])
@pytest.mark.parametrize("roll_deg", [-38, 7, 44, 100])
def test_corners_are_found_at_any_roll(roll_deg: float, strings: bool) -> None:
    model = drawing.view(roll_deg)
    picture, mask = drawing.draw(model, strings=strings)
    fit = find_quadrat(picture, mask)
    assert error_percent(fit.corners_px, model) < 0.15
    assert signed_area(fit.corners_px) > 0
    assert fit.strings_used == strings
    assert min(fit.visible_share) > 0.9
    assert not fit.partly_visible
    assert error_percent(fit.corners_px, model) < 4 * fit.uncertainty_percent


def test_a_frame_that_leaves_the_picture_is_measured_by_its_strings_and_said_to() -> None:
    model = drawing.view(20, side_px=540)
    assert model.corners_px[:, 1].min() < 0
    fit = find_quadrat(*drawing.draw(model, strings=True))
    assert fit.partly_visible
    assert error_percent(fit.corners_px, model) < 0.3


def test_mirrored_photograph_gives_mirrored_corners_in_the_same_order() -> None:
    picture, mask = drawing.draw(drawing.view(12), strings=True)
    fit = find_quadrat(picture, mask)
    mirrored = find_quadrat(picture[:, ::-1].copy(), mask[:, ::-1].copy())
    back = mirrored.corners_px * [-1, 1] + [drawing.WIDTH, 0]
    np.testing.assert_allclose(back[[1, 0, 3, 2]], fit.corners_px, atol=0.7)
    assert signed_area(mirrored.corners_px) > 0


@pytest.mark.parametrize(
    "damage", ["holes", "broken", "pieces", "coarse", "filled to inner edge", "filled to outer edge"]
)
def test_damaged_masks_do_not_move_the_corners(damage: str) -> None:
    model = drawing.view(-9)
    picture, mask = drawing.draw(model, strings=False)
    random = np.random.default_rng(1)
    height, width = mask.shape
    if damage == "holes":
        for x, y in random.uniform(0, 1, (60, 2)):
            cv2.circle(mask_pixels := mask.astype(np.uint8), (int(x * width), int(y * height)), 9, 0, -1)
            mask = mask_pixels > 0
    elif damage == "broken":
        mask[:, width // 2 - 30 : width // 2 + 30] = False
    elif damage == "pieces":
        mask[height // 2 - 40 : height // 2 + 10] = False
        mask[40:80, 30:70] = True
    elif damage == "coarse":
        soft = cv2.resize(cv2.blur(mask.astype(np.float32), (31, 31)), (28, 28), interpolation=cv2.INTER_AREA)
        mask = cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR) > 0.3
    else:
        plane = drawing.plane_coordinates(model)
        reach = 0.0 if "inner" in damage else drawing.BAR
        mask = np.asarray(((plane > -reach) & (plane < 1 + reach)).all(2))
    fit = find_quadrat(picture, mask)
    assert error_percent(fit.corners_px, model) < 0.15


@pytest.mark.parametrize("side", Side)
def test_a_bevel_is_followed_to_its_inner_end(side: Side) -> None:
    bevel = 0.008
    model = drawing.view(4, side_px=480.0)
    photo = ImagePyramid.of(drawing.draw(model, strings=False, bevel=bevel)[0])
    around = np.array([[-bevel, -bevel], [1 + bevel, -bevel], [1 + bevel, 1 + bevel], [-bevel, 1 + bevel]])
    found = bar_end(photo, model.compose(homography(UNIT_SQUARE, around)), side)
    assert found is not None
    assert abs(found.offset - bevel / (1 + 2 * bevel)) < 0.0025
    assert bar_end(photo, model, side) is None


def test_a_quadrat_of_few_pixels_shows_no_bevel() -> None:
    model = drawing.view(4, side_px=300.0)
    photo = ImagePyramid.of(drawing.draw(model, strings=False)[0])
    assert bar_end(photo, model, Side.TOP) is None


@pytest.mark.parametrize("shift", [(0.1, 0.0), (-0.1, 0.0), (0.0, 0.1), (0.0, -0.1)])
def test_a_grid_one_cell_off_shows_no_strings_in_its_outermost_cells(shift: tuple[float, float]) -> None:
    model = drawing.view(7)
    photo = ImagePyramid.of(drawing.draw(model, strings=True)[0])
    off = model.compose(homography(UNIT_SQUARE, UNIT_SQUARE + shift))
    assert end_cell_visibility(photo, model) > 0.3
    assert end_cell_visibility(photo, off) < GATE.min_end_cell


def test_masks_without_a_frame_are_refused() -> None:
    picture, _ = drawing.draw(drawing.view(0), strings=False)
    empty = np.zeros(picture.shape[:2], bool)
    disc = cv2.circle(empty.astype(np.uint8), (400, 300), 180, 1, -1) > 0
    for mask in (empty, disc):
        with pytest.raises(QuadratNotFoundError, match="by hand"):
            find_quadrat(picture, mask)


def test_a_mask_where_the_picture_shows_no_frame_is_refused() -> None:
    _, mask = drawing.draw(drawing.view(5), strings=False)
    random = np.random.default_rng(3)
    coarse = random.uniform(20, 200, (90, 120, 3)).astype(np.uint8)
    seabed = cv2.resize(coarse, (drawing.WIDTH, drawing.HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
    with pytest.raises(QuadratNotFoundError, match="by hand"):
        find_quadrat(seabed, mask)


def test_mask_beside_the_frame_is_refused() -> None:
    picture, mask = drawing.draw(drawing.view(0), strings=False)
    shifted = np.roll(mask, 75, axis=1)
    with pytest.raises(QuadratNotFoundError):
        find_quadrat(picture, shifted)


@pytest.mark.parametrize("side_px", [400, 160, 100])
def test_rectified_picture_is_the_plane(side_px: int) -> None:
    model = drawing.view(30)
    plane = np.clip(drawing.plane_coordinates(model), -0.2, 1.2)
    ramp = np.stack([plane[..., 0], plane[..., 1], np.full(plane.shape[:2], 0.5)], axis=2)
    picture = np.round(np.clip(40 + 170 * ramp, 0, 255)).astype(np.uint8)
    square = rectify(picture, model, side_px)
    assert square.shape == (side_px, side_px, 3)
    centres = 40 + 170 * (np.arange(side_px) + 0.5) / side_px
    inner = slice(3, -3)
    np.testing.assert_allclose(square[inner, inner, 0], np.tile(centres, (side_px, 1))[inner, inner], atol=2.5)
    np.testing.assert_allclose(square[inner, inner, 1], np.tile(centres[:, None], side_px)[inner, inner], atol=2.5)


def test_rectification_does_not_alias() -> None:
    model = drawing.view(0, tilt_deg=0.0, radial=0.0)
    checker = np.indices((drawing.HEIGHT, drawing.WIDTH)).sum(0) % 2 * 255
    picture = np.repeat(checker[..., None], 3, axis=2).astype(np.uint8)
    square = rectify(picture, model, 110)
    assert np.abs(square.astype(float) - 127.5).max() < 60  # point sampling would give 0 and 255


def test_output_has_the_sources_resolution() -> None:
    assert source_side_px(drawing.view(0, tilt_deg=0.0, radial=0.0)) == 400
