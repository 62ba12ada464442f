"""Every pair of parameter sets, deployed one over the other on paper: nothing is lost, nothing is refused half way."""

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
from samcli.cli.types import CfnParameterOverridesType

from scripts import deploy as command
from scripts.deployment import Deployment
from scripts.environments import DeployEnvironment, DeploymentError, _values
from scripts.relations.replacement import collisions, refusal, update
from scripts.zones import choose
from tests.template.mutants.making import TEMPLATE, Mutant, mutated

PAGE = {"FrontendImageUri": "registry/frontend:1"}
DOMAIN = PAGE | {"DomainName": "reefs.example.org", "HostedZoneId": "Z1"}
SETS: dict[str, dict[str, str]] = {
    "without the page": {},
    "behind CloudFront": PAGE,
    "own domain": DOMAIN,
    "another domain": DOMAIN | {"DomainName": "corals.example.org"},
    "another zone": DOMAIN | {"DomainName": "reefs.example.net", "HostedZoneId": "Z2"},
    "another image": PAGE | {"FrontendImageUri": "registry/frontend:2", "PipelineVersion": "0123abc"},
    "arm, larger": DOMAIN
    | {"Architecture": "arm64", "WebCpu": "1024", "WebMemory": "2048", "SegmentationMemory": "5307"},
    "awake, with alerts": PAGE
    | {
        "DatabaseMinCapacity": "1",
        "DatabaseMaxCapacity": "8",
        "DatabaseBackupDays": "14",
        "DatabaseDeletionProtection": "false",
        "AlertEmail": "operator@example.org",
        "ImportBucket": "earlier",
        "WorkerConcurrency": "2",
        "WorkerTimeout": "600",
        "LogRetentionDays": "365",
        "ConvertExistingTable": "yes",
        "ParameterPrefix": "/elsewhere",
    },
}


@pytest.mark.parametrize(("before", "after"), list(permutations(SETS, 2)))
def test_nothing_is_lost_and_nothing_collides(before: str, after: str, deployment: Deployment) -> None:
    plan = update(deployment.expanded, SETS[before], deployment.expanded, SETS[after])
    assert plan.lost == []
    assert list(collisions(plan)) == []
    assert refusal(plan) is None


def test_the_target_group_follows_the_load_balancer(deployment: Deployment) -> None:
    plan = update(deployment.expanded, PAGE, deployment.expanded, DOMAIN)
    assert "LoadBalancer" in plan.replaced  # its scheme cannot change
    assert {"HttpListener", "TargetGroup", "VpcOrigin", "Distribution"} <= plan.removed
    assert {"HttpsListener", "DomainTargetGroup", "DomainRecord", "Certificate"} <= plan.added
    assert "FrontendService" not in plan.added | plan.replaced | plan.removed  # the page itself is updated in place
    assert "UsersClient" not in plan.replaced  # people's accounts and sessions stay


def test_one_target_group_for_both_would_collide(deployment: Deployment) -> None:
    def shared(part: str, old: str, new: str, to: Deployment) -> Deployment:
        return mutated(to, Mutant(TEMPLATE, part, old, new))

    broken = shared("TargetGroup", "Condition: PageByCloudFront", "Condition: HasFrontend", deployment)
    broken = shared("HttpsListener", "!Ref DomainTargetGroup", "!Ref TargetGroup", broken)
    assert any(
        "serves one load balancer" in fault
        for fault in collisions(update(broken.expanded, PAGE, broken.expanded, DOMAIN))
    )


@pytest.mark.parametrize(
    ("part", "old", "new", "lost"),
    [
        ("DatabaseCluster", "StorageEncrypted: true", "StorageEncrypted: false", ["DatabaseCluster"]),
        (
            "DatabaseCluster",
            "DBClusterIdentifier: !Ref AWS::StackName",
            "DBClusterIdentifier: reefs",
            ["DatabaseCluster"],
        ),
        ("RawBucket", "    Properties:\n", "    Properties:\n      BucketName: reefs-raw\n", ["RawBucket"]),
        ("Users", "", None, ["Users"]),
        ("PublicSubnetA", "10.20.0.0/24", "10.20.2.0/24", []),
    ],
)
def test_a_template_that_would_lose_data_is_seen(
    part: str, old: str, new: str | None, lost: list[str], deployment: Deployment
) -> None:
    changed = mutated(deployment, Mutant(TEMPLATE, part, old, new))
    plan = update(deployment.expanded, PAGE, changed.expanded, PAGE)
    assert plan.lost == lost
    assert (refusal(plan) is None) == (not lost)


def test_other_zones_are_refused_before_anything_is_done(deployment: Deployment) -> None:
    zones = {"ZoneA": "eu-west-1b", "ZoneB": "eu-west-1c"}
    plan = update(deployment.expanded, PAGE, deployment.expanded, PAGE | zones)
    assert "only under other addresses" in (refusal(plan) or "")


class Region:
    """A region whose zones have these names and ids."""

    def __init__(self, **zones: str) -> None:
        self.zones = zones

    def describe_availability_zones(self, **_: Any) -> dict[str, Any]:
        return {"AvailabilityZones": [{"ZoneName": name, "ZoneId": i} for name, i in self.zones.items()]}


@pytest.mark.parametrize(
    ("region", "chosen"),
    [
        (Region(a="euw1-az2", b="euw1-az1", c="euw1-az3"), {}),
        (Region(a="use1-az6", b="use1-az3", c="use1-az1", d="use1-az2"), {"ZoneA": "a", "ZoneB": "c"}),
        (Region(c="use1-az1", a="use1-az3", b="use1-az2"), {"ZoneA": "b", "ZoneB": "c"}),
        (Region(a="use1-az1", b="use1-az2", c="use1-az3"), {}),
    ],
)
def test_a_first_deployment_takes_zones_that_have_vpc_origins(region: Region, chosen: dict[str, str]) -> None:
    assert choose(region) == chosen


def test_another_database_name_is_refused_before_anything_is_done(deployment: Deployment) -> None:
    plan = update(deployment.expanded, {}, deployment.expanded, {"DatabaseName": "corals"})
    assert plan.lost == ["DatabaseCluster"]
    assert "Put the former values back" in (refusal(plan) or "")


class Account:
    """A stack that is there, with its template and parameters."""

    def __init__(self, template: Any, parameters: dict[str, str]) -> None:
        self.template, self.parameters = template, parameters

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        listed = [{"ParameterKey": k, "ParameterValue": v} for k, v in self.parameters.items()]
        return {"Stacks": [{"StackStatus": "UPDATE_COMPLETE", "Parameters": listed}]}

    def get_template(self, **_: str) -> dict[str, Any]:
        return {"TemplateBody": self.template}


def test_make_deploy_looks_before_it_begins(deployment: Deployment) -> None:
    environment = DeployEnvironment.read("dev")
    former = Account(deployment.expanded, environment.overrides | {"DatabaseName": "corals"})
    command.look_ahead(former, environment, deployment, with_page=False)  # SAM keeps what nobody chooses
    environment = replace(environment, overrides=environment.overrides | {"DatabaseName": "reefs"})
    with pytest.raises(DeploymentError, match="DatabaseCluster"):
        command.look_ahead(former, environment, deployment, with_page=False)
    same = Account(deployment.expanded, environment.overrides | {"DatabaseName": "reefs"})
    command.look_ahead(same, environment, deployment, with_page=True)


def test_a_choice_that_the_configuration_no_longer_says_is_named(
    deployment: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = DeployEnvironment.read("dev")
    domain = {"DomainName": "reefs.example.org", "HostedZoneId": "Z1"}
    former = Account(deployment.expanded, environment.overrides | domain | {"FrontendImageUri": "page", "Gone": "x"})
    command.look_ahead(former, environment, deployment, with_page=True)
    said = capsys.readouterr().out
    assert said.count("stays") == 2
    assert "DomainName stays reefs.example.org" in said
    nothing = environment.overrides | {"DomainName": "", "HostedZoneId": ""}
    command.look_ahead(former, replace(environment, overrides=nothing), deployment, with_page=True)
    assert capsys.readouterr().out == ""


def test_a_parameter_is_set_to_nothing_as_sam_takes_it() -> None:
    given = ("A=1", 'DomainName=""', "B=x=y")
    assert CfnParameterOverridesType().convert(given, None, None)["DomainName"] == ""
    assert _values(list(given)) == {"A": "1", "DomainName": "", "B": "x=y"}
