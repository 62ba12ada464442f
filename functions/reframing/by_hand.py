"""What a person has decided about a photograph: its corners, the areas to leave out, or that it shows no quadrat.

Decisions are stored beside the reframed pictures, with the original's version and content. Later runs of the same
photograph follow them; a new photograph of the same position is measured without them. `reefsteps.decisions` reads
what is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reefsteps.buckets import NamesBuckets
from reefsteps.decisions import kept_decision, no_quadrat_sentence
from reefsteps.derived_objects import CORNERS, NO_QUADRAT, DerivedObject
from reefsteps.document import PipelineInput
from reefsteps.errors import InvalidParameterError, NoQuadratError, SupersededError
from reefsteps.excluded import excluded_mask
from reefsteps.quadrat_size import QuadratSize
from reefsteps.results import Point, Source
from reefsteps.run_writer import RunWriter
from reefsteps.storage import Storage
from reefsteps.surveys import SurveyKey
from reframing.limits.gate import BY_HAND as LIMITS
from reframing.manual import manual_model
from reframing.plane.view import PlaneModel


@dataclass(frozen=True)
class FrameByHand:
    """Four corners, and the outlines of areas to leave out, in the treated picture's pixels."""

    view: PlaneModel
    excluded_px: tuple[tuple[Point, ...], ...] = ()


class Decisions:
    """The decisions about one photograph."""

    def __init__(
        self, storage: Storage, writer: RunWriter, buckets: NamesBuckets, survey: SurveyKey, source: Source
    ) -> None:
        """Read them from their places, and write them there through `writer`."""
        self._storage, self._writer, self._buckets = storage, writer, buckets
        self._survey, self._source = survey, source

    def refuse_without_quadrat(self, given: PipelineInput) -> None:
        """Raise NoQuadratError if a person has decided, now or earlier, that the photograph shows no quadrat.

        Corners or ``no_quadrat: false`` in the execution's input withdraw an earlier decision. Raises SupersededError
        if the input decides about another version than the one that would be measured.
        """
        decides = given.corners_px is not None or given.no_quadrat is not None
        present = self._source.image.version_id
        if decides and given.version_id and present and given.version_id != present:
            raise SupersededError(
                f"What was decided by hand is about another version of the photograph of {self._survey}; this run "
                "changes nothing. Open Fix corners again, and look at the photograph that is there now."
            )
        stored = self._stored(NO_QUADRAT)
        earlier = bool(stored and stored["no_quadrat"])
        no_quadrat = bool(given.no_quadrat) if decides else earlier
        if given.no_quadrat is not None:
            self._keep_no_quadrat(no_quadrat)
        if no_quadrat:
            raise NoQuadratError(no_quadrat_sentence(self._survey))

    def frame(self, given: PipelineInput, width_px: int, height_px: int, size: QuadratSize) -> FrameByHand | None:
        """Return the frame that the input gives and store it, else the stored one, else None.

        ``size`` is the quadrat's. Raises InvalidParameterError for corners that are no quadrilateral in the picture or
        no view of a quadrat of this size, and for areas that leave less than a tenth of the quadrat to be measured.
        """
        if given.corners_px is not None:
            frame = _checked(given.corners_px, given.excluded_px or (), width_px, height_px, size)
            self._keep_no_quadrat(False)
            value = {"corners_px": given.corners_px, "excluded_px": frame.excluded_px}
            self._store(CORNERS, value)
            return frame
        stored = self._stored(CORNERS)
        if stored is None:
            return None
        excluded = tuple(tuple((float(x), float(y)) for x, y in area) for area in stored.get("excluded_px", ()))
        return _checked(stored["corners_px"], excluded, width_px, height_px, size)

    def _keep_no_quadrat(self, said: bool) -> None:
        # Each decision is kept, also one that changes nothing: the later of two that meet counts for every later run.
        self._store(NO_QUADRAT, {"no_quadrat": said})

    def _stored(self, decision: DerivedObject) -> Mapping[str, Any] | None:
        return kept_decision(self._storage, decision.at(self._buckets, self._survey.stem), self._source)

    def _store(self, decision: DerivedObject, value: Mapping[str, Any]) -> None:
        bound = {"source_version_id": self._source.image.version_id, "source_etag": self._source.etag}
        self._writer.put_json(decision, {**value, **bound})


def _checked(
    corners_px: tuple[Point, ...],
    excluded_px: tuple[tuple[Point, ...], ...],
    width_px: int,
    height_px: int,
    size: QuadratSize,
) -> FrameByHand:
    view = manual_model(corners_px, width_px, height_px, size)
    if excluded_px:
        corners = [(float(x), float(y)) for x, y in view.corners_px]
        mask = excluded_mask(excluded_px, corners, (height_px, width_px), (LIMITS.check_px, LIMITS.check_px))
        left = 1 - float(np.count_nonzero(mask)) / mask.size
        if left < LIMITS.min_measured:
            raise InvalidParameterError(
                f"The hidden areas leave {100 * left:.0f} % of the quadrat to be measured; at least "
                f"{100 * LIMITS.min_measured:.0f} % are needed. Photograph the quadrat again, or hide less."
            )
    return FrameByHand(view, excluded_px)
