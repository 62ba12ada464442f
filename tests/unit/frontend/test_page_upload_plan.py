"""What happens to each file is decided, and said, before a byte is sent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend.domain.file_names import Guess
from frontend.domain.upload_plan import (
    IncomingFile,
    PlannedFile,
    PresentObject,
    Status,
    plan,
    surveys_touched,
    typed_changes,
)
from reefsteps.file_name_pattern import NamePattern
from reefsteps.surveys import SurveyKey


def incoming(*paths: str, size: int = 1000) -> list[IncomingFile]:
    return [IncomingFile(str(number), path, size) for number, path in enumerate(paths)]


def planned(
    files: list[IncomingFile], present: dict[SurveyKey, PresentObject] | None = None, **more: Any
) -> list[PlannedFile]:
    options: dict[str, Any] = {"typed": {}, "defaults": Guess(), "max_bytes": 10_000} | more
    return plan(files, present=present or {}, **options)


def test_keys_are_canonical_and_files_in_natural_order() -> None:
    found = planned(incoming("10.JPEG", "2.jpg", "1.NEF"), defaults=Guess("Bora-Bora", 2012))
    assert [p.key for p in found] == ["2012-Bora-Bora-01.nef", "2012-Bora-Bora-02.jpg", "2012-Bora-Bora-10.jpg"]
    assert {p.status for p in found} == {Status.READY}


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (IncomingFile("a", "2006-A-1.txt", 10), "accepted type"),
        (IncomingFile("a", "2006-A-1.jpg", 0), "empty"),
        (IncomingFile("a", "2006-A-1.jpg", 10_001), "Larger than"),
        (IncomingFile("a", "2006-A-1.jpg", 10, problem="no picture"), "no picture"),
    ],
)
def test_unusable_files_say_why_and_get_no_key(file: IncomingFile, words: str) -> None:
    (found,) = planned([file])
    assert (found.status, found.key) == (Status.UNUSABLE, None)
    assert words in found.note


def test_what_is_missing_is_asked_for() -> None:
    (found,) = planned(incoming("IMG_2034.jpg"))
    assert found.status is Status.INCOMPLETE
    assert found.reason == "Type the island and the year and the position."
    assert "counter" in found.note


def test_a_wrong_island_is_explained_by_the_survey_key_itself() -> None:
    (found,) = planned(incoming("7.jpg"), defaults=Guess("A/B", 2012))
    assert found.status is Status.INCOMPLETE
    assert "accepted" in found.note


def test_the_second_file_of_a_position_is_a_duplicate_of_the_first() -> None:
    found = planned(incoming("2006-A-1.jpg", "card2/2006-A-01.nef"))
    assert [p.status for p in found] == [Status.READY, Status.DUPLICATE]
    assert "2006-A-1.jpg" in found[1].note


def test_what_has_arrived_is_not_sent_again_and_another_photograph_replaces_only_if_wanted() -> None:
    files = incoming("2006-A-1.jpg", "2006-A-2.jpg", "2006-A-3.nef", size=1000)
    present = {
        SurveyKey(2006, "A", 1): PresentObject("2006-A-01.jpg", 1000),
        SurveyKey(2006, "A", 2): PresentObject("2006-A-02.jpg", 999),
        SurveyKey(2006, "A", 3): PresentObject("2006-A-03.jpg", 1000),
    }
    found = planned(files, present)
    assert [p.status for p in found] == [Status.PRESENT, Status.REPLACES, Status.DUPLICATE]
    assert [p.can_be_sent for p in found] == [False, True, False]


def test_what_is_typed_for_a_file_counts_most() -> None:
    (found,) = planned(incoming("2006-A-1.jpg"), typed={"0": Guess(location=5, island="B")}, defaults=Guess("C", 1999))
    assert found.key == "1999-B-05.jpg"
    assert found.identity.told_sources == "island, position: typed for the file; year: typed for the folder"
    assert "Sources disagree on the year: 1999 (typed for the folder), 2006 (file name)." in found.note


def test_an_edited_cell_is_typed_and_its_neighbours_are_not() -> None:
    (file,) = incoming("2006-A-1.jpg")
    (before,) = planned([file])
    typed = typed_changes(before, Guess("A", 2006, 5), Guess())
    assert typed == Guess(location=5)
    (after,) = planned([file], typed={"0": typed})
    assert (after.key, after.identity.sources["year"]) == ("2006-A-05.jpg", "file name")
    assert typed_changes(after, Guess("A", 2007, 5), typed) == Guess(year=2007, location=5)
    emptied = typed_changes(after, Guess("A", 2006, None), typed)
    assert emptied == Guess()
    assert planned([file], typed={"0": emptied})[0].key == "2006-A-01.jpg"


def test_a_pattern_shown_by_example_is_read_from_every_name() -> None:
    pattern = NamePattern.parse("TakP{position=07}A{year=12}.jpg")
    found = planned(incoming("TakP08A13.jpg", "other.jpg"), defaults=Guess("Takapoto"), pattern=pattern)
    assert [(p.key, p.status) for p in found] == [(None, Status.INCOMPLETE), ("2013-Takapoto-08.jpg", Status.READY)]
    assert "not of the form of TakP07A12.jpg" in found[0].note
    assert surveys_touched(incoming("TakP08A13.jpg"), {}, Guess("Takapoto"), pattern) == {(2013, "Takapoto")}


@pytest.mark.parametrize("name", ["2006-A-1.CR3", "2006-A-1.dng", "2006-A-1.JPEG", "2006-A-1.tiff"])
def test_every_type_that_the_pipeline_reads_can_be_sent(name: str) -> None:
    assert planned(incoming(name))[0].status is Status.READY


def test_only_the_surveys_of_the_files_are_looked_up() -> None:
    files = incoming("2006-A-1.jpg", "2006-A-2.jpg", "2007-B-1.jpg", "nonsense.jpg")
    assert surveys_touched(files, {}, Guess()) == {(2006, "A"), (2007, "B")}


FILES = st.lists(
    st.builds(
        IncomingFile,
        id=st.uuids().map(str),
        path=st.one_of(st.text(max_size=30), st.integers(1, 9).map(lambda n: f"2006-A-{n}.jpg")),
        size_bytes=st.integers(0, 20_000),
    ),
    max_size=20,
)


@given(FILES)
def test_nothing_is_lost_and_no_two_files_are_sent_to_one_position(files: list[IncomingFile]) -> None:
    found = planned(files)
    assert sorted(p.file.id for p in found) == sorted(file.id for file in files)
    sent = [(p.year, p.island, p.location) for p in found if p.can_be_sent]
    assert len(sent) == len(set(sent))
    assert all(SurveyKey.parse(p.key) for p in found if p.can_be_sent and p.key)


@given(st.dictionaries(st.sampled_from(["id", "path", "captured", "problem"]), st.text() | st.integers() | st.none()))
def test_a_hostile_browser_message_becomes_a_file_or_nothing_worse(message: dict[str, Any]) -> None:
    file = IncomingFile.from_browser(message | {"size": 5})
    assert file.size_bytes == 5
    assert len(file.path) <= 1024
