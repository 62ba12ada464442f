"""``python -m local relabel``: a CSV list of other names, sizes and facts, carried out by the stack's state machine."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from frontend.domain.relabel_preview import Preview, preview, results_of
from local.provision import Clients
from local.stack_info import StackInfo
from reefsteps.coverage_queries import coverage_rows
from reefsteps.database import Database
from reefsteps.errors import RelabelRefusedError
from reefsteps.execution_status import ExecutionStatus
from reefsteps.relabel_list import read_wishes
from reefsteps.relabel_queries import RelabelledPhoto, relabelled_photos
from reefsteps.relabel_states import DONE
from reefsteps.relabelling import MOST_CHANGES, Change
from reefsteps.surveys import SurveyKey, survey_of

_POLL_S = 0.2

Say = Callable[[str], None]


def relabel(info: StackInfo, path: Path, *, agree: Callable[[str], bool], say: Say) -> bool:
    """Show what the list would change, ask, and change it; returns whether every line was done.

    Raises SpreadsheetError for a list that cannot be read, RelabelRefusedError where nothing could be started.
    """
    wishes = read_wishes(path.read_bytes(), path.name)
    clients, database = Clients(info.endpoint, info.region), Database(info.database_url)
    with database.read() as connection:
        results = results_of(coverage_rows(connection))
    seen = preview(wishes, results, _photographs(clients, info.buckets["RawBucket"]), _under_way(clients, info))
    _show(seen, say)
    if seen.too_many:
        raise RelabelRefusedError(f"That is more than {MOST_CHANGES} changes at once: split the list.")
    if not seen.changes:
        return False
    if not agree(f"Change {len(seen.changes)}? [y/N] "):
        say("Nothing was changed.")
        return False
    name = f"list-{datetime.now(UTC).strftime('%Y%m%dT%H%M%S%f')}"
    failure = _carry_out(clients, info.state_machines["Relabel"], name, seen)
    with database.read() as connection:
        photos = relabelled_photos(connection, name)
    done = [photo for photo in photos if photo.state == DONE]
    say(f"{len(done)} of {len(seen.changes)} changed. The page's Surveys view lists them, and takes them back.")
    for photo in photos:
        if photo.state != DONE:
            say(f"Not changed: {photo.old}: {_why(photo)}")
    if failure:
        raise RelabelRefusedError(failure)
    return len(done) == len(seen.changes) and not seen.refused and not seen.unmatched


def _photographs(clients: Clients, bucket: str) -> dict[SurveyKey, tuple[str, ...]]:
    found: dict[SurveyKey, tuple[str, ...]] = {}
    for page in clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for item in page.get("Contents", []):
            survey = survey_of(item["Key"])
            if survey is not None:
                found[survey] = (*found.get(survey, ()), item["Key"])
    return found


def _under_way(clients: Clients, info: StackInfo) -> set[SurveyKey]:
    found: set[SurveyKey | None] = set()
    machine = info.state_machines["Pipeline"]
    pages = clients.stepfunctions.get_paginator("list_executions").paginate(
        stateMachineArn=machine, statusFilter=ExecutionStatus.RUNNING
    )
    for item in (item for page in pages for item in page["executions"]):
        described = clients.stepfunctions.describe_execution(executionArn=item["executionArn"])
        found.add(survey_of(str(json.loads(described["input"]).get("key", ""))))
    return {survey for survey in found if survey is not None}


def _show(seen: Preview, say: Say) -> None:
    for change in seen.changes:
        say(f"{_words(change)}{'  (' + seen.notes[change.old] + ')' if change.old in seen.notes else ''}")
    for refusal in seen.refused:
        say(f"Cannot be changed: {refusal.what}: {refusal.why}")
    for refusal in seen.unmatched:
        say(f"Matches nothing: {refusal.what}: {refusal.why}")
    say(
        f"{len(seen.changes)} will change, {len(seen.refused)} cannot, "
        f"{len(seen.unmatched)} lines of the list match nothing."
    )


def _words(change: Change) -> str:
    parts = [str(change.old)]
    parts += [f"-> {change.new}"] if change.new != change.old else []
    parts += [f"{change.size} cm"] if change.size else []
    parts += [f"{name} = {'nothing' if value is None else value}" for name, value in change.fields.items()]
    return "  ".join(parts)


def _carry_out(clients: Clients, machine: str, name: str, seen: Preview) -> str | None:
    """Run the state machine to its end; returns why it failed, None if it did not."""
    body = json.dumps({"changes": [change.to_json() for change in seen.changes], "requested_by": "command line"})
    started = clients.stepfunctions.start_execution(stateMachineArn=machine, name=name, input=body)
    while True:
        described = clients.stepfunctions.describe_execution(executionArn=started["executionArn"])
        if described["status"] != ExecutionStatus.RUNNING:
            break
        time.sleep(_POLL_S)
    status = described["status"]
    return None if status == ExecutionStatus.SUCCEEDED else str(described.get("cause") or status)


def _why(photo: RelabelledPhoto) -> str:
    return photo.reason or "It is not finished: the page Surveys can continue it."
