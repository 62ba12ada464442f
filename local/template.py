"""The SAM template as CloudFormation would see it: expanded, with parameters, conditions and references resolved.

Everything that the local stack needs to know about the deployment is read here, so nothing is written down twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

PROVISIONED = {
    "AWS::S3::Bucket": "BucketName",
    "AWS::Lambda::Function": "FunctionName",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
    "AWS::Events::Rule": "Name",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SSM::Parameter": "Name",
    "AWS::DynamoDB::Table": "TableName",
}

# What the local stack does not build, by type, each with the reason. A type in neither table stops the start.
LEFT_OUT = {
    "AWS::IAM::": "permissions are not checked on a laptop",
    "AWS::Lambda::Permission": "permissions are not checked on a laptop",
    "AWS::Lambda::EventInvokeConfig": "asynchronous invocations are tried three times, Lambda's default",
    "AWS::Lambda::LayerVersion": "handlers find their packages in the virtual environment",
    "AWS::S3::BucketPolicy": "moto evaluates policies without their conditions, so deny-unless-TLS locks the bucket",
    "AWS::SQS::QueuePolicy": "permissions are not checked on a laptop",
    "AWS::EC2::": "there is no network to build: everything listens on 127.0.0.1",
    "AWS::ElasticLoadBalancingV2::": "the page is a local process",
    "AWS::CloudFront::": "the page is a local process",
    "AWS::CertificateManager::": "the page is a local process",
    "AWS::Route53::": "the page is a local process",
    "AWS::ECS::": "the page is a local process",
    "AWS::Cognito::": "nobody signs in on a laptop",
    "AWS::SecretsManager::": "nobody signs in on a laptop, and the database has no master password",
    "AWS::RDS::": "SQLite, or any MySQL or MariaDB by --database-url, stands for Aurora",
    "Custom::": "the database's tables are made by the store module itself",
    "AWS::CloudFormation::CustomResource": "the database's tables are made by the store module itself",
    "AWS::Logs::": "handlers log to files in the state folder",
    "AWS::CloudWatch::": "nobody is on call for a laptop",
    "AWS::SNS::": "nobody is on call for a laptop",
    "AWS::Budgets::": "a laptop has no bill",
    "AWS::KMS::": "nothing is encrypted on a laptop's disk",
}

_NO_VALUE = object()
_SUBSTITUTION = re.compile(r"\$\{(!?)([A-Za-z0-9:.]+)\}")


class TemplateError(ValueError):
    """The template holds something that the local stack cannot carry out."""


class LeftOutError(TemplateError):
    """A value comes from a resource that the local stack leaves out."""


class Template:
    """A translated template; ``resolve`` turns its values into plain ones."""

    def __init__(
        self, path: Path, *, stack_name: str, region: str, account: str, endpoint: str, parameters: dict[str, str]
    ) -> None:
        source = _load(path)
        self.source: dict[str, Any] = source["Resources"]
        self._parameters = {
            name: parameters.get(name, declared.get("Default"))
            for name, declared in source.get("Parameters", {}).items()
        }
        self._pseudo = {
            "AWS::AccountId": account,
            "AWS::Region": region,
            "AWS::Partition": "aws",
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::StackName": stack_name,
            "AWS::StackId": f"arn:aws:cloudformation:{region}:{account}:stack/{stack_name}/local",
            "AWS::NoValue": _NO_VALUE,
        }
        self._endpoint = endpoint
        expanded = _expand(source, self._parameters, region)
        self._conditions = expanded.get("Conditions", {})
        self._all: dict[str, dict[str, Any]] = expanded["Resources"]
        unknown = sorted(
            {r["Type"] for r in self._all.values() if r["Type"] not in PROVISIONED and not reason(r["Type"])}
        )
        if unknown:
            raise TemplateError(
                f"The local stack does not know {', '.join(unknown)}: provision it in local/provision.py, "
                "or leave it out with a reason in local/template.py."
            )

    def resources(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the properties, unresolved, of every resource of the type whose condition holds, by logical id."""
        return {
            name: resource.get("Properties", {})
            for name, resource in self._all.items()
            if resource["Type"] == kind and self._holds(resource.get("Condition"))
        }

    def left_out(self) -> dict[str, str]:
        """Return the types that are in the template but not built locally, each with the reason."""
        found = {resource["Type"] for resource in self._all.values()} - PROVISIONED.keys()
        return {kind: reason(kind) for kind in sorted(found)}

    def physical_name(self, logical_id: str) -> str:
        """Return the name that the resource gets: the template's, or one made from stack and logical id."""
        resource = self._all[logical_id]
        given = resource.get("Properties", {}).get(PROVISIONED[resource["Type"]])
        if given is not None:
            return str(self.resolve(given))
        name = f"{self._pseudo['AWS::StackName']}-{logical_id}"
        return name.lower() if resource["Type"] == "AWS::S3::Bucket" else name

    def arn(self, logical_id: str) -> str:
        """Return the resource's ARN."""
        return self._attribute(logical_id, "Arn")

    def resolve(self, value: Any) -> Any:
        """Return ``value`` with every intrinsic function carried out.

        Raises:
            LeftOutError: the value comes from a resource that is not built locally.
            TemplateError: a function that is not known here.
        """
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name, argument), *_ = value.items()
            if name == "Ref":
                return self._reference(argument)
            if name == "Condition" and isinstance(argument, str):
                return self._holds(argument)
            if name.startswith("Fn::"):
                return self._call(name, argument)
        resolved = {key: self.resolve(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not _NO_VALUE}

    def _call(self, name: str, argument: Any) -> Any:
        functions: dict[str, Callable[[Any], Any]] = {
            "Fn::GetAtt": lambda a: self._attribute(*(a.split(".", 1) if isinstance(a, str) else a)),
            "Fn::Sub": self._substitute,
            "Fn::Join": lambda a: str(self.resolve(a[0])).join(map(str, self.resolve(a[1]))),
            "Fn::Select": lambda a: self.resolve(a[1])[int(self.resolve(a[0]))],
            "Fn::Split": lambda a: self.resolve(a[1]).split(self.resolve(a[0])),
            "Fn::If": lambda a: self.resolve(a[1] if self._holds(a[0]) else a[2]),
            "Fn::Equals": lambda a: str(self.resolve(a[0])) == str(self.resolve(a[1])),
            "Fn::Not": lambda a: not self.resolve(a[0]),
            "Fn::And": lambda a: all(map(self.resolve, a)),
            "Fn::Or": lambda a: any(map(self.resolve, a)),
        }
        if name not in functions:
            raise TemplateError(f"The local stack does not know {name}.")
        return functions[name](argument)

    def _holds(self, condition: str | None) -> bool:
        return condition is None or bool(self.resolve(self._conditions[condition]))

    def _reference(self, name: str) -> Any:
        if name in self._pseudo:
            return self._pseudo[name]
        if name in self._parameters:
            return self._parameters[name]
        return self._attribute(name, "Ref")

    def _attribute(self, logical_id: str, attribute: str) -> str:
        kind = self._all.get(logical_id, {}).get("Type")
        if kind is None:
            raise TemplateError(f"The template refers to {logical_id}, which it does not hold.")
        if kind not in PROVISIONED:
            raise LeftOutError(f"{logical_id} is {kind}: {reason(kind)}.")
        name = self.physical_name(logical_id)
        region, account = self._pseudo["AWS::Region"], self._pseudo["AWS::AccountId"]
        arn = {
            "AWS::S3::Bucket": f"arn:aws:s3:::{name}",
            "AWS::Lambda::Function": f"arn:aws:lambda:{region}:{account}:function:{name}",
            "AWS::StepFunctions::StateMachine": f"arn:aws:states:{region}:{account}:stateMachine:{name}",
            "AWS::Events::Rule": f"arn:aws:events:{region}:{account}:rule/{name}",
            "AWS::SQS::Queue": f"arn:aws:sqs:{region}:{account}:{name}",
            "AWS::SSM::Parameter": f"arn:aws:ssm:{region}:{account}:parameter{name}",
            "AWS::DynamoDB::Table": f"arn:aws:dynamodb:{region}:{account}:table/{name}",
        }[kind]
        if attribute == "Ref":
            special = {"AWS::StepFunctions::StateMachine": arn, "AWS::SQS::Queue": f"{self._endpoint}/{account}/{name}"}
            return special.get(kind, name)
        if attribute == "Arn":
            return arn
        if attribute in ("Name", "QueueName"):
            return name
        raise TemplateError(f"The local stack does not know {logical_id}.{attribute}.")

    def _substitute(self, argument: str | list[Any]) -> str:
        text, values = (argument, {}) if isinstance(argument, str) else (argument[0], argument[1])

        def replace(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return "${" + name + "}"
            if name in values:
                return str(self.resolve(values[name]))
            if "." in name:
                return self._attribute(*name.split(".", 1))
            return str(self._reference(name))

        return _SUBSTITUTION.sub(replace, text)


def reason(kind: str) -> str:
    """Return why the local stack leaves the resource type out; empty where it does not."""
    return next((why for prefix, why in LEFT_OUT.items() if kind == prefix or kind.startswith(prefix)), "")


def _load(path: Path) -> dict[str, Any]:
    from samtranslator.yaml_helper import yaml_parse

    return yaml_parse(path.read_text())  # type: ignore[no-any-return]


def _expand(source: dict[str, Any], parameters: dict[str, Any], region: str) -> dict[str, Any]:
    """Return the template with SAM's own types turned into CloudFormation's, offline."""
    import boto3
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    packaged = json.loads(json.dumps(source, default=str))
    for resource in packaged["Resources"].values():  # what `sam package` would fill in
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            uri = "ImageUri" if properties.get("PackageType") == "Image" else "CodeUri"
            properties[uri] = "local.dkr.ecr/image:local" if uri == "ImageUri" else "s3://local/code"
        if resource["Type"] == "AWS::Serverless::StateMachine":
            properties["DefinitionUri"] = "s3://local/definition"
    session = boto3.session.Session(region_name=region)
    translator = Translator({}, Parser(), boto_session=session)
    return translator.translate(packaged, {"AWS::Region": region, **parameters})  # type: ignore[no-any-return]
