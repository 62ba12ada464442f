"""The masks of quadrats, read one at a time: the one kind of picture that passes through the page."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from itertools import groupby

import numpy as np
from PIL import Image

from frontend.domain.coco import MaskedQuadrat
from frontend.domain.measurements import survey_of
from frontend.services.aws import storage
from frontend.services.measurements import database
from frontend.settings import settings
from reefsteps import coverage_queries as queries
from reefsteps.arrays import ByteArray
from reefsteps.coverage_queries import ColonyBox, CoverageRow
from reefsteps.derived_objects import MASK
from reefsteps.errors import PhotoNotFoundError
from reefsteps.object_metadata import MODEL


def masked_quadrats(rows: Iterable[CoverageRow]) -> Iterator[MaskedQuadrat]:
    """Yield each of our quadrats with its mask and colonies; rows of one island follow each other."""
    for island, of_island in groupby(rows, key=lambda row: row.island):
        colonies = _colonies(island)
        for row in of_island:
            yield MaskedQuadrat(row, mask_of(row), colonies.get((row.year, row.location), []))


def _colonies(island: str) -> dict[tuple[int, int], list[ColonyBox]]:
    with database().read() as connection:
        found = queries.colony_boxes(connection, island=island)
    grouped: dict[tuple[int, int], list[ColonyBox]] = {}
    for colony in found:
        grouped.setdefault((colony.year, colony.location), []).append(colony)
    return grouped


def mask_of(row: CoverageRow) -> ByteArray | None:
    """Return the mask; None where there is none, or where it belongs to another model's result by now."""
    try:
        stored = storage().get(MASK.at(settings(), survey_of(row).stem))
    except PhotoNotFoundError:
        return None
    if stored.info.metadata.get(MODEL, row.model_sha256) != row.model_sha256:
        return None
    return np.asarray(Image.open(io.BytesIO(stored.body)).convert("L"))
