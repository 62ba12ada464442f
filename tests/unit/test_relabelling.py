"""From a list of wishes to groups of changes: what is meant, what may be done, what is refused and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reefsteps.errors import BadInputError, SpreadsheetError
from reefsteps.quadrat_size import QuadratSize
from reefsteps.relabel_list import TEMPLATE, read_wishes
from reefsteps.relabelling import Change, Inventory, Wish, factor_between, plan, readings, resolve
from reefsteps.surveys import SurveyKey

A, B, C, D = (SurveyKey(2012, "E2B", number) for number in (1, 2, 3, 4))
QUADRATS = st.builds(
    SurveyKey, st.sampled_from([2012, 2013]), st.sampled_from(["E2B", "Moorea E2B"]), st.integers(1, 4)
)


def world(*surveys: SurveyKey, foreign: tuple[SurveyKey, ...] = ()) -> Inventory:
    return Inventory({survey: (survey.key("jpg"),) for survey in surveys}, {*surveys, *foreign})


@given(
    st.lists(st.builds(Change, QUADRATS, QUADRATS, st.sampled_from([None, QuadratSize(50, 50)])), max_size=10),
    st.sets(QUADRATS, max_size=12),
)
def test_whatever_is_planned_loses_nothing_and_depends_on_nothing_refused(
    changes: list[Change], there: set[SurveyKey]
) -> None:
    planned = plan(changes, world(*there))
    kept = planned.changes
    assert len(kept) + len(planned.refused) == len(changes)
    after = (there - {change.old for change in kept}) | {change.new for change in kept}
    assert len(after) == len(there), "two photographs never get one name"
    assert {change.old for change in kept} <= there
    assert len({change.old for change in kept}) == len(kept)
    names = [{key for change in group for key in (change.old, change.new)} for group in planned.groups]
    assert sum(map(len, names)) == len(set().union(*names)), "groups share no name"
    assert all(why for _, why in planned.refused)


@given(st.permutations([A, B, C, D]), st.sets(QUADRATS, max_size=8))
def test_taking_back_what_was_planned_is_planned_whole(targets: list[SurveyKey], more: set[SurveyKey]) -> None:
    there = {A, B, C, D} | more
    done = plan([Change(old, new) for old, new in zip((A, B, C, D), targets, strict=True) if old != new], world(*there))
    assert not done.refused
    back = plan([Change(change.new, change.old) for change in done.changes], world(*there))
    assert not back.refused


@pytest.mark.parametrize(
    ("changes", "there", "reasons"),
    [
        ([Change(A, B)], world(A, B), ["exists already"]),
        (
            [Change(A, C), Change(B, C)],
            world(A, B),
            ["also be the name of 2012-E2B-02", "also be the name of 2012-E2B-01"],
        ),
        ([Change(A, B), Change(B, C)], world(A, B, C), ["exists already", "exists already"]),  # a chain that ends badly
        ([Change(A, A)], world(A), ["would stay as it is"]),
        ([Change(A, B), Change(A, C)], world(A), ["named twice", "named twice"]),
        ([Change(A, B)], world(C), ["no photograph and no result"]),
        ([Change(A, B)], Inventory({A: ("2012-E2B-01.jpg", "2012-E2B-1.png")}, {A}), ["has 2 photographs"]),
        ([Change(A, A, QuadratSize(50, 50))], world(foreign=(A,)), ["another program"]),
    ],
)
def test_what_cannot_be_done_says_why(changes: list[Change], there: Inventory, reasons: list[str]) -> None:
    planned = plan(changes, there)
    assert not planned.changes
    assert len(planned.refused) == len(reasons)
    assert all(reason in why for (_, why), reason in zip(planned.refused, reasons, strict=True))


def test_a_result_of_another_program_gets_another_name() -> None:
    assert plan([Change(A, B)], world(foreign=(A,))).changes == [Change(A, B)]


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("2012-E2B-07.jpg", (2012, "E2B", 7)),
        (" 2012-E2B-7 ", (2012, "E2B", 7)),
        ("2012-Bora-Bora", (2012, "Bora-Bora", None)),
        ("Moorea  E2B", (None, "Moorea E2B", None)),
        ("Mo‘orea", (None, "Mo'orea", None)),
    ],
)
def test_names_are_read_as_people_write_them(name: str, meaning: tuple[int | None, str, int | None]) -> None:
    assert readings(name)[0] == meaning


def test_a_name_that_may_mean_two_things_means_what_there_is() -> None:
    reef = SurveyKey(2012, "Reef-07", 3)
    changes, _ = resolve([Wish("2012-Reef-07", "2012-Reef-08")], {reef})
    assert changes == [Change(reef, SurveyKey(2012, "Reef-08", 3))]
    changes, _ = resolve([Wish("2012-Reef-07", "2012-Reef-08")], {SurveyKey(2012, "Reef", 7)})
    assert changes == [Change(SurveyKey(2012, "Reef", 7), SurveyKey(2012, "Reef", 8))]


def test_an_island_a_survey_and_a_quadrat_may_be_renamed() -> None:
    known = {A, B, SurveyKey(2013, "E2B", 1)}
    renamed, _ = resolve([Wish("E2B", "Moorea E2B")], known)
    assert {change.new for change in renamed} == {
        SurveyKey(2012, "Moorea E2B", 1),
        SurveyKey(2012, "Moorea E2B", 2),
        SurveyKey(2013, "Moorea E2B", 1),
    }
    moved, _ = resolve([Wish("2012-E2B", "2014-E2B")], known)
    assert {change.new.year for change in moved} == {2014}


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        (Wish("E2C", "E2D"), "Is it E2B?"),
        (Wish("E2B", "2012-Moorea-07"), "is not"),
        (Wish("2012-E2B-01", "Moorea"), "that of a quadrat"),
        (Wish("2012-E2B", "Moorea"), "that of a campaign"),
        (Wish("???", "Moorea"), "There is no such name."),
    ],
)
def test_lines_that_match_nothing_are_listed(wish: Wish, reason: str) -> None:
    changes, unmatched = resolve([wish], {A, B})
    assert not changes
    ((what, why),) = [(refusal.what, refusal.why) for refusal in unmatched]
    assert what == wish.old
    assert reason in why


def test_lines_about_one_quadrat_that_agree_become_one_change() -> None:
    wishes = [
        Wish("E2B", "Moorea E2B"),
        Wish("2012-E2B-01", fields={"site": "Pass"}),
        Wish("2012-E2B", size=QuadratSize(50, 50)),
    ]
    (change,), _ = resolve(wishes, {A})
    assert change == Change(A, SurveyKey(2012, "Moorea E2B", 1), QuadratSize(50, 50), {"site": "Pass"})
    both, _ = resolve([*wishes, Wish("2012-E2B-01", "2012-Tahiti-01")], {A})
    assert len(both) == 4
    assert len(plan(both, world(A)).refused) == 4


def test_a_change_travels_as_json() -> None:
    for change in (Change(A, B), Change(A, A, QuadratSize(50, 75)), Change(A, A, None, {"depth_m": 3.5, "site": None})):
        assert Change.from_json(change.to_json()) == change
    for wrong in ({}, {"old": "x"}, {"old": A.stem, "size": "big"}, {"old": A.stem, "fields": {"depth_m": 900}}):
        with pytest.raises(BadInputError):
            Change.from_json(wrong)


def test_sizes_of_one_shape_have_a_factor() -> None:
    assert factor_between(QuadratSize(100, 100), QuadratSize(50, 50)) == 0.5
    assert factor_between(QuadratSize(50, 75), QuadratSize(100, 150)) == 2
    assert factor_between(QuadratSize(100, 100), QuadratSize(50, 75)) is None


def test_a_csv_as_excel_saves_it() -> None:
    text = (
        "Ancien;Nouveau;Côté (cm);Profondeur;Date\r\n2012-E2B-01;;70,7;12,5;2012-05-31\r\nE2B;Moorea E2B;;;\r\n;;;;\r\n"
    )
    assert read_wishes(text.encode("cp1252"), "l.csv") == [
        Wish("2012-E2B-01", None, QuadratSize(70.7, 70.7), {"depth_m": 12.5, "event_date": "2012-05-31"}),
        Wish("E2B", "Moorea E2B"),
    ]
    assert read_wishes(TEMPLATE.encode() + b"E2B,Moorea E2B,,,,,,,,\n", "l.csv") == [Wish("E2B", "Moorea E2B")]


def test_every_line_of_a_csv_that_is_wrong_is_named() -> None:
    text = "old,new,size_cm,depth_m,latitude\nE2B,,,,\nE2B,X,big,,\n,X,,,\nE2B,,,900,\nE2B,,,,-91\n"
    with pytest.raises(SpreadsheetError) as error:
        read_wishes(text.encode(), "l.csv")
    assert all(f"line {number}:" in str(error.value) for number in (2, 3, 4, 5, 6)), error.value
