"""What is typed in the upload table, whether the sizes of one survey agree, and what the browser says it has sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend.domain.batches import Batch, batches_in
from frontend.domain.file_names import Guess
from frontend.domain.upload_plan import IncomingFile, Known, PlannedFile, PresentObject, plan
from frontend.domain.upload_sizes import mixed, stored_otherwise
from frontend.domain.upload_table import rows, typed_in
from reefsteps.coverage_queries import CoverageRow
from reefsteps.quadrat_size import QuadratSize
from reefsteps.surveys import SurveyKey
from tests.support.coverage_rows import coverage_row

METRE, FRAME = QuadratSize(100, 100), QuadratSize(50, 75)


def planned(*paths: str, **more: Any) -> list[PlannedFile]:
    files = [IncomingFile(str(number), path, 1000) for number, path in enumerate(paths)]
    options: dict[str, Any] = {"typed": {}, "defaults": Guess(), "present": {}, "max_bytes": 10_000} | more
    return plan(files, **options)


def row(location: int, side_cm: float | None, height_cm: float | None = None) -> CoverageRow:
    values = {"island": "A", "year": 2006, "location": location, "cover_percent": 1.0}
    return coverage_row(**values, side_cm=side_cm, height_cm=height_cm)


def test_cells_become_values_and_what_cannot_be_one_is_named() -> None:
    typed = typed_in({
        "a": {"island": "Takapoto", "year": "2012", "location": "07", "side": "50 x 75"},
        "b": {"year": "12", "location": "x"},
        "c": {"side": "wide", "location": "3"},
    })  # fmt: skip
    assert typed.guesses["a"] == Guess("Takapoto", 2012, 7, FRAME)
    assert typed.guesses["c"] == Guess(location=3)
    assert set(typed.mistyped) == {"b", "c"}
    assert "'12' is no year" in typed.mistyped["b"]
    assert "'x' is no position" in typed.mistyped["b"]
    assert "'wide' is no quadrat's size" in typed.mistyped["c"]


@given(st.recursive(st.none() | st.text() | st.integers(), lambda inner: st.dictionaries(st.text(), inner)))
def test_a_hostile_message_of_cells_breaks_nothing(message: object) -> None:
    typed = typed_in(message)
    assert typed.mistyped.keys() <= typed.guesses.keys()


def test_rows_are_json_and_say_who_must_look_first() -> None:
    found = rows(planned("2006-A-1.jpg", "IMG_1.JPG", "2006-A-2.txt"))
    assert json.loads(json.dumps(found)) == found
    ranks = {item["file"]: item["rank"] for item in found}
    assert ranks["IMG_1.JPG"] < ranks["2006-A-2.txt"] < ranks["2006-A-1.jpg"]


def test_a_survey_with_two_sizes_is_told_with_what_was_measured_before() -> None:
    upload = planned("2006-A-1.jpg", "2006-A-2.jpg", typed={"0": Guess(side=FRAME)})
    (found,) = mixed(upload, METRE, [row(9, 100.0), row(8, None)])
    text = str(found)
    assert "50 x 75 cm (1 of this upload)" in text
    assert "100 cm (1 measured before)" in text
    assert mixed(planned("2006-A-1.jpg"), METRE, [row(9, 100.0)]) == []
    assert mixed(planned("2006-A-1.jpg"), FRAME, [row(9, 75.0, 50.0)]) == []  # the other way round is the same frame
    assert mixed(planned("2006-A-1.jpg"), METRE, [row(1, 50.0)]) == []  # its photograph is replaced


def test_a_photograph_that_is_there_with_another_size_is_named() -> None:
    present = {SurveyKey(2006, "A", 1): PresentObject("2006-A-01.jpg", 1000, etag="ab" * 16)}
    upload = planned("2006-A-1.jpg", present=present, known=Known(md5={"0": "ab" * 16}))
    assert stored_otherwise(upload, FRAME, [row(1, 100.0)]) == [(SurveyKey(2006, "A", 1), METRE)]
    assert stored_otherwise(upload, METRE, [row(1, 100.0)]) == []
    assert stored_otherwise(upload, METRE, []) == []


def test_batches_of_the_browser_are_read_and_nonsense_is_left_out() -> None:
    good = {"id": "x", "sent_at": "2026-05-01T12:00:00+00:00", "keys": ["2006-A-01.jpg"]}
    message = [good, {"id": "y", "sent_at": "never", "keys": ["k"]}, {"id": "z"}, 5, good | {"sent_at": "2026-05-01"}]
    assert batches_in(message) == [Batch("x", datetime(2026, 5, 1, 12, tzinfo=UTC), ("2006-A-01.jpg",))]


@pytest.mark.parametrize("message", [None, 5, "text", {"a": 1}, [None], [{"keys": "abc"}]])
def test_what_is_no_list_of_batches_is_none(message: object) -> None:
    assert batches_in(message) == []
