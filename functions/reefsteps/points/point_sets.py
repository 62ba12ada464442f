"""The points that one person has answered on one photograph, as they are kept and travel to the writing function."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from reefsteps.errors import InvalidParameterError
from reefsteps.points.answers import Answer
from reefsteps.results import Record
from reefsteps.surveys import SurveyKey

MOST_POINTS = 2000  # on a photograph
LONGEST_LABEL = 100
_LETTERS = frozenset(answer.value for answer in Answer)


class Selection(StrEnum):
    """How the photographs of an import were chosen."""

    AT_RANDOM = "at random"  # or all of an island and year
    BY_HAND = "by hand"  # a choice of a person says nothing about the rest, so no interval uses it


@dataclass(frozen=True)
class PointSet(Record):
    """One person's points on one version of a photograph.

    ``x`` and ``y`` are in the original photograph's pixels, after its EXIF orientation; ``width_px`` and ``height_px``
    are its size. ``answers`` has a letter of `Answer` for each point, ``labels`` the words of the program that it comes
    from (empty where there are none).
    """

    year: int
    island: str
    location: int
    raw_key: str
    raw_version_id: str | None
    width_px: int
    height_px: int
    annotator: str
    source: str  # the program or page
    origin: str  # the file
    drawn: str
    layout: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    labels: tuple[str, ...]
    answers: str
    annotated_at: str | None = None  # as the person's program wrote it

    @property
    def survey(self) -> SurveyKey:
        """Which quadrat in which year."""
        return SurveyKey(self.year, self.island, self.location)

    @property
    def set_id(self) -> str:
        """What tells sets of one photograph apart: who answered, and where. The same ones again replace a set."""
        return hashlib.sha256("\n".join((self.annotator, self.source)).encode()).hexdigest()[:32]

    def check(self) -> None:
        """Raise InvalidParameterError for a set that cannot be kept as it is."""
        count = len(self.x)
        if not 1 <= count <= MOST_POINTS:
            raise InvalidParameterError(f"{self.survey} has {count} points; a photograph has 1 to {MOST_POINTS}.")
        if not count == len(self.y) == len(self.labels) == len(self.answers):
            raise InvalidParameterError(f"{self.survey}: places, labels and answers are not equally many.")
        if not set(self.answers) <= _LETTERS:
            raise InvalidParameterError(f"{self.survey}: an answer is none of {', '.join(sorted(_LETTERS))}.")
        if self.drawn not in list(Selection):
            raise InvalidParameterError(f"{self.survey}: 'drawn' is '{self.drawn}', not one of {', '.join(Selection)}.")
        if any(len(label) > LONGEST_LABEL for label in self.labels):
            raise InvalidParameterError(f"{self.survey}: a label has more than {LONGEST_LABEL} characters.")
        inside = all(0 <= x <= self.width_px and 0 <= y <= self.height_px for x, y in zip(self.x, self.y, strict=True))
        if not inside:
            raise InvalidParameterError(f"{self.survey}: a point lies outside of the photograph.")
