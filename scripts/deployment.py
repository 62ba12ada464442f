"""The deployment as CloudFormation will see it: template.yaml expanded offline, with the state machines beside it."""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).resolve().parent.parent
PLACEHOLDER = re.compile(r"\$\{([A-Za-z0-9]+)\}")

Json = dict[str, Any]


@dataclass(frozen=True)
class Deployment:
    """Both templates and the state machines; ``template`` is SAM, ``expanded`` plain CloudFormation."""

    root: Path
    text: str
    template: Json
    expanded: Json
    registry: Json
    machines: dict[str, Json]
    changed: Mapping[str, str] = field(default_factory=dict)  # files that a test has changed, by path

    def read(self, path: str) -> str:
        """Return the text of a file of the checkout; nothing where it is missing."""
        if path in self.changed:
            return self.changed[path]
        return (self.root / path).read_text() if (self.root / path).is_file() else ""

    @classmethod
    def load(cls, root: Path = ROOT) -> Deployment:
        """Read and expand the deployment of a checkout."""
        text = (root / "template.yaml").read_text()
        machines = {
            str(path.relative_to(root)): json.loads(path.read_text())
            for path in sorted((root / "statemachine").glob("*.asl.json"))
        }
        registry = yaml_parse((root / "registry.yaml").read_text())
        return cls.of(root, text, yaml_parse(text), registry, machines)

    @classmethod
    def of(cls, root: Path, text: str, template: Json, registry: Json, machines: dict[str, Json]) -> Deployment:
        """Build from parsed parts, expanding the template."""
        return cls(root, text, template, expand(template), registry, machines)

    def resources(self, kind: str) -> dict[str, Json]:
        """Properties of the expanded template's resources of one type, by logical id."""
        return of_type(self.expanded, kind)

    def inlined(self) -> Json:
        """The expanded template with each state machine's definition in it, as the linter wants to see it."""
        result = copy.deepcopy(self.expanded)
        for name, resource in result["Resources"].items():
            if resource["Type"] != "AWS::StepFunctions::StateMachine":
                continue
            uri = self.template["Resources"][name]["Properties"]["DefinitionUri"]
            resource["Properties"].pop("DefinitionS3Location", None)
            resource["Properties"]["DefinitionString"] = json.dumps(_literal_numbers(self.machines.get(uri, {})))
        return result


def _literal_numbers(machine: Json) -> Json:
    """The machine with numbers where Step Functions takes a JSONata expression but cfn-lint knows numbers only."""
    result = copy.deepcopy(machine)
    for node in walk(result):
        for name in ("MaxConcurrency", "ToleratedFailurePercentage"):
            if str(node.get(name, "")).startswith("{%"):
                node[name] = 1
    return result


def of_type(template: Json, kind: str) -> dict[str, Json]:
    """Properties of a template's resources of one type, by logical id."""
    return {
        name: resource.get("Properties", {})
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def expand(template: Json, region: str = "eu-west-1") -> Json:
    """Translate SAM to CloudFormation offline; what ``sam package`` would upload is a placeholder."""
    source = copy.deepcopy(template)
    for resource in source["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            if properties.get("PackageType") == "Image":
                properties["ImageUri"] = f"123456789012.dkr.ecr.{region}.amazonaws.com/function:tag"
            else:
                properties["CodeUri"] = "s3://bucket/key"
        elif resource["Type"] == "AWS::Serverless::StateMachine":
            properties["DefinitionUri"] = "s3://bucket/key"
    values = {name: parameter.get("Default", "x") for name, parameter in source.get("Parameters", {}).items()}
    os.environ.setdefault("AWS_DEFAULT_REGION", region)  # the translator asks boto3 for the partition
    session = boto3.session.Session(region_name=region)
    translated: Json = Translator({}, Parser(), boto_session=session).translate(
        source, values | {"AWS::Region": region}
    )
    return translated


def walk(node: Any) -> Any:
    """Yield every dict inside a value."""
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value)


def listed(value: Any) -> list[Any]:
    """A value that may be one or a list, as a list."""
    return value if isinstance(value, list) else [value]
