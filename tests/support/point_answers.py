"""What a person answers at points of a photograph that has been measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy.typing as npt

from reefsteps.points.matching import Measured
from reefsteps.points.point_sets import PointSet, Selection


def answered(photo: Measured, plane: npt.ArrayLike, answers: str, labels: Sequence[str] | None = None) -> PointSet:
    """Return answers at points of the straightened quadrat: ``plane`` (N, 2) in parts of its width and height."""
    x, y = photo.frame.to_photograph(plane).T
    return PointSet(
        **vars(photo.survey),
        raw_key=photo.raw_key,
        raw_version_id=photo.raw_version_id,
        width_px=photo.frame.width_px,
        height_px=photo.frame.height_px,
        annotator="Alice",
        source="CoralNet",
        origin="a.csv",
        drawn=Selection.AT_RANDOM,
        layout="not said",
        x=tuple(x.round(3).tolist()),
        y=tuple(y.round(3).tolist()),
        labels=tuple(labels or [""] * len(answers)),
        answers=answers,
    )
