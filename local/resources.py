"""What of the template runs locally: plain records, ready to be provisioned."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.lambda_emulator import FunctionSpec
from local.template import LeftOutError, Template, TemplateError

REPOSITORY = Path(__file__).resolve().parent.parent
ACCOUNT = "123456789012"
_DEFAULT_REGION = "eu-west-1"
_DEFAULT_STACK = "reefsteps"
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_UNIT_S = {"minute": 60.0, "hour": 3600.0, "day": 86_400.0}
_TELLS_OF_FAILURES = "NoticesFunction"
_PLACEHOLDER = re.compile(r"\$\{[A-Za-z0-9_]+\}")


@dataclass(frozen=True)
class LocalBucket:
    """An S3 bucket; ``cors`` as in PutBucketCors."""

    logical_id: str
    name: str
    versioned: bool
    sends_events: bool
    cors: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class StateMachine:
    """A state machine with its substitutions filled in."""

    logical_id: str
    name: str
    arn: str
    kind: str  # STANDARD or EXPRESS
    definition: str


@dataclass(frozen=True)
class Rule:
    """An EventBridge rule; pattern and targets as in PutRule and PutTargets."""

    name: str
    enabled: bool
    pattern: dict[str, Any]
    targets: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Schedule:
    """A state machine that starts again and again."""

    machine: str  # ARN
    every_s: float
    input: str


@dataclass(frozen=True)
class LocalTable:
    """A DynamoDB table; keys and attributes as in CreateTable."""

    name: str
    attributes: tuple[dict[str, str], ...]
    keys: tuple[dict[str, str], ...]


@dataclass(frozen=True)
class LocalResources:
    """Everything that the local stack builds; ``left_out`` says what it does not, and why."""

    region: str
    buckets: tuple[LocalBucket, ...]
    functions: tuple[FunctionSpec, ...]
    state_machines: tuple[StateMachine, ...]
    rules: tuple[Rule, ...]
    schedules: tuple[Schedule, ...]
    tables: tuple[LocalTable, ...]
    queues: tuple[str, ...]
    parameters: dict[str, str]
    page_environment: dict[str, str]
    left_out: dict[str, str]

    def bucket(self, logical_id: str) -> str:
        """Return the bucket's name; raises TemplateError where the template has no such bucket."""
        for bucket in self.buckets:
            if bucket.logical_id == logical_id:
                return bucket.name
        raise TemplateError(f"The template has no bucket {logical_id}.")

    def state_machine(self, logical_id: str) -> str:
        """Return the state machine's ARN; raises TemplateError where the template has no such machine."""
        for machine in self.state_machines:
            if machine.logical_id == logical_id:
                return machine.arn
        raise TemplateError(f"The template has no state machine {logical_id}.")


def read_resources(
    template_path: Path,
    *,
    endpoint: str,
    overrides: dict[str, str],
    definitions: Path | None = None,
    runs_at_once: int | None = None,
) -> LocalResources:
    """Read what is deployed from the template.

    Args:
        template_path: the SAM template; folders in it are relative to its own.
        endpoint: the stack's URL.
        overrides: environment variables that a laptop sets otherwise (endpoint, database, credentials).
        definitions: a folder whose ASL files replace the template's of the same name (tests scale waits down there).
        runs_at_once: how many runs go on while the others wait in line; None takes the template's default.

    Raises:
        TemplateError: the template holds something that cannot be carried out locally.
    """
    stack, region = _stack_and_region(template_path.parent / "samconfig.toml")
    template = Template(
        template_path,
        stack_name=stack,
        region=region,
        account=ACCOUNT,
        endpoint=endpoint,
        parameters={"FrontendImageUri": "local"} | ({"RunsAtOnce": str(runs_at_once)} if runs_at_once else {}),
    )
    left_out = template.left_out()
    return LocalResources(
        region=region,
        buckets=tuple(_bucket(template, name) for name in template.resources("AWS::S3::Bucket")),
        functions=tuple(_functions(template, template_path.parent, region, overrides, left_out)),
        state_machines=tuple(_state_machines(template, template_path.parent, definitions)),
        rules=tuple(_rules(template, left_out)),
        schedules=tuple(_schedules(template, left_out)),
        tables=tuple(_table(template, name) for name in template.resources("AWS::DynamoDB::Table")),
        queues=tuple(template.physical_name(name) for name in template.resources("AWS::SQS::Queue")),
        parameters=_parameters(template, left_out),
        page_environment=_page_environment(template, overrides),
        left_out=left_out,
    )


def _stack_and_region(samconfig: Path) -> tuple[str, str]:
    """Return what `sam deploy` would use without options."""
    settings = tomllib.loads(samconfig.read_text()) if samconfig.exists() else {}
    default = settings.get("default", {})
    merged = {**default.get("global", {}).get("parameters", {}), **default.get("deploy", {}).get("parameters", {})}
    return merged.get("stack_name", _DEFAULT_STACK), merged.get("region", _DEFAULT_REGION)


def _bucket(template: Template, logical_id: str) -> LocalBucket:
    properties = template.resources("AWS::S3::Bucket")[logical_id]
    notifications = template.resolve(properties.get("NotificationConfiguration", {}))
    bridge = notifications.get("EventBridgeConfiguration", {"EventBridgeEnabled": False})
    cors = json.loads(json.dumps(properties.get("CorsConfiguration", {}).get("CorsRules", [])))
    for rule in cors:
        rule["AllowedOrigins"] = ["*"]  # the page's address is not known before it runs, and it is this machine's
    return LocalBucket(
        logical_id=logical_id,
        name=template.physical_name(logical_id),
        versioned=template.resolve(properties.get("VersioningConfiguration", {})).get("Status") == "Enabled",
        sends_events=str(bridge.get("EventBridgeEnabled", True)).lower() == "true",
        cors=tuple({_CORS_NAMES.get(name, name): value for name, value in rule.items()} for rule in cors),
    )


# CloudFormation and S3 name two fields of a CORS rule differently.
_CORS_NAMES = {"ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds"}


def _functions(
    template: Template, folder: Path, region: str, overrides: dict[str, str], left_out: dict[str, str]
) -> list[FunctionSpec]:
    specs = []
    for logical_id, properties in template.resources("AWS::Lambda::Function").items():
        if logical_id in _custom_resource_functions(template):
            continue
        if logical_id == _TELLS_OF_FAILURES:
            left_out[logical_id] = "nobody is on call for a laptop"
            continue
        source = template.source[logical_id]
        handler, code = _handler(source["Properties"], source.get("Metadata", {}), folder)
        variables = properties.get("Environment", {}).get("Variables", {})
        needed = {name: value for name, value in variables.items() if name not in overrides}
        # Overrides replace variables of the template; only the SDK's own (AWS_...) are added.
        replaced = {name: value for name, value in overrides.items() if name in variables or name.startswith("AWS_")}
        resolved = {name: str(value) for name, value in template.resolve(needed).items()}
        specs.append(
            FunctionSpec(
                name=template.physical_name(logical_id),
                handler=handler,
                code=code,
                timeout_s=int(template.resolve(properties.get("Timeout", 3))),
                memory_mb=int(template.resolve(properties.get("MemorySize", 128))),
                region=region,
                environment={**resolved, **replaced},
            )
        )
    return specs


def _custom_resource_functions(template: Template) -> set[str]:
    """Return the functions that only CloudFormation calls; their resources are left out, so they are too."""
    called = set()
    for resource in template.source.values():
        token = resource.get("Properties", {}).get("ServiceToken")
        if isinstance(token, dict):
            target = next(iter(token.values()))
            called.add(target[0] if isinstance(target, list) else str(target).split(".")[0])
    return called


def _handler(properties: dict[str, Any], metadata: dict[str, Any], folder: Path) -> tuple[str, Path]:
    """Return handler and code folder of a function as the template's author wrote it."""
    if properties.get("PackageType") != "Image":
        return properties["Handler"], (folder / properties["CodeUri"]).resolve()
    context = (folder / metadata["DockerContext"]).resolve()
    command = properties.get("ImageConfig", {}).get("Command")
    if not command:
        dockerfile = (context / metadata["Dockerfile"]).read_text()
        found = re.findall(r"^CMD\s+(\[.*\])", dockerfile, re.MULTILINE)
        if not found:
            raise TemplateError(f"{metadata['Dockerfile']} names no handler (CMD), and the template none either.")
        command = json.loads(found[-1])
    return command[0], context


def _state_machines(template: Template, folder: Path, definitions: Path | None) -> list[StateMachine]:
    machines = []
    for logical_id, properties in template.resources("AWS::StepFunctions::StateMachine").items():
        path = folder / template.source[logical_id]["Properties"]["DefinitionUri"]
        if definitions is not None and (definitions / path.name).exists():
            path = definitions / path.name
        text = path.read_text()
        for name, value in template.resolve(properties.get("DefinitionSubstitutions", {})).items():
            text = text.replace("${" + name + "}", str(value))
        missing = sorted(set(_PLACEHOLDER.findall(text)))
        if missing:
            raise TemplateError(f"{path.name} holds {', '.join(missing)}, which {logical_id} does not substitute.")
        machines.append(
            StateMachine(
                logical_id,
                template.physical_name(logical_id),
                template.arn(logical_id),
                properties.get("StateMachineType", "STANDARD"),
                text,
            )
        )
    return machines


def _rules(template: Template, left_out: dict[str, str]) -> list[Rule]:
    rules = []
    for logical_id, properties in template.resources("AWS::Events::Rule").items():
        if "ScheduleExpression" in properties:
            continue
        try:
            rule = Rule(
                name=template.physical_name(logical_id),
                enabled=properties.get("State", "ENABLED") == "ENABLED",
                pattern=template.resolve(properties["EventPattern"]),
                targets=tuple(
                    {name: template.resolve(value) for name, value in target.items() if name != "RoleArn"}
                    for target in properties["Targets"]
                ),
            )
        except LeftOutError as error:
            left_out[logical_id] = str(error)
            continue
        if rule.pattern.get("source") == ["aws.states"] and not any(":states:" in t["Arn"] for t in rule.targets):
            left_out[logical_id] = "nobody is on call for a laptop"
            continue
        rules.append(rule)
    return rules


def _schedules(template: Template, left_out: dict[str, str]) -> list[Schedule]:
    """Return what starts state machines by the clock; functions that do are for whoever is on call."""
    schedules = []
    for logical_id, properties in template.resources("AWS::Events::Rule").items():
        rate = _RATE.fullmatch(properties.get("ScheduleExpression", ""))
        if "ScheduleExpression" not in properties:
            continue
        for target in properties["Targets"]:
            arn = str(template.resolve(target["Arn"])) if rate else ""
            if rate and ":states:" in arn:
                schedules.append(Schedule(arn, int(rate[1]) * _UNIT_S[rate[2]], target.get("Input", "{}")))
            else:
                left_out[logical_id] = "only state machines start by the clock on a laptop, and only at a rate"
    return schedules


def _table(template: Template, logical_id: str) -> LocalTable:
    properties = template.resolve(template.resources("AWS::DynamoDB::Table")[logical_id])
    return LocalTable(
        template.physical_name(logical_id),
        tuple(properties["AttributeDefinitions"]),
        tuple(properties["KeySchema"]),
    )


def _parameters(template: Template, left_out: dict[str, str]) -> dict[str, str]:
    values = {}
    for logical_id, properties in template.resources("AWS::SSM::Parameter").items():
        try:
            values[template.physical_name(logical_id)] = str(template.resolve(properties["Value"]))
        except LeftOutError as error:
            left_out[logical_id] = str(error)
    return values


def _page_environment(template: Template, overrides: dict[str, str]) -> dict[str, str]:
    """Return the page's variables as its container would have them, without those of sign-in and public address."""
    environment = {}
    for properties in template.resources("AWS::ECS::TaskDefinition").values():
        for container in properties["ContainerDefinitions"]:
            for variable in container.get("Environment", []):
                try:
                    environment[variable["Name"]] = str(template.resolve(variable["Value"]))
                except LeftOutError:
                    continue
    return {**environment, **overrides}


def default_template() -> Path:
    """Return the product's template."""
    return REPOSITORY / "template.yaml"
