"""When a photograph is deleted, so is what was derived from it: pictures, mask, records and the coverage row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reefsteps.coverage_store import Removal, forget_removals, remove_result
from reefsteps.database import Database
from reefsteps.errors import InvalidParameterError, InvalidSurveyKeyError
from reefsteps.observability import logger, step_handler
from reefsteps.results import Record
from reefsteps.storage import Storage
from reefsteps.surveys import SurveyKey, decode_key
from removal.derived import Photograph, current_photographs, is_current, measured_sources, remove_derived
from removal.request import parse_request
from removal.settings import Settings

SETTINGS = Settings.from_environment()
DATABASE = Database.from_environment()
STORAGE = Storage()


@dataclass(frozen=True)
class RemovalOutcome(Record):
    """What a deletion removed, and what is left of the survey."""

    survey: str | None  # None: the deleted object was no survey photograph
    row_removed: bool
    objects_removed: tuple[str, ...]  # s3://bucket/key
    photographs_left: tuple[str, ...]  # keys in the raw bucket, of the same survey


@step_handler("removal")
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Remove what a deleted photograph leaves behind; returns a RemovalOutcome as JSON."""
    bucket, removal = parse_request(event)
    if bucket != SETTINGS.raw_bucket:
        raise InvalidParameterError(f"{bucket} is not the bucket of original photographs, {SETTINGS.raw_bucket}.")
    try:
        survey = SurveyKey.parse(removal.key)
    except InvalidSurveyKeyError:
        logger.info("no survey photograph", key=removal.key)
        return RemovalOutcome(None, False, (), ()).to_json()
    outcome = _remove(survey, removal)
    logger.info("removed", **outcome.to_json())
    return outcome.to_json()


def _remove(survey: SurveyKey, removal: Removal) -> RemovalOutcome:
    current = current_photographs(STORAGE, SETTINGS.raw_bucket, survey)
    # Rows first: a run that is under way finds the deletion there, and its pictures never count again.
    removals = [removal, *_versions_gone(survey, removal, current)]
    row_removed = remove_result(DATABASE, survey, removals, lambda source: is_current(source, current))
    for photograph in current:
        forget_removals(DATABASE, survey, photograph)
    removed = remove_derived(STORAGE, SETTINGS, survey, current)
    return RemovalOutcome(
        survey=survey.stem,
        row_removed=row_removed,
        objects_removed=tuple(f"s3://{ref.bucket}/{ref.key}" for ref in removed),
        photographs_left=tuple(photograph.image.key for photograph in current),
    )


def _versions_gone(survey: SurveyKey, removal: Removal, current: list[Photograph]) -> list[Removal]:
    """Return the deletions of the versions that pictures were made from: times alone are too coarse to tell them."""
    return [
        Removal(
            decode_key(source.image.key), source.image.version_id, removal.removed_at, requested_by=removal.requested_by
        )
        for source in measured_sources(STORAGE, SETTINGS, survey)
        if source.image.version_id not in (None, "", "null") and not is_current(source, current)
    ]
