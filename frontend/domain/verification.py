"""Which photograph a person verifies next, with which points, and whether it counts as drawn at random."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from frontend.domain.estimates.agreement import Agreement, agreement
from reefsteps.arrays import ByteArray
from reefsteps.points.answers import UNANSWERED, Answer
from reefsteps.points.batches import AnswerBatch
from reefsteps.points.draws import Draw, in_order
from reefsteps.points.layout_choice import FEWEST, MOST, LayoutChoice
from reefsteps.points.layouts import places
from reefsteps.points.matching import Measured
from reefsteps.points.point_sets import VERIFY_PAGE, PointSet, Selection
from reefsteps.surveys import SurveyKey
from reefsteps.verification_store import SetUnderWay

LEFT_AFTER = timedelta(hours=1)  # then a photograph that somebody has begun is offered to others again


@dataclass(frozen=True)
class Progress:
    """How far the photographs of an island and year are verified, as one person meets them.

    ``order`` is the draw's, of the photographs that are there now. ``verified`` of them are complete and drawn at
    random. ``following`` is the next one for this person, ``second`` the next one that another person has completed.
    """

    order: tuple[SurveyKey, ...]
    verified: int
    following: SurveyKey | None
    second: SurveyKey | None

    def after(self, survey: SurveyKey, *, as_second: bool) -> SurveyKey | None:
        """Return the photograph that the person goes on with after this one; None where none is left."""
        wanted = (self.second, self.following) if as_second else (self.following,)
        return next((one for one in wanted if one is not None and one != survey), None)

    def is_drawn(self, survey: SurveyKey) -> bool:
        """Whether the draw has reached the photograph: all before it are verified, or in somebody's hands."""
        if survey not in self.order:
            return False
        return self.following is None or self.order.index(survey) <= self.order.index(self.following)


def progress(
    draw: Draw,
    photographs: Iterable[Measured],
    sets: Sequence[SetUnderWay],
    person: str,
    now: datetime | None = None,
) -> Progress:
    """Return how far the photographs of the draw's island and year are; sets on replaced photographs do not count."""
    versions = {photo.survey: photo.raw_version_id for photo in photographs}
    by_position = {survey.location: survey for survey in versions}
    order = tuple(by_position[position] for position in in_order(draw.seed, by_position))
    valid = [one for one in sets if one.survey in versions and one.raw_version_id == versions[one.survey]]
    verified = {one.survey for one in valid if one.is_complete and one.drawn == Selection.AT_RANDOM}
    moment = now or datetime.now(UTC)
    in_hands = {
        one.survey
        for one in valid
        if not one.is_complete and one.annotator != person and moment - _time(one.recorded_at) < LEFT_AFTER
    }
    mine = {one.survey for one in valid if one.is_complete and one.annotator == person}
    of_others = {one.survey for one in valid if one.is_complete and one.annotator != person}
    return Progress(
        order,
        len(verified),
        next((survey for survey in order if survey not in verified and survey not in in_hands), None),
        next((survey for survey in order if survey in of_others and survey not in mine), None),
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@dataclass(frozen=True)
class Task:
    """A photograph that a person verifies: all points, and the answers that have arrived.

    ``plane`` are the points' places in the straightened picture, from 0 to 1. Points with a number in ``beside`` lie
    beside the quadrat or in an area that was left out, so they need no answer. ``is_begun`` says that answers of this
    person have arrived before.
    """

    answers: AnswerBatch
    plane: tuple[tuple[float, float], ...]
    beside: tuple[int, ...]
    is_begun: bool


def task(
    photo: Measured, person: str, kept: Iterable[AnswerBatch], choice: LayoutChoice, *, drawn: bool = False
) -> Task:
    """Return what the person has to answer on the photograph; ``kept`` is what anybody has answered on it.

    A person goes on with the points that they began with. A second person gets the points of the first, without the
    answers. Else the points follow from the layout and the photograph's key.
    """
    valid = [one for one in kept if one.points.raw_version_id == photo.raw_version_id]
    empty = _empty(photo, person, choice, Selection.AT_RANDOM if drawn else Selection.BY_HAND)
    own = next((one for one in valid if one.points.set_id == empty.points.set_id), None)
    first = next((one for one in valid if _can_be_repeated(one)), None)
    begun = own or (empty if first is None else _without_answers(empty, first.points))
    pixels = list(zip(begun.points.x, begun.points.y, strict=True))
    plane = photo.frame.to_plane(pixels)
    beside = np.flatnonzero(~photo.frame.inside(pixels))
    return Task(
        begun,
        tuple((round(float(u), 6), round(float(v), 6)) for u, v in plane),
        tuple(int(number) for number in beside),
        own is not None,
    )


def _can_be_repeated(one: AnswerBatch) -> bool:
    return one.points.is_complete and FEWEST <= len(one.points.answers) <= MOST


def _empty(photo: Measured, person: str, choice: LayoutChoice, drawn: Selection) -> AnswerBatch:
    frame = photo.frame
    found = frame.to_photograph(places(choice.layout, choice.points, photo.raw_key))
    # A frame may reach beyond the photograph by a part of a pixel.
    found = np.clip(found, 0, (frame.width_px, frame.height_px))
    points = PointSet(
        **vars(photo.survey),
        raw_key=photo.raw_key,
        raw_version_id=photo.raw_version_id,
        width_px=frame.width_px,
        height_px=frame.height_px,
        annotator=person,
        source=VERIFY_PAGE,
        origin="page",
        drawn=drawn,
        layout=choice.layout.value,
        x=tuple(round(float(x), 3) for x in found[:, 0]),
        y=tuple(round(float(y), 3) for y in found[:, 1]),
        labels=("",) * choice.points,
        answers=UNANSWERED * choice.points,
    )
    return AnswerBatch(points, (0,) * choice.points)


def _without_answers(empty: AnswerBatch, first: PointSet) -> AnswerBatch:
    number = len(first.answers)
    blank = {"answers": UNANSWERED * number, "labels": ("",) * number}
    points = PointSet(**vars(empty.points) | blank | {"x": first.x, "y": first.y, "layout": first.layout})
    return AnswerBatch(points, (0,) * number)


def agreements(mine: PointSet, kept: Iterable[AnswerBatch]) -> list[tuple[str, Agreement]]:
    """Return how far each other person agrees who answered all of the same points."""
    found = []
    for one in kept:
        other = one.points
        is_same = (other.x, other.y, other.raw_version_id) == (mine.x, mine.y, mine.raw_version_id)
        if not is_same or other.set_id == mine.set_id or not other.is_complete:
            continue
        said = {Answer.CORAL.value, Answer.OTHER.value}
        pairs = [(a, b) for a, b in zip(mine.answers, other.answers, strict=True) if {a, b} <= said]
        agreed = agreement((a == Answer.CORAL, b == Answer.CORAL) for a, b in pairs)
        if agreed is not None:
            found.append((other.annotator, agreed))
    return found


def model_says(points: PointSet, photo: Measured, mask: ByteArray) -> str:
    """Return a letter for each point: c where the model's mask (H, W) sees coral, o elsewhere, - beside the quadrat."""
    pixels = list(zip(points.x, points.y, strict=True))
    inside, plane = photo.frame.inside(pixels), photo.frame.to_plane(pixels)
    height, width = mask.shape
    column, row = np.clip(plane * (width, height), 0, (width - 1, height - 1)).astype(int).T
    coral = mask[row, column] > 0
    letters = zip(inside, coral, strict=True)
    return "".join(UNANSWERED if not within else "c" if found else "o" for within, found in letters)
