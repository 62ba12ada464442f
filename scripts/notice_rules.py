"""Rules about who is told how an execution ended."""

from __future__ import annotations

import json
from collections.abc import Iterator

from reefsteps.errors import REFUSALS
from scripts.deployment import Deployment, Json, listed


def refusals_are_quiet(d: Deployment) -> Iterator[str]:
    """Who is told of a run's end follows from the errors of the code: each error counts once, as refusal or failure."""
    details = {name: r["EventPattern"]["detail"] for name, r in _rules_about_executions(d).items()}
    refused = details.get("RefusedRuns", {}).get("error", [])
    if set(refused) != REFUSALS:
        yield f"RefusedRuns: counts {refused}, but the photograph is at fault for {sorted(REFUSALS)}"
    others = {*refused, *details.get("DatabaseGaveUp", {}).get("error", [])}
    excepted = [
        e["anything-but"] for e in details.get("FailedRuns", {}).get("error", []) if "anything-but" in (e or {})
    ]
    if [set(listed(names)) for names in excepted] != [others]:
        yield f"FailedRuns: leaves out {excepted}, but other rules take {sorted(others)}"
    told = {name for detail in details.values() for name in map(json.dumps, detail["stateMachineArn"])}
    for name, machine in d.resources("AWS::StepFunctions::StateMachine").items():
        if machine["StateMachineType"] == "STANDARD" and json.dumps({"Ref": name}) not in told:
            yield f"{name}: nobody is told when its executions fail"


def _rules_about_executions(d: Deployment) -> dict[str, Json]:
    rules = d.resources("AWS::Events::Rule").items()
    return {name: rule for name, rule in rules if rule.get("EventPattern", {}).get("source") == ["aws.states"]}
