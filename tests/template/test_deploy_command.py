"""`make deploy` and `make destroy`: order, arguments, and what is refused, with tools and account faked."""

import base64
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from samcli.cli.types import CfnParameterOverridesType

from scripts import deploy as command
from scripts.deployment import ROOT

REGISTRY = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"


class Account:
    """Answers for every boto3 client that the command asks for."""

    def __init__(self, protected: bool = False) -> None:
        self.protected = protected
        self.deleted: list[str] = []

    def client(self, *_: Any, **__: Any) -> Any:
        return self

    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/operator"}

    def get_authorization_token(self) -> dict[str, Any]:
        return {"authorizationData": [{"authorizationToken": base64.b64encode(b"AWS:secret").decode()}]}

    def describe_stacks(self, **_: str) -> dict[str, Any]:
        names = ("Frontend", *command.IMAGES)
        outputs = {f"{name}RepositoryUri": f"{REGISTRY}/reefsteps-dev/{name.lower()}" for name in names}
        outputs["Registry"] = REGISTRY
        return {"Stacks": [{"Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in outputs.items()]}]}

    def describe_db_clusters(self) -> dict[str, Any]:
        tag = {"Key": "aws:cloudformation:stack-name", "Value": "reefsteps-dev"}
        return {"DBClusters": [{"TagList": [tag], "DeletionProtection": self.protected}]}

    def delete_stack(self, **arguments: str) -> None:
        self.deleted.append(arguments["StackName"])

    def get_waiter(self, _name: str) -> Any:
        return SimpleNamespace(wait=lambda **_: None)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    commands: list[list[str]] = []
    monkeypatch.setattr(command, "_run", lambda line, **_: commands.append(line))
    monkeypatch.setattr(command, "_version", lambda: "0123abc")
    monkeypatch.setattr(command, "faults", lambda _deployment: [])
    monkeypatch.setattr(command.shutil, "which", lambda tool, **_: f"/bin/{tool}")
    monkeypatch.setattr(command.subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=1))
    monkeypatch.setattr(command, "boto3", Account())
    return commands


def overrides(line: list[str]) -> dict[str, str]:
    """Parameters of a sam command, as SAM's own parser reads them."""
    values = line[line.index("--parameter-overrides") + 1 :]
    parsed: dict[str, str] = CfnParameterOverridesType().convert(tuple(values), None, None)
    return parsed


def test_registry_build_push_deploy_in_this_order(ran: list[list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    command.deploy(command.Environment.read("dev"), with_page=True)
    assert [line[:2] for line in ran] == [
        ["sam", "deploy"],
        ["sam", "build"],
        ["docker", "login"],
        ["docker", "build"],
        ["docker", "push"],
        ["sam", "deploy"],
    ]
    assert "registry.yaml" in ran[0]
    assert f"RestorationFunction={REGISTRY}/reefsteps-dev/restoration" in ran[-1]
    values = overrides(ran[-1])
    assert values["FrontendImageUri"] == f"{REGISTRY}/reefsteps-dev/frontend:0123abc"
    assert values["PipelineVersion"] == "0123abc"
    assert values["ParameterPrefix"] == "/reefsteps-dev"  # samconfig.toml's own choices are not lost
    assert [line for line in capsys.readouterr().out.splitlines() if line[1:3] == "/5"] != []


def test_without_the_page_nothing_of_it_is_built(ran: list[list[str]]) -> None:
    command.deploy(command.Environment.read("dev"), with_page=False)
    assert not any(line[:2] == ["docker", "build"] for line in ran)
    assert overrides(ran[-1])["FrontendImageUri"] == ""


def test_a_faulty_deployment_touches_nothing(ran: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "faults", lambda _deployment: ["files_exist: gone"])
    with pytest.raises(command.DeploymentError, match="gone"):
        command.deploy(command.Environment.read("dev"), with_page=True)
    assert ran == []


def test_an_unknown_environment_is_refused_by_name() -> None:
    with pytest.raises(command.DeploymentError, match="dev, prod"):
        command.Environment.read("test")


def test_destroy_says_what_it_keeps_and_asks(
    ran: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    account = Account()
    monkeypatch.setattr(command, "boto3", account)
    monkeypatch.setattr("builtins.input", lambda _prompt: "no")
    with pytest.raises(command.DeploymentError, match="Nothing was deleted"):
        command.destroy(command.Environment.read("dev"))
    assert account.deleted == []
    monkeypatch.setattr("builtins.input", lambda _prompt: "reefsteps-dev")
    command.destroy(command.Environment.read("dev"))
    assert account.deleted == ["reefsteps-dev", "reefsteps-dev-registry"]
    assert "photographs" in capsys.readouterr().out


def test_destroy_stops_at_a_protected_database(ran: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(protected=True)
    monkeypatch.setattr(command, "boto3", account)
    monkeypatch.setattr("builtins.input", lambda _prompt: "reefsteps-dev")
    with pytest.raises(command.DeploymentError, match="protected"):
        command.destroy(command.Environment.read("dev"))
    assert account.deleted == []


def test_command_line_names_a_missing_tool(tmp_path: Path) -> None:
    (target,) = re.findall(
        r"(?m)^\tPYTHONPATH=(\S+) \$\(BIN\)/python -m scripts.deploy deploy", (ROOT / "deploy.mk").read_text()
    )
    done = subprocess.run(
        [sys.executable, "-m", "scripts.deploy", "deploy", "--env", "dev"],
        cwd=ROOT,
        env={"PYTHONPATH": target, "PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "'docker' is not installed" in done.stderr
