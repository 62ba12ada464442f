"""Each way to lose the places of runs, applied to a copy of the deployment, is seen by the rule about them."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from scripts.admission_rules import places_come_back
from scripts.deployment import Deployment, expand

Json = dict[str, Any]
Change = Callable[[Json, Json], None]


def event(name: str) -> Callable[[Json], Json]:
    return lambda template: template["Resources"]["GivePlaces"]["Properties"]["Events"][name]["Properties"]


def unheard(status: str) -> Change:
    return lambda template, _: event("RunEnded")(template)["Pattern"]["detail"]["status"].remove(status)


def without(name: str) -> Change:
    def change(template: Json, _: Json) -> None:
        del template["Resources"]["GivePlaces"]["Properties"]["Events"][name]

    return change


def limit(machine: str, value: Any) -> Change:
    def change(template: Json, _: Json) -> None:
        template["Resources"][machine]["Properties"]["DefinitionSubstitutions"]["RunsAtOnce"] = value

    return change


MUTANTS: dict[str, tuple[Change, str]] = {
    "no place taken": (lambda _, m: m.update(StartAt="Where to start"), "without having taken a place"),
    "no limit": (
        lambda _, m: m["States"]["Take a place"]["Arguments"].update(ConditionExpression="attribute_exists(holders)"),
        "without having taken a place",
    ),
    "full means failure": (lambda _, m: m["States"]["Take a place"].pop("Catch"), "does not wait for one"),
    "full means go on": (
        lambda _, m: m["States"]["Take a place"]["Catch"][0].update(Next="Where to start"),
        "does not wait for one",
    ),
    "a lost row": (lambda _, m: m["States"]["Wait in line"].pop("TimeoutSeconds"), "waits for ever"),
    "a lost row is a failure": (lambda _, m: m["States"]["Wait in line"]["Retry"].pop(0), "waits for ever"),
    "stopped runs": (unheard("ABORTED"), "end as ABORTED"),
    "timed out runs": (unheard("TIMED_OUT"), "end as TIMED_OUT"),
    "redriven runs": (without("RunRedriven"), "redriven"),
    "lost events": (without("EachMinute"), "best effort"),
    "a fixed limit": (limit("Pipeline", 10), "other numbers"),
    "two limits": (limit("GivePlaces", {"Ref": "WorkerConcurrency"}), "other numbers"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_rule_sees(name: str, deployment: Deployment) -> None:
    change, words = MUTANTS[name]
    template, machines = copy.deepcopy(deployment.template), copy.deepcopy(deployment.machines)
    change(template, machines["statemachine/pipeline.asl.json"])
    broken = replace(deployment, template=template, machines=machines, expanded=expand(template))
    assert any(words in fault for fault in places_come_back(broken))
