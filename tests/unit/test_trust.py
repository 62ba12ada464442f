"""A cover is written with as many decimals as its model's error allows, and with a mark unless it is trusted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reefsteps import trust
from reefsteps.results import ModelIdentity, Trust
from reefsteps.trust import BIASED, DEMONSTRATION, NOT_MEASURED, TRUSTED

COVERS = st.floats(0, 100)


def of(state: str, error_points: float | None = None) -> Trust:
    return Trust(state, "Why.", error_points)


UNKNOWN = trust.unknown_model(ModelIdentity("coral", "ab" * 32))


@pytest.mark.parametrize(
    ("trusts", "places"),
    [
        ([of(TRUSTED, 0.4)], 1),
        ([of(TRUSTED, 1.0)], 0),
        ([of(TRUSTED, 3.2)], 0),
        ([of(TRUSTED)], 0),  # frames were measured, cover was not
        ([of(DEMONSTRATION, 0.4)], 0),
        ([of(NOT_MEASURED)], 0),
        ([UNKNOWN], 0),
        ([None], 1),  # of another program
        ([of(TRUSTED, 0.4), None], 1),
        ([of(TRUSTED, 0.4), of(TRUSTED, 2.0)], 0),
        ([], 1),
    ],
)
def test_decimals_follow_the_measured_error(trusts: list[Trust | None], places: int) -> None:
    assert trust.decimals(trusts) == places


@pytest.mark.parametrize(
    ("percent", "places", "text"),
    [
        (23.45, 0, "23 %"), (23.45, 1, "23.4 %"), (0, 0, "0 %"), (0.2, 0, "< 1 %"), (0.01, 1, "< 0.1 %"),
        (0.6, 0, "1 %"), (100, 0, "100 %"),
    ],
)  # fmt: skip
def test_cover_is_written_for_people(percent: float, places: int, text: str) -> None:
    assert trust.cover_text(percent, places) == text


@given(COVERS, st.sampled_from((0, 1)))
def test_coral_is_never_written_as_none(percent: float, places: int) -> None:
    assert (trust.cover_number(percent, places) in ("0", "0.0")) == (percent == 0)


@pytest.mark.parametrize(("points", "places", "text"), [(2.34, 0, "+2"), (-0.2, 0, "+0"), (-1.26, 1, "-1.3")])
def test_a_change_has_a_sign_and_no_negative_zero(points: float, places: int, text: str) -> None:
    assert trust.change_number(points, places) == text
    assert trust.change_text(points, places) == f"{text} points"


@pytest.mark.parametrize("state", [DEMONSTRATION, NOT_MEASURED, BIASED, trust.UNKNOWN_MODEL, "a state of tomorrow"])
def test_every_state_but_trusted_is_marked_in_words(state: str) -> None:
    label = trust.label(of(state))
    assert label.startswith("△ ")
    assert len(label) > 4
    assert trust.marked("23 %", of(state)) == "23 % △"


@pytest.mark.parametrize("one", [None, of(TRUSTED, 0.5)])
def test_what_is_trusted_or_of_another_program_has_no_mark_of_ours(one: Trust | None) -> None:
    assert trust.label(one) == ""
    assert trust.marked("23 %", one) == "23 %"


def test_a_mean_deserves_the_worst_of_its_figures() -> None:
    assert trust.worst([of(TRUSTED, 0.5), of(BIASED, 8.0), None]) == of(BIASED, 8.0)
    assert trust.worst([of(BIASED), UNKNOWN, of(NOT_MEASURED)]) == UNKNOWN
    assert trust.worst([of(TRUSTED, 0.5), of(TRUSTED, 3.0)]) == of(TRUSTED, 3.0)
    assert trust.worst([None, None]) is None


def test_an_unknown_model_is_named() -> None:
    assert UNKNOWN.sentence == "No measured error is known of the model 'coral' (sha256 abababababab)."
