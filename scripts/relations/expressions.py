"""What the expressions of a state machine give: evaluated with examples, and held to what services and code return."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session

from local.moto_gaps.jsonata import evaluate
from scripts.deployment import Deployment, Json, walk
from scripts.relations import code
from scripts.relations.flow import flows
from scripts.relations.integrations import INTEGRATION, machines
from scripts.relations.paper import Stack
from scripts.state_machine_rules import tasks

_NAME = re.compile(r"[0-9A-Za-z_-]{1,80}")  # StartExecution refuses some others, and CloudWatch shows these alone
_LISTED = {"Key", "Size", "ETag", "LastModified", "StorageClass"}  # of an object in a distributed map's listing
_SERVICES = {"sfn": "stepfunctions", "states": "stepfunctions"}  # where botocore has another name
_ENDED = {"SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"}


def names_of_executions_are_taken(d: Deployment, stack: Stack) -> Iterator[str]:
    """A name has 80 characters at most, differs from event to event, and is the same for an event that comes twice."""
    for machine in machines(d, stack):
        express = stack.properties(machine.name).get("StateMachineType") == "EXPRESS"
        for node in walk(machine.definition):
            if not (isinstance(node.get("Name"), str) and "StateMachineArn" in node):
                continue
            try:
                name, again, other, repeated = (
                    str(evaluate(node["Name"][2:-2], _example(*words)))
                    for words in (("a", "a"), ("a", "a"), ("b", "b"), ("a", "b"))
                )
            except Exception as error:
                yield f"{machine.name}: the name {node['Name'][:60]} cannot be worked out ({error})"
                continue
            if not _NAME.fullmatch(name):
                yield f"{machine.name}: starts an execution as '{name}' ({len(name)} characters), which is refused"
            if name != again:
                yield f"{machine.name}: an event that comes twice starts two executions, '{name}' and '{again}'"
            if name == other:
                yield f"{machine.name}: a second event about a photograph has the first one's name, and starts nothing"
            if express and name != repeated:
                yield f"{machine.name}: an event that is delivered twice starts two executions"


def _example(event: str, execution: str) -> Json:
    """Return variables of a state: a key of the greatest length, and what one event or execution differs by."""
    key = "2024-" + "Île/€" * 200 + ".jpg"
    thing = {"bucket": {"name": "raw"}, "object": {"key": key, "version-id": event * 40, "sequencer": event * 30}}
    run = {"Id": f"arn:aws:states:eu-west-1:123456789012:execution:m:{execution * 80}", "Name": execution * 80}
    given = {"bucket": "raw", "key": key, "run": event * 80, "id": event * 36, "detail": thing}
    return {
        "states": {
            "input": {**given, "input": {"bucket": "raw", "key": key}},
            "context": {"Execution": {**run, "RedriveCount": 999}, "Map": {"Item": {"Value": {"key": key}}}},
        },
        "photograph": {"bucket": "raw", "key": key, "version_id": "v"},
        "asked_by": event * 80,
    }


def ended_runs_are_known(d: Deployment, stack: Stack) -> Iterator[str]:
    """Where a state asks whether a run has ended, every way to end counts, and a run that goes on does not."""
    for uri, machine in d.machines.items():
        for name, state in tasks(machine):
            output = str(state.get("Output", ""))
            if "describeExecution" not in state["Resource"] or "'ended'" not in output:
                continue
            for status in sorted({*_ENDED, "RUNNING"}):
                found = evaluate(output[2:-2], {"states": {"input": "a run", "result": {"Status": status}}})
                if found.get("ended") is not (status in _ENDED):
                    yield f"{uri}: '{name}' takes a run that is {status} for one that has {_not(found)}ended"


def _not(found: Json) -> str:
    return "" if found.get("ended") else "not "


def results_have_what_is_read(d: Deployment, stack: Stack) -> Iterator[str]:
    """What a state reads of a result is there: in a function's return, a service's answer, a listing."""
    for machine in machines(d, stack):
        for name, state in tasks(machine.definition):
            text = json.dumps([state.get("Output"), state.get("Assign")])
            function = _function(d, machine.substitutions, state, stack)
            known = _returned(d, function) if function else _answer(str(state["Resource"]))
            read = r"\$states\.result\.Payload\.(\w+)" if function else r"\$states\.result\.(\w+)"
            for field in sorted(set(re.findall(read, text)) - known) if known else ():
                yield f"{machine.name}: '{name}' reads {field} of a result that has {sorted(known)}"
        for node in walk(machine.definition):
            reader = node.get("ItemReader", {}).get("Resource", "")
            selected = json.dumps(node.get("ItemSelector", {})) if "listObjects" in reader else ""
            for field in sorted(set(re.findall(r"Map\.Item\.Value\.(\w+)", selected)) - _LISTED):
                yield f"{machine.name}: a listing has no {field}"
    yield from _handed_on(d, stack)


def _handed_on(d: Deployment, stack: Stack) -> Iterator[str]:
    """A state after one that hands on a function's return, and nothing else, reads what the function returns."""
    substitutions = {m.name: m.substitutions for m in machines(d, stack)}
    for name, given in substitutions.items():
        uri = d.template["Resources"][name]["Properties"]["DefinitionUri"]
        for file, _, states in flows(d):
            for state in states.values() if file == uri else ():
                function = _function(d, given, state, stack)
                following = states.get(state.get("Next", ""), {})
                if function is None or state.get("Output") != "{% $states.result.Payload %}":
                    continue
                text = json.dumps([following.get("Items"), following.get("ItemSelector")])
                for field in sorted(set(re.findall(r"\$states\.input\.(\w+)", text)) - _returned(d, function)):
                    yield f"{name}: '{state['Next']}' reads {field}, which {function} does not return"


def _function(d: Deployment, given: dict[str, str], state: Json, stack: Stack) -> str | None:
    """Return the package of the function that a state calls."""
    arguments = state.get("Arguments")
    called = str(arguments.get("FunctionName", "")) if isinstance(arguments, dict) else ""
    name = stack.named(str(given.get(called[2:-1], "")))
    return code.package(stack.properties(name)) if name else None


def _returned(d: Deployment, package: str) -> set[str]:
    """Return the names in what a package's functions return: keys of dicts, fields of dataclasses."""
    found: set[str] = set()
    for path in sorted((d.root / "functions" / package).glob("*.py")):
        found |= _names_in(d.read(str(path.relative_to(d.root))))
    return found | _names_in(d.read("functions/reefsteps/results.py"))


@cache
def _names_in(text: str) -> frozenset[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef):
            found |= {n.target.id for n in node.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)}
        if isinstance(node, ast.Return | ast.Assign) and node.value is not None:
            dicts = [part for part in ast.walk(node.value) if isinstance(part, ast.Dict)]
            found |= {str(key.value) for part in dicts for key in part.keys if isinstance(key, ast.Constant)}
    return frozenset(found)


def arguments_are_known(d: Deployment, stack: Stack) -> Iterator[str]:
    """A service's call has the arguments that the service knows, and all that it needs."""
    for uri, machine in d.machines.items():
        for name, state in tasks(machine):
            shape, arguments = _shape(str(state["Resource"])), state.get("Arguments")
            if shape is None or shape.input_shape is None or not isinstance(arguments, dict):
                continue
            known = {_capital(member): member for member in shape.input_shape.members}
            needed = {_capital(member) for member in shape.input_shape.required_members}
            for field in sorted(arguments.keys() - known.keys()):
                yield f"{uri}: '{name}' gives {field}, which {shape.name} does not take"
            for field in sorted(needed - arguments.keys()):
                yield f"{uri}: '{name}' does not give {field}, which {shape.name} needs"


def _shape(resource: str) -> Any:
    parsed = INTEGRATION.fullmatch(resource)
    if parsed is None or parsed[1] in ("lambda",):
        return None
    model = _model(_SERVICES.get(parsed[1], parsed[1]))
    return model.operation_model(_capital(parsed[2]))


def _answer(resource: str) -> set[str]:
    parsed = INTEGRATION.fullmatch(resource)
    if parsed and parsed[3].startswith(".sync"):
        resource = resource.replace("startExecution", "describeExecution").replace(parsed[3], "")
    shape = _shape(resource)
    return {_capital(member) for member in shape.output_shape.members} if shape and shape.output_shape else set()


@cache
def _model(service: str) -> Any:
    return botocore.session.get_session().get_service_model(service)


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]


def metadata_are_those_of_the_code(d: Deployment, stack: Stack) -> Iterator[str]:
    """A name of an object's metadata that a state asks for is one that the code writes."""
    for uri, machine in d.machines.items():
        for name in sorted(set(re.findall(r"Metadata, '([\w-]+)'", json.dumps(machine, ensure_ascii=False)))):
            written = {code.constant(d, "functions/reefsteps/copies.py", "STARTS_NO_RUN")}
            if name not in written:
                yield f"{uri}: asks for the metadata '{name}', and the code writes {', '.join(sorted(written))}"
