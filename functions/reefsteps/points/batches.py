"""Answers on their way from a browser: batches that may come twice, late or in any order, and mean the same."""

from __future__ import annotations

from dataclasses import dataclass, replace

from reefsteps.errors import InvalidParameterError
from reefsteps.points.answers import UNANSWERED
from reefsteps.points.point_sets import PointSet, Selection
from reefsteps.results import Record


@dataclass(frozen=True)
class AnswerBatch(Record):
    """A person's answers to some points of a photograph.

    ``points`` has all places; its answers are `UNANSWERED` where the batch says nothing, or where an answer was taken
    back. ``at_ms`` is when each answer was given or taken back, by the browser's clock in milliseconds since 1970. It
    is 0 where the batch says nothing of a point.
    """

    points: PointSet
    at_ms: tuple[int, ...]

    def check(self) -> None:
        """Raise InvalidParameterError for a batch that cannot be kept."""
        self.points.check(under_way=True)
        if len(self.at_ms) != len(self.points.answers):
            raise InvalidParameterError(f"{self.points.survey}: answers and times are not equally many.")
        if min(self.at_ms) < 0:
            raise InvalidParameterError(f"{self.points.survey}: a time is negative.")

    def merged(self, later: AnswerBatch) -> AnswerBatch:
        """Return both as one: of each point the newest answer counts.

        A set that is complete stays as it is, because its person has seen the model's mask since. Only that the draw
        has reached its photograph is taken over. Raises InvalidParameterError where the places are not the same.
        """
        mine, other = self.points, later.points
        if (mine.x, mine.y) != (other.x, other.y):
            raise InvalidParameterError(f"{mine.survey}: the batch has other points than those that were begun with.")
        drawn = Selection.AT_RANDOM if Selection.AT_RANDOM in (mine.drawn, other.drawn) else Selection.BY_HAND
        if mine.is_complete:
            return replace(self, points=replace(mine, drawn=drawn))
        given = (zip(one.at_ms, one.points.answers, strict=True) for one in (self, later))
        newest = [max(first, second) for first, second in zip(*given, strict=True)]
        answers = "".join(answer for _, answer in newest)
        return AnswerBatch(replace(mine, drawn=drawn, answers=answers), tuple(at for at, _ in newest))

    @property
    def answered(self) -> int:
        """How many points have an answer."""
        return len(self.points.answers) - self.points.answers.count(UNANSWERED)
