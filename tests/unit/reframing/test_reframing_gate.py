"""The gate: every figure that is out of its limits refuses by itself, and says so."""

from dataclasses import replace

import numpy as np
import pytest

from reefsteps.errors import QuadratNotFoundError
from reframing.gate import Evidence, calibrated_uncertainty, check

EDGES = Evidence(
    visible_share=(0.95, 0.9, 0.97, 0.92),
    hypothesis_score=18.0,
    lead=5.0,
    similarity=0.7,
    inner_rival=0.3,
    outline_agreement=0.9,
    corners_px=np.array([[700.0, 300.0], [2300.0, 320.0], [2280.0, 1900.0], [690.0, 1880.0]]),
    picture_px=(3000, 2000),
    uncertainty_percent=0.02,
    mask_distance_percent=4.0,
)
STRINGS = replace(EDGES, strings=(9, 8), hypothesis_score=0.0, similarity=-0.2, lead=99.0)


def test_a_clear_reading_is_accepted() -> None:
    assert check(EDGES) > 0.99
    assert check(STRINGS) > 0.99


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"visible_share": (0.95, 0.4, 0.97, 0.92)}, "inner edge seen on 95 %, 40 %, 97 %, 92 %"),
        ({"hypothesis_score": 7.0}, "do not read as one frame's"),
        ({"similarity": -0.3}, "do not read as one frame's"),
        (
            {"hypothesis_score": 12.0, "similarity": 0.25, "visible_share": (1.0, 1.0, 0.75, 0.75)},
            "do not read as one frame's",
        ),
        ({"hypothesis_score": 13.0, "similarity": 0.5, "squareness_percent": 1.2}, "do not read as one frame's"),
        ({"mask_distance_percent": 15.5}, "do not read as one frame's"),
        ({"mask_distance_percent": 17.0}, "off the mask"),
        ({"lead": 0.5}, "more than one set of edges"),
        ({"inner_rival": 1.1}, "a line further in runs parallel"),
        ({"squareness_percent": 1.3}, "no view of a square"),
        ({"mask_share_off_frame": 0.5}, "50 % of the mask away from the frame"),
        ({"uncertainty_percent": 0.4}, "estimated corner error"),
        ({"outline_agreement": 0.4}, "mask's outline"),
    ],
)
def test_without_strings_each_figure_refuses_by_itself(change: dict[str, object], says: str) -> None:
    with pytest.raises(QuadratNotFoundError, match=says):
        check(replace(EDGES, **change))  # type: ignore[arg-type]


def test_a_strong_reading_may_lie_further_from_the_mask() -> None:
    assert check(replace(EDGES, mask_distance_percent=15.5, hypothesis_score=21.0)) > 0.99


def test_a_clear_frame_need_not_be_built_quite_square() -> None:
    assert check(replace(EDGES, squareness_percent=1.0)) > 0.99


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"strings": (5, 9)}, "5 strings down"),
        ({"residual_percent": 0.12}, "residual 0.12 % of the side"),
        ({"grid_disagreement_percent": 1.6}, "strings and frame disagree"),
        ({"strings_beyond": 0.9, "mask_distance_percent": 8.0}, "strings go on beyond a side"),
        ({"end_cell": 0.01, "mask_distance_percent": 8.0}, "no strings in a side's outermost cells"),
        ({"squareness_percent": 1.6}, "no view of a square"),
        ({"mask_share_off_frame": 0.7}, "70 % of the mask away from the frame"),
    ],
)
def test_with_strings_each_figure_refuses_by_itself(change: dict[str, object], says: str) -> None:
    with pytest.raises(QuadratNotFoundError, match=says):
        check(replace(STRINGS, **change))  # type: ignore[arg-type]


def test_bars_that_differ_make_the_corners_less_certain() -> None:
    assert calibrated_uncertainty(replace(EDGES, similarity=0.2)) > calibrated_uncertainty(EDGES)
