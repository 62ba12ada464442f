"""How things are built and configured, against what the template says that they are."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from typing import Any

import boto3
from samtranslator.yaml_helper import yaml_parse

from scripts.deployment import Deployment, Json
from scripts.relations import code
from scripts.relations.paper import Resource, Stack

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


def python_is_one(d: Deployment, stack: Stack) -> Iterator[str]:
    """Packages are built for the Python that runs them: in the Makefile, in each stage of an image, in the template."""
    built = re.findall(r"(?m)^PYTHON_VERSION := (\S+)$", d.read("functions/Makefile"))
    for name, function in stack.of("AWS::Lambda::Function").items():
        runtime = function.properties.get("Runtime")  # an image has none
        if runtime and [runtime] != [f"python{version}" for version in built]:
            yield f"{name}: runs {runtime}, and is packed for Python {built}"
    paths = {f"functions/{code.package(f.properties)}/Dockerfile" for f in _images(stack)} | {"frontend/Dockerfile"}
    for path in sorted(paths):
        bases = re.findall(r"(?m)^FROM (\S*python:\S+)", d.read(path))
        if len(set(bases)) != 1 or not bases[0].partition("python:")[2].startswith(built[0]):
            yield f"{path}: its stages are of {sorted(set(bases))}, and the functions of Python {built}"


def _images(stack: Stack) -> list[Resource]:
    functions = stack.of("AWS::Lambda::Function").values()
    return [function for function in functions if function.properties.get("PackageType") == "Image"]


def images_hold_their_step(d: Deployment, stack: Stack) -> Iterator[str]:
    """Each image has its own requirements and the packages that it imports, where Lambda's user can read them."""
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
            if copied != {name: name for name in code.packages_needed(d, package)}:
                yield f"{path}: holds {copied}"
            if f'CMD ["{package}.app.handler"]' not in target:
                yield f"{path}: starts another handler"
            yield from _readable(path, target, [f"${{LAMBDA_TASK_ROOT}}/{name}" for name in copied.values()])
    page = re.split(r"(?m)^(?=FROM )", d.read("frontend/Dockerfile"))[-1]
    if 'CMD ["python", "-m", "frontend.serve"]' not in page:
        yield "frontend/Dockerfile: does not start frontend.serve, which writes down how people sign in"
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


def every_lock_is_audited(d: Deployment, stack: Stack) -> Iterator[str]:
    """The weekly audit reads every lock file of the checkout, and starts when one of them changes."""
    path = ".github/workflows/audit.yml"
    workflow: dict[Any, Any] = yaml_parse(d.read(path))
    script = "\n".join(str(s.get("run", "")) for job in workflow["jobs"].values() for s in job["steps"])
    read = re.search(r"for file in (.+); do", script)
    events: Json = workflow.get("on") or workflow.get(True, {})  # YAML reads the key `on` as true
    places = {
        "the audit": read[1].split() if read else [],
        "its start": events.get("pull_request", {}).get("paths", []),
    }
    locks = [lock for folder in ("requirements", "functions", "frontend") for lock in (d.root / folder).rglob("*.txt")]
    for where, globs in places.items():
        found = {file for glob in globs for file in d.root.glob(glob)}
        for lock in sorted(set(locks) - found):
            yield f"{path}: {where} leaves {lock.relative_to(d.root)} out"
    if "schedule" not in events:
        yield f"{path}: nobody hears of a weakness until a lock file changes"


def make_hands_choices_on(d: Deployment, stack: Stack) -> Iterator[str]:
    """A variable that make sets is asked for its value, as it is never empty; a script knows each flag it is given."""
    makefile = d.read("deploy.mk")
    given = {name: value.strip() for name, value in re.findall(r"(?m)^(\w+) \?=(.*)$", makefile)}
    for target, recipe in re.findall(r"(?m)^([\w-]+):[^\n]*\n((?:\t[^\n]*\n)+)", makefile):
        for variable, flag in re.findall(r"\$\(if \$\((\w+)\),(--[\w-]+)", recipe):
            if given.get(variable):
                yield f"deploy.mk: {target} says {flag} whatever {variable} is, as it is never empty"
        for value, variable, flag in re.findall(r"\$\(if \$\(filter (\w+),\$\((\w+)\)\),(--[\w-]+)", recipe):
            if value == given.get(variable):
                yield f"deploy.mk: {target} says {flag} for whoever says nothing ({variable}={value})"
        module = re.search(r"-m scripts\.(\w+)", recipe)
        files = (module[1], "backfill_options") if module else ()
        known = "".join(d.read(f"scripts/{name}.py") for name in files)
        for flag in re.findall(r"(?<![\w-])(--[a-z][\w-]*)", recipe) if module else ():
            if f'"{flag}"' not in known:
                yield f"deploy.mk: {target} says {flag}, which its script does not know"


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
        resolved = deploy.get("resolve_s3") is True and deploy.get("resolve_image_repos") is True
        if deploy.get("capabilities") != "CAPABILITY_IAM" or not resolved:
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
