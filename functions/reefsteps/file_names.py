"""Which survey a photograph belongs to. What a person typed outranks what a program reads.

This module decides it for the upload page and for ``python -m local process``. For island, year, position and side, the
first source that gives a value counts. What is typed for the file (or in a mapping CSV) comes first, then what is typed
for the folder. The file's name, the names of its folders (nearest first) and the camera's clock (year only) follow. The
date of a copy and a camera's counter are never used, and no position is invented.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

from reefsteps.errors import InvalidSurveyKeyError
from reefsteps.file_name_pattern import NamePattern
from reefsteps.file_name_reading import NameReading, last_year, read_name, tidy
from reefsteps.quadrat_size import QuadratSize
from reefsteps.surveys import SurveyKey

FIRST_CAMERA_YEAR = 1990
"""No digital camera wrote a date before; clocks that were reset say 1970 or 1980."""

NAME_EXAMPLES = (
    "2006-Takapoto-07.jpg",
    "MooreaE2B_2020_05.jpg",
    "E2B_02_2012.jpg",
    "Moorea E2B 2012 no 7.jpg",
    "quadrat 3 - été 2019.jpg",
    "mcr_lter1_fringingreef_pole1-2_qu1_20080415.jpg",
    "Moorea_20190504_E2B_20M_11.jpg",
    "07.NEF",
)


class ValueSource(StrEnum):
    """Where a value came from, in the order in which they count."""

    FILE = "typed for the file"
    FOLDER = "typed for the folder"
    NAME = "file name"
    FOLDER_NAME = "folder name"
    CLOCK = "camera's clock"
    COUNTED = "counted for the demo"


@dataclass(frozen=True)
class Guess:
    """What one source says of a photograph, for example what was typed for it; None where it says nothing."""

    island: str | None = None
    year: int | None = None
    location: int | None = None
    side: QuadratSize | None = None

    def filled_from(self, other: Guess) -> Guess:
        """Return this guess with its gaps filled from another one."""
        return Guess(**{n: mine if (mine := getattr(self, n)) is not None else getattr(other, n) for n in _FIELDS})


_FIELDS = ("island", "year", "location", "side")
_WORDS = {"island": "island", "year": "year", "location": "position", "side": "side"}


@dataclass(frozen=True)
class Identity:
    """What is known of a photograph, where each value came from, and what the person should look at."""

    island: str | None = None
    year: int | None = None
    location: int | None = None
    side: QuadratSize | None = None
    sources: Mapping[str, ValueSource] = field(default_factory=dict)  # by field name
    notes: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """What must still be said before the photograph can be sent: island, year, position."""
        return tuple(_WORDS[name] for name in ("island", "year", "location") if getattr(self, name) is None)

    @property
    def told_sources(self) -> str:
        """Where the values came from, for people: ``island: folder name; year, position: file name``."""
        by_source: dict[ValueSource, list[str]] = {}
        for name in _FIELDS:
            if name in self.sources:
                by_source.setdefault(self.sources[name], []).append(_WORDS[name])
        return "; ".join(f"{', '.join(names)}: {source}" for source, names in by_source.items())

    def survey(self) -> SurveyKey | None:
        """Return the survey, or None where something is missing; raises InvalidSurveyKeyError for a wrong value."""
        if self.island is None or self.year is None or self.location is None:
            return None
        return SurveyKey(self.year, self.island, self.location)


def identify(
    path: str,
    *,
    typed_for_file: Guess | None = None,
    typed_for_folder: Guess | None = None,
    captured_at: str | None = None,
    pattern: NamePattern | None = None,
) -> Identity:
    """Return what is known of the photograph at ``path`` (folders count), from all sources.

    ``captured_at`` is EXIF's DateTimeOriginal (``YYYY:MM:DD HH:MM:SS``) or ISO 8601; ``pattern`` the form of the file's
    name that the person has shown by example. Fields that sources disagree on carry a note.
    """
    parts = PurePosixPath(path.replace("\\", "/"))
    stem = parts.stem if parts.suffix else parts.name
    by_pattern = pattern.read(stem) if pattern else None
    name = by_pattern or read_name(stem)
    folders = [read_name(folder) for folder in reversed(parts.parts[:-1])]
    year, clock_doubt = year_of_clock(captured_at)
    said: list[tuple[ValueSource, Guess]] = [
        (ValueSource.FILE, typed_for_file or Guess()),
        (ValueSource.FOLDER, typed_for_folder or Guess()),
        (ValueSource.NAME, _guess(name)),
        *((ValueSource.FOLDER_NAME, _of_folder(folder)) for folder in folders),
        (ValueSource.CLOCK, Guess(year=year)),
    ]
    values: dict[str, Any] = {}
    sources: dict[str, ValueSource] = {}
    notes = []
    for field_name in _FIELDS:
        heard = [(source, value) for source, guess in said if (value := getattr(guess, field_name)) is not None]
        if heard:
            sources[field_name], values[field_name] = heard[0]
            notes += _disagreement(field_name, heard)
    if pattern and by_pattern is None:
        notes.append(f"The name is not of the form of {pattern.example}.")
    doubts = [doubt for field_name in _FIELDS if field_name not in values for doubt in name.doubts.get(field_name, ())]
    if year is None and "year" not in values and clock_doubt:
        doubts.append(clock_doubt)
    return Identity(**values, sources=sources, notes=(*notes, *dict.fromkeys(doubts)))


def year_of_clock(captured_at: str | None) -> tuple[int | None, str]:
    """Return the year of EXIF's date, or None and the reason why it is not believed."""
    match = re.match(r"([0-9]{4})[:-]([0-9]{2})[:-]([0-9]{2})", captured_at or "")
    if match is None:
        return None, ""
    year, date = int(match[1]), "-".join(match.groups())
    if not FIRST_CAMERA_YEAR <= year <= last_year() or not (1 <= int(match[2]) <= 12 and 1 <= int(match[3]) <= 31):
        return None, f"The camera's clock says {date}, which cannot be."
    if date.endswith("-01-01"):
        return None, f"The camera's clock says {date}, as a clock does that was not set."
    return year, ""


def _guess(reading: NameReading) -> Guess:
    return Guess(reading.island, reading.year, reading.location, reading.side)


def _of_folder(reading: NameReading) -> Guess:
    """A folder says year and island together; a name alone may be anything (DCIM, a card, a person)."""
    if reading.year is None:
        return Guess()
    return Guess(reading.island, reading.year)


def _disagreement(field_name: str, heard: Sequence[tuple[ValueSource, Any]]) -> list[str]:
    different: dict[str, str] = {}
    for source, value in heard:
        different.setdefault(_compared(value), f"{value} ({source})")
    if len(different) < 2:
        return []
    return [f"Sources disagree on the {_WORDS[field_name]}: {', '.join(different.values())}."]


def _compared(value: object) -> str:
    return tidy(str(value)).casefold()


def known_key(identity: Identity, extension: str) -> str:
    """Return the key that a photograph gets; a question mark stands for what is not known yet.

    Raises InvalidSurveyKeyError where a value is outside what keys accept.
    """
    survey = identity.survey()
    if survey is not None:
        return survey.key(extension)
    location = "?" if identity.location is None else f"{identity.location:02d}"
    return f"{identity.year or '?'}-{identity.island or '?'}-{location}.{extension}"


def problem_of(identity: Identity) -> str | None:
    """Return why the photograph cannot be sent as it is: what is missing, or a value that keys do not accept."""
    if identity.missing:
        return f"Type the {' and the '.join(identity.missing)}."
    try:
        identity.survey()
    except InvalidSurveyKeyError as error:
        return str(error)
    return None
