"""Survey keys: ``{year}-{island}-{location}.{ext}``, for example ``2006-Bora-Bora-01.jpg``.

The one module that reads and prints them. The first and the last hyphen separate, so that an island may hold hyphens.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
import urllib.parse
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from reefsteps.errors import InvalidSurveyKeyError
from reefsteps.results import SurveyRef

FIRST_YEAR = 1900
LONGEST_ISLAND = 30  # characters, the column coral_coverage.island
SMOKE_TEST_ISLAND = "ReefStepsSmokeTest"
"""Reserved for the photograph that `make smoke` sends; no figure and no export shows it."""
LONGEST_KEY = 255  # characters, the columns raw_key; S3 allows 1024 bytes
LARGEST_LOCATION = 2_147_483_647  # the column coral_coverage.location, INT

_KEY = re.compile(
    r"(?P<year>[0-9]{4})-(?P<island>.+)-(?P<location>[0-9]{1,20})\.(?P<extension>[A-Za-z0-9]{1,10})", re.DOTALL
)
_ONE_SPELLING = re.compile(r"(?:[A-Za-z0-9_.]+/)*(?:[A-Za-z0-9_.]+-?)?")
_EXPECTED = (
    "Expected {year}-{island}-{location}.{extension}, for example 2006-Takapoto-01.jpg: "
    "a year of four digits, an island of up to 30 characters, the quadrat's position as a whole number from 1."
)
# Keyboards and phones write one apostrophe in many ways, the Tahitian 'eta among them. One island must not become
# several because of it, so all of them are kept as the plain one.
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2018\u2019\u02bb\u02bc\u02b9\u00b4\u0060\u2032\ua78c", "'"))


@dataclass(frozen=True, order=True)
class SurveyKey:
    """One quadrat in one year; the island is NFC-normalised, with plain apostrophes and single spaces."""

    year: int
    island: str
    location: int

    def __post_init__(self) -> None:
        """Normalise the island; raises InvalidSurveyKeyError for values outside what is accepted."""
        object.__setattr__(self, "island", normalise_island(self.island))
        last_year = datetime.date.today().year + 1
        if not FIRST_YEAR <= self.year <= last_year:
            raise InvalidSurveyKeyError(f"Year {self.year} is not between {FIRST_YEAR} and {last_year}. {_EXPECTED}")
        if not 1 <= self.location <= LARGEST_LOCATION:
            raise InvalidSurveyKeyError(f"Position {self.location} is not a whole number from 1. {_EXPECTED}")

    @classmethod
    def parse(cls, key: str) -> Self:
        """Return the survey of a decoded object key (see `decode_key`); a ``+`` in it is a space.

        Raises InvalidSurveyKeyError, whose message says what is expected. Keys inside folders are refused: two folders
        could hold the same survey, and one would silently replace the other.
        """
        if "/" in key:
            raise InvalidSurveyKeyError(f"'{key}' lies in a folder; photographs belong at the top. {_EXPECTED}")
        check_length(key)
        match = _KEY.fullmatch(key)
        if match is None:
            raise InvalidSurveyKeyError(f"'{key}' is not the name of a survey photograph. {_EXPECTED}")
        location = match["location"].lstrip("0")
        if not 1 <= len(location) <= len(str(LARGEST_LOCATION)):
            raise InvalidSurveyKeyError(f"Position {match['location']} is not a whole number from 1. {_EXPECTED}")
        return cls(int(match["year"]), match["island"].replace("+", " "), int(location))

    @classmethod
    def parse_stem(cls, stem: str) -> Self:
        """Return the survey of a name without extension, as `stem` prints it; raises InvalidSurveyKeyError."""
        return cls.parse(f"{stem}.jpg")

    @property
    def ref(self) -> SurveyRef:
        """The survey as it travels between the steps."""
        return SurveyRef(self.year, self.island, self.location)

    @property
    def stem(self) -> str:
        """The name of everything derived from the survey's photograph, without extension."""
        return f"{self.year}-{self.island}-{self.location:02d}"

    def key(self, extension: str) -> str:
        """Return the object key of an original with this extension (without dot); `parse` reads it back."""
        return f"{self.stem}.{extension}"

    def __str__(self) -> str:
        return self.stem


def check_length(key: str) -> None:
    """Raise InvalidSurveyKeyError for a key that is longer than the database keeps."""
    if len(key) > LONGEST_KEY:
        raise InvalidSurveyKeyError(
            f"'{key[:60]}…' has {len(key)} characters; the longest name of a photograph has {LONGEST_KEY}. {_EXPECTED}"
        )


@lru_cache(4096)  # thousands of results have few islands
def normalise_island(name: str) -> str:
    """Return the one spelling under which an island is stored.

    NFC, plain apostrophes, single plain spaces. Letters' case and accents are kept: they are the island's name.
    Raises InvalidSurveyKeyError for an empty or too long name and for characters other than letters, digits, hyphens,
    spaces and apostrophes.
    """
    island = " ".join(unicodedata.normalize("NFC", plain_apostrophes(name)).split())
    if not 1 <= len(island) <= LONGEST_ISLAND:
        raise InvalidSurveyKeyError(f"Island '{island}' has {len(island)} characters, not 1 to {LONGEST_ISLAND}.")
    for character in island:
        # Marks stay apart from their letter where Unicode has no composed form for the two.
        if character not in "-' " and unicodedata.category(character)[0] not in "LM" and character not in "0123456789":
            raise InvalidSurveyKeyError(
                f"Island '{island}' holds {character!r}; letters, digits, hyphens, spaces and apostrophes are accepted."
            )
        if unicodedata.normalize("NFKC", character) != character and character.isalpha():
            raise InvalidSurveyKeyError(
                f"Island '{island}' holds {character!r} ({unicodedata.name(character, 'a special letter').lower()}): "
                "type it as a plain letter."
            )
    if island[0] == "-" or island[-1] == "-" or unicodedata.category(island[0])[0] == "M":
        raise InvalidSurveyKeyError(f"Island '{island}' begins or ends with a hyphen, or begins with a lone accent.")
    return island


def plain_apostrophes(text: str) -> str:
    """Return the text with every apostrophe and 'eta as the plain apostrophe."""
    return text.translate(_APOSTROPHES)


def decode_key(key: str) -> str:
    """Return an event's object key, URL-decoded exactly once.

    S3's own notifications encode keys, EventBridge's do not. Survey keys hold neither ``%`` nor ``+``, so decoding one
    that was not encoded changes nothing.
    """
    return urllib.parse.unquote_plus(key)


def survey_of(key: str) -> SurveyKey | None:
    """Return the survey that an object key means, or None for a key that the pipeline refuses."""
    try:
        return SurveyKey.parse(decode_key(key))
    except InvalidSurveyKeyError:
        return None


def spelled_alike(text: str) -> str:
    """Return a key, or the beginning of one, in the spelling in which keys are compared.

    All spellings of a survey that the pipeline accepts give one text. They differ in encoding, ``+``, composed or
    decomposed accents, the apostrophe, several blanks, or blanks beside a hyphen. Leading zeros of the position stay.
    """
    plain = unicodedata.normalize("NFC", plain_apostrophes(decode_key(text)))
    return re.sub(r"\s*-\s*", "-", " ".join(plain.split()))


def unambiguous_prefix(prefix: str) -> str:
    """Return the beginning of a key's prefix that has one spelling only: folders, the year and its hyphen.

    After the hyphen a blank may follow, and an island's letters may be encoded or carry a separate accent.
    """
    match = _ONE_SPELLING.match(prefix)
    return match[0] if match else ""


def key_candidates(key: str) -> tuple[str, ...]:
    """Return the object keys that an event's or a person's key may mean, the likeliest first.

    The decoded key, then the literal one where it differs: an object may really be named ``2006-Nuku%20Hiva-01.jpg``.
    """
    return tuple(dict.fromkeys((decode_key(key), key)))
