"""What happens to each file is decided, and said, before a byte is sent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend.domain.file_names import Guess
from frontend.domain.upload_plan import (
    IncomingFile,
    Known,
    PlannedFile,
    PresentObject,
    UploadStatus,
    campaigns_touched,
    plan,
    to_compare,
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
    assert {p.status for p in found} == {UploadStatus.READY}


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
    assert (found.status, found.key) == (UploadStatus.UNUSABLE, None)
    assert words in found.note


def test_what_is_missing_is_asked_for() -> None:
    (found,) = planned(incoming("IMG_2034.jpg"))
    assert found.status is UploadStatus.INCOMPLETE
    assert found.reason == "Type the island and the year and the position."
    assert "counter" in found.note


def test_a_wrong_island_is_explained_by_the_survey_key_itself() -> None:
    (found,) = planned(incoming("7.jpg"), defaults=Guess("A/B", 2012))
    assert found.status is UploadStatus.INCOMPLETE
    assert "accepted" in found.note


def test_the_second_file_of_a_position_is_a_duplicate_of_the_first() -> None:
    found = planned(incoming("2006-A-1.jpg", "card2/2006-A-01.nef"))
    assert [p.status for p in found] == [UploadStatus.READY, UploadStatus.DUPLICATE]
    assert "2006-A-1.jpg" in found[1].note


HERE, THERE = "ab" * 16, "cd" * 16  # MD5


def test_what_has_arrived_is_not_sent_again_and_another_photograph_replaces_only_if_wanted() -> None:
    files = incoming("2006-A-1.jpg", "2006-A-2.jpg", "2006-A-3.nef", size=1000)
    present = {
        SurveyKey(2006, "A", 1): PresentObject("2006-A-01.jpg", 1000, etag=HERE),
        SurveyKey(2006, "A", 2): PresentObject("2006-A-02.jpg", 999, etag=HERE),
        SurveyKey(2006, "A", 3): PresentObject("2006-A-03.jpg", 1000, etag=THERE),
    }
    found = planned(files, present, known=Known(md5={"0": HERE, "1": HERE, "2": HERE}))
    assert [p.status for p in found] == [UploadStatus.PRESENT, UploadStatus.REPLACES, UploadStatus.DUPLICATE]
    assert [p.can_be_sent for p in found] == [False, True, False]


@pytest.mark.parametrize(
    ("etag", "md5", "status", "words"),
    [
        (HERE, None, UploadStatus.COMPARING, "is compared"),
        (HERE, HERE, UploadStatus.PRESENT, "arrived before"),
        (THERE, HERE, UploadStatus.REPLACES, "another picture of the same size"),
        (f"{THERE}-3", HERE, UploadStatus.UNCERTAIN, "cannot be compared"),
        (f"{THERE}-3", None, UploadStatus.UNCERTAIN, "cannot be compared"),
        (THERE, "", UploadStatus.UNCERTAIN, "cannot be compared"),  # the browser could not read the file again
    ],
)
def test_two_files_of_one_size_are_told_apart_by_their_content(
    etag: str, md5: str | None, status: UploadStatus, words: str
) -> None:
    """Uncompressed TIFF and NEF files of one camera all have one size."""
    known = Known(md5={} if md5 is None else {"0": md5})
    present = {SurveyKey(2006, "A", 1): PresentObject("2006-A-01.nef", 1000, etag=etag)}
    found = planned(incoming("2006-A-1.nef"), present, known=known)
    assert found[0].status is status
    assert words in found[0].note
    assert to_compare(found, known) == (["0"] if status is UploadStatus.COMPARING else [])


def test_the_same_content_under_another_spelling_of_the_key_has_arrived() -> None:
    present = {SurveyKey(2006, "A", 1): PresentObject("2006-A-1.jpg", 1000, etag=HERE)}
    (found,) = planned(incoming("2006-A-1.jpg"), present, known=Known(md5={"0": HERE}))
    assert found.status is UploadStatus.PRESENT


def test_what_this_page_has_sent_is_there_without_reading_it_again() -> None:
    present = {SurveyKey(2006, "A", 1): PresentObject("2006-A-01.jpg", 1000, etag=HERE)}
    known = Known(arrived={"0": "2006-A-01.jpg"})
    (found,) = planned(incoming("2006-A-1.jpg"), present, known=known)
    assert (found.status, to_compare([found], known)) == (UploadStatus.PRESENT, [])


def test_two_files_for_one_position_are_compared_only_where_they_may_be_the_same() -> None:
    files = [*incoming("2006-A-1.jpg", "b/2006-A-1.jpg", "2006-A-2.jpg"), IncomingFile("9", "c/2006-A-1.jpg", 7)]
    found = planned(files)
    assert set(to_compare(found, Known())) == {"0", "1"}
    known = Known(md5={"0": HERE, "1": HERE})
    notes = {p.file.id: p.note for p in planned(files, known=known)}
    assert "The same photograph as 2006-A-1.jpg" in notes["1"]
    assert "The same position as 2006-A-1.jpg" in notes["9"]


def test_a_cell_that_cannot_be_read_stops_its_file_and_says_why() -> None:
    (found,) = planned(incoming("2006-A-1.jpg"), known=Known(mistyped={"0": "'x' is no year."}))
    assert (found.status, found.reason) == (UploadStatus.INCOMPLETE, "'x' is no year.")


def test_what_is_typed_for_a_file_counts_most() -> None:
    (found,) = planned(incoming("2006-A-1.jpg"), typed={"0": Guess(location=5, island="B")}, defaults=Guess("C", 1999))
    assert found.key == "1999-B-05.jpg"
    assert found.identity.told_sources == "island, position: typed for the file; year: typed for the folder"
    assert "Sources disagree on the year: 1999 (typed for the folder), 2006 (file name)." in found.note


def test_a_pattern_shown_by_example_is_read_from_every_name() -> None:
    pattern = NamePattern.parse("TakP{position=07}A{year=12}.jpg")
    found = planned(incoming("TakP08A13.jpg", "other.jpg"), defaults=Guess("Takapoto"), pattern=pattern)
    assert [(p.key, p.status) for p in found] == [
        (None, UploadStatus.INCOMPLETE),
        ("2013-Takapoto-08.jpg", UploadStatus.READY),
    ]
    assert "not of the form of TakP07A12.jpg" in found[0].note
    assert campaigns_touched(incoming("TakP08A13.jpg"), {}, Guess("Takapoto"), pattern) == {(2013, "Takapoto")}


@pytest.mark.parametrize("name", ["2006-A-1.CR3", "2006-A-1.dng", "2006-A-1.JPEG", "2006-A-1.tiff"])
def test_every_type_that_the_pipeline_reads_can_be_sent(name: str) -> None:
    assert planned(incoming(name))[0].status is UploadStatus.READY


def test_only_the_surveys_of_the_files_are_looked_up() -> None:
    files = incoming("2006-A-1.jpg", "2006-A-2.jpg", "2007-B-1.jpg", "nonsense.jpg")
    assert campaigns_touched(files, {}, Guess()) == {(2006, "A"), (2007, "B")}


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
