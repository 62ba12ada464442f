"""What has to exist before what, where no reference says so; and limits that have to outlast others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from scripts.deployment import Deployment, Json, listed
from scripts.relations import code
from scripts.relations.paper import Stack
from scripts.relations.policies import allowed, of_role

# Before, after, and what goes wrong otherwise.
BEFORE = (
    ("InternetGatewayAttachment", "DefaultRoute", "a route to a gateway that is not attached is refused"),
    ("DefaultRoute", "LoadBalancer", "a public load balancer in a VPC without a gateway is refused"),
    ("DatabaseLogs", "DatabaseCluster", "Aurora makes the log group itself, and the stack fails on it"),
    ("DatabaseInstance", "Schema", "the Data API answers when an instance runs"),
    ("HttpListener", "VpcOrigin", "CloudFront refuses an origin where nothing listens"),
    ("FrontendService", "PageDownAlarm", "the alarm would sound during the first deployment"),
)
_LONG_S = {"relabel": 600, "importing": 600}  # many photographs in one call
_QUEUE_VISIBILITY = 30  # SQS's default, in seconds


def order_is_said(d: Deployment, stack: Stack) -> Iterator[str]:
    """DependsOn or a reference puts each pair in order."""
    before = [*BEFORE]
    for name, resource in stack.of("AWS::Lambda::Function").items():
        if code.uses_database(d, resource.properties):
            before.append(("Schema", name, "its tables are not there yet"))
    for listener in stack.of("AWS::ElasticLoadBalancingV2::Listener"):
        forwards = json.dumps(stack.properties(listener)["DefaultActions"])
        if "forward" in forwards:
            before.append((listener, "FrontendService", "ECS refuses a target group without a load balancer"))
    for first, second, why in before:
        if first in stack.resources and second in stack.resources and first not in _needed_by(d, stack, second):
            yield f"{second}: may be made before {first}: {why}"


def _needed_by(d: Deployment, stack: Stack, name: str) -> set[str]:
    """Return everything that exists before a resource is made."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        resource = d.expanded["Resources"].get(waiting.pop(), {})
        text = json.dumps(resource.get("Properties", {}))
        texts = re.findall(r'"Ref": "(\w+)"|"Fn::GetAtt": \["(\w+)"|\$\{(\w+)[.}]', text)
        named = {part for parts in texts for part in parts if part} | set(listed(resource.get("DependsOn", [])))
        for other in (named & stack.resources.keys()) - found:
            found.add(other)
            waiting.append(other)
    return found


def queues_hand_on(d: Deployment, stack: Stack) -> Iterator[str]:
    """A queue's reader has the time of its visibility, and failed messages go to another queue that keeps them."""
    queues = {stack.values.identity(name, "Arn"): resource for name, resource in stack.of("AWS::SQS::Queue").items()}
    for arn, queue in queues.items():
        redrive = queue.properties.get("RedrivePolicy")
        if not redrive:
            continue
        target = queues.get(redrive.get("deadLetterTargetArn", ""))
        if target is None or redrive["deadLetterTargetArn"] == arn:
            yield f"{queue.name}: hands failed messages to {redrive.get('deadLetterTargetArn')}"
        elif int(target.properties.get("MessageRetentionPeriod", 345_600)) < int(
            queue.properties.get("MessageRetentionPeriod", 345_600)
        ):
            yield f"{target.name}: forgets sooner than {queue.name}, and a message's age goes with it"
        if target and bool(target.properties.get("FifoQueue")) != bool(queue.properties.get("FifoQueue")):
            yield f"{queue.name}: a FIFO queue hands to FIFO queues alone"
        if int(redrive.get("maxReceiveCount", 0)) < 3:
            yield f"{queue.name}: gives a message up after {redrive.get('maxReceiveCount')} tries"
    functions = stack.of("AWS::Lambda::Function")
    for name, mapping in stack.of("AWS::Lambda::EventSourceMapping").items():
        source = queues.get(mapping.properties.get("EventSourceArn", ""))
        function = functions.get(stack.named(mapping.properties.get("FunctionName", "")) or "")
        if source is None or function is None:
            yield f"{name}: joins nothing of the stack"
            continue
        visible_s = int(source.properties.get("VisibilityTimeout", _QUEUE_VISIBILITY))
        if visible_s < int(function.properties.get("Timeout", 3)):
            yield f"{source.name}: shows a message again after {visible_s} s, while {function.name} still works on it"
        if mapping.properties.get("Enabled") is False:
            yield f"{name}: is off"
    addresses = {stack.values.identity(q.name, "Ref"): q for q in queues.values()}
    for name, function in functions.items():
        for value in function.properties.get("Environment", {}).get("Variables", {}).values():
            source = addresses.get(str(value))
            if source is None:
                continue
            reads = allowed(of_role(stack, f"{name}Role"), "sqs:ReceiveMessage", _arn_of(stack, source.name))
            visible_s = int(source.properties.get("VisibilityTimeout", _QUEUE_VISIBILITY))
            if reads and visible_s < int(function.properties.get("Timeout", 3)):
                yield f"{source.name}: shows a message again while {name} still works on it"
    for queue in queues.values():
        encrypted = queue.properties.get("SqsManagedSseEnabled") is True or "KmsMasterKeyId" in queue.properties
        if not encrypted:
            yield f"{queue.name}: is not encrypted"


def _arn_of(stack: Stack, queue: str) -> str:
    return stack.values.identity(queue, "Arn")


def functions_have_the_time(d: Deployment, stack: Stack) -> Iterator[str]:
    """A function's own limits leave the time and memory that its code takes for granted."""
    database = "functions/reefsteps/database.py"
    waiting_s = sum(float(code.constant(d, database, f"_{n}_TIMEOUT_S") or 0) for n in ("CONNECT", "ANSWER"))
    reserve_s = float(code.constant(d, "functions/provision/app.py", "_RESERVE_MS") or 0) / 1000
    for name, function in stack.of("AWS::Lambda::Function").items():
        timeout_s = float(function.properties.get("Timeout", 3))
        if code.uses_database(d, function.properties) and timeout_s < 2 * waiting_s:
            yield f"{name}: ends after {timeout_s:g} s; to connect and to be answered may take {waiting_s:g} s, twice"
        if code.package(function.properties) == "provision" and timeout_s < 3 * reserve_s:
            yield f"{name}: ends after {timeout_s:g} s, before a new cluster answers"
        if float(function.properties.get("MemorySize", 128)) < 256:
            yield f"{name}: {function.properties.get('MemorySize')} MB hold no boto3 and no SQLAlchemy"
        image = function.properties.get("PackageType") == "Image"
        least_s = 240 if image else _LONG_S.get(code.package(function.properties), 0)
        if timeout_s < least_s:
            yield f"{name}: ends after {timeout_s:g} s; its work takes {least_s} s and more"
        if image and int(function.properties.get("EphemeralStorage", {}).get("Size", 512)) < 1024:
            yield f"{name}: its /tmp holds no model"
    worker = d.template["Parameters"].get("WorkerStorage", {})
    if int(worker.get("Default", 0)) < 1024:
        yield "WorkerStorage: the default /tmp holds no model"


def nothing_is_exposed(d: Deployment, stack: Stack) -> Iterator[str]:
    """Encryption, ownership and privileges of what holds or serves data."""
    for name, bucket in stack.of("AWS::S3::Bucket").items():
        if "AccessControl" in bucket.properties:
            yield f"{name}: access control lists are off here, and CloudFormation fails on them"
        ownership = bucket.properties.get("OwnershipControls", {}).get("Rules", [{}])
        if ownership[0].get("ObjectOwnership") != "BucketOwnerEnforced":
            yield f"{name}: an object may belong to somebody else"
        configuration = bucket.properties.get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", [{}])
        algorithm = configuration[0].get("ServerSideEncryptionByDefault", {})
        if algorithm.get("SSEAlgorithm") != "AES256" or "KMSMasterKeyID" in algorithm:
            yield f"{name}: is encrypted by a key that no role here may use"
    for name, task in stack.of("AWS::ECS::TaskDefinition").items():
        for container in task.properties["ContainerDefinitions"]:
            if container.get("Privileged") or container.get("User") in (None, "0", "root"):
                yield f"{name}: runs as root"
            if container.get("ReadonlyRootFilesystem") is not True:
                yield f"{name}: may change its own program"
            if container.get("Essential") is not True:
                yield f"{name}: goes on without its container"
            yield from _plain_secrets(name, {e["Name"]: e["Value"] for e in container.get("Environment", [])})
            yield from _mounts(name, task.properties, container)
    for name, function in stack.of("AWS::Lambda::Function").items():
        yield from _plain_secrets(name, function.properties.get("Environment", {}).get("Variables", {}))
    for name in stack.of("AWS::Lambda::Url"):
        yield f"{name}: an address of its own lets the world call a function"
    for name, balancer in stack.of("AWS::ElasticLoadBalancingV2::LoadBalancer").items():
        attributes = {a["Key"]: a["Value"] for a in balancer.properties.get("LoadBalancerAttributes", [])}
        if attributes.get("routing.http.drop_invalid_header_fields.enabled") != "true":
            yield f"{name}: hands malformed headers on"
        if attributes.get("routing.http.desync_mitigation_mode", "defensive") == "monitor":
            yield f"{name}: lets requests be smuggled"


def _plain_secrets(name: str, variables: Json) -> Iterator[str]:
    for variable in variables:
        if re.search(r"PASSWORD|SECRET|TOKEN|PRIVATE", variable):
            yield f"{name}: {variable} is readable for everybody who may look at it"


def _mounts(name: str, task: Json, container: Json) -> Iterator[str]:
    volumes = {volume["Name"] for volume in task.get("Volumes", [])}
    mounts = {m["ContainerPath"]: m for m in container.get("MountPoints", [])}
    if "/tmp" not in mounts:  # noqa: S108
        yield f"{name}: nothing can be written to /tmp, where Streamlit and boto3 write"
    for path, mount in mounts.items():
        if mount.get("SourceVolume") not in volumes or mount.get("ReadOnly"):
            yield f"{name}: {path} cannot be written to"


def tasks_are_there(d: Deployment, stack: Stack) -> Iterator[str]:
    """The page's service runs its own task in its own cluster."""
    for name, service in stack.of("AWS::ECS::Service").items():
        clusters = [stack.plain({"Ref": cluster}) for cluster in stack.of("AWS::ECS::Cluster")]
        definitions = [stack.plain({"Ref": task}) for task in stack.of("AWS::ECS::TaskDefinition")]
        if service.properties.get("Cluster") not in clusters:
            yield f"{name}: is in no cluster of the stack"
        if service.properties.get("TaskDefinition") not in definitions:
            yield f"{name}: runs no task of the stack"
        if service.properties.get("LaunchType") != "FARGATE":
            yield f"{name}: there are no machines of our own to run it on"
        wanted = 0 if stack.plain({"Ref": "PageParked"}) == "yes" else 1
        if int(service.properties.get("DesiredCount", 1)) != wanted:
            yield f"{name}: runs {service.properties['DesiredCount']} tasks"
