"""The operator's guide knows every failure and every alarm that the deployment can produce."""

import re

from reefsteps import errors
from scripts.deployment import ROOT, Deployment
from scripts.deployment_rules import tasks

GUIDE = (ROOT / "docs/operations.md").read_text()
FAMILIES = {"ReefStepsError", "BadInputError", "TransientError"}


def test_every_named_error_has_its_row() -> None:
    named = {name for name in vars(errors) if name.endswith("Error")} - FAMILIES
    assert len(named) >= 10
    assert {name for name in named if f"| `{name}` |" not in GUIDE} == set()


def test_how_long_waiting_lasts_is_as_said(deployment: Deployment) -> None:
    machine = deployment.machines["statemachine/pipeline.asl.json"]
    waits: dict[str, float] = {}
    for _, state in tasks(machine):
        for retrier in state["Retry"]:
            steps = [retrier["IntervalSeconds"] * retrier["BackoffRate"] ** n for n in range(retrier["MaxAttempts"])]
            longest = retrier.get("MaxDelaySeconds", float("inf"))
            for error in retrier["ErrorEquals"]:
                waits[error] = sum(min(step, longest) for step in steps)
    assert round(waits["ModelNotReadyError"] / 60) == 5
    assert "five minutes" in GUIDE
    assert round(waits["DatabaseUnavailableError"] / 60) == 8
    assert "eight minutes" in GUIDE
    assert round(waits["Lambda.TooManyRequestsException"] / 3600) == 2
    assert "two hours of throttling" in GUIDE


def test_every_alarm_is_mentioned(deployment: Deployment) -> None:
    sentence = re.search(r"(?ms)^Alarms: .*?\.$", GUIDE)
    assert sentence
    assert len(sentence[0].split(",")) == len(deployment.resources("AWS::CloudWatch::Alarm"))
