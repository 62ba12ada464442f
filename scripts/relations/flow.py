"""The way through a state machine: what success, a choice and a caught error lead to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from reefsteps.steps import STEPS
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
                if exists and not _can_succeed(states, catcher["Next"]):
                    yield f"{uri}: '{name}' leads to '{catcher['Next']}' for an event that came twice"


def _can_succeed(states: Json, start: str) -> bool:
    reached, waiting = {start}, [start]
    while waiting:
        state = states.get(waiting.pop(), {})
        if state.get("Type") == "Succeed" or state.get("End"):
            return True
        for target in set(_on(state)) - reached:
            reached.add(target)
            waiting.append(target)
    return False


def services_are_asked_again(d: Deployment, stack: Stack) -> Iterator[str]:
    """A call of a service that is busy is repeated."""
    for uri, _, states in flows(d):
        for name, state in states.items():
            retried = [error for retrier in state.get("Retry", []) for error in retrier["ErrorEquals"]]
            if state.get("Type") == "Task" and not any(error.endswith(_PASSING) for error in retried):
                yield f"{uri}: '{name}' gives up when the service is busy"


def waits_are_ended(d: Deployment, stack: Stack) -> Iterator[str]:
    """A state that waits for a token hands one out, and no express execution waits."""
    for uri, _, states in flows(d):
        for name, state in states.items():
            waits = str(state.get("Resource", "")).endswith(".waitForTaskToken")
            if waits and "$states.context.Task.Token" not in json.dumps(state.get("Arguments", {})):
                yield f"{uri}: '{name}' waits for a token that it gives to nobody"
            begins = str(state.get("Resource", "")).endswith(":startExecution")
            if begins and "$states.result" in json.dumps([state.get("Output"), state.get("Assign")]):
                yield f"{uri}: '{name}' reads the result of an execution that it does not wait for"
            processor = state.get("ItemProcessor", {})
            express = processor.get("ProcessorConfig", {}).get("ExecutionType") == "EXPRESS"
            if express and re.search(r"\.sync|waitForTaskToken", json.dumps(processor)):
                yield f"{uri}: the children of '{name}' wait, which express executions cannot"


def functions_get_the_whole_input(d: Deployment, stack: Stack) -> Iterator[str]:
    """A function that begins a machine gets its input as it came; an action is one that the handler knows."""
    for uri, start, states in flows(d):
        first = states.get(start, {})
        payload = first.get("Arguments", {}).get("Payload") if first.get("Type") == "Task" else None
        whole = payload == "{% $states.input %}" or '"{% $states.input %}"' in json.dumps(payload)
        merged = isinstance(payload, str) and "$merge([$states.input" in payload
        if payload is not None and not whole and not merged:
            yield f"{uri}: '{start}' does not hand on what started the execution"
        for name, state in states.items():
            for action in re.findall(r"[\"']action[\"']: [\"'](\w+)[\"']", json.dumps(state.get("Arguments", {}))):
                if name.lower().replace(" ", "_") != action:
                    yield f"{uri}: '{name}' asks for the action {action}"


def defaults_are_steps(d: Deployment, stack: Stack) -> Iterator[str]:
    """A step to start at, where nobody names one, exists."""
    for uri, machine in d.machines.items():
        for node in walk(machine):
            for word in re.findall(r"'(\w+)'", str(node.get("start_at", ""))):
                if word not in STEPS:
                    yield f"{uri}: starts at {word}, which is no step"


def _on(state: Json) -> list[str]:
    ways = [state.get("Next"), state.get("Default"), *(choice["Next"] for choice in state.get("Choices", []))]
    return [str(way) for way in ways if way]
