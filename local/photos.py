"""From what a person names on the command line to photographs with survey keys."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from reefsteps.errors import InvalidSurveyKeyError
from reefsteps.surveys import FIRST_YEAR, LONGEST_ISLAND, SurveyKey

# What is taken from a folder; a file that is named itself is taken whatever it is called.
EXTENSIONS = frozenset({
    "jpg", "jpeg", "png", "tif", "tiff",
    "nef", "nrw", "cr2", "cr3", "crw", "arw", "srf", "sr2", "dng", "raf", "orf", "rw2", "pef", "srw", "3fr", "iiq",
})  # fmt: skip
_YEAR = re.compile(r"(?<!\d)(\d{4})(?:\d{4})?(?!\d)")
_NOT_IN_ISLAND = re.compile(r"[^\w' -]|_")
_COLUMNS = "file and either key, or year, island and location; side_cm is optional"


class PhotoListError(ValueError):
    """The list of photographs cannot be used; the message says what to change."""


@dataclass(frozen=True)
class Photo:
    """A file and the survey that it belongs to."""

    path: Path
    key: str
    side_cm: float | None = None
    key_was_made: bool = False


def find_photos(arguments: Iterable[Path]) -> list[Photo]:
    """Return the photographs of files, folders (searched through) and CSV mappings, with their keys.

    A file whose name is a survey key keeps it. Any other gets one by this rule: the year is the first one in the file's
    name (also as the start of a date, 20080415), else that of the file's last change; the island is the name of its
    folder; the location counts through such files of the folder and year in the order of their names.

    Raises:
        PhotoListError: nothing found, a file is missing, two files have one key, or a mapping is malformed.
    """
    photos: list[Photo] = []
    unnamed: list[Path] = []
    for argument in arguments:
        if argument.suffix.lower() == ".csv":
            photos += read_mapping(argument)
            continue
        for path in _files(argument):
            try:
                SurveyKey.parse(path.name)
            except InvalidSurveyKeyError:
                unnamed.append(path)
            else:
                photos.append(Photo(path, path.name))
    photos += _make_keys(unnamed, taken={SurveyKey.parse(photo.key) for photo in photos if _is_key(photo.key)})
    if not photos:
        raise PhotoListError("No photographs found: name files, folders or a CSV mapping.")
    _refuse_doubles(photos)
    return sorted(photos, key=lambda photo: photo.key)


def read_mapping(path: Path) -> list[Photo]:
    """Return the photographs of a CSV with the columns of `_COLUMNS`; files are relative to it.

    Raises:
        PhotoListError: a column or a file is missing, or a value is no number.
    """
    photos = []
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        columns = set(rows.fieldnames or ())
        if "file" not in columns or not ("key" in columns or {"year", "island", "location"} <= columns):
            raise PhotoListError(f"{path} needs the columns {_COLUMNS}; it has {', '.join(sorted(columns)) or 'none'}.")
        for number, row in enumerate(rows, start=2):
            photo = path.parent / row["file"]
            if not photo.is_file():
                raise PhotoListError(f"{path}, line {number}: there is no file {photo}.")
            try:
                side_cm = float(row["side_cm"]) if row.get("side_cm") else None
                key = row.get("key") or SurveyKey(int(row["year"]), row["island"], int(row["location"])).key(
                    photo.suffix.lstrip(".") or "jpg"
                )
            except (ValueError, InvalidSurveyKeyError) as error:
                raise PhotoListError(f"{path}, line {number}: {error}") from error
            photos.append(Photo(photo, key, side_cm))
    return photos


def _files(argument: Path) -> list[Path]:
    if argument.is_file():
        return [argument]
    if not argument.is_dir():
        raise PhotoListError(f"There is no {argument}.")
    return sorted(
        path
        for path in argument.rglob("*")
        if path.is_file() and path.suffix.lower().lstrip(".") in EXTENSIONS and not path.name.startswith(".")
    )


def _make_keys(paths: list[Path], taken: set[SurveyKey]) -> list[Photo]:
    photos = []
    for path in sorted(paths):
        year, island = _year(path), _island(path)
        location = 1
        while (survey := SurveyKey(year, island, location)) in taken:
            location += 1
        taken.add(survey)
        photos.append(Photo(path, survey.key(path.suffix.lower().lstrip(".") or "jpg"), key_was_made=True))
    return photos


def _year(path: Path) -> int:
    last = datetime.now(UTC).year + 1
    years = [int(digits) for digits in _YEAR.findall(path.stem)]
    plausible = [year for year in years if FIRST_YEAR <= year <= last]
    return plausible[0] if plausible else datetime.fromtimestamp(path.stat().st_mtime, UTC).year


def _island(path: Path) -> str:
    name = " ".join(_NOT_IN_ISLAND.sub(" ", path.resolve().parent.name).split())
    return name[:LONGEST_ISLAND].strip("- ") or "Unnamed"


def _is_key(key: str) -> bool:
    try:
        SurveyKey.parse(key)
    except InvalidSurveyKeyError:
        return False
    return True


def _refuse_doubles(photos: list[Photo]) -> None:
    """Two photographs of one survey would replace each other; keys that are no surveys are the pipeline's to refuse."""
    seen: dict[SurveyKey, Path] = {}
    for photo in photos:
        if not _is_key(photo.key):
            continue
        survey = SurveyKey.parse(photo.key)
        if survey in seen:
            raise PhotoListError(
                f"{seen[survey]} and {photo.path} are both {survey}: rename one, or give them keys in a CSV mapping."
            )
        seen[survey] = photo.path
