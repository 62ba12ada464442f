"""Photographs that a model learned from: how a model names them, and whether a photograph is one of them.

A model is better on photographs that it learned from than on others. So its cover of such a photograph says nothing of
its error elsewhere. In place of it counts the cover by a model that was fitted without the photograph. This is
cross-fitting (Zrnic and Candès 2024, Cross-prediction-powered inference). docs/explanation/models.md describes the
field.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from reefsteps.errors import InvalidSurveyKeyError
from reefsteps.file_name_reading import is_counter
from reefsteps.results import Record
from reefsteps.surveys import SurveyKey

_LEAST_LETTERS = 10  # letters and digits of a name that no other photograph is likely to have


@dataclass(frozen=True)
class LearnedPhotograph(Record):
    """One photograph that a model learned from, by at least one of its content, its file's name and its key."""

    sha256: str | None = None  # of the original file
    name: str | None = None  # of that file, without folders
    key: str | None = None  # of the original in the raw bucket
    version_id: str | None = None  # of that key
    left_out_cover_percent: float | None = None  # of the quadrat, by a model fitted without the photograph


@dataclass(frozen=True)
class MeasuredPhotograph:
    """What is known of a photograph that a result was measured on."""

    key: str
    version_id: str | None
    sha256: str | None = None  # None in records older than the field
    original_name: str | None = None


class LearnedFrom:
    """The photographs that a model learned from, to be asked for one."""

    def __init__(self, photographs: Iterable[LearnedPhotograph]) -> None:
        """Take the model's list; of two entries for one photograph the first counts."""
        self._entries: dict[tuple[str, ...], LearnedPhotograph] = {}
        for entry in photographs:
            for mark in _marks(entry):
                self._entries.setdefault(mark, entry)

    def entry(self, photo: MeasuredPhotograph) -> LearnedPhotograph | None:
        """Return the entry of a photograph, None where the model has not learned from it.

        The content decides first, then key and version, then the file's name: a copy of another size or format has its
        own content. A short name ("quadrat 7"), or one that a camera counts out ("DSC_0001"), says nothing, because
        many photographs have it.
        """
        asked = [
            ("sha256", photo.sha256 or ""),
            ("version", photo.key, photo.version_id or ""),
            ("key", photo.key),
            ("own name", _own(photo.key)),
        ]
        if photo.original_name and _says_which(_stem_as_written(photo.original_name)):
            asked.append(("name", _stem(photo.original_name)))
        return next((self._entries[mark] for mark in asked if mark in self._entries), None)


def _marks(entry: LearnedPhotograph) -> Iterator[tuple[str, ...]]:
    """Yield by what a photograph is recognised as this entry's."""
    if entry.sha256:
        yield "sha256", entry.sha256
    if entry.key:
        yield ("version", entry.key, entry.version_id) if entry.version_id else ("key", entry.key)
    if entry.name:
        yield "name", _stem(entry.name)
        if not entry.key:  # pictures that were taken from here for training have the survey's name
            yield "own name", _own(entry.name)


def _says_which(stem: str) -> bool:
    return sum(letter.isalnum() for letter in stem) >= _LEAST_LETTERS and not is_counter(stem)


def _own(name: str) -> str:
    """Return a name as ReefSteps writes it, where it is the name of a survey."""
    stem = _stem_as_written(name)
    try:
        return SurveyKey.parse_stem(stem).stem
    except InvalidSurveyKeyError:
        return stem


def _stem(name: str) -> str:
    return _stem_as_written(name).casefold()


def _stem_as_written(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).stem
