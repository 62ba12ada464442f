"""What a photograph's file name says: island, year and position, by the patterns that people use.

The patterns are those of CRIOBE, of the Moorea Coral Reef LTER and of the ancestor of this system; whatever a name does
not say is taken from the folder's name, from the camera's date, or typed in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

_YEAR = r"(?P<year>(?:19|20)\d{2})"
_PLACE = r"(?P<island>[^\W\d_].*?)"


@dataclass(frozen=True)
class Guess:
    """What a name says; None where it says nothing. ``year_from`` names the source of the year."""

    island: str | None = None
    year: int | None = None
    location: int | None = None
    year_from: str | None = None

    def filled_from(self, other: Guess) -> Guess:
        """Return this guess with its gaps filled from another one."""
        return Guess(
            self.island or other.island,
            self.year if self.year is not None else other.year,
            self.location if self.location is not None else other.location,
            self.year_from if self.year is not None else other.year_from,
        )


@dataclass(frozen=True)
class _Pattern:
    example: str
    regex: re.Pattern[str]


def _pattern(example: str, expression: str) -> _Pattern:
    return _Pattern(example, re.compile(expression, re.IGNORECASE))


_PATTERNS = (
    _pattern("2006-Takapoto-07.jpg", rf"{_YEAR}-{_PLACE}-(?P<location>\d{{1,4}})"),
    _pattern(
        "mcr_lter1_fringingreef_pole1-2_qu1_20080415.jpg",
        rf"{_PLACE}_qu(?:ad(?:rat)?)?_?(?P<location>\d{{1,4}})_{_YEAR}\d{{4}}",
    ),
    _pattern("MooreaE2B_2020_05.jpg", rf"{_PLACE}[_ ]{_YEAR}[_ ](?P<location>\d{{1,4}})"),
    _pattern("E2B_02_2012.jpg", rf"{_PLACE}[_ ](?P<location>\d{{1,4}})[_ ]{_YEAR}"),
    _pattern("07.NEF", r"(?P<location>\d{1,3})"),
)
_FOLDERS = (
    _pattern("2006-Takapoto/", rf"{_YEAR}[-_ ]{_PLACE}"),
    _pattern("Takapoto 2006/", rf"{_PLACE}[-_ ]{_YEAR}"),
    _pattern("2006/", _YEAR),
)

PATTERN_EXAMPLES = tuple(pattern.example for pattern in _PATTERNS)


def guess(path: str, captured_at: str | None = None) -> Guess:
    """Return what the path and the camera's date (``YYYY-...`` or ``YYYY:...``) say about a photograph.

    The file's name counts before the folders (nearest first), and both before the camera's clock, which is often wrong.
    """
    posix = PurePosixPath(path.replace("\\", "/"))
    found = _match(_PATTERNS, posix.stem, "file name")
    for folder in reversed(posix.parts[:-1]):
        found = found.filled_from(_match(_FOLDERS, folder, "folder"))
    if captured_at and re.match(r"(19|20)\d{2}[:-]", captured_at):
        found = found.filled_from(Guess(year=int(captured_at[:4]), year_from="camera"))
    return found


def _match(patterns: tuple[_Pattern, ...], text: str, source: str) -> Guess:
    for pattern in patterns:
        match = pattern.regex.fullmatch(text.strip())
        if match:
            return _guess_of(match.groupdict(), source)
    return Guess()


def _guess_of(groups: dict[str, str | None], source: str) -> Guess:
    year, location, island = groups.get("year"), groups.get("location"), groups.get("island")
    found = Guess(
        island=" ".join(island.replace("_", " ").split()) if island else None,  # keys take no underscores
        year=int(year) if year else None,
        location=int(location) if location else None,
        year_from=source if year else None,
    )
    return replace(found, location=None) if found.location == 0 else found
