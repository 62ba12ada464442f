"""What people and later runs have done about a failure, read from the buckets: the database may sleep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import streamlit as st

from frontend.domain.attention import is_settled, newest_of_each
from frontend.domain.executions import ExecutionDetail, ExecutionSummary
from frontend.services import photos
from frontend.services.aws import storage
from frontend.settings import settings
from reefsteps.derived_objects import NO_QUADRAT, SEGMENTATION_RECORD, decisions
from reefsteps.errors import PhotoNotFoundError
from reefsteps.results import ObjectRef
from reefsteps.storage import ObjectInfo
from reefsteps.surveys import SurveyKey, survey_of


def still_open(failed: Sequence[ExecutionSummary], details: Mapping[str, ExecutionDetail]) -> list[ExecutionSummary]:
    """Return the newest failure of each photograph that is there and that nothing has settled, newest first."""
    newest = newest_of_each(failed, details)
    done = settled(newest, details)
    return [e for e in newest if e.arn not in done]


def settled(failed: Sequence[ExecutionSummary], details: Mapping[str, ExecutionDetail]) -> set[str]:
    """Return the ARNs of the failures that need no attention any more.

    The photograph was measured later, somebody decided about it, or it is not there any more: renamed or deleted.
    """

    def is_done(execution: ExecutionSummary) -> bool:
        key = details[execution.arn].key
        if key is None:
            return False
        present = photos.find_original(key)
        return present is None or is_settled(execution, _settled_at(present))

    with ThreadPoolExecutor(8) as pool:
        return {e.arn for e, done in zip(failed, pool.map(is_done, failed), strict=True) if done}


@st.cache_data(ttl=15, max_entries=2000, show_spinner=False)
def says_no_quadrat(survey: SurveyKey, version_id: str | None, etag: str) -> bool:
    """Return whether a person has said of this version of the photograph that it shows no quadrat."""
    try:
        said = storage().get_json(NO_QUADRAT.at(settings(), survey.stem))
    except PhotoNotFoundError:
        return False
    return bool(said["no_quadrat"]) and (said["source_version_id"], said["source_etag"]) == (version_id, etag)


def forget() -> None:
    """Drop what was kept, because somebody has just decided."""
    says_no_quadrat.clear()
    _settled_at.clear()


@st.cache_data(ttl=15, max_entries=2000, show_spinner=False)
def _settled_at(key: str) -> datetime | None:
    """Return when the survey was last measured, given corners by hand or said to show no quadrat.

    A photograph that has been replaced needs no word here: its own run measures it, or fails later than this one.
    """
    survey = survey_of(key)
    if survey is None:
        return None
    found = [_head(item.at(settings(), survey.stem)) for item in (SEGMENTATION_RECORD, *decisions())]
    return max((info.last_modified for info in found if info), default=None)


def _head(ref: ObjectRef) -> ObjectInfo | None:
    try:
        return storage().head(ref)
    except PhotoNotFoundError:
        return None
