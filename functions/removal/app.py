"""When a photograph is deleted, so is what was derived from it: pictures, mask, records and the coverage row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reefsteps.coverage_store import forget_removals, has_result, remove_result
from reefsteps.database import Database
from reefsteps.errors import InvalidParameterError, InvalidSurveyKeyError
from reefsteps.observability import logger, step_handler
from reefsteps.originals import current_photographs
from reefsteps.precedence import Upload
from reefsteps.relabel_store import is_marker_of_relabelling
from reefsteps.removals import Removal
from reefsteps.results import ObjectRef, Record
from reefsteps.run_writer import is_there
from reefsteps.storage import Storage
from reefsteps.surveys import SurveyKey, decode_key
from reefsteps.versions import version_or_none
from removal.deleting import is_current, measured_sources, remove_derived
from removal.remeasure import to_measure_again
from removal.request import Request, parse_request
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
    measure_again: ObjectRef | None = None  # the newest of them, if it has no result now; the state machine starts it


@step_handler("removal")
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Remove what a deleted photograph leaves behind; returns a RemovalOutcome as JSON."""
    request = parse_request(event)
    if request.bucket != SETTINGS.raw_bucket:
        raise InvalidParameterError(
            f"{request.bucket} is not the bucket of original photographs, {SETTINGS.raw_bucket}."
        )
    try:
        survey = SurveyKey.parse(request.removal.key)
    except InvalidSurveyKeyError:
        logger.info("no survey photograph", key=request.removal.key)
        return RemovalOutcome(None, False, (), ()).to_json()
    if request.marker_version_id and is_marker_of_relabelling(DATABASE, request.removal.key, request.marker_version_id):
        logger.info("moved to another name, not deleted", key=request.removal.key)
        return RemovalOutcome(survey.stem, False, (), ()).to_json()
    outcome = _remove(survey, request)
    logger.info("removed", **outcome.to_json())
    return outcome.to_json()


def _remove(survey: SurveyKey, request: Request) -> RemovalOutcome:
    current = current_photographs(STORAGE, SETTINGS.raw_bucket, survey)
    left = tuple(photograph.image.key for photograph in current)
    if request.by_lifecycle and current:
        return RemovalOutcome(survey.stem, False, (), left)  # an old version expired: nothing that anybody asked for

    def is_kept(upload: Upload) -> bool:
        # A photograph that was overwritten, not deleted, keeps its result until the newer one has its own. One that was
        # given this name since the list was read is not in it, so S3 is asked about what would be deleted.
        overwritten = bool(current) and not request.removal.covers(upload)
        return is_current(upload, current) or overwritten or is_there(STORAGE, upload)

    gone = [source for source in measured_sources(STORAGE, SETTINGS, survey) if not is_kept(source)]
    # Rows first: a run that is under way finds the deletion there, and its pictures never count again.
    removals = [request.removal, *_versions_of(gone, request.removal)]
    row_removed = remove_result(DATABASE, survey, removals, is_kept)
    undone = sum(forget_removals(DATABASE, survey, photograph) for photograph in current)
    all_gone = not current and not current_photographs(STORAGE, SETTINGS.raw_bucket, survey)
    removed = remove_derived(STORAGE, SETTINGS, survey, gone, is_kept=is_kept, all_gone=all_gone)
    again = to_measure_again(current, request.removal.removed_at)
    if again and not (row_removed or removed or undone) and has_result(DATABASE, survey, again):
        again = None
    return RemovalOutcome(
        survey=survey.stem,
        row_removed=row_removed,
        objects_removed=tuple(f"s3://{ref.bucket}/{ref.key}" for ref in removed),
        photographs_left=left,
        measure_again=again.image if again else None,
    )


def _versions_of(gone: Sequence[Upload], removal: Removal) -> list[Removal]:
    """Return the deletions of these versions one by one: times alone are too coarse to tell them."""
    return [
        Removal(decode_key(image.key), image.version_id, removal.removed_at, requested_by=removal.requested_by)
        for image in (source.image for source in gone)
        if version_or_none(image.version_id) is not None
    ]
