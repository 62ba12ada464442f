"""How things are built and configured, against what the template says that they are."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache

import boto3
from samtranslator.yaml_helper import yaml_parse

from scripts.deployment import Deployment, Json
from scripts.relations import code
from scripts.relations.paper import Stack

_ROOT = r"\$\{LAMBDA_TASK_ROOT\}"


def zip_files_hold_their_step(d: Deployment, stack: Stack) -> Iterator[str]:
    """The Makefile packs the package of each function's handler, and the certificates for those with a database."""
    makefile = d.read("functions/Makefile")
    steps = dict(re.findall(r"(?m)^build-(\w+): STEP := (\w+)$", makefile))
    prepared = {
        target: needs.split()
        for targets, needs in re.findall(r"(?m)^((?:build-\w+ ?)+): ([a-z ]+)$", makefile)
        for target in targets.split()
    }
    for name, function in stack.of("AWS::Lambda::Function").items():
        if function.properties.get("PackageType") == "Image":
            continue
        if steps.get(name) != code.package(function.properties):
            yield f"functions/Makefile: {name} is packed from {steps.get(name)}"
        needs = prepared.get(f"build-{name}", [])
        if "packages" not in needs:
            yield f"functions/Makefile: {name} is packed without its packages"
        if code.uses_database(d, function.properties) and "certificates" not in needs:
            yield f"functions/Makefile: {name} is packed without the database's certificates"


def images_hold_their_step(d: Deployment, stack: Stack) -> Iterator[str]:
    """Each image has its own requirements, its own package and the shared one, where Lambda's user can read them."""
    for function in stack.of("AWS::Lambda::Function").values():
        if function.properties.get("PackageType") != "Image":
            continue
        package = code.package(function.properties)
        path = f"functions/{package}/Dockerfile"
        packages, *targets = re.split(r"(?m)^(?=FROM )", d.read(path))[1:]
        if f"COPY {package}/requirements.txt" not in packages:
            yield f"{path}: installs another's requirements"
        for target in targets:
            copied = dict(re.findall(rf"(?m)^COPY (\w+) {_ROOT}/(\w+)$", target))
            if copied != {"reefsteps": "reefsteps", package: package}:
                yield f"{path}: holds {copied}"
            if f'CMD ["{package}.app.handler"]' not in target:
                yield f"{path}: starts another handler"
            yield from _readable(path, target, [f"${{LAMBDA_TASK_ROOT}}/{name}" for name in copied.values()])
    page = re.split(r"(?m)^(?=FROM )", d.read("frontend/Dockerfile"))[-1]
    yield from _readable("frontend/Dockerfile", page, re.findall(r"(?m)^COPY (?!--from)\S+ (/app\S+)$", page))


def _readable(path: str, stage: str, places: list[str]) -> Iterator[str]:
    """A checkout under umask 027 gives files that only their owner reads, and COPY keeps that."""
    opened = re.search(r"(?m)^RUN chmod -R a\+rX (.+)$", stage)
    given = opened[1].replace('"', "").split() if opened else []
    for place in places:
        if place not in given:
            yield f"{path}: {place} may be unreadable for the user that runs it"
    if opened and stage.find("\nUSER ") < opened.start():
        yield f"{path}: opens its files as a user who may not"


def ci_builds_what_is_deployed(d: Deployment, stack: Stack) -> Iterator[str]:
    """The images that CI builds are those of the template, from the same folders and files."""
    workflow: Json = yaml_parse(d.read(".github/workflows/ci.yml"))
    entries = workflow["jobs"]["images"]["strategy"]["matrix"]["include"]
    built = {e["name"]: (e["context"], e["dockerfile"], e.get("target")) for e in entries}
    wanted: dict[str, tuple[str, str, str | None]] = {"frontend": (".", "frontend/Dockerfile", None)}
    for name, function in stack.of("AWS::Lambda::Function").items():
        if function.properties.get("PackageType") == "Image":
            metadata = d.template["Resources"][name]["Metadata"]
            context = metadata["DockerContext"]
            target = metadata.get("DockerBuildTarget")
            wanted[code.step(function.properties)] = (context, f"{context}/{metadata['Dockerfile']}", target)
    for name in sorted(wanted.keys() | built.keys()):
        if wanted.get(name) != built.get(name):
            yield f".github/workflows/ci.yml: {name} is built as {built.get(name)}, and deployed as {wanted.get(name)}"


def environments_are_apart(d: Deployment, stack: Stack) -> Iterator[str]:
    """Two environments share no stack and no prefix; prod is protected; each override is a parameter."""
    configuration = tomllib.loads(d.read("samconfig.toml"))
    environments = {n: c for n, c in configuration.items() if isinstance(c, dict) and "deploy" in c}
    for name, section in environments.items():
        shared, deploy = section["global"]["parameters"], section["deploy"]["parameters"]
        given = dict(pair.split("=", 1) for pair in deploy["parameter_overrides"])
        if not shared["stack_name"].endswith(f"-{name}"):
            yield f"samconfig.toml: {name} deploys the stack {shared['stack_name']}"
        if given.get("ParameterPrefix") != f"/{shared['stack_name']}":
            yield f"samconfig.toml: {name} writes its parameters under {given.get('ParameterPrefix')}"
        for parameter in sorted(given.keys() - d.template["Parameters"].keys()):
            yield f"samconfig.toml: {name} sets {parameter}, which the template has not"
        if shared.get("region") not in _regions():
            yield f"samconfig.toml: {name} is in {shared.get('region')}, which is no region"
        if f"environment={name}" not in deploy.get("tags", []):
            yield f"samconfig.toml: {name} is tagged {deploy.get('tags')}"
        if deploy.get("capabilities") != "CAPABILITY_IAM" or deploy.get("resolve_s3") is not True:
            yield f"samconfig.toml: {name} cannot be deployed without more options"
        yield from _prod_faults(name, deploy, given) if name == "prod" else ()
    default = configuration.get("default", {}).get("global", {}).get("parameters", {}).get("stack_name", "")
    if default.endswith("-prod"):
        yield "samconfig.toml: whoever names no environment deploys prod"


@cache
def _regions() -> frozenset[str]:
    return frozenset(boto3.session.Session().get_available_regions("ec2"))


def _prod_faults(name: str, deploy: Json, given: dict[str, str]) -> Iterator[str]:
    if given.get("DatabaseDeletionProtection") != "true":
        yield f"samconfig.toml: {name}'s database may be deleted"
    if int(given.get("DatabaseBackupDays", 0)) < 7:
        yield f"samconfig.toml: {name} keeps backups for {given.get('DatabaseBackupDays')} days"
    if int(given.get("LogRetentionDays", 0)) < 90:
        yield f"samconfig.toml: {name} keeps logs for {given.get('LogRetentionDays')} days"
    if deploy.get("confirm_changeset") is not True:
        yield f"samconfig.toml: {name} changes without being asked"
