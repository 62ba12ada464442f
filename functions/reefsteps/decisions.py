"""What a person has decided about a photograph, as reframing keeps it beside its pictures.

Decisions are bound to the original's version and content. Later runs of the same photograph obey them. A new photograph
of the same position is measured without them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from reefsteps.buckets import Bucket, NamesBuckets
from reefsteps.derived_objects import NO_QUADRAT, decisions
from reefsteps.document import StateDocument
from reefsteps.errors import PhotoNotFoundError
from reefsteps.object_metadata import made_from, maker_of
from reefsteps.precedence import Run, Upload, compare_uploads, instant
from reefsteps.results import ObjectRef, RestorationResult, Source
from reefsteps.run_writer import head_or_none
from reefsteps.storage import Storage
from reefsteps.surveys import SurveyKey

_LONGEST_RELABELLING = timedelta(days=1)


def kept_decision(storage: Storage, place: ObjectRef, source: Upload) -> Mapping[str, Any] | None:
    """Return the decision that lies there, if it is about this photograph."""
    try:
        stored: Mapping[str, Any] = storage.get_json(place)
    except PhotoNotFoundError:
        return None
    own = source.image.version_id, source.etag
    return stored if (stored["source_version_id"], stored["source_etag"]) == own else None


def last_decision(
    storage: Storage, buckets: NamesBuckets, survey: SurveyKey, source: Source, document: StateDocument
) -> str | None:
    """Return when the run started in which a person decided last about this photograph; None where nobody has."""
    given = document.input
    if given.corners_px is not None or given.no_quadrat is not None:
        return document.execution.started_at
    return last_kept_decision(storage, buckets, survey, source)


def last_kept_decision(storage: Storage, buckets: NamesBuckets, survey: SurveyKey, source: Upload) -> str | None:
    """Return when the run started that kept the last decision about this photograph; None where there is none."""
    kept = [kept_decision(storage, item.at(buckets, survey.stem), source) for item in decisions()]
    starts = [value["execution"]["started_at"] for value in kept if value and value.get("execution")]
    return max(starts, key=instant, default=None)


def decisions_are_there(
    storage: Storage, buckets: NamesBuckets, survey: SurveyKey, restoration: RestorationResult
) -> bool:
    """Tell whether all decisions have followed a photograph that was given another name, or a newer one's lie there.

    After a day they no longer count: somebody has copied the photograph by hand, with its metadata.
    """
    source = restoration.source
    if datetime.now(UTC) - instant(source.uploaded_at) > _LONGEST_RELABELLING:
        return True
    for item in decisions():
        if item.name not in restoration.decisions_follow:
            continue
        info = head_or_none(storage, item.at(buckets, survey.stem))
        maker = maker_of(info, source.image.bucket) if info else None
        newer = maker is not None and compare_uploads(maker.upload, source) > 0
        if info is None or not (made_from(info, source) or newer):
            return False
    return True


def run_without_quadrat(storage: Storage, buckets: NamesBuckets, survey: SurveyKey, source: Upload) -> Run | None:
    """Return the run in which a person said that this photograph shows no quadrat; None where that does not hold."""
    said = kept_decision(storage, NO_QUADRAT.at(buckets, survey.stem), source)
    if not said or not said["no_quadrat"]:
        return None
    # Decisions from before the field name no run.
    started_at, name = (said.get("execution") or {}).get("started_at") or source.uploaded_at, "a person"
    return Run(source, started_at, name, decided_at=started_at)


def newest_without_quadrat(storage: Storage, buckets: NamesBuckets, survey: SurveyKey) -> Run | None:
    """Return the run in which a person said so of whichever photograph of the survey the word is about; else None."""
    try:
        stored = storage.get(NO_QUADRAT.at(buckets, survey.stem))
    except PhotoNotFoundError:
        return None
    return maker_of(stored.info, buckets.name_of(Bucket.RAW)) if json.loads(stored.body)["no_quadrat"] else None


def no_quadrat_sentence(survey: SurveyKey) -> str:
    """Return what a run says that ends because of this decision."""
    return (
        f"A person has said that the photograph of {survey} shows no quadrat, so it is not measured. "
        "Fix corners on the page takes this back."
    )
