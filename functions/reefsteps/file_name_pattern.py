"""How a person's names are built, learnt from one example in which they mark the parts.

Page: the person chooses a file, selects ``07`` in ``TakP07A12`` and says "this is the position". Then

    pattern = NamePattern.learn("TakP07A12.jpg", location=(4, 6), year=(7, 9))
    json.dumps(pattern.to_json())              # to remember it; NamePattern.from_json reads it back
    identify(path, pattern=pattern)            # `reefsteps.file_names`, for every file

Command line: ``--pattern 'TakP{position=07}A{year=12}.jpg'`` (`NamePattern.parse`).

The pattern fits names of the same form: equal signs at the same places, letters where the example has letters, digits
where it has digits. Letters that touch a marked island, and digits that touch a marked number, keep their form: with
``Tak`` in ``TakP07`` marked as island, ``P`` is a ``P`` in every name. What is not marked is read as in any other name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, Self

from reefsteps.errors import InvalidParameterError, InvalidSurveyKeyError
from reefsteps.file_name_reading import NameReading, last_year, read_name, tidy
from reefsteps.surveys import FIRST_YEAR, normalise_island

FIELDS = ("island", "year", "location")
_WORDS = {"island": "island", "year": "year", "position": "location", "location": "location"}
_MARKED = re.compile(r"\{(?P<word>[a-z]+)=(?P<part>[^{}]+)\}")
_RUNS = re.compile(r"[0-9]+|[^\W\d_]+|.", re.DOTALL)
_LETTERS = r"[^\W\d_]+"


@dataclass(frozen=True)
class NamePattern:
    """An example name without extension, and where in it the parts are: field -> (start, end), end excluded."""

    example: str
    marks: tuple[tuple[str, tuple[int, int]], ...]

    @classmethod
    def learn(cls, example: str, **marks: tuple[int, int]) -> Self:
        """Return the pattern of an example; ``island``, ``year`` and ``location`` are positions in its file name.

        Raises InvalidParameterError where a part lies outside the name or on another part, a year or position holds
        other characters than digits, or nothing is marked.
        """
        name = PurePosixPath(example.replace("\\", "/")).name
        pattern = cls(name, tuple(sorted(marks.items(), key=lambda mark: mark[1])))
        pattern._check()
        return pattern

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the pattern of an example such as ``TakP{position=07}A{year=12}.jpg``; raises as `learn` does."""
        marks: dict[str, tuple[int, int]] = {}
        plain, at = "", 0
        for match in _MARKED.finditer(text):
            plain += text[at : match.start()]
            at = match.end()
            name = _WORDS.get(match["word"])
            if name is None or name in marks:
                raise InvalidParameterError(
                    f"'{match[0]}' in the pattern is none of island, year, position, each once."
                )
            marks[name] = (len(plain), len(plain) + len(match["part"]))
            plain += match["part"]
        if not marks:
            raise InvalidParameterError(
                f"'{text}' marks no part: write an example name such as 'TakP{{position=07}}A{{year=12}}.jpg'."
            )
        return cls.learn(plain + text[at:], **marks)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads back, of JSON's types only."""
        return {"example": self.example, "marks": {name: list(span) for name, span in self.marks}}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """Return a remembered pattern; raises InvalidParameterError for anything that `to_json` did not write."""
        try:
            marks = {str(name): (int(start), int(end)) for name, (start, end) in dict(value["marks"]).items()}
            example = str(value["example"])
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidParameterError(f"This is no remembered pattern of names: {error!r}.") from error
        return cls.learn(example, **marks)

    def read(self, stem: str) -> NameReading | None:
        """Return what a file's name (without extension) says by this pattern, or None where it has another form."""
        text = tidy(stem)
        match = self._regex.fullmatch(text)
        if match is None:
            return None
        rest = text
        for start, end in match.regs[1:]:
            rest = rest[:start] + " " * (end - start) + rest[end:]  # the rest is read without the marked parts
        found = read_name(rest)
        parts = match.groupdict()
        found.island = _island(parts["island"]) if "island" in parts else found.island
        if "year" in parts:
            found.year = _year(parts["year"])
        if "location" in parts:
            found.location = int(parts["location"]) or None
        return found

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        stem = self.example
        expression, at, before = "", 0, ""
        for name, (start, end) in self.marks:
            part = ".+?" if name == "island" else "[0-9]{4}" if end - start == 4 and name == "year" else "[0-9]{1,9}"
            if name == "year" and end - start != 4:
                part = "[0-9]{2}"
            expression += _form(stem[at:start], before, name) + f"(?P<{name}>{part})"
            at, before = end, name
        return re.compile(expression + _form(_without_extension(stem[at:]), before, ""))

    def _check(self) -> None:
        before = 0
        if not self.marks:
            raise InvalidParameterError("No part of the example is marked.")
        for name, (start, end) in self.marks:
            if name not in FIELDS:
                raise InvalidParameterError(f"'{name}' is none of the parts {', '.join(FIELDS)}.")
            part = self.example[start:end]
            if start < before or end <= start or end > len(_without_extension(self.example)):
                raise InvalidParameterError(f"The {_word(name)} lies outside '{self.example}', or on another part.")
            if name != "island" and not re.fullmatch(r"[0-9]{1,9}", part):
                raise InvalidParameterError(f"'{part}' is marked as {_word(name)}, but is no whole number.")
            if name == "year" and (len(part) not in (2, 4) or _year(part) is None):
                raise InvalidParameterError(f"'{part}' is marked as year, but is none.")
            if name == "island" and _island(part) is None:
                raise InvalidParameterError(f"'{part}' is marked as island, but cannot be one.")
            before = end


def _word(name: str) -> str:
    return "position" if name == "location" else name


def _without_extension(text: str) -> str:
    return re.sub(r"\.[A-Za-z][A-Za-z0-9]{1,3}$", "", text)


def _form(text: str, before: str, after: str) -> str:
    """Return the expression for what is not marked: digits and letters by kind, signs as they are.

    ``before`` and ``after`` are the fields marked on either side. Characters of a mark's own kind that touch it could
    be read as part of it. So such letters must be the same, and such digits must be as many.
    """
    runs = _RUNS.findall(_tidy_inside(text))
    last = len(runs) - 1
    return "".join(
        _form_of_run(run, {before if at == 0 else "", after if at == last else ""}) for at, run in enumerate(runs)
    )


def _form_of_run(run: str, touched: set[str]) -> str:
    if run.isdigit():
        return f"[0-9]{{{len(run)}}}" if touched & {"year", "location"} else "[0-9]+"
    return _LETTERS if run.isalpha() and "island" not in touched else re.escape(run)


def _tidy_inside(text: str) -> str:
    """Return a part of a name as `tidy` leaves it, with the blanks at its ends."""
    return tidy(f"|{text}|")[1:-1]


def _island(part: str) -> str | None:
    try:
        return normalise_island(part.replace("_", " "))
    except InvalidSurveyKeyError:
        return None


def _year(part: str) -> int | None:
    """Return the year; of two digits, which the person has marked as the year, the latest that has been."""
    year = int(part)
    if len(part) == 2:
        year += 2000 if 2000 + year <= last_year() else 1900
    return year if FIRST_YEAR <= year <= last_year() else None
