"""Keys from file names and mappings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from local.photos import PhotoListError, find_photos
from reefsteps.surveys import SurveyKey


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    os.utime(path, (1_000_000_000, 1_000_000_000))  # September 2001
    return path


def keys(*arguments: Path) -> dict[str, str]:
    return {photo.path.name: photo.key for photo in find_photos(arguments)}


def test_survey_names_are_kept_and_sidecars_ignored(tmp_path: Path) -> None:
    for name in ("2006-Bora-Bora-01.JPG", "corners.json", "notes.txt", ".hidden.jpg"):
        touch(tmp_path / name)
    assert keys(tmp_path) == {"2006-Bora-Bora-01.JPG": "2006-Bora-Bora-01.JPG"}


def test_other_names_get_year_folder_and_number(tmp_path: Path) -> None:
    folder = tmp_path / "mcr_moorea (site 1)"
    for name in (
        "qu2_20080415.jpg",
        "qu1_20080415.jpeg",
        "IMG_0042.NEF",
        "pole 1999 b.png",
        "2008-mcr moorea site 1-01.jpg",
    ):
        touch(folder / name)
    assert keys(tmp_path) == {
        "2008-mcr moorea site 1-01.jpg": "2008-mcr moorea site 1-01.jpg",
        "qu1_20080415.jpeg": "2008-mcr moorea site 1-02.jpeg",
        "qu2_20080415.jpg": "2008-mcr moorea site 1-03.jpg",
        "IMG_0042.NEF": "2001-mcr moorea site 1-01.nef",
        "pole 1999 b.png": "1999-mcr moorea site 1-01.png",
    }


@pytest.mark.parametrize("folder", ["x" * 80, "__", "-- a --", "Ʒ%&", "Moʻorea"])
def test_made_keys_are_survey_keys(tmp_path: Path, folder: str) -> None:
    touch(tmp_path / folder / "a.jpg")
    (key,) = keys(tmp_path / folder).values()
    SurveyKey.parse(key)


def test_mapping_by_key_and_by_columns(tmp_path: Path) -> None:
    touch(tmp_path / "a.jpg")
    touch(tmp_path / "sub" / "b.png")
    (tmp_path / "one.csv").write_text("file,key,side_cm\na.jpg,2006-Tahiti-03.jpg,50\nsub/b.png,free text.png,\n")
    found = find_photos([tmp_path / "one.csv"])
    assert [(photo.key, photo.side_cm) for photo in found] == [("2006-Tahiti-03.jpg", 50.0), ("free text.png", None)]
    (tmp_path / "two.csv").write_text("\ufefffile,year,island,location\nsub/b.png,2007,Nuku Hiva,4\n", encoding="utf-8")
    assert keys(tmp_path / "two.csv") == {"b.png": "2007-Nuku Hiva-04.png"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("photo,key\n", "needs the columns"),
        ("file,key\nmissing.jpg,x\n", "line 2: there is no file"),
        ("file,year,island,location\na.jpg,six,Tahiti,1\n", "line 2"),
        ("file,year,island,location\na.jpg,2006,Tahiti,0\n", "line 2: Position 0"),
    ],
)
def test_malformed_mapping_says_where(tmp_path: Path, text: str, message: str) -> None:
    touch(tmp_path / "a.jpg")
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(PhotoListError, match=message):
        find_photos([tmp_path / "m.csv"])


def test_two_photographs_of_one_survey_are_refused(tmp_path: Path) -> None:
    touch(tmp_path / "2006-Tahiti-1.jpg")
    touch(tmp_path / "2006-Tahiti-01.png")
    with pytest.raises(PhotoListError, match="are both 2006-Tahiti-01"):
        find_photos([tmp_path])


def test_nothing_found_and_missing_files_are_said(tmp_path: Path) -> None:
    with pytest.raises(PhotoListError, match="No photographs"):
        find_photos([tmp_path])
    with pytest.raises(PhotoListError, match="There is no"):
        find_photos([tmp_path / "gone.jpg"])
