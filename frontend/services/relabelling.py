"""Other names, sizes and fields: what there is, the state machine that changes it, and its journal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from frontend.services import measurements, photos
from frontend.services.aws import step_functions, storage
from frontend.services.executions import details, executions
from frontend.settings import settings
from reefsteps import relabel_queries as queries
from reefsteps.execution_status import ENDED, ExecutionStatus
from reefsteps.originals import originals
from reefsteps.relabel_queries import RelabelledPhoto, Relabelling
from reefsteps.relabelling import Change
from reefsteps.storage import ObjectInfo
from reefsteps.surveys import SurveyKey, survey_of

_RUNNING_LOOKED_AT = 100


def photographs(campaigns: Iterable[tuple[int, str]]) -> dict[SurveyKey, tuple[str, ...]]:
    """Return the keys of the photographs of these campaigns, by quadrat, as the raw bucket holds them now."""

    bucket, shared = settings().raw_bucket, storage()

    def listed(campaign: tuple[int, str]) -> dict[SurveyKey, tuple[ObjectInfo, ...]]:
        return originals(shared, bucket, *campaign)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(listed, sorted(set(campaigns))))
    return {survey: tuple(info.ref.key for info in infos) for one in found for survey, infos in one.items()}


def under_way() -> set[SurveyKey]:
    """Return the quadrats whose photographs are being measured now."""
    running = executions((ExecutionStatus.RUNNING,), size=_RUNNING_LOOKED_AT).executions
    keys = (detail.key for detail in details(running).values())
    return {survey for key in keys if key and (survey := survey_of(key))}


def start(changes: Sequence[Change], requested_by: str | None) -> str:
    """Start a relabelling and return its id."""
    return _start("changes", {"changes": [change.to_json() for change in changes]}, requested_by)


def undo(relabelling_id: str, requested_by: str | None) -> str:
    """Start taking a relabelling back and return the id of the new one."""
    return _start("undo", {"undo": relabelling_id}, requested_by)


def resume(relabelling_id: str, requested_by: str | None) -> str:
    """Go on with a relabelling that was interrupted; returns its id, and that of the execution is another."""
    _start("resume", {"resume": relabelling_id}, requested_by)
    return relabelling_id


def _start(purpose: str, given: Mapping[str, Any], requested_by: str | None) -> str:
    name = f"{purpose}-{datetime.now(UTC).strftime('%Y%m%dT%H%M%S%f')}"
    body = json.dumps({**given, "requested_by": requested_by or "page"}, ensure_ascii=False)
    answer = step_functions().start_execution(stateMachineArn=settings().relabel_arn, name=name, input=body)
    st.session_state.relabel_execution = answer["executionArn"]
    return name


def state(execution_arn: str) -> tuple[str, str]:
    """Return the status of an execution, and why it failed."""
    answer = step_functions().describe_execution(executionArn=execution_arn)
    return answer["status"], re.sub(r"^(register|carry out): ", "", answer.get("cause") or "")


def has_ended(status: str) -> bool:
    """Tell whether an execution in this status is over."""
    return status in ENDED


def history() -> list[Relabelling]:
    """Return the newest relabellings (never kept: this is read while one is under way)."""
    with measurements.database().read() as connection:
        return queries.relabellings(connection)


def changes_of(relabelling_id: str) -> list[RelabelledPhoto]:
    """Return the changes of a relabelling."""
    with measurements.database().read() as connection:
        return queries.relabelled_photos(connection, relabelling_id)


def forget() -> None:
    """Drop what was kept, because names have changed."""
    photos.forget()
    measurements.forget()
