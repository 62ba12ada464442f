"""From what a person names on the command line to photographs, and what is known of each."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from local.capture_time import captured_at
from reefsteps.errors import BadInputError, InvalidParameterError, InvalidSurveyKeyError, SpreadsheetError
from reefsteps.file_name_pattern import NamePattern
from reefsteps.file_names import Guess, Identity, ValueSource, identify, known_key, problem_of
from reefsteps.formats import STORED_EXTENSIONS, stored_extension
from reefsteps.quadrat_size import QuadratSize
from reefsteps.spreadsheets import Fault, SheetRow, read_sheet
from reefsteps.surveys import LONGEST_ISLAND, SurveyKey, normalise_island

EXTENSIONS = frozenset(STORED_EXTENSIONS)
"""Extensions that are taken from a folder; a file that is named itself may have any extension."""

COLUMNS = {
    "file": ("fichier", "photo", "photograph", "filename", "file_name", "nom_du_fichier"),
    "key": ("cle",),
    "year": ("annee",),
    "island": ("ile",),
    "location": ("position", "quadrat", "emplacement"),
    "side_cm": ("side", "cote", "cote_cm"),
}
"""The columns of a mapping CSV, with their other spellings (see `reefsteps.spreadsheets`)."""

_NOT_IN_ISLAND = re.compile(r"[^\w' -]|_")


class PhotoListError(ValueError):
    """The list of photographs cannot be used; the message says what to change."""


@dataclass(frozen=True)
class Photo:
    """A file, the key that it gets, and what is known of it; a ``?`` in the key stands for what is not known."""

    path: Path
    key: str
    side: QuadratSize | None = None
    identity: Identity = field(default_factory=Identity)
    problem: str | None = None  # why it cannot be sent: what is missing, or a value that keys do not accept


def find_photos(
    arguments: Iterable[Path], *, typed: Guess | None = None, pattern: NamePattern | None = None
) -> list[Photo]:
    """Return the photographs of files, folders (searched through) and CSV mappings, in the order of their keys.

    ``typed`` holds what was typed for all of them; a mapping's columns are typed for each file. What is known of a
    photograph is decided by `reefsteps.file_names`, as on the page. Nothing is made up: a photograph of which something
    is not known has a ``problem``.

    Raises:
        PhotoListError: nothing found, a file is missing, two files have one key, or a mapping is malformed.
    """
    found: list[tuple[Path, str, Guess]] = []
    for argument in arguments:
        if argument.suffix.lower() == ".csv":
            named = _mapped(argument, typed or Guess())
            found += [(path, f"{path.resolve().parent.name}/{path.name}", guess) for path, guess in named]
        else:
            found += [(path, named, Guess()) for path, named in _files(argument)]
    if not found:
        raise PhotoListError("No photographs found: name files, folders or a CSV mapping.")
    photos = [_photo(path, named, guess, typed, pattern) for path, named, guess in found]
    _refuse_doubles(photos)
    return sorted(photos, key=lambda photo: (photo.key, photo.path))


def typed_for_all(*, island: str | None, year: str | None, side: str | None) -> Guess:
    """Return what was typed for all photographs; raises BadInputError that names the option and what is accepted."""
    if year is not None and not re.fullmatch("[0-9]{4}", year):
        raise InvalidParameterError(f"--year is '{year}': type a year of four digits, as in --year 2012.")
    guess = Guess(island, int(year) if year else None, None, QuadratSize.parse(side) if side is not None else None)
    _survey_of_typed(guess)
    return guess if island is None else replace(guess, island=normalise_island(island))


def counted_for_demo(photos: Sequence[Photo]) -> list[Photo]:
    """Return the photographs with an identity for each, made up where the names do not say it.

    A demo measures any folder. Photographs whose names do not give everything get an island of their own, ``Demo`` and
    the folder's name, so they never replace a real one. Their year is the camera's, otherwise this year, and they are
    numbered in the order of their names.
    """
    numbers: dict[tuple[int, str], int] = {}
    done = []
    for photo in sorted(photos, key=lambda photo: photo.path):
        if photo.problem is None:
            done.append(photo)
            continue
        year = photo.identity.year or datetime.now(UTC).year
        island = _demo_island(photo.path)
        number = numbers[year, island] = numbers.get((year, island), 0) + 1
        survey = SurveyKey(year, island, number)
        made_up = dict.fromkeys(("island", "year", "location"), ValueSource.COUNTED)
        sources = made_up | {name: said for name, said in photo.identity.sources.items() if name in ("year", "side")}
        identity = replace(photo.identity, year=year, island=island, location=number, sources=sources)
        done.append(replace(photo, key=survey.key(_extension(photo.path)), identity=identity, problem=None))
    return done


def _photo(path: Path, named: str, guess: Guess, typed: Guess | None, pattern: NamePattern | None) -> Photo:
    identity = identify(
        named, typed_for_file=guess, typed_for_folder=typed, captured_at=captured_at(path), pattern=pattern
    )
    problem = problem_of(identity)
    if problem is None and (survey := identity.survey()) is not None:
        identity = replace(identity, island=survey.island)
    key = known_key(identity, _extension(path)) if problem is None or identity.missing else "?"
    return Photo(path, key, identity.side, identity, problem)


def _extension(path: Path) -> str:
    return stored_extension(path.name) or path.suffix.lower().lstrip(".") or "jpg"


def _files(argument: Path) -> Iterator[tuple[Path, str]]:
    """Yield each photograph, and its path from the folder that holds the argument, as the page's browser names it."""
    if argument.is_file():
        yield argument, f"{argument.resolve().parent.name}/{argument.name}"
        return
    if not argument.is_dir():
        raise PhotoListError(f"There is no {argument}.")
    top = argument.resolve().name
    for path in sorted(argument.rglob("*")):
        if path.is_file() and stored_extension(path.name) and not path.name.startswith("."):
            yield path, f"{top}/{path.relative_to(argument).as_posix()}"


def _mapped(mapping: Path, typed: Guess) -> list[tuple[Path, Guess]]:
    """Return the files of a mapping CSV and what it says of each; files are relative to it.

    A column that is there must be filled in every line, or be typed for all; one that is not there is read from names.
    """

    def make(row: SheetRow) -> tuple[Path, Guess] | None:
        name = row.required("file")
        path = _file_of(mapping.parent, name) if name else None
        if name and path is None:
            row.refuse(f"There is no file {mapping.parent / name}.")
        key = row.value("key", SurveyKey.parse)
        side = row.value("side_cm", QuadratSize.parse)
        year, location = row.whole_number("year"), row.whole_number("location")
        guess = Guess(row.text("island"), year, location, side)
        if key is not None:
            guess = Guess(key.island, key.year, key.location, side)
        elif not row.faults:
            asked = [name for name in ("year", "island", "location") if name in sheet.columns]
            if "key" in sheet.columns and len(asked) < 3:
                row.required("key")
            for name in asked:
                if getattr(typed, name) is None:
                    row.required(name)
            _check(row, guess)
        return (path, guess) if path else None

    try:
        sheet = read_sheet(mapping.read_bytes(), str(mapping), columns=COLUMNS, needs=[("file",)])
        return sheet.convert(make, _files_named_twice)
    except SpreadsheetError as error:
        raise PhotoListError(str(error)) from error
    except OSError as error:
        raise PhotoListError(f"{mapping} cannot be read: {error.strerror}.") from error


def _check(row: SheetRow, guess: Guess) -> None:
    try:
        _survey_of_typed(guess)
    except InvalidSurveyKeyError as error:
        row.refuse(str(error))


def _survey_of_typed(guess: Guess) -> SurveyKey:
    """Check each value by itself, because the rest may come from other sources. Raises InvalidSurveyKeyError."""
    return SurveyKey(
        datetime.now(UTC).year if guess.year is None else guess.year,
        "X" if guess.island is None else guess.island,
        1 if guess.location is None else guess.location,
    )


def _files_named_twice(made: Sequence[tuple[SheetRow, tuple[Path, Guess]]]) -> Iterator[Fault]:
    lines: dict[Path, int] = {}
    for row, (path, _) in made:
        if path in lines:
            yield Fault(row.line, f"The file {path.name} is already in line {lines[path]}.")
        lines.setdefault(path, row.line)


def _file_of(folder: Path, name: str) -> Path | None:
    """Return the file that a mapping names: accents may be composed or not, folders separated as on Windows."""
    for separated in (name, name.replace("\\", "/")):
        for form in ("NFC", "NFD"):
            path = folder / unicodedata.normalize(form, separated)
            if path.is_file():
                return path
    return None


def _demo_island(path: Path) -> str:
    folder = " ".join(_NOT_IN_ISLAND.sub(" ", path.resolve().parent.name).split())
    island = f"Demo {folder}"[:LONGEST_ISLAND].strip("- ")
    try:
        return SurveyKey(datetime.now(UTC).year, island, 1).island
    except BadInputError:
        return "Demo"


def _refuse_doubles(photos: Iterable[Photo]) -> None:
    """Two photographs of one survey would replace each other."""
    by_survey: dict[SurveyKey, list[Path]] = {}
    for photo in photos:
        survey = photo.identity.survey() if photo.problem is None else None
        if survey is not None:
            by_survey.setdefault(survey, []).append(photo.path)
    doubles = {survey: paths for survey, paths in by_survey.items() if len(paths) > 1}
    if doubles:
        told = [f"{' and '.join(map(str, paths))} are both {survey}" for survey, paths in doubles.items()]
        raise PhotoListError(
            "\n".join([*told, "Rename all but one of them, leave them out, or give them positions in a CSV mapping."])
        )
