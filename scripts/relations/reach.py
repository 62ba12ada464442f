"""What the code of functions and page reaches, against what their roles may do, and nothing more."""

from __future__ import annotations

from collections.abc import Iterator

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
    "write": (("PutObject",), ()),
    "delete": (("DeleteObject",), ()),
    "delete for good": (("DeleteObjectVersion",), ()),
    "take tags": (("GetObjectTagging", "GetObjectVersionTagging", "PutObjectTagging"), ()),
    "put tags": (("PutObjectTagging",), ()),
    "see versions": ((), ("ListBucketVersions",)),
}

# Who uses which bucket how, by the function's package and the bucket's logical id. A test holds the handlers' own
# requests against this table.
BUCKETS: dict[str, dict[str, tuple[str, ...]]] = {
    "restoration": {"RawBucket": ("read",), "TreatedBucket": ("read", "write")},
    "reframing": {
        "TreatedBucket": ("read",),
        "ReframedBucket": ("read", "write"),
        "ModelReframingBucket": ("read",),
    },
    "segmentation": {
        "ReframedBucket": ("read",),
        "SegmentedBucket": ("read", "write"),
        "MasksBucket": ("write",),
        "ModelSegmentationBucket": ("read",),
    },
    "conversion": {
        "ModelReframingBucket": ("read", "write"),
        "ModelSegmentationBucket": ("read", "write"),
        "ReframedBucket": ("read",),
        "TreatedBucket": ("read",),
    },
    "coverage": {"TreatedBucket": ("read",), "ReframedBucket": ("read",), "SegmentedBucket": ("read",)},
    "removal": {
        "RawBucket": ("read",),
        "TreatedBucket": ("read", "delete"),
        "ReframedBucket": ("read", "delete"),
        "SegmentedBucket": ("read", "delete"),
        "MasksBucket": ("read", "delete"),
    },
    "relabel": {
        "RawBucket": ("read", "write", "delete", "delete for good", "take tags"),
        "TreatedBucket": ("read", "write", "delete"),
        "ReframedBucket": ("read", "write", "delete"),
        "SegmentedBucket": ("read", "write", "delete"),
        "MasksBucket": ("read", "write", "delete"),
    },
    "importing": {"RawBucket": ("read", "write", "put tags"), "ImportBucket": ("read current",)},
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
        ("lambda:InvokeFunction", "ImportingFunction", "Arn"),
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


def variables_name_what_they_hold(d: Deployment, stack: Stack) -> Iterator[str]:
    """TREATED_BUCKET holds TreatedBucket: a variable that refers to a resource bears its name."""
    for name, resource in stack.of("AWS::Lambda::Function").items():
        who = code.step(resource.properties)
        for variable, value in resource.properties.get("Environment", {}).get("Variables", {}).items():
            yield from _named_rightly(stack, name, who, variable, value)
    for task in stack.of("AWS::ECS::TaskDefinition").values():
        for entry in task.properties["ContainerDefinitions"][0]["Environment"]:
            yield from _named_rightly(stack, "the page", "page", entry["Name"], entry["Value"])


# Variables that name their resource by its role here, and not by its logical id.
_OTHER_NAMES = {
    ("reframing", "MODEL_BUCKET"): "ModelReframingBucket",
    ("segmentation", "MODEL_BUCKET"): "ModelSegmentationBucket",
    ("page", "IMPORT_FUNCTION"): "ImportingFunction",
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
                if held and key not in (held, f"{held}Arn", f"{held}Url", f"{held}Name", "ReportsBucket"):
                    yield f"{name}: the substitution {key} holds {held}"
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
