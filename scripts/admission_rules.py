"""Rules about the places of runs: who takes one, who gives it back, and by what number.

docs/decisions/places-and-a-line.md says why.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from scripts.deployment import Deployment, Json, listed

# What a line may take: 10,000 photographs keep ten functions busy for three hours, 100,000 for more than a day.
_LONGEST_LINE_S = 3 * 86_400
_ENDS = {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}
_PIPELINE, _PLACES = "statemachine/pipeline.asl.json", "statemachine/places.asl.json"


def places_come_back(d: Deployment) -> Iterator[str]:
    """Each run takes a place before its first step, and every way in which it can end gives the place on."""
    pipeline = d.machines.get(_PIPELINE, {})
    states = pipeline.get("States", {})
    first = states.get(pipeline.get("StartAt", ""), {})
    if "size(holders) < :runs_at_once" not in json.dumps(first):
        yield f"{_PIPELINE}: a run calls Lambda without having taken a place"
    waits = [catcher["Next"] for catcher in first.get("Catch", [])]
    tokens = [name for name in waits if states.get(name, {}).get("Resource", "").endswith(".waitForTaskToken")]
    if not tokens:
        yield f"{_PIPELINE}: a run that gets no place does not wait for one"
    for name in tokens:
        again = {error for retrier in states[name].get("Retry", []) for error in retrier["ErrorEquals"]}
        if "TimeoutSeconds" not in states[name] or "States.Timeout" not in again:
            yield f"{_PIPELINE}: {name} waits for ever when its row is lost"
        yield from _patience_faults(name, states[name], pipeline)
    rules = d.resources("AWS::Events::Rule").values()
    heard = {status for rule in rules if _reaches(rule, "GivePlaces") for status in _statuses(rule)}
    for status in sorted(_ENDS - heard):
        yield f"GivePlaces: does not hear of runs that end as {status}, so that their places are idle for a minute"
    if "RUNNING" not in heard:
        yield "GivePlaces: does not hear of redriven runs"
    if not any("ScheduleExpression" in rule and _reaches(rule, "GivePlaces") for rule in rules):
        yield "GivePlaces: does not look by itself, and Step Functions sends its events with best effort alone"
    given = [
        machine["Properties"]["DefinitionSubstitutions"].get("RunsAtOnce")
        for name, machine in d.template["Resources"].items()
        if name in ("Pipeline", "GivePlaces")
    ]
    if given != [{"Ref": "RunsAtOnce"}] * 2:
        yield "Pipeline and GivePlaces: go by other numbers of runs at once than the parameter RunsAtOnce"


def _patience_faults(name: str, state: Json, pipeline: Json) -> Iterator[str]:
    """Each time-out of a run in line is one attempt: together they last as long as the run itself may."""
    retriers = [retrier for retrier in state.get("Retry", []) if "States.Timeout" in retrier["ErrorEquals"]]
    waits_s = state.get("TimeoutSeconds", 0) * (1 + sum(retrier.get("MaxAttempts", 3) for retrier in retriers[:1]))
    limit_s = pipeline.get("TimeoutSeconds", float("inf"))
    if limit_s < _LONGEST_LINE_S:
        yield f"{_PIPELINE}: a run ends after {limit_s} s, while others of a large upload still wait in line"
    if state.get("TimeoutSeconds") and waits_s < min(limit_s, _LONGEST_LINE_S):
        yield f"{_PIPELINE}: {name} gives up after {waits_s} s in line, before the run's own limit"


def _reaches(rule: Json, machine: str) -> bool:
    return any(target["Arn"] == {"Ref": machine} for target in rule["Targets"])


def _statuses(rule: Json) -> list[str]:
    detail = rule.get("EventPattern", {}).get("detail", {})
    return listed(detail["status"]) if detail.get("stateMachineArn") == [{"Ref": "Pipeline"}] else []
