"""Verifying on the page: what is drawn and answered as the database has it now, and the requests that write."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from frontend.services import measurements
from frontend.services.aws import storage
from frontend.services.measurements import database
from frontend.services.points import PointsNotKeptError, ask
from frontend.settings import settings
from reefsteps import point_queries, verification_store
from reefsteps.derived_objects import REFRAMED_PICTURE, REFRAMING_RECORD
from reefsteps.errors import PhotoNotFoundError
from reefsteps.object_metadata import RUN_START
from reefsteps.points.batches import AnswerBatch
from reefsteps.points.draws import Draw, DrawRequest
from reefsteps.points.matching import Measured
from reefsteps.surveys import SurveyKey
from reefsteps.verification_store import SetUnderWay


@dataclass(frozen=True)
class CampaignState:
    """An island and year: its draw, its photographs and everybody's sets."""

    draw: Draw | None
    photographs: list[Measured]
    sets: list[SetUnderWay]


def campaign(island: str, year: int) -> CampaignState:
    """Return an island and year as the database has it now (never kept)."""
    with database().read() as connection:
        return CampaignState(
            verification_store.draw_of(connection, island, year),
            point_queries.measured_photographs(connection, campaign=(island, year)),
            verification_store.sets_under_way(connection, island, year),
        )


def answers_on(survey: SurveyKey) -> list[AnswerBatch]:
    """Return what each person has answered on the survey's photographs (never kept)."""
    with database().read() as connection:
        return verification_store.answers_on(connection, survey)


def send(batch: AnswerBatch) -> AnswerBatch:
    """Have a batch kept; returns the person's whole set as it is now. Raises PointsNotKeptError."""
    answer = _ask({"batch": batch.to_json()})
    if answer["complete"]:
        measurements.forget()
    return AnswerBatch.from_json(answer["set"])


def draw(request: DrawRequest) -> Draw:
    """Have photographs drawn; returns the draw, the earlier one where there is one. Raises PointsNotKeptError."""
    return Draw.from_json(_ask({"draw": request.to_json()})["draw"])


def _ask(request: dict[str, Any]) -> dict[str, Any]:
    try:
        return ask(json.dumps(request).encode())
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code == "AccessDeniedException":
            why = "The web page has no permission to keep points. Tell the person who runs ReefSteps."
            raise PointsNotKeptError(why) from error
        raise PointsNotKeptError(f"The function that keeps points did not answer ({code}).", passes=True) from error
    except BotoCoreError as error:
        why = f"The function that keeps points did not answer ({type(error).__name__})."
        raise PointsNotKeptError(why, passes=True) from error


@dataclass(frozen=True)
class Straightened:
    """The straightened picture of a quadrat: which content its key holds, and its width and height."""

    etag: str
    size_px: tuple[int, int]


def picture_of(photo: Measured) -> Straightened | None:
    """Return the straightened picture as it is now; None where it is not the one that the photograph's frame describes.

    Between a run's steps the picture is newer than the result, and points would be shown in wrong places.
    """
    here, stem = settings(), photo.survey.stem
    try:
        record = storage().get_json(REFRAMING_RECORD.at(here, stem))
        info = storage().head(REFRAMED_PICTURE.at(here, stem))
    except PhotoNotFoundError:
        return None
    corners = tuple((float(x), float(y)) for x, y in record["corners_px"])
    version = record["source"]["image"].get("version_id")
    run = (record.get("execution") or {}).get("started_at")  # records from before the field name no run
    is_of_the_result = (
        corners == photo.frame.corners_px
        and record.get("lens_term", 0.0) == photo.frame.lens_term
        and photo.raw_version_id in (None, version)
        and info.metadata.get(RUN_START) == run
    )
    width = record["side_px"]
    return Straightened(info.etag, (width, record.get("height_px") or width)) if is_of_the_result else None
