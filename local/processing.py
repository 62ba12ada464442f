"""Sends photographs through a running stack and follows each execution to its end."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from local.photos import Photo
from local.provision import Clients
from local.stack_info import StackInfo
from reefsteps import errors
from reefsteps.execution_status import ENDED, ExecutionStatus
from reefsteps.failures import split_cause
from reefsteps.originals import originals
from reefsteps.steps import STEPS
from reefsteps.storage import Storage
from reefsteps.surveys import SurveyKey, survey_of

_POLL_S = 0.2
_LIST_SIZE = 100
_IN_FLIGHT = 2 * max(1, os.cpu_count() or 1)  # enough to keep the cores busy, few enough not to be throttled
_ADMISSION_TIMEOUT_S = 60.0


@dataclass
class PhotographRun:
    """One photograph on its way; `result` is the state document, as far as the run came."""

    photo: Photo
    uploaded_at: float = 0.0
    version_id: str = ""
    execution_arn: str | None = None
    step: str = "waiting"
    step_s: dict[str, float] = field(default_factory=dict)
    status: str = "WAITING"
    error: str | None = None
    cause: str | None = None
    result: dict[str, Any] = field(default_factory=dict)
    elapsed_s: float = 0.0

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.status in ENDED

    @property
    def succeeded(self) -> bool:
        """Whether the photograph ended in a coverage row."""
        return self.status == ExecutionStatus.SUCCEEDED

    @property
    def refused(self) -> bool:
        """Whether the pipeline refused the photograph or its name."""
        return self.error in errors.REFUSALS

    @property
    def reason(self) -> str:
        """Why the run failed, for people; empty where it did not."""
        if not self.ended or self.succeeded:
            return ""
        step, message = split_cause(self.cause or "no cause was given")
        return f"{self.error or self.status}: {f'{step}: ' if step else ''}{message}"


class Follower:
    """Uploads photographs, a few at a time, and keeps their runs up to date."""

    def __init__(self, info: StackInfo, photos: list[Photo]) -> None:
        self._clients = Clients(info.endpoint, info.region)
        self._raw, self._machine = info.buckets["RawBucket"], info.state_machines["Pipeline"]
        self.runs = [PhotographRun(photo) for photo in photos]
        self._by_version: dict[str, PhotographRun] = {}
        self._seen: set[str] = set()

    def run(self, changed: Callable[[], None]) -> list[PhotographRun]:
        """Process every photograph; `changed` is called after each look at the executions."""
        while not all(run.ended for run in self.runs):
            waiting = [run for run in self.runs if run.status == "WAITING"]
            active = [run for run in self.runs if run.status == ExecutionStatus.RUNNING]
            for run in waiting[: _IN_FLIGHT - len(active)]:
                self._upload(run)
            self._look()
            changed()
            time.sleep(_POLL_S)
        return self.runs

    def _upload(self, run: PhotographRun) -> None:
        metadata = {"original-name": quote(run.photo.path.name)[:600]}
        if run.photo.side is not None:
            metadata["side-cm"] = str(run.photo.side)
        run.uploaded_at = time.monotonic()
        answer = self._clients.s3.put_object(
            Bucket=self._raw, Key=run.photo.key, Body=run.photo.path.read_bytes(), Metadata=metadata
        )
        run.version_id, run.status, run.step = answer["VersionId"], ExecutionStatus.RUNNING, "admitted"
        self._by_version[run.version_id] = run

    def _look(self) -> None:
        self._match_executions()
        for run in self._by_version.values():
            if run.ended:
                continue
            if run.execution_arn is not None:
                self._update(run, run.execution_arn)
            elif time.monotonic() - run.uploaded_at > _ADMISSION_TIMEOUT_S:
                run.status, run.error = ExecutionStatus.FAILED, "NotAdmitted"
                run.cause = "no execution was started for the upload; logs/ in the state folder may say why"

    def _match_executions(self) -> None:
        listed = self._clients.stepfunctions.list_executions(stateMachineArn=self._machine, maxResults=_LIST_SIZE)
        for item in listed["executions"]:
            arn = item["executionArn"]
            if arn in self._seen:
                continue
            self._seen.add(arn)
            description = self._clients.stepfunctions.describe_execution(executionArn=arn)
            run = self._by_version.get(json.loads(description["input"]).get("version_id") or "")
            if run is not None:
                run.execution_arn = arn

    def _update(self, run: PhotographRun, arn: str) -> None:
        description = self._clients.stepfunctions.describe_execution(executionArn=arn)
        history = self._clients.stepfunctions.get_execution_history(executionArn=arn, maxResults=1000)["events"]
        run.step, run.step_s = _steps(history)
        run.elapsed_s = time.monotonic() - run.uploaded_at
        run.status = description["status"]
        run.error, run.cause = description.get("error"), description.get("cause")
        if run.ended:
            run.result = json.loads(description["output"]) if run.succeeded else _document(history)


def originals_there(info: StackInfo, photos: Iterable[Photo]) -> dict[SurveyKey, tuple[str, ...]]:
    """Return the keys that the raw bucket holds for the photographs' surveys, however they are spelled."""
    storage = Storage(Clients(info.endpoint, info.region).s3)
    surveys = {survey for photo in photos if (survey := survey_of(photo.key)) is not None}
    found: dict[SurveyKey, tuple[str, ...]] = {}
    for year, island in sorted({(survey.year, survey.island) for survey in surveys}):
        there = originals(storage, info.buckets["RawBucket"], year, island)
        found |= {survey: tuple(i.ref.key for i in infos) for survey, infos in there.items() if survey in surveys}
    return found


def _document(history: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the state document after the last step that succeeded (a caught error leaves another output)."""
    document: dict[str, Any] = {}
    for event in history:
        left = event.get("stateExitedEventDetails", {})
        if left.get("name", "").lower() in STEPS:
            output = json.loads(left.get("output", "{}"))
            document = output if left["name"].lower() in output else document
    return document


def _steps(history: list[dict[str, Any]]) -> tuple[str, dict[str, float]]:
    """Return the step that runs now and the seconds of each step that was entered, retries included."""
    entered: dict[str, datetime] = {}
    seconds: dict[str, float] = {}
    current = "admitted"
    for event in history:
        name = event.get("stateEnteredEventDetails", {}).get("name", "").lower()
        if name in STEPS:
            current, entered[name] = name, event["timestamp"]
        left = event.get("stateExitedEventDetails", {}).get("name", "").lower()
        if left in entered:
            seconds[left] = (event["timestamp"] - entered[left]).total_seconds()
    if current in entered and current not in seconds:
        seconds[current] = (history[-1]["timestamp"] - entered[current]).total_seconds()
    return current, seconds
