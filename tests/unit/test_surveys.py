"""Survey keys: what is read, what is refused, and that printing and reading are inverse."""

from __future__ import annotations

import datetime
import unicodedata
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reefsteps.errors import InvalidSurveyKeyError
from reefsteps.surveys import (
    FIRST_YEAR,
    LARGEST_LOCATION,
    SurveyKey,
    decode_key,
    key_candidates,
    normalise_island,
    spelled_alike,
    survey_of,
    unambiguous_prefix,
)

NEXT_YEAR = datetime.date.today().year + 1


@pytest.mark.parametrize(
    ("key", "year", "island", "location"),
    [
        ("2006-Takapoto-01.jpg", 2006, "Takapoto", 1),
        ("2006-Bora-Bora-01.jpg", 2006, "Bora-Bora", 1),
        ("1900-Nuku Hiva-20.NEF", 1900, "Nuku Hiva", 20),
        ("2020-Mo'orea-7.tiff", 2020, "Mo'orea", 7),
        ("2020-Huahiné-007.png", 2020, "Huahiné", 7),
        (f"{NEXT_YEAR}-'Eua-1.jpeg", NEXT_YEAR, "'Eua", 1),
        (f"2020-{'é' * 30}-1.jpg", 2020, "é" * 30, 1),
        (f"2020-X-{LARGEST_LOCATION}.jpg", 2020, "X", LARGEST_LOCATION),
        ("2020-X-0000000000001.jpg", 2020, "X", 1),
        ("2020-1998-2-3.jpg", 2020, "1998-2", 3),
    ],
)
def test_reads_survey_keys(key: str, year: int, island: str, location: int) -> None:
    assert SurveyKey.parse(key) == SurveyKey(year, island, location)
    assert SurveyKey.parse(key).ref.island == island


@pytest.mark.parametrize(
    "key",
    [
        "",
        "12.jpg",
        "2006-Takapoto.jpg",
        "2006-Takapoto-00.jpg",
        "2006-Takapoto-1",
        "2006-Takapoto-1.",
        "2006-Takapoto-1.5.jpg",
        "2006-Takapoto--1.jpg",
        "2006--1.jpg",
        "2006-–-1.jpg",
        "06-Takapoto-1.jpg",
        "1899-Takapoto-1.jpg",
        f"{NEXT_YEAR + 1}-Takapoto-1.jpg",
        "٢٠٠٦-Takapoto-1.jpg",
        "2006-Takapoto-١.jpg",
        f"2006-{'x' * 31}-1.jpg",
        f"2006-X-{LARGEST_LOCATION + 1}.jpg",
        "2006-X-" + "9" * 400 + ".jpg",
        "2006- -1.jpg",
        "2006-Taka/poto-1.jpg",
        "archive/2006-Takapoto-1.jpg",
        "2006-<b>X</b>-1.jpg",
        "2006-Taka%poto-1.jpg",
        "2006-Taka_poto-1.jpg",
        "2006-X\x00-1.jpg",
        "2006-Takapoto-1.jpg\n",
    ],
)
def test_refuses_other_keys_and_says_what_is_expected(key: str) -> None:
    with pytest.raises(InvalidSurveyKeyError) as refused:
        SurveyKey.parse(key)
    assert len(str(refused.value)) > 30


def test_message_names_the_expected_form() -> None:
    with pytest.raises(InvalidSurveyKeyError, match=r"\{year\}-\{island\}-\{location\}"):
        SurveyKey.parse("IMG_0001.jpg")


def test_one_island_however_it_is_typed() -> None:
    spellings = ["Mo'orea", "Mo’orea", "Moʻorea", "Mo`orea"]
    assert {SurveyKey.parse(f"2020-{spelling}-1.jpg").island for spelling in spellings} == {"Mo'orea"}
    decomposed = unicodedata.normalize("NFD", "2020-Huahiné-1.jpg")
    assert SurveyKey.parse(decomposed).island == "Huahiné"
    assert SurveyKey.parse("2020-Nuku\u00a0 Hiva-1.jpg").island == "Nuku Hiva"
    assert SurveyKey.parse("2020-Huahiné-1.jpg") != SurveyKey.parse("2020-Huahine-1.jpg")


letters = st.sampled_from("abcxyzABCÀéèïôñçŌāʻ’'09")
islands = st.lists(st.text(letters, min_size=1, max_size=6), min_size=1, max_size=4).flatmap(
    lambda words: st.sampled_from("- ").map(lambda separator: separator.join(words))
)
surveys = st.builds(
    SurveyKey,
    st.integers(FIRST_YEAR, NEXT_YEAR),
    islands.filter(lambda name: len(name) <= 30),
    st.integers(1, LARGEST_LOCATION),
)


@given(surveys, st.sampled_from(["jpg", "NEF", "tiff", "7z"]))
def test_printing_and_reading_are_inverse(survey: SurveyKey, extension: str) -> None:
    assert SurveyKey.parse(survey.key(extension)) == survey
    assert SurveyKey.parse(unicodedata.normalize("NFD", survey.key(extension))) == survey


@given(surveys)
def test_keys_are_decoded_the_same_encoded_or_not(survey: SurveyKey) -> None:
    key = survey.key("jpg")
    assert decode_key(key) == key
    assert decode_key(urllib.parse.quote_plus(key)) == key
    assert decode_key(urllib.parse.quote(key)) == key


@given(st.text(max_size=60))
def test_any_other_text_is_refused_by_name_only(key: str) -> None:
    try:
        survey = SurveyKey.parse(key)
    except InvalidSurveyKeyError:
        return
    assert SurveyKey.parse(survey.key("jpg")) == survey


def test_an_object_may_really_be_named_with_an_escape() -> None:
    assert key_candidates("2006-Nuku%20Hiva-1.jpg") == ("2006-Nuku Hiva-1.jpg", "2006-Nuku%20Hiva-1.jpg")
    assert key_candidates("2006-Nuku Hiva-1.jpg") == ("2006-Nuku Hiva-1.jpg",)
    assert decode_key("2006-Nuku%2520Hiva-1.jpg") == "2006-Nuku%20Hiva-1.jpg"


def test_a_plus_in_a_key_is_a_space_but_not_in_a_typed_name() -> None:
    assert SurveyKey.parse("2006-Nuku+Hiva-02.jpg") == SurveyKey(2006, "Nuku Hiva", 2)
    with pytest.raises(InvalidSurveyKeyError, match=r"holds '\+'"):
        normalise_island("Nuku+Hiva")


@pytest.mark.parametrize(
    "name", ["Ｍｏｏｒｅａ", "Hao２", "ﬁji", "Mo\u200borea", "Bora\u2011Bora", "Moor\u00ada", "Hao²"]
)
def test_letters_that_only_look_alike_are_refused_by_name(name: str) -> None:
    with pytest.raises(InvalidSurveyKeyError, match="holds "):
        normalise_island(name)


@pytest.mark.parametrize(
    ("prefix", "fixed"),
    [
        ("", ""),
        ("2006-", "2006-"),
        ("2006-Takapoto-", "2006-"),
        ("thumbnails/2006-X-", "thumbnails/2006-"),
        ("model.onnx", "model.onnx"),
        ("é", ""),
    ],
)
def test_what_of_a_prefix_has_one_spelling(prefix: str, fixed: str) -> None:
    assert unambiguous_prefix(prefix) == fixed


@st.composite
def spellings(draw: st.DrawFn) -> tuple[SurveyKey, str]:
    survey = draw(surveys)
    island = survey.island.replace("'", draw(st.sampled_from("'’ʻ`")))
    island = unicodedata.normalize(draw(st.sampled_from(["NFC", "NFD"])), island)
    island = island.replace(" ", draw(st.sampled_from([" ", "  ", "\u00a0", "+", "%20"])))
    blank = draw(st.sampled_from(["", " ", "\u202f"]))
    return survey, f"{survey.year}-{blank}{island}{blank}-{draw(st.sampled_from(['', '00']))}{survey.location}.jpg"


@given(spellings())
def test_every_spelling_that_is_the_survey_begins_as_the_survey_does(case: tuple[SurveyKey, str]) -> None:
    survey, key = case
    assert survey_of(key) == survey
    assert spelled_alike(key).startswith(spelled_alike(f"{survey.year}-{survey.island}-"))
    assert key.startswith(unambiguous_prefix(f"{survey.year}-{survey.island}-"))


def test_a_key_that_is_no_survey_has_none() -> None:
    assert survey_of("IMG_0001.jpg") is None
