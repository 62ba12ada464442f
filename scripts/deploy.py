"""`make deploy` and `make destroy`: registry, build, push, application, in that order, saying what is done.

    python -m scripts.deploy deploy --env dev [--without-page] [--without-smoke-test]
    python -m scripts.deploy destroy --env dev

People's choices are in samconfig.toml; what only this script knows (image addresses, the commit) is added to them.
"""

from __future__ import annotations

import argparse
import base64
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from reefsteps.smoke_test import NoModelsError, SmokeTestError
from scripts import stacks, zones
from scripts.aws_words import explained
from scripts.concurrency import runs_for_account
from scripts.deployment import ROOT, Deployment
from scripts.deployment_rules import faults
from scripts.environments import DeployEnvironment, DeploymentError
from scripts.relations import replacement
from scripts.smoke import smoke

IMAGES = ("Restoration", "Reframing", "Segmentation", "Conversion")
BUILT_TEMPLATE = ROOT / ".aws-sam/build/template.yaml"  # what `sam build` writes and `sam deploy` reads
_OWN = {"FrontendImageUri", "PipelineVersion", "RunsAtOnce", "ZoneA", "ZoneB", "PageParked"}  # what commands choose
KEPT = """\
Kept, because they cannot be restored:
  - the seven buckets with photographs, results and models (DeletionPolicy: Retain)
  - a last snapshot of the database (Aurora takes it before the cluster goes)
  - the user pool with the people who may sign in
docs/how-to/deploy.md says how to remove them, and how to start again from them."""


def deploy(environment: DeployEnvironment, *, with_page: bool) -> None:
    """Bring the account to what the checkout says."""
    _say(f"1/5 checking the deployment and the account ({environment.stack} in {environment.region})")
    _preflight(environment, with_page=with_page)
    _say(f"2/5 image repositories and GitHub's role: stack {environment.registry_stack}")
    _sam_deploy_registry(environment)
    outputs = _outputs(environment, environment.registry_stack)
    version = _version()
    _say(f"3/5 building the functions (version {version}); the first time takes a quarter of an hour")
    architecture = environment.overrides.get("Architecture", "x86_64")
    _run(
        [
            "sam",
            "build",
            "--config-env",
            environment.name,
            "--parameter-overrides",
            f"Architecture={architecture}",
            f"PipelineVersion={version}",
        ],
        ARCH="aarch64" if architecture == "arm64" else "x86_64",
    )
    _say("4/5 pushing the functions" + (", building and pushing the page" if with_page else "; no page"))
    _docker_login(environment, outputs["Registry"])
    _push_functions(outputs, version)
    page = ""
    if with_page:
        page = f"{outputs['FrontendRepositoryUri']}:{version}"
        _push_page(page, "linux/arm64" if architecture == "arm64" else "linux/amd64")
    _say(f"5/5 deploying stack {environment.stack}; the first time takes half an hour")
    known = {"FrontendImageUri": page, "PipelineVersion": version}
    made = {"RunsAtOnce": str(_runs_at_once(environment))} | _zones(environment)
    values = made | environment.overrides | known
    repositories = [f"{name}Function={outputs[f'{name}RepositoryUri']}" for name in IMAGES]
    _run(
        [
            "sam",
            "deploy",
            "--config-env",
            environment.name,
            "--config-file",
            str(_configuration()),
            *(argument for repository in repositories for argument in ("--image-repositories", repository)),
            "--parameter-overrides",
            *(f'{name}="{value}"' for name, value in sorted(values.items())),  # quoted: SAM refuses a bare empty value
        ]
    )
    for name, value in sorted(_outputs(environment, environment.stack).items()):
        _say(f"  {name}: {value}")
    _say("Next: add people to the user pool, upload the two .pth models (docs/how-to/deploy.md).")


def _smoke(environment: DeployEnvironment) -> None:
    """Try the deployment; one without models cannot be tried yet. Raises SmokeTestError."""
    try:
        smoke(environment)
    except NoModelsError:
        _say(f"Not tried yet: there are no models. Once they are uploaded: make smoke ENV={environment.name}")


def destroy(environment: DeployEnvironment) -> None:
    """Delete both stacks after the operator typed the stack's name."""
    _say(f"This deletes the stacks {environment.stack} and {environment.registry_stack} (functions, page, images).")
    _say(KEPT)
    if input(f"Type {environment.stack} to continue: ").strip() != environment.stack:
        raise DeploymentError("Nothing was deleted.")
    cloudformation = boto3.client("cloudformation", region_name=environment.region)
    for stack in (environment.stack, environment.registry_stack):
        stacks.refuse_under_way(cloudformation, stack, environment.region)
    rds = boto3.client("rds", region_name=environment.region)
    for cluster in rds.describe_db_clusters()["DBClusters"]:
        ours = {"Key": "aws:cloudformation:stack-name", "Value": environment.stack} in cluster.get("TagList", [])
        if ours and cluster.get("DeletionProtection"):
            raise DeploymentError(
                "The database is protected; nothing was deleted. If it may go: 'aws rds modify-db-cluster --region "
                f"{environment.region} --db-cluster-identifier {cluster['DBClusterIdentifier']} "
                "--no-deletion-protection --apply-immediately', then make destroy again."
            )
    for stack in (environment.stack, environment.registry_stack):
        _say(f"deleting {stack} (CloudFront, the database and the network take up to an hour)")
        stacks.delete(cloudformation, stack, environment.region)
    _say("Done. " + KEPT)


def _preflight(environment: DeployEnvironment, *, with_page: bool = True) -> None:
    for tool in ("sam", "docker", "make", "curl"):
        if shutil.which(tool, path=_path()) is None:
            raise DeploymentError(f"'{tool}' is not installed; see 'On AWS' in the README.")
    if not _succeeds("docker", "info"):
        raise DeploymentError("Docker does not answer ('docker info' says why): start it, or get the right to use it.")
    deployment = Deployment.load()
    if found := faults(deployment):
        raise DeploymentError("The deployment has faults:\n  " + "\n  ".join(found))
    try:
        identity = boto3.client("sts", region_name=environment.region).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise DeploymentError(f"No access to AWS ({error}). Sign in (aws sso login) or set AWS_PROFILE.") from error
    _say(f"  account {identity['Account']} as {identity['Arn']}")
    cloudformation = boto3.client("cloudformation", region_name=environment.region)
    for stack in (environment.stack, environment.registry_stack):
        stacks.make_ready(cloudformation, stack, environment.region, _say)
    look_ahead(cloudformation, environment, deployment, with_page=with_page)


def look_ahead(cloudformation: Any, environment: DeployEnvironment, deployment: Deployment, *, with_page: bool) -> None:
    """Deploy on paper over what is there; raises DeploymentError where something would be lost or refused half way."""
    former = stacks.deployed(cloudformation, environment.stack)
    if former is None:
        return
    template, parameters = former
    for name, value in sorted(kept_from_before(parameters, environment, deployment).items()):
        _say(f"  {name} stays {value}, which samconfig.toml does not say: '{name}=\"\"' or another value changes it")
    page = {"FrontendImageUri": "page" if with_page else ""}
    chosen = parameters | environment.overrides | page  # SAM keeps the former value of what nobody chooses
    reason = replacement.refusal(replacement.update(template, parameters, deployment.expanded, chosen))
    if reason:
        raise DeploymentError(f"{reason}\nNothing was changed.")


def kept_from_before(
    parameters: dict[str, str], environment: DeployEnvironment, deployment: Deployment
) -> dict[str, str]:
    """Return what an earlier deployment chose and samconfig.toml says no more: a deleted line changes nothing."""
    known = deployment.template["Parameters"]
    asked = {name: value for name, value in parameters.items() if name in known and name not in environment.overrides}
    return {n: v for n, v in asked.items() if n not in _OWN and v != str(known[n].get("Default", ""))}


def _zones(environment: DeployEnvironment) -> dict[str, str]:
    cloudformation = boto3.client("cloudformation", region_name=environment.region)
    if stacks.is_there(cloudformation, environment.stack):
        return {}
    return zones.choose(boto3.client("ec2", region_name=environment.region))


def _sam_deploy_registry(environment: DeployEnvironment) -> None:
    values = {"ApplicationStack": environment.stack, "GitHubEnvironment": environment.name}
    values |= {name: value for name, value in environment.registry_overrides.items() if value}
    _run(
        [
            "sam",
            "deploy",
            "--template-file",
            "registry.yaml",
            "--stack-name",
            environment.registry_stack,
            "--region",
            environment.region,
            "--capabilities",
            "CAPABILITY_IAM",
            "--no-confirm-changeset",
            "--no-fail-on-empty-changeset",
            "--parameter-overrides",
            *(f'{name}="{value}"' for name, value in sorted(values.items())),  # quoted: SAM refuses a bare empty value
        ]
    )


def _configuration() -> Path:
    """Write samconfig.toml as this script needs it; SAM takes either its own repositories or given ones."""
    path = BUILT_TEMPLATE.with_name("samconfig.toml")
    text = (ROOT / "samconfig.toml").read_text()
    path.write_text(re.sub(r"(?m)^resolve_image_repos = true\b", "resolve_image_repos = false", text))
    return path


def _push_functions(outputs: dict[str, str], version: str) -> None:
    """Push what `sam build` has built under the commit, and name it so in the built template.

    `sam deploy` would push it again each time, under a tag made of the image: repositories whose tags never move refuse
    the second time.
    """
    built = BUILT_TEMPLATE.read_text()
    for name in IMAGES:
        image = f"{outputs[f'{name}RepositoryUri']}:{version}"
        local = f"{name.lower()}function:{name.lower()}"
        built, count = re.subn(rf"(?m)^( +ImageUri: ){local}$", rf"\g<1>{image}", built)
        if count != 1:
            raise DeploymentError(f"'sam build' has left no image {local} in {BUILT_TEMPLATE.relative_to(ROOT)}.")
        if not _in_registry(image):
            _run(["docker", "tag", local, image])
            _run(["docker", "push", image])
    BUILT_TEMPLATE.write_text(built)


def _push_page(image: str, platform: str) -> None:
    if not _in_registry(image):
        _run(["docker", "build", "--platform", platform, "--file", "frontend/Dockerfile", "--tag", image, "."])
        _run(["docker", "push", image])


def _in_registry(image: str) -> bool:
    known = _succeeds("docker", "manifest", "inspect", image)
    if known:
        _say(f"  {image} is in the repository already")
    return known


def _docker_login(environment: DeployEnvironment, registry: str) -> None:
    token = boto3.client("ecr", region_name=environment.region).get_authorization_token()
    user, password = base64.b64decode(token["authorizationData"][0]["authorizationToken"]).decode().split(":", 1)
    _run(["docker", "login", "--username", user, "--password-stdin", registry], text_input=password)


def _runs_at_once(environment: DeployEnvironment) -> int:
    found = runs_for_account(boto3.client("lambda", region_name=environment.region))
    if "RunsAtOnce" not in environment.overrides:
        _say(f"  {found} runs at once, by the account's concurrency (RunsAtOnce in samconfig.toml changes it)")
    return found


def _outputs(environment: DeployEnvironment, stack: str) -> dict[str, str]:
    cloudformation = boto3.client("cloudformation", region_name=environment.region)
    (description,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in description.get("Outputs", [])}


def _version() -> str:
    """The commit; with changes that are not committed the time too, since image tags are never moved."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    changed = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    suffix = f"-changed-{datetime.now(UTC):%Y%m%d%H%M%S}" if changed.stdout.strip() else ""
    return commit.stdout.strip() + suffix


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0  # noqa: S603


def _path() -> str:
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"


def _run(command: list[str], *, text_input: str | None = None, **variables: str) -> None:
    _say("  $ " + " ".join(command))
    environment = os.environ | {"PATH": _path(), "SAM_CLI_TELEMETRY": "0"} | variables
    done = subprocess.run(command, cwd=ROOT, env=environment, input=text_input, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise DeploymentError(
            f"'{command[0]} {command[1]}' failed; its output above says why. It is safe to run again."
        )


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


def main() -> int:
    """Parse the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.deploy", description=__doc__.partition("\n")[0])
    parser.add_argument("action", choices=("deploy", "destroy"))
    parser.add_argument("--env", default="dev", help="environment of samconfig.toml")
    parser.add_argument("--without-page", action="store_true", help="leave the web service out")
    parser.add_argument("--without-smoke-test", action="store_true", help="do not send a photograph at the end")
    arguments = parser.parse_args()
    try:
        environment = DeployEnvironment.read(arguments.env)
        if arguments.action == "deploy":
            deploy(environment, with_page=not arguments.without_page)
            if not arguments.without_smoke_test:
                _smoke(environment)
        else:
            destroy(environment)
    except (DeploymentError, stacks.StackError, SmokeTestError) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    except (BotoCoreError, ClientError) as error:
        print(explained(error), file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
