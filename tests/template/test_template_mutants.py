"""Each known way to break a deployment, applied to a copy, is seen by the check that stands guard for it."""

import copy
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from scripts import linters
from scripts.deployment import Deployment, expand
from tests.support.guards import Guards

Json = dict[str, Any]
Change = Callable[[Json], object]


def setting(name: str, path: str, value: Any) -> Change:
    """Set Resources.<name>.Properties.<path> ('a.0.b'), or take it away with None."""

    def change(template: Json) -> None:
        node: Any = template["Resources"][name].setdefault("Properties", {})
        *parents, last = path.split(".")
        for part in parents:
            node = node[int(part)] if part.isdigit() else node[part]
        if value is None:
            del node[last]
        else:
            node[int(last) if last.isdigit() else last] = value

    return change


def top(name: str, field: str, value: Any) -> Change:
    """Set a field of the resource itself (DependsOn, Metadata, ...)."""
    return lambda template: template["Resources"][name].__setitem__(field, value)


def without(name: str) -> Change:
    return lambda template: template["Resources"].__delitem__(name)


def parameter(name: str, field: str, value: Any) -> Change:
    return lambda template: template["Parameters"][name].__setitem__(field, value)


def statement(name: str, index: int, field: str, value: Any) -> Change:
    return setting(name, f"Policies.0.Statement.{index}.{field}", value)


def mutate(deployment: Deployment, change: Change) -> Deployment:
    template = copy.deepcopy(deployment.template)
    change(template)
    return replace(deployment, template=template, expanded=expand(template))


def mutate_machine(deployment: Deployment, name: str, change: Change) -> Deployment:
    machines = copy.deepcopy(deployment.machines)
    change(machines[f"statemachine/{name}.asl.json"])
    return replace(deployment, machines=machines)


SEEN_BY_RULES: dict[str, tuple[Change, str]] = {
    "missing ASL file": (setting("Pipeline", "DefinitionUri", "statemachine/gone.asl.json"), "there is no"),
    "missing Dockerfile": (
        top("ReframingFunction", "Metadata", {"DockerContext": "functions", "Dockerfile": "gone/Dockerfile"}),
        "no Dockerfile",
    ),
    "missing build stage": (
        lambda t: t["Resources"]["ReframingFunction"]["Metadata"].update(DockerBuildTarget="tensorflow"),
        "no stage tensorflow",
    ),
    "missing handler": (setting("CoverageFunction", "Handler", "coverage_step.main.handler"), "has no module"),
    "missing make target": (
        lambda t: t["Resources"].update(Extra=t["Resources"]["CoverageFunction"]),
        "no target build-Extra",
    ),
    "misspelt substitution": (
        setting("Pipeline", "DefinitionSubstitutions", {"RestorationFunction": "x"}),
        "uses ${RestorationFunctionArn}",
    ),
    "substitution that nothing uses": (setting("Admit", "DefinitionSubstitutions.Table", "x"), "Table is substituted"),
    "logs kept for ever": (setting("CoverageLogs", "RetentionInDays", None), "keeps logs for ever"),
    "log group of nobody": (setting("CoverageFunction", "LoggingConfig", {"LogFormat": "JSON"}), "logs into no group"),
    "function not traced": (setting("CoverageFunction", "Tracing", "PassThrough"), "is not traced"),
    "machine not traced": (setting("Convert", "Tracing", {"Enabled": False}), "is not traced"),
    "machine without logs": (setting("Admit", "Logging", None), "does not log"),
    "function outlives its state": (setting("CoverageFunction", "Timeout", 120), "gives up before CoverageFunction"),
    "timeout parameter above the state's": (parameter("WorkerTimeout", "MaxValue", 900), "gives up before"),
    "every action": (statement("RestorationFunction", 0, "Action", "s3:*"), "action s3:*"),
    "every resource": (statement("RestorationFunction", 0, "Resource", "*"), "resource * for ['s3:PutObject']"),
    "bucket open to the public": (
        setting("RawBucket", "PublicAccessBlockConfiguration.BlockPublicPolicy", False),
        "public access",
    ),
    "bucket not encrypted": (setting("MasksBucket", "BucketEncryption", None), "not encrypted"),
    "originals not versioned": (setting("RawBucket", "VersioningConfiguration", None), "not versioned"),
    "bucket never tidied": (setting("RawBucket", "LifecycleConfiguration", None), "AbortIncompleteMultipartUpload"),
    "bucket without TLS policy": (without("MasksBucketPolicy"), "without TLS"),
    "TLS policy of another bucket": (setting("MasksBucketPolicy", "Bucket", {"Ref": "RawBucket"}), "without TLS"),
    "uploads start nothing": (setting("RawBucket", "NotificationConfiguration", None), "EventBridge is off"),
    "any page may upload": (
        setting("RawBucket", "CorsConfiguration.CorsRules.0.AllowedOrigins", ["*"]),
        "CORS is for",
    ),
    "photographs deleted with the stack": (top("RawBucket", "DeletionPolicy", "Delete"), "deleted with the stack"),
    "alarm without action": (setting("PipelineFailedAlarm", "AlarmActions", None), "tells nobody"),
    "topic with alias/aws/sns": (setting("Alerts", "KmsMasterKeyId", "alias/aws/sns"), "messages vanish"),
    "topic closed to EventBridge": (without("AlertsPolicy"), "events.amazonaws.com may not publish"),
    "rule without dead letter queue": (setting("FailedExecutions", "Targets.0.DeadLetterConfig", None), "is lost"),
    "queue closed to EventBridge": (without("UndeliveredEventsPolicy"), "may not write"),
    "queue of failures closed to EventBridge": (
        setting("NoticesQueuePolicy", "Queues", [{"Ref": "RefusalEvents"}]),
        "FailureEvents: EventBridge may not write",
    ),
    "function that loses events": (
        setting(
            "RemovalFunction",
            "Events",
            {"Deleted": {"Type": "EventBridgeRule", "Properties": {"Pattern": {"source": ["aws.s3"]}}}},
        ),
        "fails on is lost",
    ),
    "quoted cause": (
        setting(
            "FailedExecutions",
            "Targets.0.InputTransformer",
            {"InputPathsMap": {"cause": "$.detail.cause"}, "InputTemplate": '{"cause": "<cause>"}'},
        ),
        "quoted",
    ),
    "refusal told as a failure": (
        lambda t: t["Resources"]["FailedRuns"]["Properties"]["EventPattern"]["detail"]["error"][0][
            "anything-but"
        ].remove("QuadratNotFoundError"),
        "FailedRuns: leaves out",
    ),
    "failure counted as a refusal": (
        lambda t: t["Resources"]["RefusedRuns"]["Properties"]["EventPattern"]["detail"]["error"].append(
            "States.Timeout"
        ),
        "RefusedRuns: counts",
    ),
    "conversions that fail in silence": (
        lambda t: [
            t["Resources"][name]["Properties"]["EventPattern"]["detail"]["stateMachineArn"].remove({"Ref": "Convert"})
            for name in ("FailedExecutions", "EndedConversions")
        ],
        "Convert: nobody is told",
    ),
    "database never sleeps": (parameter("DatabaseMinCapacity", "Default", 0.5), "scale to zero"),
    "database without IAM": (setting("DatabaseCluster", "EnableIAMDatabaseAuthentication", False), "IAM"),
    "database in plain text": (setting("DatabaseCluster", "StorageEncrypted", False), "StorageEncrypted"),
    "database without TLS": (setting("DatabaseParameters", "Parameters", {"time_zone": "UTC"}), "without TLS"),
    "database on the internet": (setting("DatabaseInstance", "PubliclyAccessible", True), "publicly accessible"),
    "database in public subnets": (
        setting("DatabaseSubnets", "SubnetIds", [{"Ref": "PublicSubnetA"}]),
        "way to the internet",
    ),
    "database deleted without snapshot": (top("DatabaseCluster", "DeletionPolicy", "Delete"), "no snapshot"),
    "load balancer open to the VPC only": (
        setting("LoadBalancerFromCloudFront", "SourcePrefixListId", None),
        "silent 504s",
    ),
    "page open to all": (
        setting("FrontendSecurityGroup", "SecurityGroupIngress", [{"CidrIp": "0.0.0.0/0"}]),
        "more than the load balancer",
    ),
    "page down without data": (setting("PageDownAlarm", "TreatMissingData", "notBreaching"), "must be breaching"),
    "page down counts the unhealthy": (
        setting("PageDownAlarm", "MetricName", "UnHealthyHostCount"),
        "fewer than one healthy host",
    ),
    "page down sounds without a page": (
        lambda t: t["Resources"]["PageDownAlarm"].__delitem__("Condition"),
        "sound for ever",
    ),
    "CloudFront without the page": (
        lambda t: t["Resources"]["Distribution"].__delitem__("Condition"),
        "Distribution: is made without the page",
    ),
    "load balancer without the page": (
        lambda t: t["Resources"]["LoadBalancer"].__delitem__("Condition"),
        "LoadBalancer: is made without the page",
    ),
    "page in plain text": (
        setting("RedirectListener", "DefaultActions", [{"Type": "forward", "TargetGroupArn": {"Ref": "TargetGroup"}}]),
        "unencrypted",
    ),
    "image without its version": (
        lambda t: t["Resources"]["ReframingFunction"]["Metadata"].__delitem__("DockerBuildArgs"),
        "built without PIPELINE_VERSION",
    ),
    "version beside the image": (
        setting("SegmentationFunction", "Environment.Variables.PIPELINE_VERSION", "dev"),
        "hides that of its image",
    ),
    "version dropped by the Dockerfile": (
        lambda t: t["Resources"]["ReframingFunction"]["Metadata"].update(Dockerfile="conversion/Dockerfile"),
        "drops PIPELINE_VERSION",
    ),
    "custom resource given up too early": (setting("Schema", "ServiceTimeout", 600), "before the function can say why"),
    "more memory than a new account has": (parameter("SegmentationMemory", "Default", 5307), "3008 MB"),
    "reserved concurrency by default": (parameter("WorkerConcurrency", "Default", 5), "to reserve"),
}


@pytest.mark.parametrize("name", SEEN_BY_RULES)
def test_own_rules_see(name: str, deployment: Deployment, guards: Guards) -> None:
    change, words = SEEN_BY_RULES[name]
    new = guards.seen(mutate(deployment, change), words)
    assert any(words in fault for fault in new), new


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("\nResources:\n", "\nResources:\n  Fn::ForEach::Buckets: [Name, [A], {}]\n", "Fn::ForEach"),
        ("      MemorySize: 256\n", "      MemorySize: &memory 256\n", "anchors"),
    ],
)
def test_own_rules_see_in_the_text(old: str, new: str, words: str, deployment: Deployment, guards: Guards) -> None:
    assert old in deployment.text
    broken = replace(deployment, text=deployment.text.replace(old, new, 1))
    assert any(words in fault for fault in guards.seen(broken, words))


def circular_role(template: Json) -> None:
    pipeline = template["Resources"]["Pipeline"]["Properties"]
    pipeline["Policies"].append(
        {"Statement": [{"Effect": "Allow", "Action": "states:StartExecution", "Resource": {"Ref": "Pipeline"}}]}
    )


# Each change, the rule that must find it, and where.
SEEN_BY_CFN_LINT: dict[str, tuple[Change, str]] = {
    "circular role": (circular_role, "E3004 Resources/Pipeline:"),
    "attribute that does not exist": (
        setting("ClusterArnParameter", "Value", {"Fn::GetAtt": ["DatabaseCluster", "ClusterArn"]}),
        "E1010 Resources/ClusterArnParameter/",
    ),
    "reference to nothing": (
        setting("RawBucketParameter", "Value", {"Ref": "NoBucket"}),
        "E1020 Resources/RawBucketParameter/",
    ),
    "unknown IAM action": (
        statement("RestorationFunction", 0, "Action", "s3:WriteObject"),
        "W3037 Resources/RestorationFunctionRole/Properties/Policies/",
    ),
    "timeout above Lambda's limit": (
        setting("ConversionFunction", "Timeout", 901),
        "E3717 Resources/ConversionFunction/Properties/Timeout:",
    ),
    "dependency on a conditional resource": (
        top("FrontendRole", "DependsOn", "HttpListener"),
        "E3005 Resources/FrontendRole/DependsOn:",
    ),
    "unknown property": (
        setting("RawBucket", "Versioned", True),
        "E3002 Resources/RawBucket/Properties/Versioned:",
    ),
    "wrong enumeration": (
        setting("CoverageFunction", "Runtime", "python3.99"),
        "E3030 Resources/CoverageFunction/Properties/Runtime:",
    ),
}


def state(name: str, field: str, value: Any) -> Change:
    return lambda machine: machine["States"][name].__setitem__(field, value)


def retry(name: str, *errors: str) -> Change:
    return lambda machine: machine["States"][name]["Retry"][0]["ErrorEquals"].extend(errors)


def no_retry(name: str, position: int) -> Change:
    return lambda machine: machine["States"][name]["Retry"].pop(position)


def catch(name: str, error: str) -> Change:
    return state(name, "Catch", [{"ErrorEquals": [error], "Next": "Failed"}])


def query_language_inside(machine: Json) -> None:
    machine["States"]["QueryLanguage"] = machine.pop("QueryLanguage")


MACHINES_SEEN_BY_RULES: dict[str, tuple[Change, str]] = {
    "bad input retried": (retry("Reframing", "QuadratNotFoundError"), "retries QuadratNotFoundError"),
    "everything retried": (retry("Restoration", "States.TaskFailed"), "retries States.TaskFailed"),
    "idle weeks not waited out": (no_retry("Restoration", 1), "CodeArtifactUserPendingException"),
    "throttling not retried": (no_retry("Segmentation", 2), "does not retry Lambda.TooManyRequestsException"),
    "waking database not retried": (no_retry("Coverage", 4), "waking database"),
    "model under conversion not retried": (no_retry("Reframing", 4), "model under conversion"),
    "no failure path": (state("Coverage", "Catch", []), "failure path"),
    "every fault leaves its task": (catch("Coverage", "States.ALL"), "continue in a Fail state"),
    "a waking database leaves its task": (catch("Coverage", "DatabaseUnavailableError"), "continue in a Fail state"),
    "failure without its cause": (catch("Coverage", "PhotoNotFoundError"), "forgets step"),
    "a retrier of its own": (
        lambda m: m["States"]["Segmentation"]["Retry"][0].update(MaxAttempts=1),
        "Segmentation has other base retriers",
    ),
    "a base retrier after another": (
        lambda m: m["States"]["Coverage"]["Retry"].reverse(),
        "Coverage has other base retriers",
    ),
    "a cause explained twice": (
        state("Failed", "Cause", "{% $parse($failure.cause).errorMessage %}"),
        "explains a cause in 2 places",
    ),
    "a default step in two choices": (
        lambda m: m["States"]["Where to start"]["Choices"].append(m["States"]["Where to start"]["Choices"][1]),
        "says in 2 places",
    ),
    "state without timeout": (lambda m: m["States"]["Coverage"].pop("TimeoutSeconds"), "gives up before"),
    "query language in the wrong place": (query_language_inside, "belongs at the top level"),
}


@pytest.mark.parametrize("name", MACHINES_SEEN_BY_RULES)
def test_own_rules_see_in_a_state_machine(name: str, deployment: Deployment, guards: Guards) -> None:
    change, words = MACHINES_SEEN_BY_RULES[name]
    found = guards.seen(mutate_machine(deployment, "pipeline", change), words)
    assert any(words in fault for fault in found), found


MACHINES_SEEN_BY_ASL_VALIDATOR: dict[str, Change] = {
    "dangling Next": state("Reframing", "Next", "Segmentaton"),
    "orphan state": lambda machine: machine["States"].update(Orphan={"Type": "Succeed"}),
    "start at nothing": lambda machine: machine.update(StartAt="Begin"),
    "unknown state type": state("Done", "Type", "Success"),
    "Catch to nothing": state("Coverage", "Catch", [{"ErrorEquals": ["States.ALL"], "Next": "Gone"}]),
}


def test_asl_validator_sees(deployment: Deployment, node_linters: None) -> None:
    broken = {
        name: mutate_machine(deployment, "pipeline", change).machines["statemachine/pipeline.asl.json"]
        for name, change in MACHINES_SEEN_BY_ASL_VALIDATOR.items()
    }
    found = linters.asl_validator(broken)
    seen = {name for name in broken if any(line.startswith(f"{name}:") for line in found)}
    assert seen == set(broken)


MACHINES_SEEN_BY_CFN_LINT: dict[str, tuple[Change, str]] = {
    "JSONPath field in a JSONata state": (state("Coverage", "ResultPath", "$.coverage"), "States/Coverage/ResultPath:"),
    "task without a resource": (
        lambda machine: machine["States"]["Restoration"].pop("Resource"),
        "States/Restoration:",
    ),
}


@pytest.fixture(scope="module")
def seen_by_cfn_lint(deployment: Deployment) -> list[str]:
    """What cfn-lint finds in a deployment with all of its mutants: a run takes seconds, and each names its place."""

    def every_change(template: Json) -> None:
        for change, _ in SEEN_BY_CFN_LINT.values():
            change(template)

    broken = mutate(deployment, every_change)
    for change, _ in MACHINES_SEEN_BY_CFN_LINT.values():
        broken = mutate_machine(broken, "pipeline", change)
    return linters.cfn_lint(broken, ("eu-west-1",))


@pytest.mark.parametrize("name", SEEN_BY_CFN_LINT)
def test_cfn_lint_sees(name: str, seen_by_cfn_lint: list[str]) -> None:
    _, finding = SEEN_BY_CFN_LINT[name]
    assert any(line.startswith(finding) for line in seen_by_cfn_lint), seen_by_cfn_lint


@pytest.mark.parametrize("name", MACHINES_SEEN_BY_CFN_LINT)
def test_cfn_lint_sees_in_a_state_machine(name: str, seen_by_cfn_lint: list[str]) -> None:
    finding = f"E3601 Resources/Pipeline/Properties/DefinitionString/{MACHINES_SEEN_BY_CFN_LINT[name][1]}"
    assert any(line.startswith(finding) for line in seen_by_cfn_lint), seen_by_cfn_lint


def test_a_wrong_ssm_name_is_seen_by_the_inventory(deployment: Deployment) -> None:
    names = re.findall(r"\$\{ParameterPrefix\}/([\w-]+)", deployment.text)
    assert len(names) == len(set(names)) == 10


def test_the_text_is_what_was_checked(deployment: Deployment) -> None:
    assert yaml_parse(deployment.text) == deployment.template
