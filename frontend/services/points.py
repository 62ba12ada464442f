"""Points that people have answered: as the page reads them, and the function that keeps them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import boto3
import streamlit as st
from botocore.config import Config

from frontend.domain import verified
from frontend.domain.estimates.quadrat import Confusion
from frontend.services import measurements
from frontend.services.masks import mask_of
from frontend.services.measurements import KEPT_S, database
from frontend.settings import settings
from reefsteps import point_queries, point_store
from reefsteps.coverage_queries import CoverageRow
from reefsteps.errors import ReefStepsError
from reefsteps.points.matching import Measured
from reefsteps.points.point_sets import PointSet
from reefsteps.surveys import SurveyKey

MOST_BYTES = 5_500_000  # Lambda takes 6 MB in a call
_LONGEST_S = 65  # the function itself ends after 60 s


class PointsNotKeptError(ReefStepsError):
    """No point was kept; the message is the function's own."""


@dataclass(frozen=True)
class PointsOutcome:
    """On how many photographs points were kept, and how many sets they replaced."""

    written: int
    replaced: int


def point_sets() -> list[PointSet]:
    """Return all sets (never kept: only an export wants them)."""
    with database().read() as connection:
        return point_store.point_sets(connection)


def photographs() -> list[Measured]:
    """Return the photographs that points may be imported onto (never kept)."""
    with database().read() as connection:
        return point_queries.measured_photographs(connection)


@st.cache_data(ttl=KEPT_S, max_entries=50, show_spinner=False)
def at_the_points(row: CoverageRow) -> Confusion | None:
    """Return what the model says at the points of a quadrat; None without points or without its mask."""
    survey = SurveyKey(row.year, row.island, row.location)
    with database().read() as connection:
        sets = point_store.point_sets(connection, survey)
        photo = next((p for p in point_queries.measured_photographs(connection, survey=survey)), None) if sets else None
    mask = mask_of(row) if photo else None
    return None if photo is None or mask is None else verified.at_the_points(sets, photo, mask)


def keep(sets: Sequence[PointSet]) -> PointsOutcome:
    """Have the function keep the sets, all or none; raises PointsNotKeptError."""
    here = settings()
    body = json.dumps({"sets": [one.to_json() for one in sets]}).encode()
    if len(body) > MOST_BYTES:
        raise PointsNotKeptError(f"The points are {len(body) / 1e6:.1f} MB: import the files in parts.")
    config = Config(connect_timeout=5, read_timeout=_LONGEST_S, retries={"total_max_attempts": 1})
    client = boto3.client("lambda", region_name=here.region, endpoint_url=here.endpoint_url, config=config)
    answer = client.invoke(FunctionName=here.points_function or "", Payload=body)
    result = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise PointsNotKeptError(f"{result.get('errorMessage')}")
    measurements.forget()
    return PointsOutcome(result["written"], result["replaced"])
