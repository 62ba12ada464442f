"""What the code of functions and page reaches, against what their roles may do, and nothing more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from scripts.deployment import Deployment, Json, listed
from scripts.relations import code
from scripts.relations.paper import ACCOUNT, REGION, Stack
from scripts.relations.policies import (
    BASIC_EXECUTION,
    TASK_EXECUTION,
    TRACES,
    VPC_ACCESS,
    Need,
    managed,
    of_role,
    trusted,
    unmet,
    unused,
)

# What a use of a bucket takes: actions on its objects, and on itself. Without ListBucket, S3 says 403 for what is gone.
_USES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "read": (("GetObject", "GetObjectVersion"), ("ListBucket",)),
    "read current": (("GetObject", "GetObjectTagging"), ("ListBucket",)),
    "look": (("GetObject",), ("ListBucket",)),  # at the current objects, and never at a version by its name
    "write": (("PutObject",), ()),
    "delete": (("DeleteObject",), ()),
    "delete for good": (("DeleteObjectVersion",), ()),
    "take tags": (("GetObjectTagging", "GetObjectVersionTagging", "PutObjectTagging"), ()),
    "put tags": (("PutObjectTagging",), ()),
    "see versions": ((), ("ListBucketVersions",)),
}

# Who uses which bucket how, by the function's step and the bucket's logical id. The rule `table_of_buckets_is_true`
# holds it to the code's own calls and to the functions' variables.
BUCKETS: dict[str, dict[str, tuple[str, ...]]] = {
    "restoration": {"RawBucket": ("read",), "TreatedBucket": ("read", "write")},
    "reframing": {
        "RawBucket": ("read",),
        "TreatedBucket": ("read",),
        "ReframedBucket": ("read", "write"),
        "ModelReframingBucket": ("read",),
    },
    "segmentation": {
        "RawBucket": ("read",),
        "ReframedBucket": ("read",),
        "SegmentedBucket": ("read", "write"),
        "MasksBucket": ("look", "write"),
        "ModelSegmentationBucket": ("read",),
    },
    "conversion": {
        "ModelReframingBucket": ("read", "write"),
        "ModelSegmentationBucket": ("read", "write"),
        "ReframedBucket": ("read",),
        "TreatedBucket": ("read",),
    },
    "coverage": {
        "RawBucket": (),  # its name alone, to refuse a run of another bucket's photograph
        "TreatedBucket": ("read",),
        "ReframedBucket": ("read",),
        "SegmentedBucket": ("read",),
    },
    "removal": {
        "RawBucket": ("look",),
        "TreatedBucket": ("look", "delete"),
        "ReframedBucket": ("look", "delete"),
        "SegmentedBucket": ("look", "delete"),
        "MasksBucket": ("look", "delete"),
    },
    "relabel": {
        "RawBucket": ("read", "write", "delete", "delete for good", "take tags"),
        "TreatedBucket": ("read", "write", "delete"),
        "ReframedBucket": ("read", "write", "delete"),
        "SegmentedBucket": ("read", "write", "delete"),
        "MasksBucket": ("read", "write", "delete"),
    },
    "importing": {"RawBucket": ("read", "write", "put tags"), "ImportBucket": ("read current",)},
    "points": {},
    "provision": {},
    "notices": {},
    "page": {
        "RawBucket": ("read", "write", "delete", "see versions"),
        "TreatedBucket": ("read",),
        "ReframedBucket": ("read",),
        "SegmentedBucket": ("read",),
        "MasksBucket": ("read",),
        "ModelReframingBucket": ("read",),
        "ModelSegmentationBucket": ("read",),
    },
}
# A key as the user has it where a policy may name keys: the page reads what conversion says of a model, not the model.
_KEYS = {("page", "ModelReframingBucket"): "m.json", ("page", "ModelSegmentationBucket"): "m.json"}

# Who else asks AWS for something: package, action, and the attribute that names the resource ("*" has no permission of
# its own; an attribute of a state machine may be its executions).
OTHERS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "notices": (
        ("sqs:ReceiveMessage", "FailureEvents", "Arn"),
        ("sqs:DeleteMessage", "FailureEvents", "Arn"),
        ("sqs:ReceiveMessage", "RefusalEvents", "Arn"),
        ("sqs:DeleteMessage", "RefusalEvents", "Arn"),
        ("sns:Publish", "Alerts", "Ref"),
    ),
    "provision": (
        ("rds-data:ExecuteStatement", "DatabaseCluster", "DBClusterArn"),
        ("secretsmanager:GetSecretValue", "DatabaseCluster", "MasterUserSecret.SecretArn"),
        ("ec2:DescribeManagedPrefixLists", "*", ""),
    ),
    "page": (
        ("states:ListExecutions", "Pipeline", "Ref"),
        ("states:StartExecution", "Pipeline", "Ref"),
        ("states:DescribeExecution", "Pipeline", "execution"),
        ("states:GetExecutionHistory", "Pipeline", "execution"),
        ("states:ListExecutions", "Relabel", "Ref"),
        ("states:StartExecution", "Relabel", "Ref"),
        ("states:DescribeExecution", "Relabel", "execution"),
        ("states:GetExecutionHistory", "Relabel", "execution"),
        ("states:StartExecution", "Backfill", "Ref"),
        ("lambda:InvokeFunction", "ImportingFunction", "Arn"),
        ("lambda:InvokeFunction", "PointsFunction", "Arn"),
    ),
}
IMPORT_BUCKET = "an-earlier-installation"


def roles_fit_the_code(d: Deployment, stack: Stack) -> Iterator[str]:
    """Each function's role has what its code asks for, and nothing that it does not."""
    for name, resource in stack.of("AWS::Lambda::Function").items():
        who = code.step(resource.properties)
        if who not in BUCKETS:
            yield f"{name}: say in scripts/relations/reach.py which buckets and services {who} uses"
            continue
        role = stack.named(resource.properties.get("Role", "")) or ""
        yield from _role_fits(stack, name, role, "lambda.amazonaws.com", needs_of(d, stack, who, resource.properties))
        for policy in {
            BASIC_EXECUTION,
            TRACES,
            *([VPC_ACCESS] if "VpcConfig" in resource.properties else []),
        } - managed(stack, role):
            yield f"{name}: its role lacks AWS's policy {policy}"


def page_role_fits_the_code(d: Deployment, stack: Stack) -> Iterator[str]:
    """The page's task role, and the role that starts the task."""
    for task in stack.of("AWS::ECS::TaskDefinition").values():
        tasks = "ecs-tasks.amazonaws.com"
        container = task.properties["ContainerDefinitions"][0]
        environment = {entry["Name"]: entry["Value"] for entry in container["Environment"]}
        role = stack.named(task.properties.get("TaskRoleArn", "")) or ""
        needs = [*_in_buckets(stack, "page"), *_of_others(stack, "page"), *_of_database(stack, environment)]
        yield from _role_fits(stack, "the page", role, tasks, needs)
        role = stack.named(task.properties.get("ExecutionRoleArn", "")) or ""
        secrets = {":".join(entry["ValueFrom"].split(":")[:7]) for entry in container.get("Secrets", [])}
        reading = [Need("secretsmanager:GetSecretValue", secret, "its secrets") for secret in sorted(secrets)]
        yield from _role_fits(stack, "the page's start", role, tasks, reading)
        if TASK_EXECUTION not in managed(stack, role):
            yield f"the page's start: its role lacks AWS's policy {TASK_EXECUTION} (image and logs)"


def _role_fits(stack: Stack, who: str, role: str, service: str, needs: Iterator[Need] | list[Need]) -> Iterator[str]:
    found, needed = of_role(stack, role), list(needs)
    yield from unmet(found, (need for need in needed if need.must), who)
    yield from unused(found, needed, who)
    if trusted(stack, role) != {service}:
        yield f"{who}: its role {role or '(none)'} is assumed by {sorted(trusted(stack, role))}, not by {service} alone"


def needs_of(d: Deployment, stack: Stack, who: str, function: Json) -> Iterator[Need]:
    """Yield what a function's code asks AWS for."""
    yield from _in_buckets(stack, who)
    yield from _of_others(stack, who)
    if code.uses_database(d, function):
        yield from _of_database(stack, function.get("Environment", {}).get("Variables", {}))


def _in_buckets(stack: Stack, who: str) -> Iterator[Need]:
    for bucket, uses in BUCKETS[who].items():
        if bucket == "ImportBucket":
            if "ImportBucketPolicy" not in stack.resources:
                continue
            arn = f"arn:aws:s3:::{IMPORT_BUCKET}"
        else:
            arn = stack.values.identity(bucket, "Arn")
        key = _KEYS.get((who, bucket), "photograph.jpg")
        for use in uses:
            on_objects, on_bucket = _USES[use]
            yield from (Need(f"s3:{action}", f"{arn}/{key}", f"it uses {bucket} ({use})") for action in on_objects)
            yield from (Need(f"s3:{action}", arn, f"it uses {bucket} ({use})") for action in on_bucket)


def _of_others(stack: Stack, who: str) -> Iterator[Need]:
    for action, resource, attribute in OTHERS.get(who, ()):
        if resource == "*":
            yield Need(action, "*", "its code calls it")
            continue
        identity = stack.values.identity(resource, "Ref" if attribute == "execution" else attribute)
        if attribute == "execution":
            identity = identity.replace(":stateMachine:", ":execution:") + ":run"
        yield Need(action, identity, "its code calls it")


def _of_database(stack: Stack, environment: Json) -> Iterator[Need]:
    user = str(environment.get("DATABASE_URL", "")).partition("://")[2].partition("@")[0].partition(":")[0]
    for name in stack.of("AWS::RDS::DBCluster"):
        resource_id = stack.values.identity(name, "DBClusterResourceId")
        arn = f"arn:aws:rds-db:{REGION}:{ACCOUNT}:dbuser:{resource_id}/{user}"
        yield Need("rds-db:connect", arn, f"DATABASE_URL names the user '{user}', and IAM the cluster's resource id")


# Buckets that reach a function by its input alone.
_BY_INPUT = {"importing": {"ImportBucket"}}
_WRITES = re.compile(
    r"\.(put|put_json|copy|put_object|generate_presigned_post|replace_by_copy)\((?!\))|(save_record|put_in_order)\("
    r"|(?i:storage)(\(\))?\.replace\("
)
_DELETES = re.compile(r"(?i)storage(\(\))?\.(delete|delete_seen)\(|delete_in_order\(")
# What of `reefsteps.run_writer` asks the raw bucket whether a photograph is there.
_ASKS_FOR_ORIGINALS = re.compile(r"\b(RunWriter|is_there|put_in_order|refuse_deleted)\(")
_LOOKS = {"read", "look"}


def table_of_buckets_is_true(d: Deployment, stack: Stack) -> Iterator[str]:
    """Each function has a variable for every bucket that it uses, and its package writes and deletes as said here."""
    for name, function in stack.of("AWS::Lambda::Function").items():
        who, folder = code.step(function.properties), f"functions/{code.package(function.properties)}"
        if who in BUCKETS:
            variables = function.properties.get("Environment", {}).get("Variables", {})
            held = {stack.named(str(value)) or "" for key, value in variables.items() if key.endswith("_BUCKET")}
            wanted = BUCKETS[who].keys() - _BY_INPUT.get(who, set())
            if held != wanted:
                yield f"{name}: has variables for {sorted(held)}, and uses {sorted(wanted)}"
            yield from _verbs(d, who, folder)
    yield from _verbs(d, "page", "frontend/services")


def _verbs(d: Deployment, who: str, folder: str) -> Iterator[str]:
    texts = [d.read(str(path.relative_to(d.root))) for path in sorted((d.root / folder).glob("*.py"))]
    uses = {use for kinds in BUCKETS[who].values() for use in kinds}
    for verb, pattern in (("write", _WRITES), ("delete", _DELETES)):
        calls = any(pattern.search(text) for text in texts)
        if calls != (verb in uses):
            what = "calls" if calls else "does not call"
            yield f"{folder}: {what} S3 to {verb}; scripts/relations/reach.py says otherwise"
    asks = any(_ASKS_FOR_ORIGINALS.search(text) for text in texts)
    if asks and not _LOOKS & set(BUCKETS[who].get("RawBucket", ())):
        yield f"{folder}: asks for originals in the raw bucket; scripts/relations/reach.py says otherwise"


def variables_name_what_they_hold(d: Deployment, stack: Stack) -> Iterator[str]:
    """TREATED_BUCKET holds TreatedBucket: a variable that refers to a resource bears its name."""
    for name, resource in stack.of("AWS::Lambda::Function").items():
        who = code.step(resource.properties)
        for variable, value in resource.properties.get("Environment", {}).get("Variables", {}).items():
            yield from _named_rightly(stack, name, who, variable, value)
    for task in stack.of("AWS::ECS::TaskDefinition").values():
        for entry in task.properties["ContainerDefinitions"][0]["Environment"]:
            yield from _named_rightly(stack, "the page", "page", entry["Name"], entry["Value"])


# Variables of one name in two functions, whose parameters have to differ.
_OTHER_PARAMETERS = {
    ("ReframingFunction", "SCORE_THRESHOLD"): "FrameScoreThreshold",
    ("SegmentationFunction", "SCORE_THRESHOLD"): "CoralScoreThreshold",
}


def variables_hold_their_parameter(d: Deployment, stack: Stack) -> Iterator[str]:
    """RESTORATION_METHOD holds RestorationMethod; addresses of queues are addresses, those of topics ARNs."""
    parameters = d.template["Parameters"]
    for name, resource in d.expanded["Resources"].items():
        for variable, value in _variables(resource):
            held = value.get("Ref") if isinstance(value, dict) else None
            wanted = _OTHER_PARAMETERS.get((name, variable), camel(variable))
            if held in parameters and held not in (wanted, wanted.removesuffix("Name")):
                yield f"{name}: {variable} holds the parameter {held}"
            form = {"_TOPIC": "arn:", "_QUEUE": "https://", "_ARN": "arn:"}.get(f"_{variable.rpartition('_')[2]}", "")
            if name in stack.resources and not str(stack.plain(value)).startswith(form):
                yield f"{name}: {variable} is {stack.plain(value)}"
    for task in stack.of("AWS::ECS::TaskDefinition").values():
        if task.properties["ContainerDefinitions"][0].get("Image") != stack.plain({"Ref": "FrontendImageUri"}):
            yield f"{task.name}: does not run the page's image"


def _variables(resource: Json) -> Iterator[tuple[str, Any]]:
    properties = resource.get("Properties", {})
    if resource["Type"] == "AWS::Lambda::Function":
        yield from properties.get("Environment", {}).get("Variables", {}).items()
    for container in properties.get("ContainerDefinitions", []):
        yield from ((entry["Name"], entry["Value"]) for entry in container.get("Environment", []))


# Variables that name their resource by its role here, and not by its logical id.
_OTHER_NAMES = {
    ("reframing", "MODEL_BUCKET"): "ModelReframingBucket",
    ("segmentation", "MODEL_BUCKET"): "ModelSegmentationBucket",
    ("page", "IMPORT_FUNCTION"): "ImportingFunction",
    ("page", "POINTS_FUNCTION"): "PointsFunction",
    ("page", "OIDC_CLIENT_ID"): "UsersClient",
    ("notices", "FAILURES_QUEUE"): "FailureEvents",
    ("notices", "REFUSALS_QUEUE"): "RefusalEvents",
    ("notices", "ALERTS_TOPIC"): "Alerts",
}


def _named_rightly(stack: Stack, where: str, who: str, variable: str, value: object) -> Iterator[str]:
    held = stack.named(str(value))
    expected = _OTHER_NAMES.get((who, variable)) or camel(variable)
    plain = {expected, expected.removesuffix("Arn"), expected.removesuffix("Url"), expected.removesuffix("Name")}
    if value == stack.values.stack:  # as the database cluster is called, too
        held = None
    if held and held not in plain:
        yield f"{where}: {variable} holds {held}"
    if held is None and variable.endswith("_BUCKET"):
        yield f"{where}: {variable} holds no bucket of the stack"


def camel(name: str) -> str:
    """TREATED_BUCKET or treated-bucket as TreatedBucket."""
    return "".join(word.capitalize() for word in name.replace("-", "_").split("_"))


def start_addresses_fit(d: Deployment, stack: Stack) -> Iterator[str]:
    """Substitutions, parameters and outputs refer to what their names say."""
    for name, machine in d.template["Resources"].items():
        if machine["Type"] == "AWS::Serverless::StateMachine":
            for key, value in machine["Properties"].get("DefinitionSubstitutions", {}).items():
                held = stack.named(str(stack.plain(value)))
                if held and key not in (
                    held,
                    f"{held}Arn",
                    f"{held}Url",
                    f"{held}Name",
                    f"{held}Table",
                    "ReportsBucket",
                ):
                    yield f"{name}: the substitution {key} holds {held}"
                form = {"Url": "https://", "Arn": "arn:"}.get(key[-3:], "")
                if not str(stack.plain(value)).startswith(form):
                    yield f"{name}: the substitution {key} is {stack.plain(value)}"
    for name, parameter in stack.of("AWS::SSM::Parameter").items():
        held = stack.named(str(parameter.properties.get("Value")))
        if held and held not in (name.removesuffix("Parameter"), "DatabaseCluster"):
            yield f"{name}: holds {held}"
    for name, output in d.template.get("Outputs", {}).items():
        if "Condition" in output and not stack.values.condition(output["Condition"]):
            continue
        held = stack.named(str(stack.plain(output["Value"])))
        if held and name not in (held, f"{held}Arn", f"{held}Name", f"{held}Id", "UserPoolId"):
            yield f"output {name}: holds {held}"


def invocations_are_retried_or_kept(d: Deployment, stack: Stack) -> Iterator[str]:
    """A permission that lets a service invoke a function names the thing that it comes from."""
    for name, permission in stack.of("AWS::Lambda::Permission").items():
        if not {"SourceArn", "SourceAccount"} & permission.properties.keys():
            yield f"{name}: lets {permission.properties.get('Principal')} of every account in"
        if listed(permission.properties.get("Principal")) == ["*"]:
            yield f"{name}: lets everybody in"
