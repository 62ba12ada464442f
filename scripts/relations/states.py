"""State machines against the code that they call: steps, errors, waits, expressions, what executions are given."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session
from jsonata import Jsonata

from reefsteps import errors
from reefsteps.document import Execution, PipelineInput
from reefsteps.steps import STEPS
from scripts.deployment import Deployment, Json, walk
from scripts.relations import code
from scripts.relations.paper import Stack
from scripts.state_machine_rules import AFTER_IDLE_WEEKS, TRANSIENT, tasks

PIPELINE = "statemachine/pipeline.asl.json"
_EXPRESS_S = 300
_EXECUTION = {"id": "Execution.Id", "name": "Execution.Name", "started_at": "Execution.StartTime"}
_STARTED_BY = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID"

# Errors that no service model lists: Step Functions' own, Lambda's for what happened to a process (both guides), and
# botocore's, which a handler lets go.
_OTHER_ERRORS = {
    "Sandbox.Timedout",
    "Runtime.ExitError",
    "Runtime.OutOfMemory",
    "Lambda.Unknown",
    "Lambda.AWSLambdaException",
    "Lambda.ClientExecutionTimeoutException",
    "States.ALL",
    "States.TaskFailed",
    "States.Timeout",
    "States.HeartbeatTimeout",
    "States.Permissions",
    "States.DataLimitExceeded",
    "States.Runtime",
    "States.QueryEvaluationError",
    "States.ExceedToleratedFailureThreshold",
    "States.ItemReaderFailed",
    "States.ResultWriterFailed",
    "ClientError",
    "EndpointConnectionError",
    "ConnectionClosedError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
}
_SERVICES = {"Lambda": "lambda", "S3": "s3", "StepFunctions": "stepfunctions", "Sfn": "stepfunctions"}
_SERVICES |= {
    "Sqs": "sqs",
    "SQS": "sqs",
    "Sns": "sns",
    "DynamoDb": "dynamodb",
    "DynamoDB": "dynamodb",
    "EventBridge": "events",
}

# What waiting has to outlast, in seconds: half of a sum where every wait is drawn from zero up (FULL jitter).
_LEAST_WAIT_S = {
    "DatabaseUnavailableError": 120,  # Aurora wakes in 15 to 30 s, and longer after a day
    "ModelNotReadyError": 150,  # a conversion that runs
    "Lambda.TooManyRequestsException": 600,  # photographs that were sent before this one
    **dict.fromkeys(TRANSIENT, 10),
    **dict.fromkeys(AFTER_IDLE_WEEKS, 110),
}

_FUNCTIONS = frozenset(  # JSONata's own, and `states`, which Step Functions adds
    """
    abs append assert average base64decode base64encode boolean ceil clone contains count decodeUrl
    decodeUrlComponent distinct each encodeUrl encodeUrlComponent error eval exists filter floor formatBase
    formatInteger formatNumber fromMillis hash join keys length lookup lowercase map match max merge millis min
    not now number pad parse parseInteger partition power random range reduce replace reverse round shuffle sift
    single sort split spread sqrt string substring substringAfter substringBefore sum toMillis trim type
    uppercase uuid zip states
    """.split()  # noqa: SIM905
)


def steps_follow_each_other(d: Deployment, stack: Stack) -> Iterator[str]:
    """Each step's state gives its own function the document, keeps the result under its name, and goes on."""
    states = d.machines.get(PIPELINE, {}).get("States", {})
    names = {name.lower(): name for name in states}
    for step, following in zip(STEPS, [*STEPS[1:], "done"], strict=True):
        state = states.get(names.get(step, ""), {})
        where = f"{PIPELINE}: {step}"
        if state.get("Next", "").lower() != following:
            yield f"{where}: is followed by {state.get('Next')}, not by {following}"
        arguments = state.get("Arguments", {})
        if arguments.get("FunctionName") != f"${{{step.capitalize()}FunctionArn}}":
            yield f"{where}: calls {arguments.get('FunctionName')}"
        if arguments.get("Payload") != "{% $states.input %}":
            yield f"{where}: its function does not get the state document"
        if f"{{'{step}': $states.result.Payload}}" not in state.get("Output", ""):
            yield f"{where}: its result is not kept under its name, where the code looks for it"
        if "$merge([$states.input" not in state.get("Output", ""):
            yield f"{where}: what earlier steps left is dropped"
        choices = [c for s in states.values() for c in s.get("Choices", []) if f"= '{step}'" in c["Condition"]]
        if [choice["Next"].lower() for choice in choices] != [step]:
            yield f"{where}: start_at '{step}' leads to {[choice['Next'] for choice in choices]}"
        yield from _ways_out(where, state, states)


def _ways_out(where: str, state: Json, states: Json) -> Iterator[str]:
    """A refusal ends in the failure path, an overtaken run in success, a photograph without quadrat in coverage."""
    ends = {"SupersededError": "Succeed", "NoQuadratError": "Task", "PhotoDeletedError": "Task"}
    ends |= dict.fromkeys(errors.REFUSALS, "Fail")
    for catcher in state.get("Catch", []):
        for error in catcher["ErrorEquals"]:
            target, output = _end_of(states, catcher["Next"], error)
            if error in ends and states.get(target, {}).get("Type") != ends[error]:
                yield f"{where}: {error} leads to {target}"
            if error == "NoQuadratError" and target.lower() != "coverage":
                yield f"{where}: {error} leads to {target}, and not to coverage, which withdraws the result"
            kept = "$states.input" in catcher.get("Output", "") and "$merge([$states.input" in output
            if ends.get(error) != "Fail" and not kept:
                yield f"{where}: {error} drops the document"


def _end_of(states: Json, name: str, error: str) -> tuple[str, str]:
    """Return the state to which a caught error leads, and what the choice on the way makes of the document."""
    output = ""
    for _ in states:
        state = states.get(name, {})
        if state.get("Type") == "Choice":
            choice = next((c for c in state["Choices"] if f"'{error}'" in c["Condition"]), {"Next": state["Default"]})
            name, output = choice["Next"], choice.get("Output", "")
        elif state.get("Type") == "Pass":
            name = state["Next"]
        else:
            break
    return name, output


def errors_exist(d: Deployment, stack: Stack) -> Iterator[str]:
    """Every error that is retried or caught is one that the code or AWS raises."""
    own = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, Exception)}
    for uri, machine in d.machines.items():
        for node in walk(machine):
            for error in node.get("ErrorEquals", []):
                if error not in own | _OTHER_ERRORS and error not in _of_service(error.partition(".")[0]):
                    yield f"{uri}: nobody raises {error}"


@cache
def _of_service(prefix: str) -> frozenset[str]:
    """Return the errors of a service as Step Functions names them (those of AWS's SDK for Java)."""
    if prefix not in _SERVICES:
        return frozenset()
    model = botocore.session.get_session().get_service_model(_SERVICES[prefix])
    shapes = [name for name in model.shape_names if model.shape_for(name).metadata.get("exception")]
    names = {name if name.endswith("Exception") else f"{name}Exception" for name in shapes}
    names |= {"SdkClientException", f"AWS{prefix}Exception", f"{prefix}Exception"}
    return frozenset(f"{prefix}.{name}" for name in names)


def waits_are_long_enough(d: Deployment, stack: Stack) -> Iterator[str]:
    """Retries outlast what they wait for, and a machine's own limit outlasts them."""
    for name, resource in stack.of("AWS::StepFunctions::StateMachine").items():
        uri = d.template["Resources"].get(name, {}).get("Properties", {}).get("DefinitionUri", "")
        machine = d.machines.get(uri, {})
        longest, working, waits = 0.0, 0.0, 0.0
        for state_name, state in tasks(machine):
            working += _seconds(state.get("TimeoutSeconds", 0))
            retriers = state.get("Retry", [])
            for number, retrier in enumerate(retriers):
                rest = {error for later in retriers[number + 1 :] for error in later["ErrorEquals"]}
                if retrier.get("MaxAttempts") == 0 and rest & {"States.TaskFailed", "States.ALL"}:
                    continue  # an exception from the retrier that takes every error
                yield from _retrier_faults(f"{uri}: {state_name}", retrier)
                expected_s = _wait_s(retrier) * _share(retrier)
                longest, waits = max(longest, expected_s), waits + _wait_s(retrier)
        limit = machine.get("TimeoutSeconds")
        if resource.properties.get("StateMachineType") == "EXPRESS":
            if waits > _EXPRESS_S:
                yield f"{uri}: an express execution ends after {_EXPRESS_S} s, and its retries last {waits:.0f} s"
        elif limit is not None and limit < longest + working:
            yield f"{uri}: ends after {limit} s, before its states and the longest wait ({longest + working:.0f} s)"


def _retrier_faults(where: str, retrier: Json) -> Iterator[str]:
    who = retrier["ErrorEquals"][0]
    if retrier.get("BackoffRate", 2) < 1 or retrier.get("IntervalSeconds", 1) < 1:
        yield f"{where}: {who} is retried ever faster"
    if retrier.get("MaxDelaySeconds", 31_622_400) <= retrier.get("IntervalSeconds", 1):
        yield f"{where}: {who} waits longer than it may"
    for error in retrier["ErrorEquals"]:
        least = _LEAST_WAIT_S.get(error, 0)
        if _wait_s(retrier) * _share(retrier) < least:
            yield f"{where}: waits {_wait_s(retrier) * _share(retrier):.0f} s for {error}, which takes {least} s"


def _share(retrier: Json) -> float:
    return 0.5 if retrier.get("JitterStrategy") == "FULL" else 1.0


def _wait_s(retrier: Json) -> float:
    first, rate = retrier.get("IntervalSeconds", 1), retrier.get("BackoffRate", 2.0)
    longest = retrier.get("MaxDelaySeconds", float("inf"))
    return float(sum(min(first * rate**n, longest) for n in range(min(retrier.get("MaxAttempts", 3), 500))))


def _seconds(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def expressions_are_sound(d: Deployment, stack: Stack) -> Iterator[str]:
    """JSONata that parses, and variables that some state assigns."""
    for uri, machine in d.machines.items():
        assigned = {
            name for node in walk(machine) for name in node.get("Assign", {}) if isinstance(node["Assign"], dict)
        }
        for text in _texts(machine):
            if not (text.startswith("{%") and text.endswith("%}")):
                if "{%" in text:
                    yield f"{uri}: '{text[:60]}' is an expression in part, which Step Functions takes as it is"
                continue
            fault = _parse_fault(re.sub(r"\$\{\w+\}", "1", text[2:-2]))  # what the template substitutes
            if fault:
                yield f"{uri}: '{text[:60]}' does not parse: {fault}"
            bound = set(re.findall(r"\$(\w+)\s*:=", text)) | set(re.findall(r"function\(\$(\w+)", text))
            for variable in set(re.findall(r"\$([A-Za-z_]\w*)", re.sub(r"'[^']*'", "''", text))):
                if variable not in assigned | bound | _FUNCTIONS:
                    yield f"{uri}: nothing assigns ${variable}"


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _texts(part)


@cache
def _parse_fault(expression: str) -> str:
    try:
        Jsonata(expression)
    except Exception as error:
        return str(error)
    return ""


def executions_get_what_the_code_reads(d: Deployment, stack: Stack) -> Iterator[str]:
    """The state document, and the input of executions that others start, have the fields that the code names."""
    inputs = {field.name for field in dataclasses.fields(PipelineInput)}
    for uri, machine in d.machines.items():
        for node in walk(machine):
            started_by = node.get("execution")
            if isinstance(started_by, dict):
                wanted = {field.name for field in dataclasses.fields(Execution)}
                if set(started_by) != wanted:
                    yield f"{uri}: the document's execution has {sorted(started_by)}, the code reads {sorted(wanted)}"
                for name, path in _EXECUTION.items():
                    if f"$states.context.{path} " not in f"{started_by.get(name, '')} ":
                        yield f"{uri}: execution.{name} is {started_by.get(name)}"
            processor = json.dumps(node.get("ItemProcessor", {}))
            for field in node.get("ItemSelector", {}) if "$states.input," not in processor else ():
                if f"$states.input.{field}" not in processor:
                    yield f"{uri}: a map selects '{field}' for its items, and nothing reads it"
            if node.get("StateMachineArn") == "${PipelineArn}" and isinstance(node.get("Input"), dict):
                yield from _input_faults(uri, node["Input"], inputs)


def _input_faults(uri: str, given: Json, known: set[str]) -> Iterator[str]:
    for field in sorted(set(given) - known - {_STARTED_BY}):
        yield f"{uri}: the pipeline reads no '{field}'"
    if _STARTED_BY not in given:
        yield f"{uri}: an execution that it starts does not say who started it"
    for field in ("bucket", "key"):
        if field not in given:
            yield f"{uri}: starts a pipeline without '{field}'"
    for field, value in given.items():
        if field != _STARTED_BY and str(value).startswith("{%") and field != "requested_by":
            spelt = re.sub(r"[^a-z]", "", field)
            if spelt not in re.sub(r"[^a-z]", "", str(value)):
                yield f"{uri}: '{field}' is given {value}"


def states_call_their_function(d: Deployment, stack: Stack) -> Iterator[str]:
    """A machine calls its own function: removal the one that removes, convert the one that converts."""
    for name in stack.of("AWS::StepFunctions::StateMachine"):
        source = d.template["Resources"].get(name, {}).get("Properties", {})
        uri = source.get("DefinitionUri", "")
        if uri == PIPELINE:
            continue
        for state_name, state in tasks(d.machines.get(uri, {})):
            arguments = state.get("Arguments", {})
            called = arguments.get("FunctionName", "") if isinstance(arguments, dict) else ""
            function = re.sub(r"\W|FunctionArn", "", called)
            if (
                function
                and not function.lower().startswith(name.lower()[:6])
                and not state_name.lower().startswith(function.lower()[:6])
            ):
                yield f"{uri}: '{state_name}' calls {called}"
        for resource in stack.of("AWS::Lambda::Function").values():
            step = code.step(resource.properties)
            if uri.endswith(f"/{step}.asl.json") and step != name.lower():
                yield f"{name}: runs {uri}"
