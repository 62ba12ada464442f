"""`make redeliver`: every kind of message of the dead letter queue, in moto's SQS, goes where it belonged."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from reefsteps.model_roles import MODEL_BUCKETS
from scripts import redeliver as command
from scripts.deployment import ROOT, Deployment
from scripts.environments import DeployEnvironment

NAMES = {"RawBucket": "raw", "ModelReframingBucket": "frames", "ModelSegmentationBucket": "corals"}


class Calls:
    """Takes what is sent; CloudFormation's answers."""

    def __init__(self, queue: str) -> None:
        self.queue = queue
        self.names = dict(NAMES)
        self.sent: list[tuple[str, Any]] = []

    def describe_stack_resource(self, **arguments: str) -> dict[str, Any]:
        name = arguments["LogicalResourceId"]
        assert arguments["StackName"] == "reefsteps-dev"
        physical = self.queue if name == "UndeliveredEvents" else self.names.get(name, name)
        return {"StackResourceDetail": {"PhysicalResourceId": physical}}

    def start_execution(self, **arguments: str) -> None:
        self.sent.append((arguments["stateMachineArn"], json.loads(arguments["input"])))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "fake")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "fake")
    with mock_aws():
        sqs = boto3.client("sqs", region_name="eu-west-1")
        taken = Calls(sqs.create_queue(QueueName="undelivered")["QueueUrl"])
        for name in ("FailureEvents", "RefusalEvents"):
            taken.names[name] = sqs.create_queue(QueueName=name)["QueueUrl"]
        real = boto3.client

        def client(name: str, **options: Any) -> Any:
            return real(name, **options) if name == "sqs" else taken  # type: ignore[call-overload]

        monkeypatch.setattr(command, "boto3", SimpleNamespace(client=client))
        yield taken


def put(calls: Calls, *bodies: Any) -> None:
    sqs = boto3.client("sqs", region_name="eu-west-1")
    for body in bodies:
        sqs.send_message(QueueUrl=calls.queue, MessageBody=body if isinstance(body, str) else json.dumps(body))


def waiting(calls: Calls, queue: str | None = None) -> int:
    sqs = boto3.client("sqs", region_name="eu-west-1")
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    url = calls.names[queue] if queue else calls.queue
    return sum(map(int, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()))


def event(name: str, bucket: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((ROOT / "events" / name).read_text())
    value["detail"]["bucket"]["name"] = bucket
    return value


def ended(machine: str, error: str) -> dict[str, Any]:
    detail = {"stateMachineArn": f"arn:aws:states:::stateMachine:reefsteps-dev-{machine}", "error": error}
    return {"source": "aws.states", "detail-type": "Step Functions Execution Status Change", "detail": detail}


def test_each_event_goes_where_it_belonged(calls: Calls) -> None:
    upload, model = event("photo-uploaded.json", "raw"), event("photo-uploaded.json", "corals")
    deletion, failure = event("removal.json", "raw"), ended("pipeline", "DatabaseUnavailableError")
    refusal, conversion = ended("pipeline", "InvalidParameterError"), ended("convert", "InvalidParameterError")
    put(calls, upload, model, deletion, failure, refusal, conversion)
    sent = command.redeliver(command.DeployedStack(DeployEnvironment.read("dev")))
    assert all(pair in calls.sent for pair in [("Admit", upload), ("Convert", model), ("Removal", deletion)])
    assert sent == {"admit": 1, "convert": 1, "removal": 1, "failures": 2, "refusals": 1}
    assert waiting(calls) == 0
    assert (waiting(calls, "FailureEvents"), waiting(calls, "RefusalEvents")) == (2, 1)


def test_the_end_of_a_run_that_admission_did_not_hear_of_goes_to_admission(calls: Calls) -> None:
    sqs = boto3.client("sqs", region_name="eu-west-1")
    run = ended("pipeline", "DatabaseUnavailableError")
    target: Any = {"TARGET_ARN": {"DataType": "String", "StringValue": "GivePlaces"}}
    sqs.send_message(QueueUrl=calls.queue, MessageBody=json.dumps(run), MessageAttributes=target)
    assert command.redeliver(command.DeployedStack(DeployEnvironment.read("dev"))) == {"places": 1}
    assert calls.sent == [("GivePlaces", run)]


def test_what_nobody_takes_is_left_and_shown(calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    put(calls, event("photo-uploaded.json", "another"), "no JSON")
    assert command.redeliver(command.DeployedStack(DeployEnvironment.read("dev"))) == {"left": 2}
    assert waiting(calls) == 2
    assert calls.sent == []
    assert "no JSON" in capsys.readouterr().out


def test_more_than_one_page_of_messages(calls: Calls) -> None:
    put(calls, *[event("photo-uploaded.json", "raw")] * 25)
    assert command.redeliver(command.DeployedStack(DeployEnvironment.read("dev"))) == {"admit": 25}


def test_the_template_has_every_place(deployment: Deployment) -> None:
    places = {"UndeliveredEvents", "RawBucket", *MODEL_BUCKETS, *command._PLACES.values()}
    assert places <= set(deployment.expanded["Resources"])


def test_the_make_target_exists() -> None:
    assert "-m scripts.redeliver --env $(ENV)" in Path(ROOT / "deploy.mk").read_text()
