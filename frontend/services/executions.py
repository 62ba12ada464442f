"""Runs of the pipeline: listed page by page, read in detail only where they are shown."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from frontend.domain.executions import TERMINAL, Execution, ExecutionDetail, detail_from, step_states
from frontend.services.aws import step_functions
from frontend.settings import settings


@dataclass(frozen=True)
class ExecutionPage:
    """Some executions, newest first, and the token of the next page."""

    executions: tuple[Execution, ...]
    next_token: str | None


@st.cache_data(ttl=3, max_entries=100, show_spinner=False)
def executions(status: str | None = None, token: str | None = None, size: int = 25) -> ExecutionPage:
    """Return one page of executions, newest first."""
    request: dict[str, Any] = {"stateMachineArn": settings().pipeline_arn, "maxResults": size}
    if status:
        request["statusFilter"] = status
    if token:
        request["nextToken"] = token
    answer = step_functions().list_executions(**request)
    found = tuple(
        Execution(item["executionArn"], item["name"], item["status"], item["startDate"], item.get("stopDate"))
        for item in answer["executions"]
    )
    return ExecutionPage(found, answer.get("nextToken"))


@st.cache_data(ttl=3600, max_entries=2000, show_spinner=False)
def _finished_detail(arn: str) -> ExecutionDetail:
    return detail_from(_describe(arn))


@st.cache_data(ttl=3, max_entries=200, show_spinner=False)
def _running_detail(arn: str) -> ExecutionDetail:
    return detail_from(_describe(arn))


def _describe(arn: str) -> Mapping[str, Any]:
    return step_functions().describe_execution(executionArn=arn)


@st.cache_data(ttl=2, max_entries=200, show_spinner=False)
def steps_of(arn: str) -> dict[str, str]:
    """Return the state of each step of a running execution; a pipeline's whole history fits one answer."""
    answer = step_functions().get_execution_history(
        executionArn=arn, includeExecutionData=False, reverseOrder=True, maxResults=200
    )
    return step_states(answer["events"])


def details(shown: Sequence[Execution]) -> dict[str, ExecutionDetail]:
    """Return the detail of each execution by its ARN, read eight at a time."""

    def one(execution: Execution) -> ExecutionDetail:
        read = _finished_detail if execution.status in TERMINAL else _running_detail
        return read(execution.arn)

    with ThreadPoolExecutor(8) as pool:
        return dict(zip((e.arn for e in shown), pool.map(one, shown), strict=True))


def start(photo: str, given: Mapping[str, Any], purpose: str) -> str:
    """Start the pipeline and return the execution's name, which says photograph, purpose and time."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")[:-3]
    name = f"{re.sub(r'[^0-9A-Za-z_-]', '-', photo)[:44]}-{purpose}-{moment}"[:80]
    step_functions().start_execution(stateMachineArn=settings().pipeline_arn, name=name, input=json.dumps(given))
    executions.clear()
    return name
