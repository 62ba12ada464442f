"""Runs that have ended, and a Step Functions that knows them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from reefsteps.retries import PastRun, readable_key

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def run(
    key: str, status: str = "FAILED", error: str | None = "Runtime.ExitError", *, minute: int = 0, **fields: Any
) -> PastRun:
    """Return a run of a photograph."""
    given = {"bucket": "raw", "key": key, "version_id": "v1", **fields.pop("input", {})}
    started_at = NOON + timedelta(minutes=minute)
    return PastRun(f"{readable_key(key)}-{minute}", status, started_at, given, error, fields.pop("step", "reframing"))


class StepFunctions:
    """Step Functions as far as a retry uses it: names are kept, lists are newest first, one status a list."""

    class exceptions:  # noqa: N801 - boto3's own name
        class ExecutionAlreadyExists(Exception):  # noqa: N818 - boto3's own name
            """The name is taken."""

    def __init__(self, runs: list[PastRun]) -> None:
        self.runs = {past.name: past for past in runs}
        self.described: list[str] = []

    def get_paginator(self, _operation: str) -> StepFunctions:
        return self

    def paginate(self, *, statusFilter: str, **_options: Any) -> list[dict[str, Any]]:  # noqa: N803 - the API's name
        found = sorted(self.runs.values(), key=lambda past: past.started_at, reverse=True)
        return [
            {"executions": [{"executionArn": past.name, "name": past.name, "startDate": past.started_at}]}
            for past in found
            if past.status == statusFilter
        ]

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803 - the API's name
        self.described.append(executionArn)
        past = self.runs[executionArn]
        answer = {"name": past.name, "status": past.status, "startDate": past.started_at}
        return {**answer, "input": json.dumps(dict(past.input)), "error": past.error, "cause": '{"errorMessage": "no"}'}

    def get_execution_history(self, **_options: Any) -> dict[str, Any]:
        entered = {"stateEnteredEventDetails": {"name": "Segmentation"}}
        return {"events": [{"id": 9, "type": "ExecutionFailed"}, {"id": 7, **entered}]}

    def start_execution(self, *, name: str, input: str, **_options: Any) -> None:
        if name in self.runs:
            raise self.exceptions.ExecutionAlreadyExists
        self.runs[name] = PastRun(name, "RUNNING", NOON + timedelta(hours=1), json.loads(input))
