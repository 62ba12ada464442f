"""What is known of files, folders and mappings: nothing is made up, and all faults are told at once."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, TiffImagePlugin

from frontend.domain.upload_plan import EXTENSIONS as PAGE_EXTENSIONS
from local.capture_time import captured_at
from local.photos import EXTENSIONS, PhotoListError, counted_for_demo, find_photos, typed_for_all
from reefsteps.errors import BadInputError
from reefsteps.file_name_pattern import NamePattern
from reefsteps.file_names import Guess
from reefsteps.quadrat_size import QuadratSize
from reefsteps.surveys import SurveyKey
from tests.support.real_data import NOT_HERE, REAL_DATA

REAL = REAL_DATA / "quadrats" / "mcr_moorea"


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    os.utime(path, (1_000_000_000, 1_000_000_000))  # September 2001
    return path


def photograph(path: Path, original: str | bytes | None = None, modified: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if original is not None:
        exif.get_ifd(34665)[36867] = original
    if modified is not None:
        exif[306] = modified
        exif.get_ifd(34665)[36868] = modified
    more: dict[str, Any] = {"exif": exif}
    if path.suffix == ".tif":  # Pillow drops the nested directory of an Exif object when it writes a TIFF
        directory = TiffImagePlugin.ImageFileDirectory_v2()
        directory[34665] = {36867: original}
        more = {"tiffinfo": directory}
    Image.new("RGB", (8, 8)).save(path, **more)
    return path


def keys(*arguments: Path, **more: Any) -> dict[str, str]:
    return {photo.path.name: photo.key for photo in find_photos(arguments, **more)}


def test_survey_names_get_the_key_that_the_page_gives_and_sidecars_are_ignored(tmp_path: Path) -> None:
    for name in ("2006-Bora-Bora-1.JPEG", "corners.json", "notes.txt", ".hidden.jpg"):
        touch(tmp_path / name)
    assert keys(tmp_path) == {"2006-Bora-Bora-1.JPEG": "2006-Bora-Bora-01.jpg"}


def test_no_position_year_or_island_is_made_up(tmp_path: Path) -> None:
    for name in ("DSC_1998.JPG", "IMG_0042.NEF", "Hao 2012 Q3.jpg"):
        touch(tmp_path / "Takapoto" / name)
    found = {photo.path.name: photo for photo in find_photos([tmp_path / "Takapoto"])}
    assert {name: photo.key for name, photo in found.items()} == {
        "DSC_1998.JPG": "?-?-?.jpg",
        "IMG_0042.NEF": "?-?-?.nef",
        "Hao 2012 Q3.jpg": "2012-Hao-03.jpg",
    }
    assert found["DSC_1998.JPG"].problem == "Type the island and the year and the position."
    assert found["Hao 2012 Q3.jpg"].problem is None


def test_the_exposure_says_the_year_and_no_other_date_does(tmp_path: Path) -> None:
    folder = tmp_path / "Takapoto"
    photograph(folder / "DSC_1998.JPG", "2012:05:01 10:00:00", modified="2019:01:02 03:04:05")
    photograph(folder / "DSC_1999.JPG", modified="2019:01:02 03:04:05")
    photograph(folder / "DSC_2000.JPG", b"\xff\xfe nonsense")
    photograph(folder / "DSC_2001.tif", "2011:05:01 10:00:00")
    assert keys(folder) == {
        "DSC_1998.JPG": "2012-?-?.jpg",
        "DSC_1999.JPG": "?-?-?.jpg",
        "DSC_2000.JPG": "?-?-?.jpg",
        "DSC_2001.tif": "2011-?-?.tif",
    }


def test_what_is_typed_for_all_counts_before_names_and_clocks(tmp_path: Path) -> None:
    photograph(tmp_path / "2008" / "07.jpg", "2000:01:02 00:00:00")
    photograph(tmp_path / "2008" / "2009-Hao-08.jpg")
    typed = typed_for_all(island="Moʻorea", year="2012", side="50 x 75")
    found = find_photos([tmp_path / "2008"], typed=typed)
    assert [(photo.key, photo.side) for photo in found] == [
        ("2012-Mo'orea-07.jpg", QuadratSize(50, 75)),
        ("2012-Mo'orea-08.jpg", QuadratSize(50, 75)),
    ]
    assert "2000 (camera's clock)" in " ".join(found[0].identity.notes)


@pytest.mark.parametrize(
    "wrong", [{"year": "12"}, {"year": "3012"}, {"island": "A/B"}, {"island": ""}, {"side": "wide"}, {"side": "0"}]
)
def test_a_wrong_option_is_refused_by_name(wrong: dict[str, str]) -> None:
    with pytest.raises(BadInputError):
        typed_for_all(**({"island": None, "year": None, "side": None} | wrong))


def test_a_pattern_is_applied_to_a_folder(tmp_path: Path) -> None:
    for name in ("TakP07A12.jpg", "TakP08A13.jpg"):
        touch(tmp_path / name)
    pattern = NamePattern.parse("TakP{position=07}A{year=12}.jpg")
    assert keys(tmp_path, typed=Guess("Takapoto"), pattern=pattern) == {
        "TakP07A12.jpg": "2012-Takapoto-07.jpg",
        "TakP08A13.jpg": "2013-Takapoto-08.jpg",
    }


@pytest.mark.parametrize("folder", ["x" * 80, "__", "-- a --", "Ʒ%&", "Moʻorea", "2008-Hao"])
def test_the_demo_keeps_what_it_makes_up_apart(tmp_path: Path, folder: str) -> None:
    for name in ("DSC_1.jpg", "DSC_2.jpg", "Hao 2012 no 3.jpg"):
        touch(tmp_path / folder / name)
    counted = {photo.path.name: photo for photo in counted_for_demo(find_photos([tmp_path / folder]))}
    first, second = (SurveyKey.parse(counted[f"DSC_{n}.jpg"].key) for n in (1, 2))
    assert (first.location, second.location, first.island) == (1, 2, second.island)
    assert first.island.startswith("Demo")
    told = counted["DSC_1.jpg"].identity.told_sources
    assert told.startswith("island, ") and "position: counted for the demo" in told
    assert counted["Hao 2012 no 3.jpg"].key == "2012-Hao-03.jpg"


def test_mapping_by_key_and_by_columns(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg")
    touch(tmp_path / "sub" / "b.png")
    (tmp_path / "one.csv").write_text(
        "file,key,side_cm\na.jpg,2006-Tahiti-3.jpg,50\nsub/b.png,2006-Hao-1.jpg,50 x 75\n"
    )
    found = find_photos([tmp_path / "one.csv"])
    assert [(photo.key, photo.side) for photo in found] == [
        ("2006-Hao-01.png", QuadratSize(50, 75)),
        ("2006-Tahiti-03.jpg", QuadratSize(50, 50)),
    ]
    (tmp_path / "two.csv").write_text(
        "\ufefffile,year,island,location\nsub\\b.png,2007,Nuku Hiva,4\n", encoding="utf-8"
    )
    assert keys(tmp_path / "two.csv") == {"b.png": "2007-Nuku Hiva-04.png"}


def test_a_mapping_as_french_excel_writes_it(tmp_path: Path) -> None:
    touch(tmp_path / unicodedata.normalize("NFD", "récif.jpg"))
    touch(tmp_path / "b.JPG")
    text = "Fichier;Île;Année;Position;Côté (cm)\r\nrécif.jpg;Nouméa;2012;1;70,7\r\nb.JPG;Hao;2012;2\r\n;;;;\r\n"
    (tmp_path / "m.csv").write_bytes(text.encode("cp1252"))
    found = find_photos([tmp_path / "m.csv"])
    assert [(photo.key, photo.side) for photo in found] == [
        ("2012-Hao-02.jpg", None),
        ("2012-Nouméa-01.jpg", QuadratSize(70.7, 70.7)),
    ]


def test_a_mapping_says_some_and_names_or_options_the_rest(tmp_path: Path) -> None:
    touch(tmp_path / "IMG_1.jpg")
    touch(tmp_path / "Hao 2012 no 9.jpg")
    (tmp_path / "m.csv").write_text("file,position\nIMG_1.jpg,4\nHao 2012 no 9.jpg,5\n")
    assert keys(tmp_path / "m.csv", typed=Guess(year=2013)) == {
        "IMG_1.jpg": "2013-?-04.jpg",
        "Hao 2012 no 9.jpg": "2013-Hao-05.jpg",
    }


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("name,key\n", ["needs the columns file"]),
        ("file,key\nmissing.jpg,2006-Hao-1.jpg\n", ["line 2: There is no file"]),
        ("file,key\na.jpg,free text.png\n", ["line 2: 'free text.png' is not the name of a survey photograph"]),
        ("file,key\na.jpg\n", ["line 2: key is empty"]),
        ("file,year,island,location\na.jpg,six,Tahiti,1\n", ["line 2: year is 'six'"]),
        ("file,year,island,location\na.jpg,2006,Tahiti,0\n", ["line 2: Position 0"]),
        ("file,year,island,location\na.jpg,2006\n", ["line 2: island is empty", "line 2: location is empty"]),
        ("file,year,island,location\na.jpg,12,Hao,1\n", ["line 2: Year 12"]),
        (
            "file,year,island,location,side_cm\na.jpg,x,Hao,1,100\nb.jpg,2012,Hao,2,wide\na.jpg,2012,Ha_o,3,\n",
            ["line 2: year is 'x'", "line 3: There is no file", "line 3: 'wide'", "line 4: Island 'Ha_o'"],
        ),
        (
            "file,year,island,location\na.jpg,2012,A,1\na.jpg,2012,A,2\n",
            ["line 3: The file a.jpg is already in line 2"],
        ),
    ],
)
def test_malformed_mapping_says_where_all_at_once(tmp_path: Path, text: str, messages: list[str]) -> None:
    touch(tmp_path / "a.jpg")
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(PhotoListError) as refused:
        find_photos([tmp_path / "m.csv"])
    assert all(message in str(refused.value) for message in messages), refused.value


def test_two_photographs_of_one_survey_are_refused_all_at_once(tmp_path: Path) -> None:
    for name in ("2006-Tahiti-1.jpg", "2006-Tahiti-01.png", "2007-Hao-1.jpg", "Hao_2007_01.jpg"):
        touch(tmp_path / name)
    with pytest.raises(PhotoListError) as refused:
        find_photos([tmp_path])
    assert "are both 2006-Tahiti-01" in str(refused.value)
    assert "are both 2007-Hao-01" in str(refused.value)


def test_nothing_found_and_missing_files_are_said(tmp_path: Path) -> None:
    with pytest.raises(PhotoListError, match="No photographs"):
        find_photos([tmp_path])
    with pytest.raises(PhotoListError, match="There is no"):
        find_photos([tmp_path / "gone.jpg"])
    with pytest.raises(PhotoListError, match="cannot be read"):
        find_photos([tmp_path / "gone.csv"])


def test_page_and_commands_take_the_same_files() -> None:
    assert set(PAGE_EXTENSIONS) == EXTENSIONS


@pytest.mark.parametrize("content", [b"", b"II*\x00\xff\xff\xff\xff", b"\xff\xd8\xff\xe1\x00\x10Exif\x00\x00II"])
def test_damaged_exif_says_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(content)
    assert captured_at(tmp_path / "a.jpg") is None


@pytest.mark.data
@pytest.mark.skipif(not REAL.exists(), reason=NOT_HERE)
def test_a_real_survey_whose_camera_was_a_year_late(tmp_path: Path) -> None:
    found = find_photos([REAL])
    first = next(photo for photo in found if "pole1-2_qu1" in photo.path.name)
    assert first.key == "2008-mcr lter1 fringingreef pole1-2-01.jpg"
    assert first.identity.notes == ("Sources disagree on the year: 2008 (file name), 2007 (camera's clock).",)
    assert all(photo.problem is None for photo in found)
