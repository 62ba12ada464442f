"""The last step: percent cover and where it comes from into the database.

If reframing ended with NoQuadratError, the state machine passes the error's message on as ``no_quadrat`` in the place
of the records. A result that the photograph had before is then withdrawn.
"""

from __future__ import annotations

from typing import Any

from coverage_step.settings import Settings
from reefsteps.coverage_store import Result, WriteOutcome, kept_result, record_result, withdraw_result
from reefsteps.database import Database
from reefsteps.decisions import newest_without_quadrat, no_quadrat_sentence, run_without_quadrat
from reefsteps.document import StateDocument
from reefsteps.errors import InvalidParameterError, PhotoDeletedError, RelabellingUnderWayError, SupersededError
from reefsteps.observability import logger, step_handler
from reefsteps.precedence import compare_runs, same_photo
from reefsteps.results import ReframingResult, RestorationResult, SegmentationResult
from reefsteps.storage import Storage

SETTINGS = Settings.from_environment()
DATABASE = Database.from_environment()
STORAGE = Storage()

_COMMIT_CHARACTERS = 12  # tell a repository's commits apart; three of them fit the column


@step_handler("coverage")
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Return whether the result was written, and if not, why."""
    document = StateDocument.parse(event, SETTINGS.raw_bucket)
    if event.get("no_quadrat"):
        outcome = _withdraw(document, str(event["no_quadrat"]))
    else:
        result = _result(document)
        outcome = record_result(DATABASE, result)
        if outcome.written:
            outcome = _withdraw_if_no_quadrat(result) or outcome
    if outcome.moving:
        raise RelabellingUnderWayError(f"{outcome.reason} The run waits for that; if it ends before, redrive it.")
    if outcome.deleted:
        raise PhotoDeletedError(f"{outcome.reason} What this run has made of it is removed.")
    if not outcome.written:
        logger.info("not written", reason=outcome.reason)
    return {name: value for name, value in outcome.to_json().items() if name not in ("deleted", "moving")}


def _withdraw(document: StateDocument, why: str) -> WriteOutcome:
    source = document.restoration(STORAGE, SETTINGS).source
    said = run_without_quadrat(STORAGE, SETTINGS, document.survey, source)
    if said is None:  # taken back since: the run that did so goes on from there
        return kept_result(DATABASE, document.survey, why)
    return withdraw_result(DATABASE, document.survey, said, why)


def _withdraw_if_no_quadrat(result: Result) -> WriteOutcome | None:
    """Take the row back if a person has said meanwhile that this photograph, or a newer one, shows no quadrat.

    A withdrawal leaves no row that a run could be compared with. So a run that read before the decision was kept may
    write after the withdrawal. The decision is kept before the row is withdrawn, so such a run finds it here.
    """
    said = run_without_quadrat(STORAGE, SETTINGS, result.survey, result.source)
    said = said or newest_without_quadrat(STORAGE, SETTINGS, result.survey)
    if said is None or compare_runs(said, result.run) <= 0:
        return None
    return withdraw_result(DATABASE, result.survey, said, no_quadrat_sentence(result.survey))


def _result(document: StateDocument) -> Result:
    restoration = document.restoration(STORAGE, SETTINGS)
    reframing = document.reframing(STORAGE, SETTINGS)
    segmentation = document.segmentation(STORAGE, SETTINGS)
    for step, source in (("reframing", reframing.source), ("segmentation", segmentation.source)):
        if not same_photo(source, restoration.source):
            if document.records:
                raise SupersededError(f"The restored picture of {document.survey} now belongs to another photograph.")
            raise InvalidParameterError(
                f"The {step} result of {document.survey} was made from another photograph than its restored picture: "
                f"start the run at {step} or before."
            )
    return Result(
        survey=document.survey,
        execution=document.execution,
        restoration=restoration,
        reframing=reframing.record,
        segmentation=segmentation.record,
        pipeline_version=_pipeline_version(restoration, reframing.record, segmentation.record),
    )


def _pipeline_version(
    restoration: RestorationResult, reframing: ReframingResult, segmentation: SegmentationResult
) -> str:
    """Return the version that all three steps ran in, else the beginning of each step's (in full in its record)."""
    known = {
        "restoration": restoration.pipeline_version,
        "reframing": reframing.pipeline_version,
        "segmentation": segmentation.pipeline_version,
    }
    versions = {step: version or "unknown" for step, version in known.items()}
    if len(set(versions.values())) == 1:
        return versions["segmentation"]
    return " ".join(f"{step} {version[:_COMMIT_CHARACTERS]}" for step, version in versions.items())
