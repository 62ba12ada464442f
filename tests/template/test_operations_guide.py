"""The operator's guide knows every failure and every alarm that the deployment can produce."""

import re

from reefsteps import errors
from scripts import stacks
from scripts.deployment import ROOT, Deployment
from scripts.state_machine_rules import tasks

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
            rate, attempts = retrier.get("BackoffRate", 2), retrier["MaxAttempts"]
            steps = [retrier.get("IntervalSeconds", 1) * rate**n for n in range(attempts)]
            longest = retrier.get("MaxDelaySeconds", float("inf"))
            # Full jitter draws each wait evenly between nothing and its length: half of it, on average.
            share = 0.5 if retrier.get("JitterStrategy") == "FULL" else 1.0
            for error in retrier["ErrorEquals"]:
                waits[error] = share * sum(min(step, longest) for step in steps)
    assert round(waits["ModelNotReadyError"] / 60) == 5
    assert "five minutes" in GUIDE
    assert round(waits["DatabaseUnavailableError"] / 60) == 8
    assert "eight minutes" in GUIDE
    assert round(waits["Lambda.TooManyRequestsException"] / 3600) == 2
    assert "two hours of throttling" in GUIDE


def test_every_alarm_is_mentioned(deployment: Deployment) -> None:
    assert set(re.findall(r"(?m)^\| `(\w+Alarm)` \|", GUIDE)) == set(deployment.resources("AWS::CloudWatch::Alarm"))


def test_every_section_that_is_named_exists() -> None:
    titles = set(re.findall(r"(?m)^#+ (.+)$|^\*\*(.+?)\.?\*\*", GUIDE))
    known = {title for pair in titles for title in pair if title}
    quoted = re.findall(r'"([^"]*)"', GUIDE)
    messages = ("Your account", "This AWS account")  # of AWS
    named = {text for text in quoted if re.fullmatch(r"[A-Z][a-z]* [\w ]+", text) and not text.startswith(messages)}
    assert named
    assert named <= known


def test_every_state_that_stops_a_deployment_is_explained() -> None:
    for state in stacks._REMEDIES:
        assert f"`{state}`" in GUIDE
