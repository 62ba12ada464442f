"""`make deploy` and `make destroy` on stacks in every state: what is refused, what is deleted, what is kept."""

import re
import sys

import pytest

from scripts import deploy as command
from scripts import stacks
from scripts.deployment import ROOT
from scripts.environments import DeployEnvironment, DeploymentError
from tests.support.deploy_account import Account


@pytest.mark.parametrize("stack", ["reefsteps-dev", "reefsteps-dev-registry"])
def test_what_a_failed_first_deployment_left_is_deleted_first(
    stack: str, ran: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    account = Account({stack: "ROLLBACK_COMPLETE"})
    monkeypatch.setattr(command, "boto3", account)
    command._preflight(DeployEnvironment.read("dev"))
    assert account.deleted == [stack]
    assert "had failed and was rolled back" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("state", "remedy"),
    [
        ("ROLLBACK_FAILED", "make destroy"),
        ("DELETE_FAILED", "make destroy"),
        ("CREATE_FAILED", "make destroy"),
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --region eu-west-1 --stack-name reefsteps-dev"),
        ("UPDATE_IN_PROGRESS", "Wait until"),
        ("DELETE_IN_PROGRESS", "Wait until"),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "Wait until"),
    ],
)
def test_a_stack_that_takes_no_deployment_is_left_alone(
    state: str, remedy: str, ran: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    account = Account({"reefsteps-dev": state})
    monkeypatch.setattr(command, "boto3", account)
    with pytest.raises(stacks.StackError, match=f"{state}.*{remedy}"):
        command.deploy(DeployEnvironment.read("dev"), with_page=True)
    assert (ran, account.deleted) == ([], [])


@pytest.mark.parametrize("state", ["REVIEW_IN_PROGRESS", "UPDATE_ROLLBACK_COMPLETE", "CREATE_COMPLETE"])
def test_other_states_are_deployed_to(state: str, ran: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account({"reefsteps-dev": state})
    monkeypatch.setattr(command, "boto3", account)
    command.deploy(DeployEnvironment.read("dev"), with_page=False)
    assert ran[-1][:2] == ["sam", "deploy"]
    assert account.deleted == []


def test_a_deletion_that_stops_says_at_what_and_where_to_look(
    ran: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "boto3", Account(blocked=True))
    monkeypatch.setattr("builtins.input", lambda _prompt: "reefsteps-dev")
    monkeypatch.setattr(sys, "argv", ["deploy", "destroy", "--env", "dev"])
    assert command.main() == 1
    said = capsys.readouterr().err
    assert "Vpc: has dependencies and cannot be deleted" in said
    assert "Earlier" not in said  # of a deletion before this one
    assert "describe-stack-events --region eu-west-1 --stack-name reefsteps-dev" in said
    (title,) = re.findall(r"docs/how-to/recover.md, '(.+?)'", said)
    assert f"## {title}\n" in (ROOT / "docs/how-to/recover.md").read_text()


def test_destroy_waits_for_nobody_elses_deployment(ran: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account({"reefsteps-dev": "UPDATE_IN_PROGRESS"})
    monkeypatch.setattr(command, "boto3", account)
    monkeypatch.setattr("builtins.input", lambda _prompt: "reefsteps-dev")
    with pytest.raises(stacks.StackError, match="Wait until"):
        command.destroy(DeployEnvironment.read("dev"))
    assert account.deleted == []


def test_destroy_says_what_it_keeps_and_asks(
    ran: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    account = Account()
    monkeypatch.setattr(command, "boto3", account)
    monkeypatch.setattr("builtins.input", lambda _prompt: "no")
    with pytest.raises(DeploymentError, match="Nothing was deleted"):
        command.destroy(DeployEnvironment.read("dev"))
    assert account.deleted == []
    monkeypatch.setattr("builtins.input", lambda _prompt: "reefsteps-dev")
    command.destroy(DeployEnvironment.read("dev"))
    assert account.deleted == ["reefsteps-dev", "reefsteps-dev-registry"]
    assert "photographs" in capsys.readouterr().out


def test_destroy_stops_at_a_protected_database(ran: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(protected=True)
    monkeypatch.setattr(command, "boto3", account)
    monkeypatch.setattr("builtins.input", lambda _prompt: "reefsteps-dev")
    with pytest.raises(DeploymentError, match="--db-cluster-identifier reefsteps-dev --no-deletion-protection"):
        command.destroy(DeployEnvironment.read("dev"))
    assert account.deleted == []
