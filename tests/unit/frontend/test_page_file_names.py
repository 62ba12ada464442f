"""What file names say, in the patterns of the field, and the order in which people expect them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend.domain.file_names import Guess, guess
from frontend.domain.ordering import natural_key
from reefsteps.surveys import SurveyKey


@pytest.mark.parametrize(
    ("path", "island", "year", "location"),
    [
        ("2006-Takapoto-07.jpg", "Takapoto", 2006, 7),
        ("2006-Bora-Bora-12.JPG", "Bora-Bora", 2006, 12),
        ("07.NEF", None, None, 7),
        ("E2B_02_2012.jpg", "E2B", 2012, 2),
        ("MooreaE2B_2020_05.jpg", "MooreaE2B", 2020, 5),
        ("Tetiaroa_1994_01.tif", "Tetiaroa", 1994, 1),
        ("mcr_lter1_fringingreef_pole1-2_qu1_20080415.jpg", "mcr lter1 fringingreef pole1-2", 2008, 1),
        ("2006-Takapoto/07.NEF", "Takapoto", 2006, 7),
        ("Nuku Hiva 2010/3.jpg", "Nuku Hiva", 2010, 3),
        ("Huahiné\\2011\\15.jpg", None, 2011, 15),
        ("IMG_1234.jpg", None, None, None),
        ("00.jpg", None, None, None),
        ("a/b/.jpg", None, None, None),
    ],
)
def test_names_of_the_field(path: str, island: str | None, year: int | None, location: int | None) -> None:
    found = guess(path)
    assert (found.island, found.year, found.location) == (island, year, location)


def test_the_file_name_counts_before_the_folder_and_the_camera() -> None:
    found = guess("Moorea 2001/2006-Takapoto-07.jpg", captured_at="2019:05:01 10:00:00")
    assert (found.island, found.year, found.year_from) == ("Takapoto", 2006, "file name")
    assert guess("Moorea 2001/07.jpg", "2019:05:01 10:00:00") == Guess("Moorea", 2001, 7, "folder")
    assert guess("07.jpg", "2019:05:01 10:00:00") == Guess(None, 2019, 7, "camera")
    assert guess("07.jpg", "0000:00:00 00:00:00").year is None


@given(
    st.integers(1900, 2027),
    st.from_regex(r"[A-Za-z][A-Za-zéū' ]{0,12}(-[A-Z][a-z]{1,8})?", fullmatch=True).map(str.strip),
    st.integers(1, 9999),
)
def test_every_survey_key_is_read_back_from_its_own_file_name(year: int, island: str, location: int) -> None:
    survey = SurveyKey(year, island, location)
    found = guess(survey.key("jpg"))
    assert (found.year, found.island, found.location) == (survey.year, survey.island, survey.location)


@given(st.text(max_size=60), st.none() | st.text(max_size=25))
def test_no_name_makes_it_fail(path: str, captured_at: str | None) -> None:
    guess(path, captured_at)


def test_natural_order_is_what_people_expect() -> None:
    names = ["Site 10", "site 2", "Site 1", "Éiao", "Eiao 2", "10.jpg", "2.jpg", "02.jpg"]
    assert sorted(names, key=natural_key) == [
        "02.jpg",
        "2.jpg",
        "10.jpg",
        "Éiao",
        "Eiao 2",
        "Site 1",
        "site 2",
        "Site 10",
    ]


@given(st.lists(st.text(max_size=12)))
def test_natural_order_is_total_and_does_not_depend_on_the_input(names: list[str]) -> None:
    backwards = names[::-1]
    assert sorted(names, key=natural_key) == sorted(backwards, key=natural_key)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_natural_order_compares_numbers_as_numbers(a: int, b: int) -> None:
    assert (natural_key(f"q{a}") < natural_key(f"q{b}")) == (a < b)
