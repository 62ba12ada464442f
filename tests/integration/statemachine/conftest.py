"""The endpoint that the state machines run on: moto's interpreter, or another one named by the environment.

REEFSTEPS_SFN_ENDPOINT      unset: the local stack. ``teststate``: AWS's TestState API, which needs credentials alone
                            (make verify-aws). ``aws``: deployed on AWS; then also:
REEFSTEPS_SFN_FUNCTION_ARN  ARN of scripted_function.py with ``{step}`` where the step's name goes
REEFSTEPS_SFN_ROLE_ARN      role of the state machines (may invoke the function and start executions)
REEFSTEPS_SFN_QUEUE_URL     queue for events that could not be admitted
REEFSTEPS_SFN_TABLE         DynamoDB table with the keys of the template's Places
Region and credentials as the AWS command line finds them.
"""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.integration.statemachine.state_by_state import StateByState
from tests.support.local_stack import RunningStack, project_with_scripts, scaled_definitions

STEPS = ("restoration", "reframing", "segmentation", "coverage", "conversion", "adapt", "relabel")
_ENDED = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


@dataclass
class Interpreter:
    """A Step Functions endpoint with the project's state machines on it, waits and retries cut short."""

    client: Any
    function_arn: str
    role_arn: str
    queue_url: str
    definitions: Path
    queue: Any = None
    table: str = ""
    created: list[str] = field(default_factory=list)

    def create(self, name: str, **substitutions: str) -> str:
        """Create a state machine from the project's ASL; returns its ARN."""
        text = (self.definitions / f"{name}.asl.json").read_text()
        text = re.sub(r'"MaxAttempts": [1-9]\d*', '"MaxAttempts": 2', text)
        known = {f"{step.title()}FunctionArn": self.function_arn.format(step=step) for step in STEPS}
        for variable, value in {**known, **self._places(), **substitutions}.items():
            text = text.replace("${" + variable + "}", value)
        assert "${" not in text
        answer = self.client.create_state_machine(
            name=f"test-{name}-{uuid.uuid4().hex[:8]}", definition=text, roleArn=self.role_arn, type="STANDARD"
        )
        self.created.append(answer["stateMachineArn"])
        return str(answer["stateMachineArn"])

    def _places(self) -> dict[str, str]:
        """Return the substitutions of what is no function: every run gets a place at once."""
        return {"UndeliveredEventsUrl": self.queue_url, "PlacesTable": self.table, "RunsAtOnce": "100000"}

    def start(self, machine: str, document: dict[str, Any], name: str | None = None) -> str:
        """Start an execution; returns its ARN."""
        answer = self.client.start_execution(
            stateMachineArn=machine, name=name or uuid.uuid4().hex, input=json.dumps(document)
        )
        return str(answer["executionArn"])

    def finish(self, execution: str, timeout_s: float = 60.0) -> dict[str, Any]:
        """Wait for the end of an execution and describe it."""
        end = time.monotonic() + timeout_s
        while (described := self.client.describe_execution(executionArn=execution))["status"] not in _ENDED:
            assert time.monotonic() < end, described
            time.sleep(0.05)
        return dict(described)

    def run(self, machine: str, document: dict[str, Any]) -> dict[str, Any]:
        """Start an execution and wait for its end."""
        return self.finish(self.start(machine, document))

    def events(self, execution: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the whole history."""
        pages = self.client.get_paginator("get_execution_history").paginate(executionArn=execution["executionArn"])
        return [event for page in pages for event in page["events"]]

    def visited(self, execution: dict[str, Any]) -> list[str]:
        """Return the names of the states in the order in which they were entered."""
        details = [event.get("stateEnteredEventDetails") for event in self.events(execution)]
        return [detail["name"] for detail in details if detail]

    def executions(self, machine: str) -> list[dict[str, Any]]:
        """Return what ListExecutions says."""
        return list(self.client.list_executions(stateMachineArn=machine)["executions"])


@pytest.fixture(scope="session")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Interpreter | StateByState]:
    """The endpoint under test."""
    definitions = scaled_definitions(tmp_path_factory.mktemp("definitions"))
    given = os.environ.get("REEFSTEPS_SFN_ENDPOINT")
    if given is None:
        yield from _on_local_stack(tmp_path_factory, definitions)
        return
    if given == "teststate":
        yield StateByState(boto3.client("stepfunctions"), definitions)
        return
    assert given == "aws", "REEFSTEPS_SFN_ENDPOINT is neither teststate nor aws"
    found = Interpreter(
        client=boto3.client("stepfunctions"),
        function_arn=os.environ["REEFSTEPS_SFN_FUNCTION_ARN"],
        role_arn=os.environ["REEFSTEPS_SFN_ROLE_ARN"],
        queue_url=os.environ["REEFSTEPS_SFN_QUEUE_URL"],
        definitions=definitions,
        queue=boto3.client("sqs"),
        table=os.environ["REEFSTEPS_SFN_TABLE"],
    )
    empty_places(boto3.client("dynamodb"), found.table)
    yield found
    for machine in found.created:
        found.client.delete_state_machine(stateMachineArn=machine)


def _on_local_stack(folders: pytest.TempPathFactory, definitions: Path) -> Iterator[Interpreter]:
    template = project_with_scripts(folders.mktemp("project"), STEPS)
    stack = RunningStack(folders.mktemp("stack"), {"template": str(template), "max_workers": 1, "queue_s": 60.0})
    stack.start()
    try:
        pipeline = stack.info.state_machines["Pipeline"]
        prefix, name = pipeline.replace(":states:", ":lambda:").rsplit(":stateMachine:", 1)
        queues = stack.clients.sqs.list_queues()["QueueUrls"]
        attributes = [{"AttributeName": key, "AttributeType": "S"} for key in ("line", "since")]
        keys = [{"AttributeName": key, "KeyType": kind} for key, kind in (("line", "HASH"), ("since", "RANGE"))]
        stack.clients.dynamodb.create_table(
            TableName="test-places", AttributeDefinitions=attributes, KeySchema=keys, BillingMode="PAY_PER_REQUEST"
        )
        empty_places(stack.clients.dynamodb, "test-places")
        yield Interpreter(
            client=stack.clients.stepfunctions,
            function_arn=f"{prefix}:function:{name.removesuffix('-pipeline')}-{{step}}",
            role_arn="arn:aws:iam::123456789012:role/local",
            queue_url=queues[0],
            definitions=definitions,
            queue=stack.clients.sqs,
            table="test-places",
        )
    finally:
        stack.stop()


def empty_places(dynamodb: Any, table: str) -> None:
    """Write the item of holders, as the state machine places does."""
    dynamodb.put_item(TableName=table, Item={"line": {"S": "holders"}, "since": {"S": "-"}, "holders": {"M": {}}})
