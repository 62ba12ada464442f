"""Which photograph belongs to which row: pairs, what was imported before, and reasons for the rest."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importing.matching import ImportPlan, LeftOut, Offered, Present, match
from importing.table_files import TableRow
from reefsteps.results import ObjectRef
from reefsteps.surveys import SurveyKey

HAO = SurveyKey(2006, "Hao", 1)


def photo(name: str, etag: str = "e", size: int = 9) -> Offered:
    return Offered(ObjectRef("old", f"photos/{name}"), etag, size)


def row(survey: SurveyKey = HAO, coverage: float | None = 12.5, line: int = 2) -> TableRow:
    return TableRow(line, survey, coverage, None)


def test_a_photograph_and_its_row_are_a_pair_whatever_the_spelling() -> None:
    plan = match([photo("2006-Mo’orea-7.JPG")], [row(SurveyKey(2006, "Mo'orea", 7))], {})
    (pair,) = plan.pairs
    assert (pair.survey.stem, pair.key, pair.copied) == ("2006-Mo'orea-07", "2006-Mo’orea-7.JPG", False)
    assert plan.left_out == ()


@pytest.mark.parametrize(
    ("photos", "rows", "present", "why"),
    [
        ([photo("2006-Hao-01.jpg")], [], Present(), "no row for it"),
        ([], [row()], Present(), "No photograph has this name"),
        ([photo("2006-hao-01.jpg")], [row()], Present(), "2006-Hao-01 differs only in case or accents"),
        ([photo("2006-Haó-01.jpg")], [row()], Present(), "differs only in case or accents"),
        ([photo("IMG_1.jpg")], [], Present(), "not the name of a survey"),
        ([photo("2006-Hao-01.jpg", size=0)], [], Present(), "empty"),
        ([photo("2006-Hao-01.jpg"), photo("2006-Hao-1.png")], [row()], Present(), "2 photographs of it"),
        ([photo("2006-Hao-01.jpg")], [row(), row(coverage=13.0, line=9)], Present(), "lines 2, 9"),
        ([photo("2006-Hao-01.jpg")], [row(coverage=None)], Present(), "holds no coverage"),
        ([photo("2006-Hao-01.jpg")], [row()], Present(measured=True, coverage=12.5), "has measured it"),
        ([photo("2006-Hao-01.jpg")], [row()], Present(coverage=30.0), "The database has 30 %, the table 12.5 %"),
        ([photo("2006-Hao-01.jpg")], [row()], Present(imported=True, coverage=30.0), "An earlier import has 30 %"),
        ([photo("2006-Hao-01.jpg")], [row()], Present(photographs={"2006-Hao-1.png": None}), "here already"),
        ([photo("2006-Hao-01.jpg")], [row()], Present(photographs={"2006-Hao-01.jpg": None}), "here already"),
        ([photo("2006-Hao-01.jpg")], [row()], Present(photographs={"2006-Hao-01.jpg": "x"}), "Another photograph"),
    ],
)
def test_what_cannot_be_matched_is_left_out_with_its_reason(
    photos: list[Offered], rows: list[TableRow], present: Present, why: str
) -> None:
    plan = match(photos, rows, {HAO: present})
    assert plan.pairs == ()
    assert plan.unchanged == ()
    assert any(why in left.why for left in plan.left_out), plan.left_out


def test_what_was_imported_before_is_unchanged_and_what_was_interrupted_goes_on() -> None:
    copied = {"2006-Hao-01.jpg": "e"}
    offered = [photo("2006-Hao-01.jpg")]
    done = match(offered, [row()], {HAO: Present(imported=True, coverage=12.5, photographs=copied)})
    assert done == ImportPlan((), (HAO,), ())
    (pair,) = match(offered, [row()], {HAO: Present(photographs=copied)}).pairs
    assert pair.copied
    (pair,) = match(offered, [row()], {HAO: Present(coverage=12.5)}).pairs  # the row came with the database
    assert not pair.copied


NAMES = st.sampled_from(["2006-Hao-01.jpg", "2006-Hao-1.png", "2006-hao-01.jpg", "2007-Hao-01.jpg", "x.jpg"])
ROWS = st.builds(
    row,
    st.sampled_from([HAO, SurveyKey(2006, "hao", 1), SurveyKey(2007, "Hao", 1), SurveyKey(2008, "Hao", 1)]),
    st.sampled_from([None, 0.0, 12.5, 100.0]),
    st.integers(2, 99),
)


@given(names=st.lists(NAMES, unique=True), rows=st.lists(ROWS, max_size=6), measured=st.booleans())
def test_everything_is_either_imported_or_told(names: list[str], rows: list[TableRow], measured: bool) -> None:
    plan = match([photo(name) for name in names], rows, {HAO: Present(measured=measured)})
    told = " ".join(f"{left.what} {left.why}" for left in plan.left_out)
    paired = {pair.photo.name for pair in plan.pairs}
    for name in names:
        assert name in paired or name in told
    for entry in rows:
        spellings = (entry.survey.stem, entry.survey.stem.replace("-01", "-1."))  # a told photograph names its row
        assert entry.survey in {pair.survey for pair in plan.pairs} or any(name in told for name in spellings)
    assert all(isinstance(left, LeftOut) and left.why for left in plan.left_out)
    assert not (measured and HAO in {pair.survey for pair in plan.pairs})
