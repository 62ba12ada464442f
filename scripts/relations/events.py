"""Event patterns against the events that AWS sends, and each rule's way to its target."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from reefsteps.errors import REFUSALS
from scripts.deployment import Deployment, Json, listed, walk
from scripts.relations import code
from scripts.relations.integrations import machines
from scripts.relations.paper import Stack
from scripts.relations.policies import allowed, of_role, principals, statements, trusted

# The events that are used here: source, detail type, and the paths of `detail` that they have (EventBridge, S3 and Step
# Functions guides).
_S3_PATHS = {"version", "bucket.name", "object.key", "object.size", "object.etag", "object.version-id", "request-id"}
_S3_PATHS |= {"object.sequencer", "requester", "source-ip-address", "reason"}
_EXECUTION_PATHS = {"executionArn", "stateMachineArn", "name", "status", "startDate", "stopDate", "input", "output"}
_EXECUTION_PATHS |= {"error", "cause", "stateMachineVersionArn", "stateMachineAliasArn", "redriveCount", "redriveDate"}
_EXECUTION_PATHS |= {"inputDetails.included", "outputDetails.included", "redriveStatus"}
EVENTS: dict[tuple[str, str], set[str]] = {
    ("aws.s3", "Object Created"): _S3_PATHS,
    ("aws.s3", "Object Deleted"): _S3_PATHS | {"deletion-type"},
    ("aws.states", "Step Functions Execution Status Change"): _EXECUTION_PATHS,
}
_STATUSES = {"RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE"}
# Which kind of event starts which machine.
_STARTS = {"Admit": "Object Created", "Convert": "Object Created", "Removal": "Object Deleted"}
_LEAST_AGE_S, _LEAST_ATTEMPTS = 3600, 10


def patterns_match_real_events(d: Deployment, stack: Stack) -> Iterator[str]:
    """Source, detail type, paths and statuses exist; buckets notify, and machines tell."""
    for name, rule in stack.of("AWS::Events::Rule").items():
        pattern = rule.properties.get("EventPattern")
        if not pattern:
            continue
        kinds = [(s, t) for s in listed(pattern.get("source", [])) for t in listed(pattern.get("detail-type", []))]
        for kind in kinds:
            if kind not in EVENTS:
                yield f"{name}: {kind[0]} sends no '{kind[1]}'"
                continue
            for path in _paths(pattern.get("detail", {})):
                if path not in EVENTS[kind]:
                    yield f"{name}: '{kind[1]}' has no detail.{path}"
        if not kinds:
            yield f"{name}: matches events of every source"
        if rule.properties.get("State", "ENABLED") != "ENABLED":
            yield f"{name}: is off"
        yield from _detail_faults(stack, name, pattern)


def _paths(detail: Json, prefix: str = "") -> Iterator[str]:
    for key, value in detail.items():
        if key == "$or":
            for part in value:
                yield from _paths(part, prefix)
        elif isinstance(value, dict):
            yield from _paths(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def _detail_faults(stack: Stack, name: str, pattern: Json) -> Iterator[str]:
    detail = pattern.get("detail", {})
    if "aws.s3" in listed(pattern.get("source", [])):
        names = [bucket for bucket in listed(detail.get("bucket", {}).get("name", [])) if isinstance(bucket, str)]
        if not names:
            yield f"{name}: matches every bucket of the account"
        for bucket in names:
            properties = stack.properties(stack.named(bucket) or "")
            notifies = properties.get("NotificationConfiguration", {}).get("EventBridgeConfiguration", {})
            if notifies.get("EventBridgeEnabled") is not True:
                yield f"{name}: {stack.named(bucket) or bucket} sends no events"
    if "aws.states" in listed(pattern.get("source", [])):
        statuses = {status for status in listed(detail.get("status", [])) if isinstance(status, str)}
        if not statuses <= _STATUSES:
            yield f"{name}: there is no status {sorted(statuses - _STATUSES)}"
        arns = [arn for arn in listed(detail.get("stateMachineArn", [])) if isinstance(arn, str)]
        for arn in arns:
            machine = stack.named(arn)
            if machine is None:
                yield f"{name}: {arn} is no state machine of the stack"
            elif stack.properties(machine).get("StateMachineType") == "EXPRESS":
                yield f"{name}: {machine} is an express machine, which sends no such events"


def machines_are_started_by_their_event(d: Deployment, stack: Stack) -> Iterator[str]:
    """A photograph's upload is admitted, its deletion removes, a model's upload converts, from the right buckets."""
    buckets = {
        "Admit": {"RawBucket"},
        "Removal": {"RawBucket"},
        "Convert": {"ModelReframingBucket", "ModelSegmentationBucket"},
    }
    for machine in machines(d, stack):
        if machine.name not in _STARTS:
            continue
        found: set[tuple[str, str]] = set()
        for rule in stack.of("AWS::Events::Rule").values():
            if any(target.get("Arn") == machine.arn for target in rule.properties.get("Targets", [])):
                pattern = rule.properties["EventPattern"]
                for kind in listed(pattern.get("detail-type", [])):
                    for bucket in listed(pattern.get("detail", {}).get("bucket", {}).get("name", [])):
                        found.add((kind, stack.named(bucket) or str(bucket)))
        wanted = {(_STARTS[machine.name], bucket) for bucket in buckets[machine.name]}
        if found != wanted:
            yield f"{machine.name}: is started by {sorted(found)}, not by {sorted(wanted)}"


def targets_can_be_reached(d: Deployment, stack: Stack) -> Iterator[str]:
    """EventBridge may start or fill each target, tries long enough, and keeps what it cannot deliver."""
    for name, rule in stack.of("AWS::Events::Rule").items():
        targets = rule.properties.get("Targets", [])
        if len({target["Id"] for target in targets}) != len(targets):
            yield f"{name}: two targets of one id"
        for target in targets:
            yield from _target_faults(d, stack, name, target, rule.properties)


def _target_faults(d: Deployment, stack: Stack, name: str, target: Json, rule: Json) -> Iterator[str]:
    arn = target["Arn"]
    resource = stack.resources.get(stack.named(arn) or "")
    if resource is None:
        yield f"{name}: its target {arn} is nothing of the stack"
        return
    if resource.kind == "AWS::StepFunctions::StateMachine":
        role = stack.named(target.get("RoleArn", "")) or ""
        if not allowed(of_role(stack, role), "states:StartExecution", arn):
            yield f"{name}: its role may not start {resource.name}"
        if "events.amazonaws.com" not in trusted(stack, role):
            yield f"{name}: EventBridge may not assume its role"
    elif resource.kind in _POLICIES:
        yield from _lets_in(stack, name, resource.name, "events.amazonaws.com")
    elif resource.kind == "AWS::Lambda::Function" and not any(
        permission.properties.get("Principal") == "events.amazonaws.com"
        and permission.properties.get("FunctionName") in stack.values.identities(resource.name)
        for permission in stack.of("AWS::Lambda::Permission").values()
    ):
        yield f"{name}: EventBridge may not invoke {resource.name}"
    if "ScheduleExpression" in rule:  # the next tick makes up for a lost one
        yield from _schedule_faults(d, stack, name, target, rule["ScheduleExpression"])
        return
    retries = target.get("RetryPolicy", {})
    if int(retries.get("MaximumEventAgeInSeconds", 86_400)) < _LEAST_AGE_S:
        yield f"{name}: gives an event up after {retries['MaximumEventAgeInSeconds']} s"
    if int(retries.get("MaximumRetryAttempts", 185)) < _LEAST_ATTEMPTS:
        yield f"{name}: gives an event up after {retries['MaximumRetryAttempts']} attempts"
    letters = target.get("DeadLetterConfig", {}).get("Arn", "")
    queue = stack.resources.get(stack.named(letters) or "")
    if queue is None or queue.kind != "AWS::SQS::Queue":
        yield f"{name}: what cannot be delivered goes to {letters or 'nowhere'}"
    else:
        yield from _lets_in(stack, name, queue.name, "events.amazonaws.com")
        if any(letters == t["Arn"] for r in stack.of("AWS::Events::Rule").values() for t in r.properties["Targets"]):
            yield f"{name}: what cannot be delivered goes to {queue.name}, where a function takes it for something else"
    yield from _transformer_faults(name, target.get("InputTransformer", {}), rule.get("EventPattern", {}))


def _schedule_faults(d: Deployment, stack: Stack, name: str, target: Json, expression: str) -> Iterator[str]:
    if not re.fullmatch(
        r"rate\((1 (minute|hour|day)|[2-9]\d* (minutes|hours|days)|1\d+ (minutes|hours|days))\)", expression
    ):
        fields = re.fullmatch(r"cron\((\S+ \S+ \S+ \S+ \S+ \S+)\)", expression)
        if not fields or (fields[1].split()[2] == "?") == (fields[1].split()[4] == "?"):
            yield f"{name}: {expression} is no schedule"
    if "Input" in target and not isinstance(json.loads(target["Input"]), dict):
        yield f"{name}: gives {target['Input']}, which the handler cannot read"
    function = stack.resources.get(stack.named(target["Arn"]) or "")
    if function is not None and function.kind == "AWS::Lambda::Function":
        handler = d.read(f"functions/{code.package(function.properties)}/app.py")
        for word in [part for pair in json.loads(target.get("Input", "{}")).items() for part in pair]:
            if f'"{word}"' not in handler:
                yield f"{name}: says '{word}', which the handler does not know"


def _transformer_faults(name: str, transformer: Json, pattern: Json) -> Iterator[str]:
    kinds = [(s, t) for s in listed(pattern.get("source", [])) for t in listed(pattern.get("detail-type", []))]
    for value, path in transformer.get("InputPathsMap", {}).items():
        if not str(path).startswith("$."):
            yield f"{name}: {value} is at {path}, which is no path"
        inner = str(path).removeprefix("$.detail.")
        if str(path).startswith("$.detail.") and any(inner not in EVENTS.get(kind, {inner}) for kind in kinds):
            yield f"{name}: {value} is at {path}, which the event has not"
        if f"<{value}>" not in transformer.get("InputTemplate", ""):
            yield f"{name}: {value} is in no sentence"
        said = re.search(rf'"(\w+)": <{value}>', transformer.get("InputTemplate", ""))
        tail = inner.rpartition(".")[2].lower()
        if (
            said
            and value != said[1]
            and said[1].lower() not in tail
            and tail not in said[1].lower()
            and value not in tail
        ):
            yield f"{name}: '{said[1]}' shows {path}"
        if value not in tail.lower() and not tail.endswith(value):
            yield f"{name}: {value} shows {path}"


_POLICIES = {
    "AWS::SNS::Topic": ("AWS::SNS::TopicPolicy", "Topics", "sns:Publish"),
    "AWS::SQS::Queue": ("AWS::SQS::QueuePolicy", "Queues", "sqs:SendMessage"),
}


# What sends to topics and queues by itself, and as which service (Amazon SNS and Budgets guides).
_SENDERS = {
    "AWS::CloudWatch::Alarm": "cloudwatch.amazonaws.com",
    "AWS::Budgets::Budget": "budgets.amazonaws.com",
    "AWS::CE::AnomalySubscription": "costalerts.amazonaws.com",
    "AWS::S3::Bucket": "s3.amazonaws.com",
    "AWS::RDS::EventSubscription": "events.rds.amazonaws.com",
}


def _doors_in(stack: Stack, value: Any) -> set[str]:
    """Return the topics and queues that a resource's properties name by their ARNs."""
    if isinstance(value, dict | list):
        return {d for part in (value.values() if isinstance(value, dict) else value) for d in _doors_in(stack, part)}
    name = stack.named(value) if isinstance(value, str) and value.startswith("arn:") else None
    return {name} if name is not None and stack.resources[name].kind in _POLICIES else set()


def _lets_in(stack: Stack, who: str, name: str, service: str) -> Iterator[str]:
    kind, field, action = _POLICIES[stack.resources[name].kind]
    identities = stack.values.identities(name)
    arn = next(i for i in identities if i.startswith("arn:"))
    for policy in stack.of(kind).values():
        if not identities & set(policy.properties.get(field, [])):
            continue
        document = policy.properties["PolicyDocument"]
        for statement, read in zip(listed(document["Statement"]), statements(document), strict=True):
            services = (
                listed(statement.get("Principal", {}).get("Service", []))
                if isinstance(statement.get("Principal"), dict)
                else []
            )
            if read.allows and action in read.actions and arn in read.resources and service in services:
                return
    yield f"{who}: {service} may not {action} to {name}"


def arns_are_arns(d: Deployment, stack: Stack) -> Iterator[str]:
    """A field that takes an ARN gets one, and no name, id or address."""
    for name, resource in stack.resources.items():
        for node in walk(resource.properties):
            for field, value in node.items():
                if field.endswith("Arn") and isinstance(value, str) and not value.startswith("arn:"):
                    yield f"{name}: {field} is {value}, which is no ARN"


def refusals_are_told_apart(d: Deployment, stack: Stack) -> Iterator[str]:
    """What the photograph is at fault for is counted once a day; every other error is told at once."""
    for name, rule in stack.of("AWS::Events::Rule").items():
        named = rule.properties.get("EventPattern", {}).get("detail", {}).get("error", [])
        wanted = {error for error in listed(named) if isinstance(error, str)}
        for target in rule.properties["Targets"] if wanted else ():
            queue = stack.named(target["Arn"]) or ""
            if wanted <= REFUSALS and not queue.startswith("Refusal"):
                yield f"{name}: tells of refusals at once"
            if queue.startswith("Refusal") and not wanted <= REFUSALS:
                yield f"{name}: counts {sorted(wanted - REFUSALS)} with the refusals of a day"


def states_read_what_events_have(d: Deployment, stack: Stack) -> Iterator[str]:
    """An expression that reads an event's detail names a field that the events starting its machine have."""
    for machine in machines(d, stack):
        paths: set[str] = set()
        for rule in stack.of("AWS::Events::Rule").values():
            if any(target.get("Arn") == machine.arn for target in rule.properties["Targets"]):
                pattern = rule.properties.get("EventPattern", {})
                for source in listed(pattern.get("source", [])):
                    for kind in listed(pattern.get("detail-type", [])):
                        paths |= EVENTS.get((source, kind), set())
        known = paths | {path.partition(".")[0] for path in paths}
        for read in set(re.findall(r"states\.input\.detail\.([\w.`-]*[\w`])", json.dumps(machine.definition))):
            if paths and read.replace("`", "") not in known:
                yield f"{machine.name}: reads detail.{read}, which its events have not"


def doors_are_guarded(d: Deployment, stack: Stack) -> Iterator[str]:
    """Topics, queues and buckets let in AWS's services for this account alone; alarms reach their topic."""
    for name, resource in stack.resources.items():
        document = resource.properties.get("PolicyDocument")
        if resource.kind not in ("AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy"):
            continue
        for statement in listed(document["Statement"]) if document else []:
            if statement.get("Effect") != "Allow":
                continue
            if not _is_of_this_account(stack, statement.get("Condition", {})):
                yield f"{name}: lets other accounts in"
        if document and "*" in principals(document):
            yield f"{name}: lets everybody in"
        if resource.kind == "AWS::S3::BucketPolicy":
            yield from _tls_faults(stack, name, resource.properties)
    for kind, service in _SENDERS.items():
        for name, sender in stack.of(kind).items():
            for door in sorted(_doors_in(stack, sender.properties)):
                yield from _lets_in(stack, name, door, service)
    for name, subscription in stack.of("AWS::SNS::Subscription").items():
        if stack.named(subscription.properties.get("TopicArn", "")) is None:
            yield f"{name}: is to no topic of the stack"
        if subscription.properties.get("Protocol") == "email" and "@" not in str(
            subscription.properties.get("Endpoint")
        ):
            yield f"{name}: {subscription.properties.get('Endpoint')} is no mail address"


def _is_of_this_account(stack: Stack, condition: Any) -> bool:
    account = stack.plain({"Ref": "AWS::AccountId"})
    keys = {k.lower(): v for k, v in condition.get("StringEquals", {}).items()}
    arns = {k.lower(): v for op in ("ArnEquals", "ArnLike") for k, v in condition.get(op, {}).items()}
    return listed(keys.get("aws:sourceaccount")) == [account] or account in str(arns.get("aws:sourcearn", ""))


def _tls_faults(stack: Stack, name: str, properties: Json) -> Iterator[str]:
    bucket = properties.get("Bucket")
    if stack.named(str(bucket)) != name.removesuffix("Policy"):
        yield f"{name}: is on {stack.named(str(bucket)) or bucket}"
    for statement in listed(properties["PolicyDocument"]["Statement"]):
        if statement.get("Sid") == "TlsOnly":
            arn = f"arn:aws:s3:::{bucket}"
            right = sorted(listed(statement["Resource"])) == [arn, f"{arn}/*"] and listed(statement["Action"]) == [
                "s3:*"
            ]
            if not right or statement.get("Effect") != "Deny":
                yield f"{name}: lets requests without TLS in"
