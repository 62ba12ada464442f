"""The admit and convert state machines: names, repeated events, events that cannot be admitted, conversions."""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.integration.statemachine.conftest import Interpreter


@pytest.fixture(scope="module")
def pipeline(interpreter: Interpreter) -> str:
    """The pipeline's ARN."""
    return interpreter.create("pipeline", RemovalArn="arn:aws:states:eu-west-3:123456789012:stateMachine:unused")


@pytest.fixture(scope="module")
def admit(interpreter: Interpreter, pipeline: str) -> str:
    """The admitting state machine's ARN (Express when deployed; Standard here, so that it can be described)."""
    return interpreter.create("admit", PipelineArn=pipeline)


def event(key: str, version: str | None = None, sequencer: str = "00AB") -> dict[str, Any]:
    """Return what EventBridge sends for an upload."""
    described = {"key": key, "size": 1, "etag": "e", "sequencer": sequencer}
    if version is not None:
        described["version-id"] = version
    detail = {"bucket": {"name": "raw"}, "object": described}
    return {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}


def started(interpreter: Interpreter, pipeline: str, key: str) -> list[dict[str, Any]]:
    """Return the pipeline's executions for a key."""
    described = [
        interpreter.client.describe_execution(executionArn=item["executionArn"])
        for item in interpreter.executions(pipeline)
    ]
    return [execution for execution in described if json.loads(execution["input"])["key"] == key]


@pytest.mark.parametrize(
    "key",
    ["2006-Takapoto-01.jpg", "2019-Nuku Hiva d'Huahiné-07.JPG", "a" * 300 + ".jpg", "%2B+&?.jpg", 'quo"te.jpg'],
)
def test_upload_starts_one_execution_with_a_readable_name(
    interpreter: Interpreter, admit: str, pipeline: str, key: str
) -> None:
    version = uuid.uuid4().hex
    execution = interpreter.run(admit, event(key, version))
    assert execution["status"] == "SUCCEEDED", execution
    (run,) = started(interpreter, pipeline, key)
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,80}", run["name"])
    assert run["name"].startswith(re.sub(r"[^0-9A-Za-z_-]", "-", key)[:20])
    assert version[:20] in run["name"]
    document = json.loads(run["input"])
    assert (document["bucket"], document["key"], document["version_id"]) == ("raw", key, version)
    assert (document["sequencer"], document["requested_by"]) == ("00AB", "upload")


def test_repeated_event_changes_nothing(interpreter: Interpreter, admit: str, pipeline: str) -> None:
    key, version = "2007-Twice-01.jpg", uuid.uuid4().hex
    runs = []
    for _ in range(3):
        execution = interpreter.run(admit, event(key, version))
        assert execution["status"] == "SUCCEEDED", execution
        runs.append(started(interpreter, pipeline, key))
        interpreter.finish(runs[0][0]["executionArn"])
    assert [len(found) for found in runs] == [1, 1, 1]


def test_each_version_of_a_key_gets_its_own_execution(interpreter: Interpreter, admit: str, pipeline: str) -> None:
    key = "2008-Versions-01.jpg"
    for _ in range(2):
        interpreter.run(admit, event(key, uuid.uuid4().hex))
    assert len(started(interpreter, pipeline, key)) == 2


def test_bucket_without_versions_goes_by_the_sequencer(interpreter: Interpreter, admit: str, pipeline: str) -> None:
    key = "2009-Unversioned-01.jpg"
    for sequencer in ("00A1", "00A2", "00A2"):
        interpreter.run(admit, event(key, sequencer=sequencer))
    assert len(started(interpreter, pipeline, key)) == 2


def test_event_that_cannot_be_admitted_is_kept(interpreter: Interpreter, pipeline: str) -> None:
    admit = interpreter.create("admit", PipelineArn=pipeline + "-gone")
    sent = event("2010-Lost-01.jpg", "v1")
    execution = interpreter.run(admit, sent)
    assert execution["status"] == "FAILED"
    assert execution["error"] and execution["cause"]
    answer = interpreter.queue.receive_message(QueueUrl=interpreter.queue_url, WaitTimeSeconds=2)
    (message,) = answer["Messages"]
    assert json.loads(message["Body"])["detail"]["object"]["key"] == "2010-Lost-01.jpg"
    interpreter.queue.delete_message(QueueUrl=interpreter.queue_url, ReceiptHandle=message["ReceiptHandle"])


@pytest.mark.parametrize("by_hand", [True, False], ids=["by hand", "by event"])
def test_conversion_gets_bucket_and_key(interpreter: Interpreter, by_hand: bool) -> None:
    convert = interpreter.create("convert")
    document = {"bucket": "models", "key": "some.pth"} if by_hand else event("some.pth", "v1")
    execution = interpreter.run(convert, document)
    assert execution["status"] == "SUCCEEDED", execution
    output = json.loads(execution["output"])
    assert output["input"]["key"] == "some.pth"
    assert output["conversion"]["step"] == "conversion"
