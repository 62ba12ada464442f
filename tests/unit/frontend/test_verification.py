"""What a person verifies next, with which points, and what counts as drawn at random."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend.domain import verification as rules
from reefsteps.points.batches import AnswerBatch
from reefsteps.points.draws import Draw, in_order
from reefsteps.points.layout_choice import CRIOBE, LayoutChoice, PointLayout
from reefsteps.points.matching import Measured
from reefsteps.points.placing import FrameInPhoto
from reefsteps.points.point_sets import VERIFY_PAGE, Selection
from reefsteps.surveys import SurveyKey
from reefsteps.verification_store import SetUnderWay

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
DRAW = Draw("Takapoto", 2006, "seed", PointLayout.STAGGERED, 81, "Alice", NOW.isoformat(), ())
FRAME = FrameInPhoto(6000, 4000, ((1200.0, 300.0), (4800.0, 360.0), (4700.0, 3800.0), (1300.0, 3700.0)), -0.05)
PHOTOS = [
    Measured(SurveyKey(2006, "Takapoto", number), f"2006-Takapoto-{number:02d}.jpg", "v1", None, FRAME)
    for number in range(1, 9)
]
ORDER = [SurveyKey(2006, "Takapoto", number) for number in in_order("seed", range(1, 9))]


def has(survey: SurveyKey, by: str, answered: int = 81, **more: Any) -> SetUnderWay:
    values: dict[str, Any] = {"raw_version_id": "v1", "source": VERIFY_PAGE, "drawn": Selection.AT_RANDOM}
    return SetUnderWay(survey, annotator=by, answered=answered, points=81, recorded_at=NOW.isoformat(), **values | more)


def progress(*sets: SetUnderWay, person: str = "Alice", now: datetime = NOW) -> rules.Progress:
    return rules.progress(DRAW, PHOTOS, sets, person, now)


def test_the_first_of_the_order_comes_first() -> None:
    found = progress()
    assert found.order == tuple(ORDER)
    assert (found.verified, found.following, found.second) == (0, ORDER[0], None)
    assert [found.is_drawn(survey) for survey in ORDER] == [True, *[False] * 7]


def test_what_is_verified_is_passed_over_and_offered_to_a_second_person() -> None:
    done = has(ORDER[0], "Alice")
    assert progress(done).following == ORDER[1]
    assert progress(done).second is None
    assert progress(done, person="Bob").second == ORDER[0]
    assert progress(done, has(ORDER[0], "Bob"), person="Bob").second is None


def test_a_person_goes_on_with_another_photograph() -> None:
    found = progress(has(ORDER[0], "Alice"), has(ORDER[1], "Alice"), has(ORDER[0], "Bob"), person="Bob")
    assert found.after(ORDER[0], as_second=True) == ORDER[1]
    assert found.after(ORDER[0], as_second=False) == ORDER[2]
    assert found.after(ORDER[2], as_second=False) is None
    assert progress(has(ORDER[0], "Alice"), person="Bob").after(ORDER[0], as_second=True) == ORDER[1]


def test_two_people_at_once_get_photographs_of_their_own() -> None:
    begun = has(ORDER[0], "Alice", answered=10)
    assert progress(begun).following == ORDER[0]
    assert progress(begun, person="Bob").following == ORDER[1]
    assert progress(begun, person="Bob", now=NOW + timedelta(hours=2)).following == ORDER[0]


def test_a_choice_by_hand_and_a_replaced_photograph_do_not_count() -> None:
    assert progress(has(ORDER[0], "Alice", drawn=Selection.BY_HAND)).following == ORDER[0]
    assert progress(has(ORDER[0], "Alice", raw_version_id="v0")).following == ORDER[0]


def test_all_done() -> None:
    found = progress(*(has(survey, "Alice") for survey in ORDER))
    assert (found.verified, found.following) == (8, None)
    assert all(found.is_drawn(survey) for survey in ORDER)
    assert not found.is_drawn(SurveyKey(2006, "Takapoto", 99))


def answers(task: rules.Task, letters: str) -> AnswerBatch:
    points = dataclasses.replace(task.answers.points, answers=letters)
    return AnswerBatch(points, tuple(range(1, len(letters) + 1)))


@given(st.sampled_from(PointLayout), st.integers(4, 20))
def test_points_lie_in_the_photograph_where_the_layout_says(layout: PointLayout, side: int) -> None:
    task = rules.task(PHOTOS[0], "Alice", [], LayoutChoice(layout, side * side))
    points = task.answers.points
    points.check(under_way=True)
    again = FRAME.to_photograph(task.plane)
    assert np.abs(again - np.stack([points.x, points.y], 1)).max() < 0.1  # pixels
    assert task.beside == ()
    assert task == rules.task(PHOTOS[0], "Alice", [], LayoutChoice(layout, side * side))


def test_a_person_goes_on_with_the_points_of_the_beginning_also_after_the_corners_were_set_anew() -> None:
    first = rules.task(PHOTOS[0], "Alice", [], CRIOBE)
    assert not first.is_begun
    kept = answers(first, "c" * 10 + "-" * 71)
    corners = tuple((x + 250.0, y) for x, y in FRAME.corners_px)
    moved = dataclasses.replace(PHOTOS[0], frame=dataclasses.replace(FRAME, corners_px=corners))
    task = rules.task(moved, "Alice", [kept], LayoutChoice(PointLayout.RANDOM, 20))
    assert task.is_begun
    assert task.answers == kept
    assert task.plane != first.plane
    assert len(task.beside) == 5  # the first point of every second row lies beside the quadrat now


def test_a_second_person_gets_the_same_points_without_the_answers() -> None:
    first = rules.task(PHOTOS[0], "Alice", [], LayoutChoice(PointLayout.RANDOM, 20), drawn=True)
    under_way, done = answers(first, "c" * 19 + "-"), answers(first, "co" * 10)
    assert rules.task(PHOTOS[0], "Bob", [under_way], CRIOBE).answers.points.layout == PointLayout.STAGGERED
    second = rules.task(PHOTOS[0], "Bob", [done], CRIOBE, drawn=True)
    assert (second.answers.points.x, second.answers.points.y) == (first.answers.points.x, first.answers.points.y)
    assert second.answers.points.answers == "-" * 20
    assert second.answers.points.annotator == "Bob"
    replaced = dataclasses.replace(PHOTOS[0], raw_version_id="v2")
    assert rules.task(replaced, "Bob", [done], CRIOBE).answers.points.layout == PointLayout.STAGGERED


def test_agreement_of_two_people_counts_what_both_could_tell() -> None:
    first = rules.task(PHOTOS[0], "Alice", [], LayoutChoice(PointLayout.RANDOM, 20))
    mine = answers(first, "c" * 10 + "o" * 9 + "u").points
    other = answers(rules.task(PHOTOS[0], "Bob", [answers(first, "o" * 20)], CRIOBE), "c" * 9 + "o" * 11)
    ((name, agreed),) = rules.agreements(mine, [answers(first, "o" * 20), other])
    assert (name, agreed.points) == ("Bob", 19)
    assert agreed.percent == pytest.approx(100 * 18 / 19)


def test_the_model_is_asked_at_the_points_and_not_beside_the_quadrat() -> None:
    mask = np.zeros((300, 400), np.uint8)
    mask[:, 200:] = 255
    points = rules.task(PHOTOS[0], "Alice", [], LayoutChoice(PointLayout.REGULAR, 16)).answers.points
    assert rules.model_says(points, PHOTOS[0], mask) == "oocc" * 4
    beside = dataclasses.replace(points, x=(0.0, *points.x[1:]))
    assert rules.model_says(beside, PHOTOS[0], mask)[0] == "-"
