"""What the states of a state machine do, against what its role may do, and nothing more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from scripts.deployment import Deployment, Json, listed, walk
from scripts.relations.paper import ACCOUNT, REGION, Stack
from scripts.relations.policies import TRACES, Need, managed, of_role, trusted, unmet, unused

LOG_DELIVERY = (
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
)
_WATCHING = ("events:PutTargets", "events:PutRule", "events:DescribeRule")  # of nested executions (.sync)
_WATCHING_RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"

# The argument that names what a service's call is about.
_SUBJECTS = {
    "lambda": "FunctionName",
    "states": "StateMachineArn",
    "sqs": "QueueUrl",
    "sns": "TopicArn",
    "dynamodb": "TableName",
    "s3": "Bucket",
    "events": "EventBusName",
    "ecs": "Cluster",
}
_SDK_PREFIXES = {"sfn": "states", "eventbridge": "events"}  # where the SDK's name of a service is not IAM's
_EXECUTION_CALLS = {"describeExecution", "stopExecution", "redriveExecution", "getExecutionHistory"}
_WITHOUT_RESOURCE = {"sendTaskSuccess", "sendTaskFailure", "sendTaskHeartbeat"}
# S3 calls whose permission has another name (Service Authorization Reference): on objects, on the bucket.
_S3_CALLS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "headObject": (("GetObject",), ("ListBucket",)),
    "getObject": (("GetObject",), ("ListBucket",)),
    "putObject": (("PutObject",), ()),
    "deleteObject": (("DeleteObject",), ()),
    "listObjectsV2": ((), ("ListBucket",)),
    "listObjects": ((), ("ListBucket",)),
}
INTEGRATION = re.compile(
    r"arn:(?:aws|\$\{AWS::Partition\}):states:::(?:aws-sdk:)?([a-z0-9-]+):(\w+)((?:\.\w+(?::2)?)?)"
)


@dataclass(frozen=True)
class Machine:
    """A state machine of the template with its definition, its name and its role."""

    name: str
    definition: Json
    substitutions: dict[str, str]
    arn: str
    role: str

    @property
    def execution(self) -> str:
        """The ARN of its executions, up to their names."""
        return self.arn.replace(":stateMachine:", ":execution:")


def machines(d: Deployment, stack: Stack) -> Iterator[Machine]:
    """Yield the state machines that the stack makes."""
    for name, resource in stack.of("AWS::StepFunctions::StateMachine").items():
        source = d.template["Resources"].get(name, {}).get("Properties", {})
        substitutions = stack.plain(source.get("DefinitionSubstitutions", {}))
        role = stack.named(resource.properties.get("RoleArn", "")) or ""
        arn = stack.plain({"Ref": name})
        yield Machine(name, d.machines.get(source.get("DefinitionUri", ""), {}), substitutions, arn, role)


def machine_roles_fit(d: Deployment, stack: Stack) -> Iterator[str]:
    """Every integration is allowed on the thing that it names, and nothing is allowed that no state does."""
    for machine in machines(d, stack):
        found, needs = of_role(stack, machine.role), list(needs_of(machine, stack))
        yield from unmet(found, (need for need in needs if need.must), machine.name)
        yield from unused(found, needs, machine.name)
        if "states.amazonaws.com" not in trusted(stack, machine.role):
            yield f"{machine.name}: Step Functions may not assume its role {machine.role}"
        if TRACES not in managed(stack, machine.role):
            yield f"{machine.name}: its role may not write traces"


def needs_of(machine: Machine, stack: Stack) -> Iterator[Need]:
    """Yield what the machine's role must be allowed."""
    if stack.properties(machine.name).get("LoggingConfiguration"):
        yield from (Need(action, "*", "log delivery") for action in LOG_DELIVERY)
    for name, state in _states(machine.definition):
        if state.get("Type") == "Task":
            yield from _of_call(machine, stack, name, state["Resource"], state.get("Arguments"))
        if state.get("Type") == "Map" and _is_distributed(state):
            yield from _of_map(machine, stack, name, state)


def _states(definition: Json) -> Iterator[tuple[str, Json]]:
    for node in walk(definition):
        if isinstance(node.get("States"), dict) and "StartAt" in node:
            yield from ((name, state) for name, state in node["States"].items() if isinstance(state, dict))


def _is_distributed(state: Json) -> bool:
    return bool(state.get("ItemProcessor", {}).get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED")


def _of_call(machine: Machine, stack: Stack, name: str, integration: str, arguments: Any) -> Iterator[Need]:
    parsed = INTEGRATION.fullmatch(integration)
    if parsed is None:
        yield Need(f"unknown:{integration}", "", f"state '{name}'")
        return
    service, call, waiting = _SDK_PREFIXES.get(parsed[1], parsed[1]), parsed[2], parsed[3]
    arguments = arguments if isinstance(arguments, dict) else {}
    why = f"state '{name}'"
    if service == "s3":
        yield from _of_s3(machine, stack, call, arguments, why)
        return
    subject = "ExecutionArn" if call in _EXECUTION_CALLS else _SUBJECTS.get(service, "")
    resource = _filled(machine, arguments.get(subject, "")) or _computed(machine, arguments.get(subject, ""))
    if service == "lambda":
        yield Need("lambda:InvokeFunction", resource, why)
        return
    resource = "*" if call in _WITHOUT_RESOURCE else _arn(stack, resource)
    yield Need(f"{service}:{call[0].upper()}{call[1:]}", resource, why)
    if service == "states" and waiting.startswith(".sync"):
        execution = resource.replace(":stateMachine:", ":execution:") + ":run"
        yield from (Need(f"states:{action}", execution, why) for action in ("DescribeExecution", "StopExecution"))
        yield Need("states:RedriveExecution", execution, why, must=False)
        yield from (Need(action, _WATCHING_RULE, why) for action in _WATCHING)


def _of_s3(machine: Machine, stack: Stack, call: str, arguments: Json, why: str) -> Iterator[Need]:
    on_objects, on_bucket = _S3_CALLS.get(call, ((f"unknown call {call}",), ()))
    if "VersionId" in arguments:
        on_objects = (*on_objects, *(f"{action}Version" for action in on_objects))
    given = str(arguments.get("Bucket", ""))
    names = {_filled(machine, given)} if not given.startswith("{%") else _buckets_of_events(machine, stack)
    for bucket in sorted(names):
        yield from (Need(f"s3:{action}", f"arn:aws:s3:::{bucket}/photograph.jpg", why) for action in on_objects)
        yield from (Need(f"s3:{action}", f"arn:aws:s3:::{bucket}", why) for action in on_bucket)


def _of_map(machine: Machine, stack: Stack, name: str, state: Json) -> Iterator[Need]:
    why = f"the distributed map '{name}'"
    children = f"{machine.execution}/{state.get('Label', '*')}:run"
    yield Need("states:StartExecution", machine.arn, why)
    for action in ("DescribeExecution", "StopExecution"):
        yield Need(f"states:{action}", f"{machine.execution}:run", why)
        yield Need(f"states:{action}", children, why, must=False)
    yield Need("states:RedriveExecution", children, why)
    yield Need("states:RedriveExecution", f"{machine.execution}:run", why, must=False)
    reader = state.get("ItemReader")
    if reader:
        yield from _of_call(machine, stack, f"{name}, its reader", reader["Resource"], reader.get("Arguments"))
    writer = state.get("ResultWriter", {}).get("Arguments")
    if writer:
        prefix = _filled(machine, str(writer.get("Prefix", ""))).strip("/")
        place = f"arn:aws:s3:::{_filled(machine, writer['Bucket'])}/{prefix if '{%' not in prefix else 'x'}/report"
        for action in ("PutObject", "GetObject", "ListMultipartUploadParts", "AbortMultipartUpload"):
            yield Need(f"s3:{action}", place, f"{why}, its result writer")


def _filled(machine: Machine, value: str) -> str:
    """Return an argument with the template's values; nothing where the state machine computes it."""
    text = str(value)
    for name, given in machine.substitutions.items():
        text = text.replace(f"${{{name}}}", str(given))
    return "" if text.startswith("{%") else text


def _computed(machine: Machine, value: str) -> str:
    """Return what an expression makes of the template's values, for an execution of a machine: its ARN."""
    named = [given for name, given in machine.substitutions.items() if f"${{{name}}}" in str(value)]
    if len(named) == 1 and "':execution:'" in str(value):
        return f"{named[0].replace(':stateMachine:', ':execution:')}:run"
    return ""


def _arn(stack: Stack, identity: str) -> str:
    """Return the ARN of something that the call names otherwise: a queue by its address, a table by its name."""
    name = stack.named(identity) if identity else None
    if name is None:
        return identity
    return next((i for i in sorted(stack.values.identities(name)) if i.startswith("arn:")), identity)


def rules_that_start(stack: Stack, arn: str) -> Iterator[tuple[str, Json]]:
    """Yield the EventBridge rules that have this target."""
    for name, rule in stack.of("AWS::Events::Rule").items():
        if any(target.get("Arn") == arn for target in rule.properties.get("Targets", [])):
            yield name, rule.properties


def _buckets_of_events(machine: Machine, stack: Stack) -> set[str]:
    found: set[str] = set()
    for _, rule in rules_that_start(stack, machine.arn):
        names = rule.get("EventPattern", {}).get("detail", {}).get("bucket", {}).get("name", [])
        found |= {name for name in listed(names) if isinstance(name, str)}
    return found
