"""`make redeliver`: sends the events in the dead letter queue where they belonged, and deletes what arrived.

    python -m scripts.redeliver --env dev

Whoever takes them recognises what it has had already, so sending an event twice does no harm.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from reefsteps.buckets import Bucket
from reefsteps.errors import REFUSALS
from reefsteps.model_roles import MODEL_BUCKETS
from scripts.environments import DeployEnvironment, DeploymentError

_VISIBLE_AGAIN_S = 120
_TARGET = "TARGET_ARN"  # EventBridge's name for the attribute of its dead letters
_PLACES = {
    "admit": "Admit",
    "convert": "Convert",
    "removal": "Removal",
    "places": "GivePlaces",
    "failures": "FailureEvents",
    "refusals": "RefusalEvents",
}

Message = dict[str, Any]


class DeployedStack:
    """The resources of a deployed stack that events come from and go to."""

    def __init__(self, environment: DeployEnvironment) -> None:
        """Ask CloudFormation when a resource is needed; clients of the environment's region."""
        self._name = environment.stack
        region = environment.region
        self._cloudformation = boto3.client("cloudformation", region_name=region)
        self._sqs: Any = boto3.client("sqs", region_name=region)
        self._stepfunctions = boto3.client("stepfunctions", region_name=region)
        self._queue = self.physical("UndeliveredEvents")
        self._buckets = {self.physical(name): name for name in (Bucket.RAW.resource, *MODEL_BUCKETS)}
        self._places = {place: self.physical(name) for place, name in _PLACES.items()}

    def physical(self, logical_id: str) -> str:
        """Return the physical id of a resource: a URL, an ARN or a name, by its type."""
        answer = self._cloudformation.describe_stack_resource(StackName=self._name, LogicalResourceId=logical_id)
        return str(answer["StackResourceDetail"]["PhysicalResourceId"])

    def messages(self) -> Iterator[Message]:
        """Yield each message of the queue once."""
        seen: set[str] = set()
        while True:
            answer = self._sqs.receive_message(
                QueueUrl=self._queue,
                MaxNumberOfMessages=10,
                WaitTimeSeconds=2,
                VisibilityTimeout=_VISIBLE_AGAIN_S,
                MessageAttributeNames=[_TARGET],
            )
            new = [message for message in answer.get("Messages", []) if message["MessageId"] not in seen]
            if not new:
                return
            seen.update(message["MessageId"] for message in new)
            yield from new

    def place(self, body: Message, target: str | None = None) -> str | None:
        """Return where an event belongs, by its source, kind and bucket; None where nobody here takes it.

        An event that EventBridge itself could not deliver names its `target`: several rules take ends of runs.
        """
        if target == self._places["places"]:
            return "places"
        if body.get("source") == "aws.states":
            detail = body.get("detail", {})
            refused = str(detail.get("stateMachineArn")).endswith("-pipeline") and detail.get("error") in REFUSALS
            return "refusals" if refused else "failures"
        bucket = self._buckets.get(str(body.get("detail", {}).get("bucket", {}).get("name")))
        kind = body.get("detail-type")
        if kind == "Object Created" and bucket:
            return "admit" if bucket == "RawBucket" else "convert"
        return "removal" if kind == "Object Deleted" and bucket == "RawBucket" else None

    def send(self, place: str, body: Message) -> None:
        """Send an event to its place."""
        event = json.dumps(body)
        target = self._places[place]
        if place in ("failures", "refusals"):
            self._sqs.send_message(QueueUrl=target, MessageBody=event)
        else:
            self._stepfunctions.start_execution(stateMachineArn=target, input=event)

    def forget(self, message: Message) -> None:
        """Delete a message from the queue."""
        self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])


def redeliver(stack: DeployedStack) -> Counter[str]:
    """Send every event of the queue to its place; returns how many went where ("left" for those that nobody takes)."""
    sent: Counter[str] = Counter()
    for message in stack.messages():
        body = _parsed(message["Body"])
        place = stack.place(body, message.get("MessageAttributes", {}).get(_TARGET, {}).get("StringValue"))
        if place is None:
            print(f"left, nobody here takes it: {message['Body'][:500]}")  # noqa: T201
        else:
            stack.send(place, body)
            stack.forget(message)
        sent[place or "left"] += 1
    return sent


def _parsed(text: str) -> Message:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def main() -> int:
    """Parse the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m scripts.redeliver", description=__doc__.partition("\n")[0])
    parser.add_argument("--env", default="dev", help="environment of samconfig.toml")
    try:
        sent = redeliver(DeployedStack(DeployEnvironment.read(parser.parse_args().env)))
    except DeploymentError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    except (BotoCoreError, ClientError) as error:
        print(f"AWS refused, or did not answer: {error}. It is safe to run this again.", file=sys.stderr)  # noqa: T201
        return 1
    counts = ", ".join(
        f"{count} {'left' if place == 'left' else f'to {place}'}" for place, count in sorted(sent.items())
    )
    print(f"{counts or 'The queue is empty'}.")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
