"""The way through a state machine: what success, a choice and a caught error lead to."""

from __future__ import annotations

from collections.abc import Iterator

from scripts.deployment import Deployment, Json, walk
from scripts.relations.paper import Stack

_PASSING = ("SdkClientException", "TaskFailed", "ServiceException", "ALL")


def flows(d: Deployment) -> Iterator[tuple[str, str, Json]]:
    """Yield each flow of a state machine: its file, where it starts, its states."""
    for uri, machine in d.machines.items():
        for node in walk(machine):
            if "StartAt" in node and isinstance(node.get("States"), dict):
                yield uri, node["StartAt"], node["States"]


def every_state_has_a_use(d: Deployment, stack: Stack) -> Iterator[str]:
    """Each state is reached, and each choice decides something."""
    for uri, start, states in flows(d):
        reached, waiting = {start}, [start]
        while waiting:
            state = states.get(waiting.pop(), {})
            for target in {*_on(state), *(c["Next"] for c in state.get("Catch", []))} - reached:
                reached.add(target)
                waiting.append(target)
        for name in sorted(states.keys() - reached):
            yield f"{uri}: nothing leads to '{name}'"
        for name, state in states.items():
            ways = {choice["Next"] for choice in state.get("Choices", [])}
            if state.get("Type") == "Choice" and len({*ways, state.get("Default")}) < 2:
                yield f"{uri}: whatever '{name}' asks, '{state.get('Default')}' follows"


def success_ends_in_success(d: Deployment, stack: Stack) -> Iterator[str]:
    """A state that did its work does not lead to a failure, unless it is there to note one."""
    for uri, start, states in flows(d):
        after_success, waiting = {start}, [start]
        while waiting:
            name = waiting.pop()
            state = states.get(name, {})
            following = {state.get("Next"), state.get("Default")} - {None}
            for target in following:
                if states.get(str(target), {}).get("Type") == "Fail" and "failure" not in state.get("Assign", {}):
                    yield f"{uri}: '{name}' does its work, and ends in '{target}'"
            for target in set(_on(state)) - after_success:
                after_success.add(target)
                waiting.append(target)


def repeats_are_no_failures(d: Deployment, stack: Stack) -> Iterator[str]:
    """What exists already was started by the same event before: that is no fault."""
    for uri, _, states in flows(d):
        for name, state in states.items():
            for catcher in state.get("Catch", []):
                exists = any("AlreadyExists" in error for error in catcher["ErrorEquals"])
                if exists and states.get(catcher["Next"], {}).get("Type") != "Succeed":
                    yield f"{uri}: '{name}' leads to '{catcher['Next']}' for an event that came twice"


def services_are_asked_again(d: Deployment, stack: Stack) -> Iterator[str]:
    """A call of a service that is busy is repeated."""
    for uri, _, states in flows(d):
        for name, state in states.items():
            retried = [error for retrier in state.get("Retry", []) for error in retrier["ErrorEquals"]]
            if state.get("Type") == "Task" and not any(error.endswith(_PASSING) for error in retried):
                yield f"{uri}: '{name}' gives up when the service is busy"


def _on(state: Json) -> list[str]:
    ways = [state.get("Next"), state.get("Default"), *(choice["Next"] for choice in state.get("Choices", []))]
    return [str(way) for way in ways if way]
