"""What file names say, in many habits; the page and the command line read each in the same way."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontend.domain.upload_plan import IncomingFile, plan
from local.photos import find_photos
from reefsteps.errors import InvalidParameterError
from reefsteps.file_name_pattern import NamePattern
from reefsteps.file_name_reading import read_name
from reefsteps.file_names import NAME_EXAMPLES, Guess, ValueSource, identify
from reefsteps.quadrat_size import QuadratSize
from reefsteps.surveys import SurveyKey

Expected = tuple[str | None, int | None, int | None]
NAMES: dict[str, Expected] = {
    # survey keys
    "2006-Takapoto-07.jpg": ("Takapoto", 2006, 7),
    "2006-Bora-Bora-12.JPG": ("Bora-Bora", 2006, 12),
    "2012-Nuku Hiva-Site 2-03.jpg": ("Nuku Hiva-Site 2", 2012, 3),
    "2006-Nuku+Hiva-02.jpg": ("Nuku Hiva", 2006, 2),
    "2012-Moorea-07 copie.jpg": ("Moorea", 2012, 7),
    "2012-Moorea-07 - Copie (2).jpg": ("Moorea", 2012, 7),
    # names of the field
    "MooreaE2B_2020_05.jpg": ("MooreaE2B", 2020, 5),
    "E2B_02_2012.jpg": ("E2B", 2012, 2),
    "Tetiaroa_1994_01.tif": ("Tetiaroa", 1994, 1),
    "mcr_lter1_fringingreef_pole1-2_qu1_20080415.jpg": ("mcr lter1 fringingreef pole1-2", 2008, 1),
    "Moorea E2B 2012 no 7.jpg": ("Moorea E2B", 2012, 7),
    "quadrat 3 - ete 2019.jpg": (None, 2019, 3),
    "MOOREA_20190504_E2B_20M_11.NEF": ("MOOREA E2B", 2019, 11),
    # labels
    "Huahiné n° 4 31 mai 2012.jpg": ("Huahiné", 2012, 4),
    "Huahiné nº4 2012.jpg": ("Huahiné", 2012, 4),
    "Huahiné №4 2012.jpg": ("Huahiné", 2012, 4),
    "Mo’orea 2012 #4.jpg": ("Mo'orea", 2012, 4),
    "quadrat n°7 Moorea 2015.jpg": ("Moorea", 2015, 7),
    "Tikehau2012Q05.jpg": ("Tikehau", 2012, 5),
    "Été 2019 Nuku Hiva Q12.jpg": ("Nuku Hiva", 2019, 12),
    "Hiver_2018_Ahe_quad_9.jpg": ("Ahe", 2018, 9),
    "carré 5 Rangiroa août 2014.jpg": ("Rangiroa", 2014, 5),
    "Rangiroa_2014_T1_Q05.jpg": ("Rangiroa T1", 2014, 5),
    "Takapoto Site 2 2012 Q5.jpg": ("Takapoto Site 2", 2012, 5),
    "photo 12 Takapoto 2009.jpg": ("Takapoto", 2009, 12),
    "E2B_2012_photo 3_Q7.jpg": ("E2B", 2012, 7),
    "numéro 6 Maiao 2011.jpg": ("Maiao", 2011, 6),
    "Position 14, Raiatea 2010.jpg": ("Raiatea", 2010, 14),
    "quadrats 2012 - 05.jpg": (None, 2012, 5),
    "2019-quadrat-3.jpg": (None, 2019, 3),
    # dates, seasons, depths and sizes are no position
    "2012-05-31.jpg": (None, 2012, None),
    "31-05-2012 Hao.jpg": ("Hao", 2012, None),
    "05.31.2012 Hao 4.jpg": ("Hao", 2012, 4),
    "Hao 31052012 4.jpg": ("Hao", 2012, 4),
    "Hao_12_07_2012.jpg": ("Hao", 2012, None),
    "Hao May 31, 2012 no 3.jpg": ("Hao", 2012, 3),
    "Hao mai 2012 3.jpg": ("Hao", 2012, 3),
    "2012 été 07 Hao.jpg": ("Hao", 2012, 7),
    "Hao 7-13m 2012 no 3.jpg": ("Hao", 2012, 3),
    "Hao 20M 2012.jpg": ("Hao", 2012, None),
    "Hao profondeur 12 2012 5.jpg": ("Hao", 2012, 5),
    "Moorea 50x50cm 2012 7.jpg": ("Moorea", 2012, 7),
    "20190504_101112.jpg": (None, 2019, None),
    "Photo 04-05-2019 10 11 12.jpg": (None, 2019, None),
    # two digits are no year, and no position beside a month
    "12-05-31 Hao 3.jpg": ("Hao", None, 3),
    "Hao 120531 4.jpg": ("Hao", None, 4),
    "Takapoto mai 12 Q3.jpg": ("Takapoto", None, 3),
    "été 19 Hao.jpg": (None, None, None),
    "Hao '12 Q3.jpg": ("Hao", None, 3),
    # cameras' counters and the dates of copies
    "IMG_2034.jpg": (None, None, None),
    "DSC_1998.JPG": (None, None, None),
    "_DSC2006.NEF": (None, None, None),
    "DSC02012.ARW": (None, None, None),
    "_MG_2005.CR2": (None, None, None),
    "P1010123.ORF": (None, None, None),
    "DSCN2008.jpg": (None, None, None),
    "GOPR0042.jpg": (None, None, None),
    "GX010042.jpg": (None, None, None),
    "DJI_0001.jpg": (None, None, None),
    "100_1998.jpg": (None, None, None),
    "E2B_0042.jpg": (None, None, None),
    "Scan 3.jpg": (None, None, None),
    "IMG_2034-2.jpg": (None, None, None),
    "IMG_2034 (1).jpg": (None, None, None),
    "2012-DSC-0042.jpg": (None, 2012, None),
    "Takapoto 2012 DSC_1998.jpg": ("Takapoto", 2012, None),
    "07_IMG_2034 Hao 2012.jpg": ("Hao", 2012, 7),
    "IMG_20190504_101112.jpg": (None, 2019, None),
    "PXL_20190504_101112345.jpg": (None, 2019, None),
    "DJI_20190504101112_0042_D.jpg": (None, 2019, None),
    "IMG-20190504-WA0003.jpg": (None, None, None),
    "WhatsApp Image 2019-05-04 at 10.11.12.jpeg": (None, None, None),
    "Screenshot_20190504-101112.png": (None, None, None),
    "6F9619FF-8B86-D011-B42D-00CF4FC964FF.jpg": (None, None, None),
    # what can be read in two ways is not read
    "2008-2012 Hao 3.jpg": ("Hao", None, 3),
    "Hao 2012 3 12.jpg": ("Hao", 2012, None),
    "Hao 3 125 2012.jpg": ("Hao", 2012, None),
    "Hao 2012 Q3 Q4.jpg": ("Hao", 2012, None),
    "Hao 2012 Q3-4.jpg": ("Hao", 2012, None),
    "Q3b_Hao_2012.jpg": ("Hao", 2012, None),
    "photo 2012 Hao.jpg": (None, None, None),
    "Takapoto 2012 (3).jpg": ("Takapoto", 2012, None),
    "Hao_pole1-2_2012.jpg": ("Hao pole1-2", 2012, None),
    # other spellings, folders, and names that say little
    "２０１２ Hao Ｑ３.jpg": ("Hao", 2012, 3),
    "Nuku\u00a0Hiva_2012_03.jpg": ("Nuku Hiva", 2012, 3),
    "07.NEF": (None, None, 7),
    "07 (1).jpg": (None, None, 7),
    "00.jpg": (None, None, None),
    "nonsense.jpg": (None, None, None),
    "2006-Takapoto/07.NEF": ("Takapoto", 2006, 7),
    "Nuku Hiva 2010/3.jpg": ("Nuku Hiva", 2010, 3),
    "Huahiné/2011/15.jpg": (None, 2011, 15),
    "Takapoto/DSC_1998.jpg": (None, None, None),
    "Hao 2012/DCIM/100NIKON/DSC_2006.jpg": ("Hao", 2012, None),
}


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("name", NAMES)
def test_page_and_command_line_read_a_name_in_the_same_way(name: str, form: str, tmp_path: Path) -> None:
    spelled = unicodedata.normalize(form, name)  # type: ignore[arg-type]
    path = tmp_path / "photos" / spelled
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")
    inside = Path(spelled).parts
    (on_page,) = plan(
        [IncomingFile("a", spelled if len(inside) > 1 else f"photos/{spelled}", 1)],
        typed={},
        defaults=Guess(),
        present={},
        max_bytes=10,
    )
    (in_command,) = find_photos([path.parents[len(inside) - 1] / inside[0] if len(inside) > 1 else path])
    for found in (on_page.identity, in_command.identity):
        assert (found.island, found.year, found.location) == NAMES[name]
    assert on_page.identity == in_command.identity
    complete = None not in NAMES[name]
    assert (on_page.key is not None, in_command.problem is None) == (complete, complete)
    if complete:
        assert on_page.key == in_command.key


def test_the_examples_shown_to_people_are_read() -> None:
    assert all(read_name(Path(example).stem).location is not None for example in NAME_EXAMPLES)


ALL = Guess("Typed", 2001, 1, QuadratSize(50, 75))


def test_what_was_typed_counts_before_names_and_clock() -> None:
    path, clock = "Moorea 2001/2006-Takapoto-07.jpg", "2019:05:01 10:00:00"
    found = identify(path, typed_for_file=ALL, typed_for_folder=Guess("Other", 2002), captured_at=clock)
    assert (found.island, found.year, found.location, found.side) == ("Typed", 2001, 1, QuadratSize(50, 75))
    assert set(found.sources.values()) == {ValueSource.FILE}
    found = identify(path, typed_for_folder=Guess("Other", 2002), captured_at=clock)
    assert (found.island, found.year, found.location) == ("Other", 2002, 7)
    assert found.told_sources == "island, year: typed for the folder; position: file name"
    found = identify(path, captured_at=clock)
    assert (found.island, found.year, found.location) == ("Takapoto", 2006, 7)
    found = identify("Moorea 2001/07.jpg", captured_at=clock)
    assert (found.island, found.year, found.sources["year"]) == ("Moorea", 2001, ValueSource.FOLDER_NAME)
    found = identify("07.jpg", captured_at=clock)
    assert (found.year, found.sources["year"], found.missing) == (2019, ValueSource.CLOCK, ("island",))


def test_sources_that_disagree_are_told() -> None:
    found = identify("Hao 2010/2008-Moorea-03.jpg", captured_at="2007:04:15 12:24:50")
    assert found.notes == (
        "Sources disagree on the island: Moorea (file name), Hao (folder name).",
        "Sources disagree on the year: 2008 (file name), 2010 (folder name), 2007 (camera's clock).",
    )
    assert identify("moorea 2008/2008-Moorea-03.jpg", captured_at="2008:04:15 12:24:50").notes == ()


@pytest.mark.parametrize(
    ("clock", "words"),
    [
        ("0000:00:00 00:00:00", "cannot be"),
        ("1980:01:02 00:00:00", "cannot be"),
        ("9999:12:31 00:00:00", "cannot be"),
        ("2012:13:45 00:00:00", "cannot be"),
        ("2000:01:01 00:03:12", "not set"),
        ("2012-01-01T00:00:00", "not set"),
    ],
)
def test_a_clock_that_was_not_set_says_no_year(clock: str, words: str) -> None:
    found = identify("07.jpg", captured_at=clock)
    assert found.year is None
    assert any(words in note for note in found.notes)
    assert identify("Hao_2012_07.jpg", captured_at=clock).notes == ()


def test_a_reading_that_was_refused_says_why() -> None:
    assert any("four digits" in note for note in identify("12-05-31 Hao 3.jpg").notes)
    assert any("2008 and 2012" in note for note in identify("2008-2012 Hao 3.jpg").notes)
    assert any("3 and 125" in note for note in identify("Hao 3 125 2012.jpg").notes)
    assert identify("12-05-31 Hao 3.jpg", typed_for_folder=Guess(year=2012)).notes == ()


@given(
    st.integers(1900, 2027),
    st.from_regex(r"[A-Z][a-zéū' ]{4,12}(-[A-Z][a-z]{1,8})?", fullmatch=True).map(str.strip),
    st.integers(1, 9999),
)
def test_every_survey_key_is_read_back_from_its_own_file_name(year: int, island: str, location: int) -> None:
    survey = SurveyKey(year, f"X {island}", location)
    assert identify(survey.key("jpg")).survey() == survey


@given(st.text(max_size=60), st.none() | st.text(max_size=25))
def test_no_name_makes_it_fail(path: str, captured_at: str | None) -> None:
    identify(path, captured_at=captured_at)


PATTERN = NamePattern.learn("TakP07A12.jpg", location=(4, 6), year=(7, 9))


@pytest.mark.parametrize(
    ("example", "name", "expected"),
    [
        ("TakP{position=07}A{year=12}.jpg", "MooP11A94.NEF", (None, 1994, 11)),
        ("{island=Nuku Hiva} DSC_{position=1998}.jpg", "Mo’orea DSC_0003.jpg", ("Mo'orea", None, 3)),
        ("x{position=3}-2012.jpg", "y14-2013.jpg", (None, 2013, 14)),
        ("{year=2012}{position=007}.jpg", "2013014.jpg", (None, 2013, 14)),
        ("{island=E2B}.{position=1}.{year=2012}", "Bora Bora.20.2015.jpg", ("Bora Bora", 2015, 20)),
        ("Hao 2012 ({position=3}).jpg", "Ahe 2013 (12).jpg", ("Ahe", 2013, 12)),
        ("{island=Tak}P{position=07}.jpg", "RangiP08.jpg", ("Rangi", None, 8)),  # P is no part of the island
        ("x12{position=07}.jpg", "x3109.jpg", (None, None, 9)),
    ],
)
def test_a_pattern_learnt_from_one_example_reads_names_of_its_form(example: str, name: str, expected: Expected) -> None:
    found = identify(name, pattern=NamePattern.parse(example))
    assert (found.island, found.year, found.location) == expected


def test_a_pattern_is_remembered_as_json_and_says_where_it_does_not_fit() -> None:
    assert NamePattern.parse("TakP{position=07}A{year=12}.jpg") == PATTERN
    assert NamePattern.from_json(json.loads(json.dumps(PATTERN.to_json()))) == PATTERN
    assert PATTERN.read("Tak-07A12") is None
    found = identify("Hao_2012_07.jpg", pattern=PATTERN)
    assert (found.survey(), found.notes) == (
        SurveyKey(2012, "Hao", 7),
        ("The name is not of the form of TakP07A12.jpg.",),
    )
    typed = identify("TakP07A12.jpg", pattern=PATTERN, typed_for_folder=Guess("Hao", 2013))
    assert typed.survey() == SurveyKey(2013, "Hao", 7)


@pytest.mark.parametrize(
    "text",
    [
        "no marks.jpg",
        "{posit=07}.jpg",
        "{position=07}{position=08}.jpg",
        "{position=b7}.jpg",
        "{year=123}.jpg",
        "{year=3012}.jpg",
        "{island=&}.jpg",
        "a{position=7}.{year=2012}.{island=jpg}{position=1}",
    ],
)
def test_a_pattern_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameterError):
        NamePattern.parse(text)


@pytest.mark.parametrize(
    "value", [{}, {"example": "a"}, {"example": "a7", "marks": {"location": [1, 9]}}, {"marks": 3}]
)
def test_a_remembered_pattern_that_was_changed_is_refused(value: dict[str, object]) -> None:
    with pytest.raises(InvalidParameterError):
        NamePattern.from_json(value)


@given(st.text(max_size=30))
def test_a_pattern_reads_any_name_without_failing(name: str) -> None:
    identify(name, pattern=PATTERN)
