"""The project's own rules find nothing, and the inventory is complete."""

import importlib
import json
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from conversion.convert import PRECISIONS
from conversion.publication import SUFFIXES
from provision import schema
from reefsteps.errors import BadInputError, ConfigurationError
from reefsteps.quadrat_size import QuadratSize
from reefsteps.settings import Environment
from restoration.methods import DEFAULT_METHOD, METHODS
from scripts import deployment_rules as rules
from scripts.deployment import Deployment, listed, of_type
from tests.support.steps import package_of

BUCKETS = {"Raw", "Treated", "Reframed", "Segmented", "Masks", "ModelReframing", "ModelSegmentation"}
WORKERS = {"restoration", "reframing", "segmentation", "conversion"}
FUNCTIONS = WORKERS | {"coverage", "removal", "importing", "relabel", "points", "notices", "provision"}
PARAMETERS = {
    "cluster-credentials",
    "db-cluster-arn",
    "db-name",
    "s3_images_raw",
    "s3_images_treated",
    "s3_images_reframed",
    "s3_images_segmented",
    "s3_images_masks",
    "s3_model_reframing",
    "s3_model_segmentation",
}


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_rule_finds_no_fault(rule: rules.Rule, deployment: Deployment) -> None:
    assert list(rule(deployment)) == []


def test_seven_buckets(deployment: Deployment) -> None:
    assert set(deployment.resources("AWS::S3::Bucket")) == {f"{name}Bucket" for name in BUCKETS}
    assert len(deployment.resources("AWS::S3::BucketPolicy")) == 7


def test_registry_holds_every_image_with_scan_and_expiry(deployment: Deployment) -> None:
    repositories = of_type(deployment.registry, "AWS::ECR::Repository")
    names = {"Frontend", "Restoration", "Reframing", "Segmentation", "Conversion"}
    assert set(repositories) == {f"{name}Repository" for name in names}
    for repository in repositories.values():
        assert repository["ImageScanningConfiguration"]["ScanOnPush"] is True
        assert "expire" in repository["LifecyclePolicy"]["LifecyclePolicyText"]
        assert repository["ImageTagMutability"] == "IMMUTABLE"


def test_functions(deployment: Deployment) -> None:
    functions = deployment.resources("AWS::Lambda::Function")
    assert {name.removesuffix("Function").lower() for name in functions} == FUNCTIONS
    images = {name for name, function in functions.items() if function.get("PackageType") == "Image"}
    assert {name.removesuffix("Function").lower() for name in images} == {
        "restoration",
        "reframing",
        "segmentation",
        "conversion",
    }


@pytest.mark.parametrize("step", ["Restoration", "Reframing", "Segmentation"])
def test_workers_are_sized_by_parameters(step: str, deployment: Deployment) -> None:
    function = deployment.template["Resources"][f"{step}Function"]["Properties"]
    assert function["MemorySize"] == {"Ref": f"{step}Memory"}
    assert function["Timeout"] == {"Ref": "WorkerTimeout"}
    assert function["EphemeralStorage"] == {"Size": {"Ref": "WorkerStorage"}}
    assert {"Ref": "WorkerConcurrency"} in function["ReservedConcurrentExecutions"]["Fn::If"]
    architectures = deployment.template["Globals"]["Function"]["Architectures"]
    assert architectures == [{"Ref": "Architecture"}]


def test_state_machines_and_their_events(deployment: Deployment) -> None:
    machines = deployment.resources("AWS::StepFunctions::StateMachine")
    kinds = {name: machine["StateMachineType"] for name, machine in machines.items()}
    standard = dict.fromkeys(("Pipeline", "Convert", "Removal", "Backfill", "Relabel"), "STANDARD")
    assert kinds == {"Admit": "EXPRESS", "GivePlaces": "EXPRESS", **standard}
    patterns = {name: rule.get("EventPattern", {}) for name, rule in deployment.resources("AWS::Events::Rule").items()}
    uploaded = patterns["AdmitRawPhotoUploaded"]
    assert uploaded["detail-type"] == ["Object Created"]
    assert uploaded["detail"] == {"bucket": {"name": [{"Ref": "RawBucket"}]}}  # no filter by name: nothing is ignored
    assert patterns["RemovalRawPhotoDeleted"]["detail-type"] == ["Object Deleted"]
    uploads = [{"suffix": suffix} for suffix in SUFFIXES]
    assert patterns["ConvertModelUploaded"]["detail"]["object"]["key"] == uploads
    assert patterns["FailedExecutions"]["detail"]["status"] == ["FAILED", "TIMED_OUT", "ABORTED"]
    assert "UndeliveredEvents" in deployment.resources("AWS::SQS::Queue")


def test_database_resources(deployment: Deployment) -> None:
    (cluster,) = deployment.resources("AWS::RDS::DBCluster").values()
    assert cluster["Engine"] == "aurora-mysql"
    version = tuple(map(int, cluster["EngineVersion"].rpartition(".mysql_aurora.")[2].split(".")))
    assert version >= (3, 8, 0)  # the first that scales to zero
    assert cluster["DeletionProtection"] == {"Ref": "DatabaseDeletionProtection"}
    assert cluster["BackupRetentionPeriod"] == {"Ref": "DatabaseBackupDays"}
    assert not deployment.resources("AWS::RDS::DBProxy")  # would keep the database awake
    custom = {r["Type"] for r in deployment.expanded["Resources"].values() if r["Type"].startswith("Custom::")}
    assert custom == {"Custom::CoverageSchema", "Custom::CloudFrontPrefixList"}


def test_schema_version_follows_the_statements(deployment: Deployment) -> None:
    properties = deployment.resources("Custom::CoverageSchema")["Schema"]
    assert properties["SchemaVersion"] == schema.version(), "else a deployment would not carry the change out"


def test_web_page(deployment: Deployment) -> None:
    present = {resource["Type"] for resource in deployment.expanded["Resources"].values()}
    assert present >= {
        "AWS::ECS::Cluster",
        "AWS::ECS::TaskDefinition",
        "AWS::ECS::Service",
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "AWS::CloudFront::VpcOrigin",
        "AWS::CloudFront::Distribution",
        "AWS::CertificateManager::Certificate",
        "AWS::Route53::RecordSet",
        "AWS::Cognito::UserPool",
        "AWS::Cognito::UserPoolClient",
        "AWS::Cognito::UserPoolDomain",
    }
    assert not any("NatGateway" in kind for kind in present)


def test_page_role_does_what_the_page_does_and_no_more(deployment: Deployment) -> None:
    (policy,) = deployment.resources("AWS::IAM::Role")["FrontendRole"]["Policies"]
    actions = {action for statement in policy["PolicyDocument"]["Statement"] for action in listed(statement["Action"])}
    assert actions == {
        "s3:PutObject",
        "s3:DeleteObject",
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:ListBucket",
        "s3:ListBucketVersions",
        "states:ListExecutions",
        "states:StartExecution",
        "states:DescribeExecution",
        "states:GetExecutionHistory",
        "rds-db:connect",
        "lambda:InvokeFunction",
    }


def test_ssm_parameters_have_the_promised_names(deployment: Deployment) -> None:
    names = {
        parameter["Name"]["Fn::Sub"].removeprefix("${ParameterPrefix}/")
        for parameter in deployment.resources("AWS::SSM::Parameter").values()
    }
    assert names == PARAMETERS


def test_github_role_trusts_one_environment_of_one_repository(deployment: Deployment) -> None:
    role = of_type(deployment.registry, "AWS::IAM::Role")["GitHubRole"]
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    subject = statement["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
    assert subject == {"Fn::Sub": "repo:${GitHubRepository}:environment:${GitHubEnvironment}"}


def test_operations(deployment: Deployment) -> None:
    alarms = set(deployment.resources("AWS::CloudWatch::Alarm"))
    assert alarms >= {"PipelineFailedAlarm", "UndeliveredEventsAlarm", "ThrottledAlarm", "DatabaseErrorAlarm"}
    assert len(deployment.resources("AWS::CloudWatch::Dashboard")) == 1
    (dashboard,) = deployment.resources("AWS::CloudWatch::Dashboard").values()
    text, values = dashboard["DashboardBody"]["Fn::Sub"]
    _, with_page, without_page = values["PageWidget"]["Fn::If"]
    for widget in (with_page["Fn::Sub"], without_page):
        assert len(json.loads(text.replace("${PageWidget}", widget))["widgets"]) == 10
    assert len(deployment.resources("AWS::SNS::Topic")) == 1
    subscription = deployment.expanded["Resources"]["AlertsByEmail"]
    assert subscription["Condition"] == "HasAlertEmail"


def test_bad_input_family_is_known_to_the_rule() -> None:
    assert BadInputError.__subclasses__()  # else states_retry_and_catch would check nothing


def environment_of(step: str, deployment: Deployment) -> dict[str, str]:
    """A function's variables as the template sets them, with the parameters' defaults."""
    function = deployment.resources("AWS::Lambda::Function")[f"{step.capitalize()}Function"]
    parameters = deployment.template["Parameters"]
    values = {}
    for name, value in function["Environment"]["Variables"].items():
        if isinstance(value, dict):
            value = (
                parameters[value["Ref"]]["Default"] if value.get("Ref") in parameters else f"value-of-{name}".lower()
            )
        values[name] = str(value)
    return values


@pytest.mark.parametrize("step", sorted(FUNCTIONS - {"provision", "points"}))  # these read nothing of their own
def test_function_gets_the_variables_that_its_settings_read(step: str, deployment: Deployment) -> None:
    values = environment_of(step, deployment)
    importlib.import_module(f"{package_of(step)}.settings").Settings.from_environment(Environment(values))
    for name in ("POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "LOG_LEVEL"):
        assert values[name]
    if step in ("coverage", "removal", "importing", "relabel", "points"):
        assert {"DATABASE_URL", "DATABASE_AUTH"} <= set(values)
        assert values["DATABASE_AUTH"] == "iam"


def test_a_missing_variable_would_be_seen(deployment: Deployment) -> None:
    values = environment_of("coverage", deployment)
    del values["TREATED_BUCKET"]
    with pytest.raises(ConfigurationError, match="TREATED_BUCKET"):
        importlib.import_module("coverage_step.settings").Settings.from_environment(Environment(values))


def pattern_of_sizes(deployment: Deployment) -> re.Pattern[str]:
    return re.compile(deployment.template["Parameters"]["QuadratSideCm"]["AllowedPattern"])


@given(st.floats(1, 10_000), st.floats(1, 10_000))
def test_a_deployment_takes_every_size_that_the_code_takes(deployment: Deployment, side: float, other: float) -> None:
    for size in (QuadratSize(round(side, 3), round(side, 3)), QuadratSize(round(side, 3), round(other, 3))):
        assert pattern_of_sizes(deployment).fullmatch(str(size))


@given(st.from_regex(r"[0-9]{1,6}([.][0-9]{1,3})?(x[0-9]{1,6}([.][0-9]{1,3})?)?", fullmatch=True))
@example("0.5")
@example("10000.5")
@example("50x20000")
def test_a_deployment_takes_no_size_that_the_code_refuses(deployment: Deployment, text: str) -> None:
    if pattern_of_sizes(deployment).fullmatch(text):
        QuadratSize.parse(text)


@pytest.mark.parametrize("text", ["5", "2000", "50x75"])
def test_a_size_works_wherever_it_is_read(deployment: Deployment, text: str) -> None:
    assert pattern_of_sizes(deployment).fullmatch(text)
    restoration = importlib.import_module("restoration.settings").Settings
    variables = environment_of("restoration", deployment) | {"QUADRAT_SIDE_CM": text}
    assert str(restoration.from_environment(Environment(variables)).quadrat_size) == text
    (task,) = deployment.resources("AWS::ECS::TaskDefinition").values()
    names = [variable["Name"] for variable in task["ContainerDefinitions"][0]["Environment"]]
    page = dict.fromkeys(names, "x") | {
        "DATABASE_AUTH": "url",
        "AUTH_MODE": "none",
        "SIGN_IN_HOURS": "12",
        "QUADRAT_SIDE_CM": text,
    }
    assert str(importlib.import_module("frontend.settings").Settings.from_environment(page).quadrat_size) == text


def test_choices_are_those_of_the_code(deployment: Deployment) -> None:
    parameters = deployment.template["Parameters"]
    assert parameters["RestorationMethod"]["Default"] == DEFAULT_METHOD
    assert set(parameters["RestorationMethod"]["AllowedValues"]) == set(METHODS)
    assert set(parameters["ModelPrecision"]["AllowedValues"]) == set(PRECISIONS)
