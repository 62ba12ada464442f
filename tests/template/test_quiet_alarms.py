"""Who hears of what: sequences of events and metrics are replayed through the template's rules, queues and alarms.

EventBridge is moto's evaluator of patterns, SQS and SNS are moto's, the function is the deployed one. CloudWatch's
alarms on a single metric are evaluated here, by the period.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from unittest import mock

import boto3
import pytest
from moto import mock_aws
from moto.events.models import EventPattern

from reefsteps.errors import REFUSALS
from reefsteps.explanations import explain
from scripts.deployment import Deployment
from tests.support.handlers import ENVIRONMENT, loaded

Json = dict[str, Any]
NOON_S = 1_800_000_000 - 1_800_000_000 % 3600
TIMEOUT_CAUSE = json.dumps({"errorMessage": "The database did not answer.", "errorType": "DatabaseUnavailableError"})


class World:
    """A deployed stack to which things happen, second by second."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._sqs, self._sns = boto3.client("sqs"), boto3.client("sns")
        self.queues = {n: self._sqs.create_queue(QueueName=n)["QueueUrl"] for n in ("FailureEvents", "RefusalEvents")}
        self.topic = self._sns.create_topic(Name="alerts")["TopicArn"]
        self._inbox = self._sqs.create_queue(QueueName="inbox")["QueueUrl"]
        self._sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint="arn:aws:sqs:eu-west-3:123456789012:inbox")
        self.points: dict[str, list[tuple[int, float]]] = defaultdict(list)
        self.now_s = NOON_S

    def variables(self) -> dict[str, str]:
        return {
            "FAILURES_QUEUE": self.queues["FailureEvents"],
            "REFUSALS_QUEUE": self.queues["RefusalEvents"],
            "ALERTS_TOPIC": self.topic,
            "STACK_NAME": "reefsteps-dev",
        }

    def measured(self, metric: str, dimension: str, value: float = 1.0) -> None:
        """A service reports a figure, as in `AWS/Lambda Errors` of `CoverageFunction`."""
        self.points[f"{metric} {dimension}"].append((self.now_s, value))

    def ended(self, machine: str, key: str, *, error: str | None = None, status: str = "FAILED", **more: Any) -> Json:
        """An execution ends; returns its event, sent to every rule."""
        arn = f"arn:aws:states:eu-west-3:123456789012:stateMachine:reefsteps-dev-{machine.lower()}"
        name = f"{key}-{len(self.points)}-{self.now_s}".replace(".", "-")
        detail = {
            "executionArn": f"{arn.replace('stateMachine', 'execution')}:{name}",
            "stateMachineArn": arn,
            "name": name,
            "status": status,
            "startDate": (self.now_s - 60) * 1000,
            "stopDate": self.now_s * 1000,
            "input": json.dumps({"bucket": "raw", "key": key}),
            "output": None,
            "error": error,
            "cause": None,
        }
        event = {
            "version": "0",
            "source": "aws.states",
            "detail-type": "Step Functions Execution Status Change",
            "resources": [detail["executionArn"]],
            "detail": {**detail, **more},
        }
        metric = {"FAILED": "ExecutionsFailed", "TIMED_OUT": "ExecutionsTimedOut", "ABORTED": "ExecutionsAborted"}
        self.measured(f"AWS/States {metric.get(status, 'ExecutionsSucceeded')}", machine)
        self.send(event)
        return event

    def send(self, event: Json) -> None:
        for name, rule in self._deployment.resources("AWS::Events::Rule").items():
            if "EventPattern" in rule and _pattern(rule["EventPattern"]).matches_event(event):  # type: ignore[arg-type]
                self.measured("AWS/Events TriggeredRules", name)
                for target in (target for target in rule["Targets"] if "Fn::GetAtt" in target["Arn"]):
                    queue = self.queues[target["Arn"]["Fn::GetAtt"][0]]
                    self._sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(event))

    def alarms(self) -> set[str]:
        """The alarms that have sounded."""
        return {
            name.removesuffix("Alarm")
            for name, alarm in self._deployment.resources("AWS::CloudWatch::Alarm").items()
            if "MetricName" in alarm and self._sounds(alarm)
        }

    def _sounds(self, alarm: Json) -> bool:
        (dimension, *_) = alarm["Dimensions"]
        (resource,) = dimension["Value"].values()
        name = resource[0] if isinstance(resource, list) else resource
        periods: dict[int, list[float]] = defaultdict(list)
        for at_s, value in self.points[f"{alarm['Namespace']} {alarm['MetricName']} {name}"]:
            periods[at_s // alarm["Period"]].append(value)
        assert alarm["Statistic"] == "Sum" or not periods
        over = {number for number, values in periods.items() if sum(values) > alarm["Threshold"]}
        return any(all(first + n in over for n in range(alarm["EvaluationPeriods"])) for first in over)

    def tick(self, app: Any, tell: str = "failures") -> list[Json]:
        """The schedule calls the function; returns the mails that people get."""
        app.handler({"tell": tell}, None)
        self.now_s += 300
        mails: list[Json] = []
        while found := self._sqs.receive_message(QueueUrl=self._inbox, MaxNumberOfMessages=10).get("Messages"):
            for message in found:
                mails.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self._inbox, ReceiptHandle=message["ReceiptHandle"])
        return mails


def _pattern(pattern: Json) -> EventPattern:
    resolved = json.loads(json.dumps(pattern))
    detail = resolved["detail"]
    if "stateMachineArn" in detail:
        detail["stateMachineArn"] = [
            f"arn:aws:states:eu-west-3:123456789012:stateMachine:reefsteps-dev-{one['Ref'].lower()}"
            for one in detail["stateMachineArn"]
        ]
    return EventPattern.load(json.dumps(resolved))


@pytest.fixture
def world(deployment: Deployment) -> Iterator[World]:
    with mock.patch.dict("os.environ", ENVIRONMENT), mock_aws():
        yield World(deployment)


@pytest.fixture
def app(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with loaded("notices", world.variables()) as module:
        receive = module.SQS.receive_message
        # moto waits for a second, as SQS would, where a queue is empty
        monkeypatch.setattr(module.SQS, "receive_message", lambda **a: receive(**{**a, "WaitTimeSeconds": 0}))
        yield module


def test_refusals_are_no_alarm_and_no_mail_but_a_daily_count(world: World, app: Any) -> None:
    for number, error in enumerate(sorted(REFUSALS)):
        world.ended("Pipeline", f"2024-Moorea-{number}.jpg", error=error, cause="reframing: no")
    world.ended("Pipeline", "2024-Moorea-77.jpg", error="QuadratNotFoundError", cause="reframing: no")
    assert world.alarms() == set()
    assert world.tick(app) == []
    (count,) = world.tick(app, "refusals")
    assert count["Subject"] == f"reefsteps-dev: {len(REFUSALS) + 1} photographs were refused"
    assert f"2 x QuadratNotFoundError: {explain('QuadratNotFoundError').meaning}" in count["Message"]
    assert world.tick(app, "refusals") == []


def test_a_database_that_wakes_up_in_time_is_silent(world: World, app: Any) -> None:
    for number in range(40):
        world.measured("AWS/Lambda Errors", "CoverageFunction")
        world.measured("AWS/Lambda Errors", "CoverageFunction")
        world.ended("Pipeline", f"2024-Moorea-{number}.jpg", status="SUCCEEDED")
    assert world.alarms() == set()
    assert world.tick(app) == []


def test_deleting_a_handful_while_the_database_sleeps_is_silent(world: World, app: Any) -> None:
    for number in range(7):
        for _ in range(4):
            world.measured("AWS/Lambda Errors", "RemovalFunction")
        world.ended("Removal", f"2024-Moorea-{number}.jpg", status="SUCCEEDED")
    assert world.alarms() == set()
    assert world.tick(app) == []


def test_a_database_that_stays_away_is_told(world: World, app: Any) -> None:
    event = world.ended("Pipeline", "2024-Mo%27orea-01.jpg", error="DatabaseUnavailableError", cause=TIMEOUT_CAUSE)
    assert world.alarms() == {"DatabaseError"}
    (mail,) = world.tick(app)
    explanation = explain("DatabaseUnavailableError")
    arn = event["detail"]["executionArn"]
    for words in (
        "2024-Mo'orea-01.jpg",
        explanation.meaning,
        explanation.advice,
        "The database did not answer.",
        f"https://eu-west-3.console.aws.amazon.com/states/home?region=eu-west-3#/v2/executions/details/{arn}",
    ):
        assert words in mail["Message"]
    assert mail["Subject"] == "reefsteps-dev pipeline: 2024-Mo'orea-01.jpg: DatabaseUnavailableError"


@pytest.mark.parametrize("error", ["Lambda.TooManyRequestsException", "ModelNotReadyError", "ClientError", "KeyError"])
def test_a_failure_that_needs_an_operator_is_told(error: str, world: World, app: Any) -> None:
    world.ended("Pipeline", "2024-Huahiné-01.jpg", error=error, cause="x")
    assert world.alarms() == {"PipelineFailed"}
    (mail,) = world.tick(app)
    assert explain(error).meaning in mail["Message"]
    assert mail["Subject"].isascii() and "Huahine" in mail["Subject"]


def test_a_run_that_took_too_long_is_told(world: World, app: Any) -> None:
    world.ended("Pipeline", "2024-Moorea-01.jpg", status="TIMED_OUT")
    (mail,) = world.tick(app)
    assert explain("States.Timeout").meaning in mail["Message"]


def test_a_run_that_somebody_stopped_is_not_told(world: World, app: Any) -> None:
    world.ended("Pipeline", "2024-Moorea-01.jpg", status="ABORTED")
    assert world.alarms() == set()
    assert world.tick(app) == []


@pytest.mark.parametrize(("count", "mails"), [(1, 1), (5, 5), (6, 1), (34, 1)])
def test_more_than_five_failures_in_five_minutes_are_one_mail(count: int, mails: int, world: World, app: Any) -> None:
    for number in range(count):
        error = "ClientError" if number % 3 else "States.Timeout"
        world.ended("Pipeline", f"2024-Moorea-{number}.jpg", error=error, cause="reframing: Access Denied")
    told = world.tick(app)
    assert len(told) == mails
    if mails < count:
        assert told[0]["Subject"] == f"reefsteps-dev: {count} executions failed"
        for words in ("2024-Moorea-0.jpg", explain("ClientError").meaning, "executions/details/", "Access Denied"):
            assert words in told[0]["Message"]
    assert world.tick(app) == []


def test_an_event_that_comes_twice_is_told_once_and_a_redrive_that_fails_again(world: World, app: Any) -> None:
    event = world.ended("Pipeline", "2024-Moorea-01.jpg", error="ClientError")
    world.send(event)
    assert len(world.tick(app)) == 1
    event["detail"]["stopDate"] += 600_000
    world.send(event)
    assert len(world.tick(app)) == 1


def conversion(world: World, key: str, *, converted: bool, reason: str = "") -> None:
    given = {"detail": {"bucket": {"name": "models"}, "object": {"key": key}}}
    output = json.dumps({"conversion": {"converted": converted, "reason": reason}})
    world.ended("Convert", key, status="SUCCEEDED", input=json.dumps(given), output=output)


def test_a_conversion_that_ends_without_a_model_is_told(world: World, app: Any) -> None:
    reason = "detectron2-reframe.yaml belongs to another checkpoint; the upload of that starts the conversion."
    conversion(world, "detectron2-reframe.yaml", converted=False, reason=reason)
    (mail,) = world.tick(app)
    assert mail["Subject"] == "reefsteps-dev convert: detectron2-reframe.yaml: no model"
    assert reason in mail["Message"]


def test_a_conversion_that_failed_is_told(world: World, app: Any) -> None:
    world.ended("Convert", "detectron2-reframe.pth", error="UnsupportedModelError", cause="conversion: a YOLO")
    (mail,) = world.tick(app)
    assert "detectron2-reframe.pth: no model was made" in mail["Message"]
    assert "a YOLO" in mail["Message"]
    assert world.alarms() == {"ConvertFailed"}


def test_files_of_a_model_that_arrive_one_by_one_are_not_told(world: World, app: Any) -> None:
    conversion(world, "detectron2-reframe.yaml", converted=False, reason="There is no detectron2-reframe.pth yet.")
    conversion(world, "detectron2-reframe.evaluation.json", converted=False, reason="There is none yet.")
    conversion(world, "detectron2-reframe.pth", converted=True)
    assert world.tick(app) == []


def test_a_mail_that_could_not_be_sent_is_sent_later(world: World, app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    world.ended("Pipeline", "2024-Moorea-01.jpg", error="ClientError")
    with monkeypatch.context() as broken:
        broken.setattr(app.SNS, "publish", mock.Mock(side_effect=RuntimeError("no SNS")))
        with pytest.raises(RuntimeError):
            app.handler({"tell": "failures"}, None)
    queue = world.queues["FailureEvents"]
    names: Any = ["ApproximateNumberOfMessagesNotVisible"]
    left = boto3.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    assert left == {"ApproximateNumberOfMessagesNotVisible": "1"}  # visible again after the queue's time-out


def test_what_is_no_event_does_not_hold_up_the_rest(world: World, app: Any) -> None:
    sqs = boto3.client("sqs")
    for body in ("no JSON", "[]", '{"detail": 5}', "{}"):
        sqs.send_message(QueueUrl=world.queues["FailureEvents"], MessageBody=body)
    world.ended("Pipeline", "2024-Moorea-01.jpg", error="ClientError")
    assert len(world.tick(app)) == 1


def test_failures_that_nobody_told_sound_by_themselves(deployment: Deployment) -> None:
    alarm = deployment.resources("AWS::CloudWatch::Alarm")["UntoldFailuresAlarm"]
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": ["FailureEvents", "QueueName"]}}]
    queue = deployment.resources("AWS::SQS::Queue")["FailureEvents"]
    function = deployment.resources("AWS::Lambda::Function")["NoticesFunction"]
    assert function["Timeout"] < queue["VisibilityTimeout"] < alarm["Threshold"]
