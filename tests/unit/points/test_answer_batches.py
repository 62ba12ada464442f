"""Batches of answers mean the same in any order and however often they come; a draw is one random order."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reefsteps.errors import InvalidParameterError
from reefsteps.points.batches import AnswerBatch
from reefsteps.points.draws import Draw, DrawRequest, in_order
from reefsteps.points.layout_choice import CRIOBE, LayoutChoice, PointLayout
from reefsteps.points.point_sets import PointSet, Selection

COUNT = 4


def batch(answers: str, at_ms: tuple[int, ...], **more: Any) -> AnswerBatch:
    values: dict[str, Any] = {
        "year": 2006,
        "island": "Takapoto",
        "location": 1,
        "raw_key": "2006-Takapoto-01.jpg",
        "raw_version_id": "v",
        "width_px": 100,
        "height_px": 100,
        "annotator": "Alice",
        "source": "ReefSteps",
        "origin": "page",
        "drawn": Selection.BY_HAND,
        "layout": "random",
        "x": (1.0, 2.0, 3.0, 4.0),
        "y": (5.0,) * 4,
        "labels": ("",) * 4,
    }
    return AnswerBatch(PointSet(**values | more, answers=answers), at_ms)


# At least one point stays open, because a complete set takes no more answers.
moments = st.integers(0, 5)
batches = st.builds(
    lambda letters, at, last: batch("".join(letters) + "-", (*at, last)),
    st.lists(st.sampled_from("cou-"), min_size=COUNT - 1, max_size=COUNT - 1),
    st.tuples(*(moments,) * (COUNT - 1)),
    moments,
)


@given(st.lists(batches, min_size=1, max_size=5), st.randoms())
def test_batches_mean_the_same_in_any_order_and_however_often(sent: list[AnswerBatch], chance: Any) -> None:
    def after(all_of_them: list[AnswerBatch]) -> AnswerBatch:
        kept = batch("----", (0, 0, 0, 0))
        for one in all_of_them:
            kept = kept.merged(one)
        return kept

    shuffled = [*sent, *sent]
    chance.shuffle(shuffled)
    assert after(shuffled) == after(sent)


def test_the_newest_answer_counts_and_one_taken_back_is_open_again() -> None:
    kept = batch("cc--", (5, 5, 0, 0)).merged(batch("o-u-", (4, 6, 7, 0)))
    assert (kept.points.answers, kept.at_ms) == ("c-u-", (5, 6, 7, 0))
    assert kept.answered == 2


def test_a_complete_set_takes_no_more_answers_but_the_draw_may_reach_it() -> None:
    done = batch("ccoo", (1, 1, 1, 1))
    late = batch("oooo", (9, 9, 9, 9), drawn=Selection.AT_RANDOM)
    assert done.merged(late).points.answers == "ccoo"
    assert done.merged(late).points.drawn == Selection.AT_RANDOM
    assert late.merged(done) == late


def test_other_points_are_refused() -> None:
    with pytest.raises(InvalidParameterError, match="other points"):
        batch("c---", (1, 0, 0, 0)).merged(batch("c---", (1, 0, 0, 0), x=(1.0, 2.0, 3.0, 5.0)))


@pytest.mark.parametrize("change", [{"at_ms": (1, 1, 1)}, {"at_ms": (1, 1, 1, -1)}, {"answers": "cx--"}])
def test_a_malformed_batch_is_refused(change: dict[str, Any]) -> None:
    good = batch("cc--", (1, 1, 0, 0))
    points = dataclasses.replace(good.points, answers=change.get("answers", "cc--"))
    with pytest.raises(InvalidParameterError):
        AnswerBatch(points, change.get("at_ms", good.at_ms)).check()
    good.check()


@given(st.text(min_size=1, max_size=20), st.sets(st.integers(1, 10_000), min_size=1), st.sets(st.integers(1, 10_000)))
def test_a_draw_keeps_its_order_when_photographs_come_and_go(seed: str, now: set[int], more: set[int]) -> None:
    later = in_order(seed, now | more)
    assert in_order(seed, now) == [position for position in later if position in now]


def test_the_first_ones_of_many_draws_are_spread_evenly() -> None:
    first = [in_order(str(seed), range(1, 11))[0] for seed in range(2000)]
    assert all(140 < first.count(position) < 260 for position in range(1, 11))  # 200 expected, sd 13


@pytest.mark.parametrize(
    ("change", "why"),
    [({"layout": "spiral"}, "spiral"), ({"points": 80}, "64 or 81"), ({"drawn_by": " "}, "who draws")],
)
def test_a_draw_that_cannot_be_carried_out_is_refused(change: dict[str, Any], why: str) -> None:
    request = DrawRequest("Takapoto", 2006, PointLayout.STAGGERED, 81, "Alice")
    request.check()
    with pytest.raises(InvalidParameterError, match=why):
        dataclasses.replace(request, **change).check()


def test_a_draw_knows_its_points() -> None:
    draw = Draw("Takapoto", 2006, "ab", "staggered rows", 81, "Alice", "2026-01-01T00:00:00+00:00", (2, 1))
    assert draw.choice == CRIOBE == LayoutChoice(PointLayout.STAGGERED, 81)
