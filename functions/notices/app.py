"""Tells people of executions that ended without a result: by mail within five minutes, refusals as a daily count.

Two schedules call it. EventBridge collects the events in two queues until then, so a burst becomes one mail. While
nothing fails, each call only looks at an empty queue.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import boto3

from notices.ended import Ended, read, worth_telling
from notices.mails import Mail, daily_count, mails_about
from notices.settings import Settings
from reefsteps.errors import InvalidParameterError
from reefsteps.failures import json_object
from reefsteps.observability import logger

MOST_MESSAGES = 5_000  # of one call; the next call takes what is left
_BATCH = 10  # the most that SQS gives or deletes at once

SETTINGS = Settings.from_environment()
SQS: Any = boto3.client("sqs")
SNS: Any = boto3.client("sns")


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Send the mails that are due; returns how many events were read and how many mails were sent.

    ``event["tell"]`` is ``failures`` or ``refusals``. A message is deleted after its mail was sent, so a fault in
    between repeats a mail and loses none.
    """
    what = event.get("tell")
    if what == "failures":
        messages = list(_received(SETTINGS.failures_queue))
        mails = mails_about(worth_telling(_read(messages)), SETTINGS.stack)
        _tell(mails, messages, SETTINGS.failures_queue)
    elif what == "refusals":
        messages = list(_received(SETTINGS.refusals_queue))
        mail = daily_count(worth_telling(_read(messages)), SETTINGS.stack)
        mails = [mail] if mail else []
        _tell(mails, messages, SETTINGS.refusals_queue)
    else:
        raise InvalidParameterError('"tell" must be "failures" or "refusals".')
    if messages:
        logger.info("told", kind=what, events=len(messages), mails=len(mails))
    return {"events": len(messages), "mails": len(mails)}


def _received(queue: str) -> Iterator[dict[str, Any]]:
    count = 0
    while count < MOST_MESSAGES:
        answer = SQS.receive_message(QueueUrl=queue, MaxNumberOfMessages=_BATCH, WaitTimeSeconds=1)
        found = answer.get("Messages", [])
        if not found:
            return
        count += len(found)
        yield from found


def _read(messages: Sequence[dict[str, Any]]) -> Iterator[Ended]:
    for message in messages:
        ended = read(json_object(message["Body"]))
        if ended is None:
            logger.warning("no event about an execution", body=message["Body"][:1000])
        else:
            yield ended


def _tell(mails: Sequence[Mail], messages: Sequence[dict[str, Any]], queue: str) -> None:
    for mail in mails:
        SNS.publish(TopicArn=SETTINGS.alerts_topic, Subject=mail.subject, Message=mail.text)
    for start in range(0, len(messages), _BATCH):
        entries = [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
            for number, message in enumerate(messages[start : start + _BATCH])
        ]
        SQS.delete_message_batch(QueueUrl=queue, Entries=entries)
