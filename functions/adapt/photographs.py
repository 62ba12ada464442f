"""The photographs with points that a deployment can learn from: points from the database, pictures from the bucket."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from sqlalchemy import Connection, select

from adapt.learning import Lesson
from reefsteps.arrays import BoolArray, ByteArray, Float64Array
from reefsteps.errors import PhotoNotFoundError
from reefsteps.excluded import excluded_mask
from reefsteps.images import decode
from reefsteps.observability import logger
from reefsteps.point_store import point_sets
from reefsteps.points.answers import Answer
from reefsteps.points.placing import FrameInPhoto
from reefsteps.points.point_sets import PointSet
from reefsteps.results import ReframingResult, Source
from reefsteps.storage import Storage
from reefsteps.surveys import SurveyKey
from reefsteps.tables import coverage_provenance

LEAST_POINTS = 10  # that count: from there on the page calls a quadrat verified
MOST_PHOTOGRAPHS = 60  # what a function has time and memory for
_MOST_POINTS = 400  # of a photograph; more teach little more
_SIDE_PX = 1200  # of the shorter side; more than the network sees
# What surveys call points beside the quadrat, on its frame or on a tape: they teach what is no coral.
_BESIDE = frozenset({"off", "off frame", "out of frame", "frame", "quadrat", "tape", "transect", "transect hardware"})


@dataclass(frozen=True)
class Taught:
    """A photograph with points, placed in its reframed picture."""

    survey: SurveyKey
    source: Source
    reframing: ReframingResult
    points: PointSet


def taught_photographs(connection: Connection, island: str | None = None, year: int | None = None) -> list[Taught]:
    """Return the photographs with enough points on their present version, evenly spread if there are very many."""
    sets: dict[SurveyKey, list[PointSet]] = defaultdict(list)
    for one in point_sets(connection):
        if island in (None, one.island) and year in (None, one.year):
            sets[one.survey].append(one)
    p = coverage_provenance.c
    query = select(p.island, p.location, p.year, p.raw_version_id, p.restoration, p.reframing)
    found = []
    for row in connection.execute(query.order_by(p.island, p.year, p.location)):
        survey = SurveyKey(row.year, row.island, row.location)
        own = [one for one in sets.get(survey, ()) if (one.raw_version_id or None) == (row.raw_version_id or None)]
        if own:
            source, reframing = Source.from_json(row.restoration["source"]), ReframingResult.from_json(row.reframing)
            taught = [Taught(survey, source, reframing, one) for one in own]
            found.append(max(taught, key=lambda one: int(placed(one)[2].sum())))
    enough = [one for one in found if int(placed(one)[2].sum()) >= LEAST_POINTS]
    return _spread(enough, MOST_PHOTOGRAPHS)


def placed(taught: Taught) -> tuple[Float64Array, BoolArray, BoolArray]:
    """Return places (N, 2) in parts of the reframed picture, coral (N,) and whether each counts for cover (N,).

    Points outside the picture, and those that nobody has answered or could tell, are left out.
    """
    one, source, reframing = taught.points, taught.source, taught.reframing
    frame = FrameInPhoto(
        source.width_px, source.height_px, reframing.corners_px, reframing.lens_term, reframing.excluded_px
    )
    places = np.stack([one.x, one.y], axis=1)
    answers = np.array([*one.answers])
    beside = np.array([" ".join(label.casefold().split()) in _BESIDE for label in one.labels], bool)
    counts = np.isin(answers, (Answer.CORAL.value, Answer.OTHER.value))
    used = frame.inside(places) & (counts | beside)
    return frame.to_plane(places)[used], (answers == Answer.CORAL.value)[used], counts[used]


def lesson(taught: Taught, storage: Storage) -> Lesson:
    """Return what is to be learned from a photograph; raises PhotoNotFoundError where its picture is gone."""
    pixels = decode(storage.get(taught.reframing.reframed).body).pixels_bgr
    picture = _reduced(np.asarray(pixels, np.uint8))
    places, coral, counts = placed(taught)
    chosen = np.arange(len(coral))[:: -(-len(coral) // _MOST_POINTS)]
    return Lesson(
        str(taught.survey), picture, places[chosen], coral[chosen], counts[chosen], _excluded(taught, picture.shape)
    )


def lessons(taught: Iterable[Taught], storage: Storage) -> list[tuple[Taught, Lesson]]:
    """Return the lessons of the photographs whose picture is there."""
    found = []
    for one in taught:
        try:
            found.append((one, lesson(one, storage)))
        except PhotoNotFoundError as error:  # deleted meanwhile
            logger.warning("no picture to learn from", survey=str(one.survey), error=str(error))
    return found


def _reduced(picture_bgr: ByteArray) -> ByteArray:
    factor = _SIDE_PX / min(picture_bgr.shape[:2])
    if factor >= 1:
        return picture_bgr
    return np.asarray(cv2.resize(picture_bgr, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


def _excluded(taught: Taught, shape: Sequence[int]) -> ByteArray | None:
    record, source = taught.reframing, taught.source
    if not record.excluded_px:
        return None
    return excluded_mask(
        record.excluded_px, record.corners_px, (source.height_px, source.width_px), (shape[0], shape[1])
    )


def _spread(found: Sequence[Taught], most: int) -> list[Taught]:
    if len(found) <= most:
        return list(found)
    return [found[int(index)] for index in np.linspace(0, len(found) - 1, most).round()]
