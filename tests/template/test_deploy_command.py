"""`make deploy` and `make destroy`: order, arguments, and what is refused, with tools and account faked."""

import inspect
import itertools
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner
from samcli.cli.types import CfnParameterOverridesType
from samcli.commands.build.command import cli as sam_build
from samcli.commands.deploy import command as sam_deploy_command
from samcli.lib.build.app_builder import ApplicationBuilder
from samcli.lib.cli_validation import image_repository_validation
from samcli.lib.package.ecr_utils import is_ecr_url

from reefsteps.smoke_test import NoModelsError, SmokeTestError
from scripts import deploy as command
from scripts.concurrency import MOST_RUNS
from scripts.deployment import ROOT, Deployment
from scripts.environments import DeployEnvironment, DeploymentError
from scripts.simulate_admission import runs_at_once
from tests.support.deploy_account import REGISTRY, Account


def overrides(line: list[str]) -> dict[str, str]:
    """Parameters of a sam command, as SAM's own parser reads them."""
    values = line[line.index("--parameter-overrides") + 1 :]
    parsed: dict[str, str] = CfnParameterOverridesType().convert(tuple(values), None, None)
    return parsed


def test_registry_build_push_deploy_in_this_order(ran: list[list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    command.deploy(DeployEnvironment.read("dev"), with_page=True)
    assert [line[:2] for line in ran] == [
        ["sam", "deploy"],
        ["sam", "build"],
        ["docker", "login"],
        *[["docker", "tag"], ["docker", "push"]] * 5,
        ["docker", "build"],
        ["docker", "push"],
        ["sam", "deploy"],
    ]
    assert overrides(ran[1])["PipelineVersion"] == "0123abc"
    assert ran[3] == [
        "docker",
        "tag",
        "restorationfunction:restoration",
        f"{REGISTRY}/reefsteps-dev/restoration:0123abc",
    ]
    assert "registry.yaml" in ran[0]
    assert f"RestorationFunction={REGISTRY}/reefsteps-dev/restoration" in ran[-1]
    values = overrides(ran[-1])
    assert values["FrontendImageUri"] == f"{REGISTRY}/reefsteps-dev/frontend:0123abc"
    assert values["PipelineVersion"] == "0123abc"
    assert values["ParameterPrefix"] == "/reefsteps-dev"  # samconfig.toml's own choices are not lost
    assert [line for line in capsys.readouterr().out.splitlines() if line[1:3] == "/5"] != []


def as_sam_reads(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the options of a `sam deploy` as SAM has them after its own checks; nothing is deployed."""
    read: dict[str, Any] = {}
    parameters = inspect.signature(sam_deploy_command.do_cli)

    def told(*values: Any, **options: Any) -> None:
        read.update(parameters.bind(*values, **options).arguments)

    monkeypatch.setattr(sam_deploy_command, "do_cli", told)
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(sam_deploy_command.cli, [*arguments, "--template-file", "template.yaml"])
    assert done.exit_code == 0, done.output
    return read


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_sam_deploy_as_an_operator_types_it(environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    options = as_sam_reads("--config-env", environment, monkeypatch=monkeypatch)
    assert options["stack_name"] == f"reefsteps-{environment}"
    assert options["resolve_image_repos"] is True
    assert options["resolve_s3"] is True
    assert list(options["capabilities"]) == ["CAPABILITY_IAM"]
    assert options["parameter_overrides"]["ParameterPrefix"] == f"/reefsteps-{environment}"
    assert "FrontendImageUri" not in options["parameter_overrides"]  # without the page, or with the one that is there


def test_make_deploy_gives_sam_its_own_repositories(ran: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    command.deploy(DeployEnvironment.read("dev"), with_page=True)
    options = as_sam_reads(*ran[-1][2:], monkeypatch=monkeypatch)
    assert options["resolve_image_repos"] is False
    assert options["image_repositories"]["RestorationFunction"] == f"{REGISTRY}/reefsteps-dev/restoration"
    assert options["stack_name"] == "reefsteps-dev"


def test_without_the_page_nothing_of_it_is_built(ran: list[list[str]]) -> None:
    command.deploy(DeployEnvironment.read("dev"), with_page=False)
    assert not any(line[:2] == ["docker", "build"] for line in ran)
    assert not any("frontend" in word for line in ran[1:-1] for word in line)
    assert overrides(ran[-1])["FrontendImageUri"] == ""


def test_what_is_in_the_registry_is_not_pushed_again(ran: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_succeeds", lambda *_: True)
    command.deploy(DeployEnvironment.read("dev"), with_page=True)
    assert not any(line[:2] == ["docker", "push"] for line in ran)
    for name in command.IMAGES:
        assert f"ImageUri: {REGISTRY}/reefsteps-dev/{name.lower()}:0123abc\n" in command.BUILT_TEMPLATE.read_text()


def test_docker_that_does_not_answer_is_said_before_anything_is_done(
    ran: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_succeeds", lambda *_: False)
    with pytest.raises(DeploymentError, match="docker info"):
        command.deploy(DeployEnvironment.read("dev"), with_page=True)
    assert ran == []


@pytest.fixture
def built_by_sam(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """What SAM itself hands to the builder for each image, the builder standing still; leaves the built template."""
    arguments: dict[str, Any] = {}

    def build(_self: Any, name: str, _code: Any, _image: Any, kind: str, *rest: Any, **_: Any) -> str:
        metadata = next((value for value in rest if isinstance(value, dict) and "BuildMethod" not in value), {})
        if kind != "Image":
            return str(tmp_path)
        arguments[name] = metadata
        return f"{name.lower()}:{metadata['DockerTag']}"

    monkeypatch.setattr(ApplicationBuilder, "_build_function", build)
    monkeypatch.setattr(command, "BUILT_TEMPLATE", tmp_path / "build/template.yaml")
    monkeypatch.chdir(ROOT)
    options = ["--no-cached", "--build-dir", str(tmp_path / "build"), "--config-env", "dev"]
    done = CliRunner().invoke(sam_build, [*options, "--parameter-overrides", "PipelineVersion=0123abc"])
    assert done.exit_code == 0, done.output
    return arguments


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of SAM's own
def test_sam_builds_the_version_into_the_workers(built_by_sam: dict[str, Any]) -> None:
    assert set(built_by_sam) == {f"{name}Function" for name in command.IMAGES}
    for step in ("Restoration", "Reframing", "Segmentation"):
        assert built_by_sam[f"{step}Function"]["DockerBuildArgs"] == {"PIPELINE_VERSION": "0123abc"}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_sam_takes_the_pushed_images_as_they_are(
    built_by_sam: dict[str, Any], ran: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(command, "BUILT_TEMPLATE", tmp_path / "build/template.yaml")
    command.deploy(DeployEnvironment.read("dev"), with_page=False)
    images = re.findall(r"(?m)^ +ImageUri: (\S+)$", command.BUILT_TEMPLATE.read_text())
    assert sorted(images) == sorted(f"{REGISTRY}/reefsteps-dev/{name.lower()}:0123abc" for name in command.IMAGES)
    assert all(map(is_ecr_url, images))  # what `sam deploy` does not push
    line = ran[-1]
    given = {value.split("=")[0] for option, value in itertools.pairwise(line) if "repositories" in option}
    complete = image_repository_validation._is_all_image_funcs_provided
    assert complete(str(command.BUILT_TEMPLATE), dict.fromkeys(given, REGISTRY), {})


def test_aws_that_refuses_is_a_sentence_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: Any) -> None:
        raise ClientError({"Error": {"Code": "ExpiredToken", "Message": "expired"}}, "DescribeStacks")

    monkeypatch.setattr(command, "destroy", refuse)
    monkeypatch.setattr(sys, "argv", ["deploy", "destroy", "--env", "dev"])
    assert command.main() == 1
    assert "ExpiredToken" in capsys.readouterr().err


def test_a_faulty_deployment_touches_nothing(ran: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "faults", lambda _deployment: ["files_exist: gone"])
    with pytest.raises(DeploymentError, match="gone"):
        command.deploy(DeployEnvironment.read("dev"), with_page=True)
    assert ran == []


@pytest.fixture
def smoked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    tried: list[str] = []
    monkeypatch.setattr(command, "smoke", lambda environment: tried.append(environment.stack))
    return tried


@pytest.mark.parametrize(("options", "stacks"), [([], ["reefsteps-dev"]), (["--without-smoke-test"], [])])
def test_a_deployment_ends_with_the_smoke_test_unless_told_not_to(
    options: list[str], stacks: list[str], ran: list[list[str]], smoked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["deploy", "deploy", "--env", "dev", *options])
    assert command.main() == 0
    assert ran[-1][:2] == ["sam", "deploy"]
    assert smoked == stacks


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (SmokeTestError("removal", "the row is still in the database."), 1, "failed at 'removal'"),
        (NoModelsError("models", "there is none."), 0, "make smoke ENV=dev"),
    ],
)
def test_a_smoke_test_that_fails_fails_the_deployment_and_one_without_models_does_not(
    error: Exception,
    status: int,
    words: str,
    ran: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_environment: DeployEnvironment) -> None:
        raise error

    monkeypatch.setattr(command, "smoke", fail)
    monkeypatch.setattr(sys, "argv", ["deploy", "deploy", "--env", "dev"])
    assert command.main() == status
    said = capsys.readouterr()
    assert words in said.out + said.err


def test_an_unknown_environment_is_refused_by_name() -> None:
    with pytest.raises(DeploymentError, match="dev, prod"):
        DeployEnvironment.read("test")


def test_environments_differ_only_in_what_people_choose() -> None:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    dev, prod = config["dev"], config["prod"]
    assert set(dev) == set(prod)
    assert dev["build"] == prod["build"] == config["default"]["build"]
    assert set(dev["deploy"]["parameters"]) == set(prod["deploy"]["parameters"])
    chosen = [[pair.split("=")[0] for pair in e["deploy"]["parameters"]["parameter_overrides"]] for e in (dev, prod)]
    assert chosen[0] == chosen[1]


def test_command_line_names_a_missing_tool(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.deploy", "deploy", "--env", "dev"],
        cwd=ROOT,
        env={"PYTHONPATH": os.environ["PYTHONPATH"], "PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "'docker' is not installed" in done.stderr


@pytest.mark.parametrize(("slots", "runs"), [(10, 11), (50, 55), (1000, 200)])
def test_runs_at_once_follow_the_accounts_concurrency(
    ran: list[list[str]], monkeypatch: pytest.MonkeyPatch, slots: int, runs: int
) -> None:
    account = Account()
    account.slots = slots
    monkeypatch.setattr(command, "boto3", account)
    command.deploy(DeployEnvironment.read("dev"), with_page=False)
    assert f'RunsAtOnce="{runs}"' in ran[-1]


def test_runs_at_once_of_samconfig_count_before_the_accounts(ran: list[list[str]]) -> None:
    environment = DeployEnvironment.read("dev")
    command.deploy(replace(environment, overrides={**environment.overrides, "RunsAtOnce": "7"}), with_page=False)
    assert 'RunsAtOnce="7"' in ran[-1]


def test_the_most_runs_are_those_of_the_template() -> None:
    parameter = Deployment.load().template["Parameters"]["RunsAtOnce"]
    assert (parameter["Default"], parameter["MaxValue"]) == (runs_at_once(10), MOST_RUNS)
