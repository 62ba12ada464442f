"""Which photographs the points of files belong to, and what of them can be imported. Pure: nothing is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reefsteps.errors import InvalidParameterError
from reefsteps.points.answers import LabelTable
from reefsteps.points.files import PhotoPoints
from reefsteps.points.picture_names import base_name, stem
from reefsteps.points.placing import FrameInPhoto, scale_to_photograph
from reefsteps.points.point_sets import MOST_POINTS, PointSet, Selection
from reefsteps.surveys import SurveyKey

NOBODY = "not said"


@dataclass(frozen=True)
class Measured:
    """A photograph that has a result: its names, its version, and where its quadrat lies."""

    survey: SurveyKey
    raw_key: str
    raw_version_id: str | None
    original_name: str | None  # of the file before it was given a survey's key
    frame: FrameInPhoto


@dataclass(frozen=True)
class Planned:
    """Points that can be imported; ``outside`` of them lie beside the quadrat and do not count."""

    points: PointSet
    file: str
    inside: int
    outside: int


@dataclass(frozen=True)
class NotMatched:
    """What cannot be imported, and why."""

    what: str
    why: str


@dataclass(frozen=True)
class PointPlan:
    """What an import would do."""

    planned: tuple[Planned, ...]
    not_matched: tuple[NotMatched, ...]


def labels_without_answer(photos: Iterable[PhotoPoints], table: LabelTable | None) -> list[str]:
    """Return the labels whose answer neither a file nor the table says, each once."""
    labels = set().union(*(photo.labels_without_answer() for photo in photos))
    return sorted(labels) if table is None else table.unknown(labels)


def plan(
    photos: Sequence[PhotoPoints],
    measured: Iterable[Measured],
    table: LabelTable,
    *,
    annotator: str | None = None,
    drawn: Selection = Selection.AT_RANDOM,
    sizes: Mapping[str, tuple[float, float]] | None = None,
) -> PointPlan:
    """Return which points go to which photograph, and what goes nowhere and why.

    ``table`` knows every label (see `labels_without_answer`). ``sizes`` holds width and height of annotated pictures
    by name. It serves files that do not say them, where the photographs were made smaller or larger since.
    """
    index = _Index(measured)
    given = {stem(name): size for name, size in (sizes or {}).items()}
    planned: list[Planned] = []
    refused: list[NotMatched] = []
    taken: dict[tuple[SurveyKey, str], str] = {}
    for photo in photos:
        try:
            one = _planned(photo, index.find(photo.file), table, annotator, drawn, given.get(stem(photo.file)))
        except InvalidParameterError as error:
            refused.append(NotMatched(f"{photo.file} ({photo.origin})", str(error)))
            continue
        same = one.points.survey, one.points.set_id
        if same in taken:
            why = f"Its points by {one.points.annotator} are in {taken[same]} already: give one file for a photograph."
            refused.append(NotMatched(f"{photo.file} ({photo.origin})", why))
            continue
        taken[same] = photo.origin
        planned.append(one)
    return PointPlan(tuple(planned), tuple(refused))


class _Index:
    """Photographs by each name that a file may call them."""

    def __init__(self, measured: Iterable[Measured]) -> None:
        self._exact: dict[str, set[SurveyKey]] = defaultdict(set)
        self._stems: dict[str, set[SurveyKey]] = defaultdict(set)
        self._by_survey: dict[SurveyKey, Measured] = {}
        for one in measured:
            self._by_survey[one.survey] = one
            for name in filter(None, (one.original_name, one.raw_key)):
                self._exact[base_name(name).casefold()].add(one.survey)
                self._stems[stem(name)].add(one.survey)
            self._stems[one.survey.stem.casefold()].add(one.survey)

    def find(self, file: str) -> Measured:
        """Return the photograph of a name; raises InvalidParameterError where there is none, or more than one."""
        found = self._exact.get(base_name(file).casefold()) or self._stems.get(stem(file)) or set()
        if not found:
            raise InvalidParameterError("No photograph with a result has this name: upload and measure it first.")
        if len(found) > 1:
            names = ", ".join(str(survey) for survey in sorted(found)[:5])
            raise InvalidParameterError(f"Several photographs were called so ({names}): write the new name instead.")
        return self._by_survey[next(iter(found))]


def _planned(
    photo: PhotoPoints,
    measured: Measured,
    table: LabelTable,
    annotator: str | None,
    drawn: Selection,
    size: tuple[float, float] | None,
) -> Planned:
    frame = measured.frame
    across, down = scale_to_photograph(photo.size or size, frame.width_px, frame.height_px, in_units=photo.in_units)
    places = np.array([(point.x * across, point.y * down) for point in photo.points])
    _check_places(places, frame)
    answers = [point.answer or table.answer(point.label) for point in photo.points]
    if None in answers:
        raise InvalidParameterError("The table of labels does not say what all of its labels mean.")
    inside = frame.inside(places)
    points = PointSet(
        **vars(measured.survey),
        raw_key=measured.raw_key,
        raw_version_id=measured.raw_version_id,
        width_px=frame.width_px,
        height_px=frame.height_px,
        annotator=(photo.annotator or annotator or NOBODY)[:128],
        source=photo.source[:32],
        origin=base_name(photo.origin)[-255:],
        drawn=_drawn(photo, drawn),
        layout=(photo.layout or NOBODY)[:32],
        x=tuple(round(float(x), 3) for x in places[:, 0]),
        y=tuple(round(float(y), 3) for y in places[:, 1]),
        labels=tuple(point.label for point in photo.points),
        answers="".join(answer.value for answer in answers if answer),
        annotated_at=photo.annotated_at[:32] if photo.annotated_at else None,
    )
    points.check()
    return Planned(points, photo.file, int(inside.sum()), int((~inside).sum()))


def _check_places(places: np.ndarray, frame: FrameInPhoto) -> None:
    if len(places) > MOST_POINTS:
        raise InvalidParameterError(f"It has {len(places):,} points; a photograph has at most {MOST_POINTS:,}.")
    width, height = frame.width_px, frame.height_px
    beyond = (places < 0).any(1) | (places[:, 0] > width) | (places[:, 1] > height)
    if beyond.any():
        most = places.max(0)
        raise InvalidParameterError(
            f"{int(beyond.sum())} of {len(places)} points lie outside of the photograph of {width} x {height} pixels "
            f"(they reach {most[0]:.0f} x {most[1]:.0f}). They were set on a picture of another size. Give that size "
            "in columns width and height, or in a list of sizes."
        )


def _drawn(photo: PhotoPoints, drawn: Selection) -> Selection:
    if photo.drawn is None:
        return drawn
    if photo.drawn not in list(Selection):
        raise InvalidParameterError(f"The column drawn holds '{photo.drawn}', not one of: {', '.join(Selection)}.")
    return Selection(photo.drawn)
