"""`make retry`: finds the pipeline of an environment, asks, and starts the failed runs again."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from scripts import retry as command
from tests.support.past_runs import StepFunctions, run


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> StepFunctions:
    """Step Functions with two failed runs, and a CloudFormation that knows the pipeline."""
    service = StepFunctions([run("2006-Hao-01.jpg"), run("2006-Hao-02.jpg", error="QuadratNotFoundError", minute=1)])

    def describe_stack_resource(**arguments: str) -> dict[str, Any]:
        assert arguments == {"StackName": "reefsteps-dev", "LogicalResourceId": "Pipeline"}
        return {"StackResourceDetail": {"PhysicalResourceId": "pipeline"}}

    cloudformation = SimpleNamespace(describe_stack_resource=describe_stack_resource)
    clients = {"cloudformation": cloudformation, "stepfunctions": service}
    monkeypatch.setattr(command, "boto3", SimpleNamespace(client=lambda name, **_options: clients[name]))
    return service


def call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Call the command as make does."""
    monkeypatch.setattr(sys, "argv", ["retry", *arguments])
    return command.main()


def test_it_starts_what_a_new_run_may_cure(service: StepFunctions, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call(monkeypatch, "--yes") == 0
    assert [past.photo for past in service.runs.values() if past.status == "RUNNING"] == ["2006-Hao-01.jpg"]


def test_it_asks_first(
    service: StepFunctions, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    questions: list[str] = []

    def answer_no(question: str) -> str:
        questions.append(question)
        return "n"

    monkeypatch.setattr("builtins.input", answer_no)
    assert call(monkeypatch, "--error", "QuadratNotFoundError") == 1
    assert questions == ["Start 1 runs? [y/N] "]
    assert "1 that failed with QuadratNotFoundError" in capsys.readouterr().out
    assert len(service.runs) == 2


def test_without_a_terminal_it_says_how(
    service: StepFunctions, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nobody(_question: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    assert call(monkeypatch) == 1
    assert "YES=yes" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--env", "moon"], ["--since", "yesterday"]])
def test_a_wrong_call_is_one_sentence(
    arguments: list[str], service: StepFunctions, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, *arguments) == 1
    assert capsys.readouterr().err.count("\n") == 1
