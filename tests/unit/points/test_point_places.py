"""Points of files lie where the straightened picture shows them, and go to the photograph that they belong to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reefsteps.errors import InvalidParameterError
from reefsteps.points.answers import MOOREA, PLAIN
from reefsteps.points.files import FilePoint, PhotoPoints, read_points
from reefsteps.points.matching import Measured, labels_without_answer, plan
from reefsteps.points.placing import FrameInPhoto, scale_to_photograph
from reefsteps.points.point_sets import Selection
from reefsteps.surveys import SurveyKey
from reframing.quadrat_fit import model_with_corners

WIDTH, HEIGHT = 3000, 2000
OFFSETS = st.tuples(*[st.tuples(st.floats(-250, 250), st.floats(-250, 250))] * 4)
SQUARE = ((500.0, 300.0), (2500.0, 300.0), (2500.0, 1700.0), (500.0, 1700.0))


def frame(offsets: tuple[tuple[float, float], ...], lens: float = 0.0) -> FrameInPhoto:
    corners = tuple((x + dx, y + dy) for (x, y), (dx, dy) in zip(SQUARE, offsets, strict=True))
    return FrameInPhoto(WIDTH, HEIGHT, corners, lens)


def photographed(name: str = "IMG_1.jpg", survey: SurveyKey | None = None, **more: object) -> Measured:
    survey = survey or SurveyKey(2006, "Takapoto", 1)
    where = FrameInPhoto(WIDTH, HEIGHT, SQUARE, **more)  # type: ignore[arg-type]
    return Measured(survey, survey.key("jpg"), "v1", name, where)


@given(OFFSETS, st.floats(-0.1, 0.1), st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=20))
def test_places_are_those_of_reframing_within_a_pixel(
    offsets: tuple[tuple[float, float], ...], lens: float, plane: list[tuple[float, float]]
) -> None:
    where = frame(offsets, lens)
    model = model_with_corners(np.array(where.corners_px), lens, WIDTH, HEIGHT)
    in_photograph = model.to_image(np.array(plane))
    side_px = 4000
    assert np.abs(where.to_plane(in_photograph) - np.array(plane)).max() * side_px < 1
    assert np.abs(where.to_photograph(plane) - in_photograph).max() < 0.5


@given(
    OFFSETS,
    st.lists(st.tuples(st.floats(0.01, 0.99), st.floats(0.01, 0.99)), min_size=1, max_size=30),
    st.sampled_from([15.0, 12.0, 10.0, 7.5]),
)
def test_made_cpce_files_lie_within_a_pixel_of_their_place(
    offsets: tuple[tuple[float, float], ...], plane: list[tuple[float, float]], units: float
) -> None:
    where = frame(offsets)
    at = np.clip(where.to_photograph(plane), 0, (WIDTH, HEIGHT))
    places = "".join(f"{round(x * units)},{round(y * units)}\r\n" for x, y in at)
    codes = "".join(f'"{n}","Porit","Notes",""\r\n' for n in range(len(plane)))
    head = f'"codes","C:\\IMG_1.jpg",{WIDTH * units:g},{HEIGHT * units:g},1,1\r\n' + "0,0\r\n" * 4
    photos = read_points(f"{head}{len(plane)}\r\n{places}{codes}".encode(), "IMG_1.cpc")
    survey = SurveyKey(2006, "Takapoto", 1)
    found = plan(photos, [Measured(survey, survey.key("jpg"), "v1", "IMG_1.jpg", where)], MOOREA)
    (one,) = found.planned
    kept = np.stack([one.points.x, one.points.y], 1)
    assert np.abs(kept - at).max() < 0.1
    assert np.abs((where.to_plane(kept) - where.to_plane(at)) * 2000).max() < 1


def test_points_beside_the_quadrat_and_in_areas_left_out_do_not_count() -> None:
    hole = ((600.0, 400.0), (900.0, 400.0), (900.0, 700.0), (600.0, 700.0))
    points = [(100, 100), (1000, 1000), (700, 500), (2499, 1699)]
    photo = PhotoPoints("IMG_1.jpg", "a.csv", "CSV", tuple(FilePoint(x, y, "Porit") for x, y in points))
    (one,) = plan([photo], [photographed(excluded_px=(hole,))], MOOREA).planned
    assert (one.inside, one.outside) == (2, 2)
    assert len(one.points.x) == 4  # all are kept: after corners are set anew, other points may lie inside


def test_places_on_a_smaller_copy_are_scaled() -> None:
    assert scale_to_photograph((1500, 1000), WIDTH, HEIGHT, in_units=False) == (2.0, 2.0)
    assert scale_to_photograph(None, WIDTH, HEIGHT, in_units=False) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("size", "in_units", "why"),
    [
        ((2000.0, 3000.0), False, "without its camera's turn"),
        ((3000.0, 2500.0), False, "it was cut or is another picture"),
        ((22500.0, 15000.0), False, None),
        ((18000.0, 12000.0), True, "CPCe counts 6.00 units in a pixel"),
        ((45000.0, 30000.0), True, None),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(size: tuple[float, float], in_units: bool, why: str | None) -> None:
    if why is None:
        scale_to_photograph(size, WIDTH, HEIGHT, in_units=in_units)
        return
    with pytest.raises(InvalidParameterError, match=why):
        scale_to_photograph(size, WIDTH, HEIGHT, in_units=in_units)


def test_photographs_are_found_by_old_and_new_names_and_the_rest_is_listed() -> None:
    measured = [
        photographed("IMG_1.jpg"),
        photographed("IMG_2.jpg", SurveyKey(2006, "Takapoto", 2)),
        photographed("same.jpg", SurveyKey(2007, "Takapoto", 1)),
        photographed("same.jpg", SurveyKey(2008, "Takapoto", 1)),
    ]
    names = ["C:\\old\\img_1.JPG", "2006-takapoto-02.png", "same.jpg", "other.jpg"]
    photos = [PhotoPoints(name, "a.csv", "CSV", (FilePoint(1000, 1000, "CCA"),)) for name in names]
    found = plan(photos, measured, MOOREA)
    assert [one.points.survey.location for one in found.planned] == [1, 2]
    assert [left.what for left in found.not_matched] == ["same.jpg (a.csv)", "other.jpg (a.csv)"]
    assert "Several photographs were called so (2007-Takapoto-01, 2008-Takapoto-01)" in found.not_matched[0].why
    assert "No photograph with a result has this name" in found.not_matched[1].why


def test_one_photograph_in_two_files_is_taken_once_and_the_other_is_listed() -> None:
    photo = PhotoPoints("IMG_1.jpg", "a.csv", "CSV", (FilePoint(1000, 1000, "CCA"),))
    again = PhotoPoints("IMG_1.jpg", "b.csv", "CSV", (FilePoint(1000, 1000, "CCA"),))
    found = plan([photo, again], [photographed()], MOOREA)
    assert len(found.planned) == 1
    assert "in a.csv already" in found.not_matched[0].why


def test_points_on_a_picture_of_another_size_say_how_to_go_on() -> None:
    photo = PhotoPoints("IMG_1.jpg", "a.csv", "CSV", (FilePoint(3500, 10, "CCA"),))
    (left,) = plan([photo], [photographed()], MOOREA).not_matched
    assert "a picture of another size" in left.why
    (one,) = plan([photo], [photographed()], MOOREA, sizes={"img_1.JPG": (6000, 4000)}).planned
    assert (one.points.x, one.points.y) == ((1750.0,), (5.0,))


def test_labels_without_answer_are_named_before_anything_is_planned() -> None:
    photos = read_points(b"file,x,y,label,answer\na.jpg,1,1,POR,\na.jpg,2,2,X,coral\n", "a.csv")
    assert labels_without_answer(photos, PLAIN) == ["POR"]
    assert labels_without_answer(photos, None) == ["POR"]


def test_a_choice_by_hand_and_the_person_are_kept() -> None:
    photo = PhotoPoints("IMG_1.jpg", "a.csv", "CSV", (FilePoint(1000, 1000, "CCA"),))
    (one,) = plan([photo], [photographed()], MOOREA, annotator="Léa", drawn=Selection.BY_HAND).planned
    assert (one.points.annotator, one.points.drawn) == ("Léa", "by hand")
