"""A stack on paper: one template with one set of parameters, every condition decided, every reference a plain text.

Names and ARNs are those that AWS would give, for an invented account. So a policy's resource and a caller's address
are texts that can be compared, as IAM compares them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from scripts.deployment import Json

ACCOUNT = "123456789012"
REGION = "eu-west-1"
STACK = "reefsteps-dev"

_NO_VALUE = object()
_VARIABLE = re.compile(r"\$\{(!?)([^}]+)\}")


@dataclass(frozen=True)
class Resource:
    """A resource as CloudFormation would make it."""

    name: str  # logical
    kind: str
    properties: Json
    attributes: Json  # DependsOn, DeletionPolicy, Condition, ...


@dataclass(frozen=True)
class Stack:
    """The resources of a template that these parameters make."""

    resources: dict[str, Resource]
    values: _Values

    def of(self, kind: str) -> dict[str, Resource]:
        """Resources of one type, by logical id."""
        return self._by_kind.get(kind, {})

    def properties(self, name: str) -> Json:
        """Properties of a resource; none where it is not made."""
        return self.resources[name].properties if name in self.resources else {}

    def references(self, name: str) -> set[str]:
        """Return the resources that a resource's properties refer to with these parameters."""
        self.values.used.clear()
        self.values.plain(self.values.template["Resources"][name].get("Properties", {}))
        return set(self.values.used)

    def plain(self, value: Any) -> Any:
        """Return a part of the template with its references resolved."""
        return self.values.plain(value)

    def named(self, identity: str) -> str | None:
        """Return the logical id of what has this ARN, name or id."""
        return self._index.get(identity)

    @cached_property
    def _index(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for name in self.resources:
            for identity in self.values.identities(name):
                found.setdefault(identity, name)
        return found

    @cached_property
    def _by_kind(self) -> dict[str, dict[str, Resource]]:
        found: dict[str, dict[str, Resource]] = {}
        for name, resource in self.resources.items():
            found.setdefault(resource.kind, {})[name] = resource
        return found


def on_paper(
    template: Json,
    parameters: Mapping[str, str] | None = None,
    *,
    stack: str = STACK,
    generations: Mapping[str, int] | None = None,
) -> Stack:
    """Return what CloudFormation makes of a template (SAM already expanded).

    `parameters` take the place of defaults. `generations` counts how often a resource has been replaced, which gives it
    another physical name.
    """
    values = _Values(template, dict(parameters or {}), stack, dict(generations or {}))
    made = {}
    for name, resource in template["Resources"].items():
        if "Condition" in resource and not values.condition(resource["Condition"]):
            continue
        attributes = {key: value for key, value in resource.items() if key not in ("Type", "Properties")}
        made[name] = Resource(name, resource["Type"], values.plain(resource.get("Properties", {})), attributes)
    return Stack(made, values)


@dataclass(frozen=True)
class _Values:
    template: Json
    parameters: dict[str, str]
    stack: str
    generations: dict[str, int] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)  # names that were referred to

    def condition(self, name: str) -> bool:
        return bool(self.plain(self.template["Conditions"][name]))

    def plain(self, value: Any) -> Any:
        if isinstance(value, list):
            found = [self.plain(item) for item in value]
            return [item for item in found if item is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (key, argument), *_ = value.items()
            if key in ("Ref", "Condition") and isinstance(argument, str):
                return self._reference(argument) if key == "Ref" else self.condition(argument)
            if key in _FUNCTIONS:
                return _FUNCTIONS[key](self, argument)
        made = {key: self.plain(item) for key, item in value.items()}
        return {key: item for key, item in made.items() if item is not _NO_VALUE}

    def _reference(self, name: str) -> Any:
        pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::Region": REGION,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": self.stack,
            "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{self.stack}/1-2-3-4-5",
            "AWS::NoValue": _NO_VALUE,
        }
        if name in pseudo:
            return pseudo[name]
        if name in self.template.get("Parameters", {}):
            return self.parameters.get(name, self.template["Parameters"][name].get("Default", f"value-of-{name}"))
        self.used.add(name)
        return self.identity(name, "Ref")

    def identity(self, name: str, attribute: str) -> str:
        """Return a resource's Ref or attribute."""
        resource = self.template["Resources"].get(name)
        if resource is None:
            return f"missing:{name}"
        properties = resource.get("Properties", {})
        given = next((properties[key] for key in _NAMES.get(resource["Type"], ()) if key in properties), None)
        generation = self.generations.get(name, 0)
        physical = f"{self.stack}-{name}" + (f"-{generation + 1}" if generation else "")
        if resource["Type"] == "AWS::S3::Bucket":
            physical = physical.lower()
        own = str(self.plain(given)) if given is not None else physical
        pattern = _IDENTITIES.get(resource["Type"], {}).get(attribute)
        if pattern is not None:
            return pattern.format(name=own, region=REGION, account=ACCOUNT, physical=physical)
        return own if attribute == "Ref" else f"{physical}.{attribute}"

    def given_names(self, name: str) -> list[str]:
        """Return the physical name that the template gives a resource; nothing where AWS makes one up."""
        resource = self.template["Resources"][name]
        properties = resource.get("Properties", {})
        return [str(self.plain(properties[key])) for key in _NAMES.get(resource["Type"], ()) if key in properties]

    def identities(self, name: str) -> set[str]:
        """Return everything that a resource is referred to by."""
        attributes = {"Ref", "Arn", *_IDENTITIES.get(self.template["Resources"][name]["Type"], {})}
        return {self.identity(name, attribute) for attribute in attributes}


def _get_att(values: _Values, argument: Any) -> str:
    name, attribute = argument.split(".", 1) if isinstance(argument, str) else (argument[0], argument[1])
    values.used.add(name)
    if attribute == "CidrBlock":
        return str(values.plain(values.template["Resources"][name]["Properties"]["CidrBlock"]))
    return values.identity(name, attribute)


def _sub(values: _Values, argument: Any) -> str:
    text, given = (argument, {}) if isinstance(argument, str) else argument

    def filled(match: re.Match[str]) -> str:
        literal, name = match.groups()
        if literal:
            return f"${{{name}}}"
        if name in given:
            return str(values.plain(given[name]))
        return str(_get_att(values, name) if "." in name else values.plain({"Ref": name}))

    return _VARIABLE.sub(filled, text)


def _if(values: _Values, argument: Any) -> Any:
    condition, yes, no = argument
    return values.plain(yes if values.condition(condition) else no)


def _join(values: _Values, argument: Any) -> str:
    separator, parts = argument
    return str(separator).join(str(part) for part in values.plain(parts))


def _select(values: _Values, argument: Any) -> Any:
    index, parts = argument
    return values.plain(parts)[int(values.plain(index))]


def _split(values: _Values, argument: Any) -> list[str]:
    separator, text = argument
    return str(values.plain(text)).split(str(separator))


def _equals(values: _Values, argument: Any) -> bool:
    first, second = values.plain(argument)
    return str(first) == str(second)


_FUNCTIONS: dict[str, Callable[[_Values, Any], Any]] = {
    "Fn::GetAtt": _get_att,
    "Fn::Sub": _sub,
    "Fn::If": _if,
    "Fn::Join": _join,
    "Fn::Select": _select,
    "Fn::Split": _split,
    "Fn::Equals": _equals,
    "Fn::Not": lambda values, argument: not values.plain(argument)[0],
    "Fn::And": lambda values, argument: all(values.plain(argument)),
    "Fn::Or": lambda values, argument: any(values.plain(argument)),
    "Fn::GetAZs": lambda _values, _argument: [f"{REGION}{letter}" for letter in "abc"],
}

# The property that gives a resource its physical name.
_NAMES: dict[str, tuple[str, ...]] = {
    "AWS::S3::Bucket": ("BucketName",),
    "AWS::Lambda::Function": ("FunctionName",),
    "AWS::StepFunctions::StateMachine": ("StateMachineName",),
    "AWS::SQS::Queue": ("QueueName",),
    "AWS::SNS::Topic": ("TopicName",),
    "AWS::DynamoDB::Table": ("TableName",),
    "AWS::RDS::DBCluster": ("DBClusterIdentifier",),
    "AWS::Logs::LogGroup": ("LogGroupName",),
    "AWS::IAM::Role": ("RoleName",),
    "AWS::Cognito::UserPoolDomain": ("Domain",),
    "AWS::ECS::Service": ("ServiceName",),
    "AWS::SSM::Parameter": ("Name",),
    "AWS::ECR::Repository": ("RepositoryName",),
    "AWS::Events::Rule": ("Name",),
    "AWS::ECS::TaskDefinition": ("Family",),
    "AWS::Route53::RecordSet": ("Name",),
    "AWS::CloudWatch::Dashboard": ("DashboardName",),
    "AWS::RDS::DBSubnetGroup": ("DBSubnetGroupName",),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": ("Name",),
    "AWS::ElasticLoadBalancingV2::TargetGroup": ("Name",),
}

# What Ref and the attributes of a type look like where they are not the plain name.
_IDENTITIES: dict[str, dict[str, str]] = {
    "AWS::S3::Bucket": {"Arn": "arn:aws:s3:::{name}"},
    "AWS::Lambda::Function": {"Arn": "arn:aws:lambda:{region}:{account}:function:{name}"},
    "AWS::StepFunctions::StateMachine": {
        "Ref": "arn:aws:states:{region}:{account}:stateMachine:{name}",
        "Arn": "arn:aws:states:{region}:{account}:stateMachine:{name}",
        "Name": "{name}",
    },
    "AWS::SQS::Queue": {
        "Ref": "https://sqs.{region}.amazonaws.com/{account}/{name}",
        "QueueUrl": "https://sqs.{region}.amazonaws.com/{account}/{name}",
        "Arn": "arn:aws:sqs:{region}:{account}:{name}",
        "QueueName": "{name}",
    },
    "AWS::SNS::Topic": {
        "Ref": "arn:aws:sns:{region}:{account}:{name}",
        "TopicArn": "arn:aws:sns:{region}:{account}:{name}",
    },
    "AWS::DynamoDB::Table": {"Arn": "arn:aws:dynamodb:{region}:{account}:table/{name}"},
    "AWS::Events::Rule": {"Arn": "arn:aws:events:{region}:{account}:rule/{name}"},
    "AWS::RDS::DBCluster": {
        "DBClusterArn": "arn:aws:rds:{region}:{account}:cluster:{name}",
        "DBClusterResourceId": "cluster-{physical}",
        "Endpoint.Address": "{name}.cluster.{region}.rds.amazonaws.com",
        "MasterUserSecret.SecretArn": "arn:aws:secretsmanager:{region}:{account}:secret:rds!{physical}",
    },
    "AWS::SecretsManager::Secret": {
        "Ref": "arn:aws:secretsmanager:{region}:{account}:secret:{physical}",
        "Id": "arn:aws:secretsmanager:{region}:{account}:secret:{physical}",
    },
    "AWS::Logs::LogGroup": {"Arn": "arn:aws:logs:{region}:{account}:log-group:{name}:*"},
    "AWS::IAM::Role": {"Arn": "arn:aws:iam::{account}:role/{name}"},
    "AWS::Cognito::UserPool": {"Arn": "arn:aws:cognito-idp:{region}:{account}:userpool/{name}"},
    "AWS::ECR::Repository": {
        "Arn": "arn:aws:ecr:{region}:{account}:repository/{name}",
        "RepositoryUri": "{account}.dkr.ecr.{region}.amazonaws.com/{name}",
    },
    "AWS::ECS::Cluster": {"Arn": "arn:aws:ecs:{region}:{account}:cluster/{name}"},
    "AWS::ElasticLoadBalancingV2::LoadBalancer": {
        "Ref": "arn:aws:elasticloadbalancing:{region}:{account}:loadbalancer/app/{name}/1",
        "LoadBalancerFullName": "app/{name}/1",
    },
    "AWS::ElasticLoadBalancingV2::Listener": {
        "Ref": "arn:aws:elasticloadbalancing:{region}:{account}:listener/app/{physical}/1/1",
        "ListenerArn": "arn:aws:elasticloadbalancing:{region}:{account}:listener/app/{physical}/1/1",
    },
    "AWS::CertificateManager::Certificate": {"Ref": "arn:aws:acm:{region}:{account}:certificate/{name}"},
    "AWS::ElasticLoadBalancingV2::TargetGroup": {
        "Ref": "arn:aws:elasticloadbalancing:{region}:{account}:targetgroup/{name}/1",
        "TargetGroupFullName": "targetgroup/{name}/1",
    },
}
