"""Runs of the pipeline: listed page by page, read in detail only where they are shown."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from frontend.domain.executions import ExecutionDetail, ExecutionSummary, RunStatus, StepState, detail_from, step_states
from frontend.services.aws import step_functions
from frontend.settings import settings
from reefsteps import backfills
from reefsteps.execution_status import ENDED
from reefsteps.failures import read_failed_state
from reefsteps.retries import RunHistory, readable_key

_LIST_SIZE = 1000  # the most that ListExecutions gives at once
_MOST_LISTS = 10

Cursor = tuple[str | None, int]
"""Where to read on in the list of one status: a token, and how many of its executions have been shown."""


@dataclass(frozen=True)
class ExecutionPage:
    """Some executions, newest first, and where to read on; None when these are the last."""

    executions: tuple[ExecutionSummary, ...]
    following: tuple[Cursor, ...] | None


def executions(
    statuses: tuple[str | None, ...] = (None,), cursors: tuple[Cursor, ...] | None = None, size: int = 25
) -> ExecutionPage:
    """Return one page of the executions in any of these statuses (None: in every one), newest first.

    Step Functions lists one status at a time, so the lists are merged; no list is read further than the page needs.
    """
    starts = cursors or ((None, 0),) * len(statuses)
    lists = [
        _list_from(number, status, start, size + 1)  # one more than is shown says whether there is a next page
        for number, (status, start) in enumerate(zip(statuses, starts, strict=True))
    ]
    merged = heapq.merge(*lists, key=lambda item: item[0].started_at, reverse=True)
    found: list[ExecutionSummary] = []
    after = list(starts)
    for execution, number, cursor in merged:
        if len(found) == size:
            return ExecutionPage(tuple(found), tuple(after))
        found.append(execution)
        after[number] = cursor
    return ExecutionPage(tuple(found), None)


def _list_from(
    number: int, status: str | None, start: Cursor, size: int
) -> Iterator[tuple[ExecutionSummary, int, Cursor]]:
    token, shown = start
    while True:
        listed, next_token = _listed(status, token, size)
        for count, execution in enumerate(listed[shown:], start=shown + 1):
            yield execution, number, (token, count)
        if next_token is None:
            return
        token, shown = next_token, 0


@st.cache_data(ttl=3, max_entries=100, show_spinner=False)
def _listed(status: str | None, token: str | None, size: int) -> tuple[list[ExecutionSummary], str | None]:
    request: dict[str, Any] = {"stateMachineArn": settings().pipeline_arn, "maxResults": size}
    if status:
        request["statusFilter"] = status
    if token:
        request["nextToken"] = token
    answer = step_functions().list_executions(**request)
    found = [
        ExecutionSummary(item["executionArn"], item["name"], item["status"], item["startDate"], item.get("stopDate"))
        for item in answer["executions"]
    ]
    return found, answer.get("nextToken")


@st.cache_data(ttl=3, max_entries=20, show_spinner=False)
def since(moment: datetime) -> list[ExecutionSummary]:
    """Return the executions that began since a moment, newest first: at most the newest ten thousand."""
    found: list[ExecutionSummary] = []
    token: str | None = None
    for _ in range(_MOST_LISTS):
        listed, token = _listed(None, token, _LIST_SIZE)
        found += [execution for execution in listed if execution.started_at >= moment]
        if token is None or not listed or listed[-1].started_at < moment:
            break
    return found


def last_done_at(looked_at: int = 20) -> datetime | None:
    """Return when the last of the newest runs with a result ended; None where there is none."""
    done = executions(RunStatus.DONE.states, size=looked_at).executions
    return max((execution.stopped_at for execution in done if execution.stopped_at), default=None)


def history() -> RunHistory:
    """Return the pipeline's runs for starting failed ones again."""
    return RunHistory(step_functions(), settings().pipeline_arn)


def forget() -> None:
    """Drop the kept lists, because runs have just been started."""
    _listed.clear()
    since.clear()


@st.cache_data(ttl=3600, max_entries=2000, show_spinner=False)
def _finished_detail(arn: str) -> ExecutionDetail:
    detail = detail_from(_describe(arn))
    if detail.error is None or detail.failed_step is not None:
        return detail
    # The run ended in its task, so that it can be redriven; only the history names that task.
    return replace(detail, failed_step=read_failed_state(step_functions(), arn))


@st.cache_data(ttl=3, max_entries=200, show_spinner=False)
def _running_detail(arn: str) -> ExecutionDetail:
    return detail_from(_describe(arn))


def _describe(arn: str) -> Mapping[str, Any]:
    return step_functions().describe_execution(executionArn=arn)


@st.cache_data(ttl=2, max_entries=200, show_spinner=False)
def steps_of(arn: str) -> dict[str, StepState]:
    """Return the state of each step of a running execution; a pipeline's whole history fits one answer."""
    answer = step_functions().get_execution_history(
        executionArn=arn, includeExecutionData=False, reverseOrder=True, maxResults=200
    )
    return step_states(answer["events"])


def details(shown: Sequence[ExecutionSummary]) -> dict[str, ExecutionDetail]:
    """Return the detail of each execution by its ARN, read eight at a time."""

    def one(execution: ExecutionSummary) -> ExecutionDetail:
        read = _finished_detail if execution.status in ENDED else _running_detail
        return read(execution.arn)

    with ThreadPoolExecutor(8) as pool:
        return dict(zip((e.arn for e in shown), pool.map(one, shown), strict=True))


def start(photo: str, given: Mapping[str, Any], purpose: str) -> str:
    """Start the pipeline and return the execution's name, which says photograph, purpose and time."""
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")[:-3]
    name = f"{readable_key(photo)}-{purpose}-{moment}"[:80]
    step_functions().start_execution(stateMachineArn=settings().pipeline_arn, name=name, input=json.dumps(given))
    forget()
    return name


def measure_again(prefix: str, start_at: str) -> str:
    """Start a backfill of the photographs under a prefix; returns its name. Raises InvalidParameterError."""
    (arn,) = backfills.start(
        step_functions(), str(settings().backfill_arn), backfills.inputs(prefix=prefix, start_at=start_at)
    )
    forget()
    return arn.rpartition(":")[2]
