"""EventBridge: events of S3 in AWS's shape, and targets that moto's rules cannot reach."""

from __future__ import annotations

import copy
import json
import logging
import re
import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from local.journal import JournalledExecution
from local.moto_gaps.patching import replace

_LOG = logging.getLogger(__name__)

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
_REASONS = {
    "s3:ObjectCreated:Put": "PutObject",
    "s3:ObjectCreated:Post": "POST Object",
    "s3:ObjectCreated:Copy": "CopyObject",
    "s3:ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "s3:ObjectRemoved:Delete": "DeleteObject",
    "s3:ObjectRemoved:DeleteMarkerCreated": "DeleteObject",
}
_PLACEHOLDER = re.compile(r"<([\w.-]+)>")

_pending = threading.local()
_sequence = threading.Lock()
_last_sequence = 0

Invoke = Callable[[str, bytes], None]
_invoke_function: Invoke | None = None


def install() -> None:
    """Let S3 hand its events to ``take_pending``, and rules deliver to state machines, functions and queues."""
    from moto.events.models import Rule
    from moto.s3 import notifications
    from moto.s3.models import S3Backend

    replace(notifications, "_send_event_bridge_message", _keep_event)
    replace(Rule, "send_to_targets", _send_to_targets)
    _announce_every_deletion(S3Backend)


def invoke_functions_with(invoke: Invoke) -> None:
    """Name what a rule calls for a Lambda target: ``invoke(function_arn, payload)``, asynchronous."""
    global _invoke_function
    _invoke_function = invoke


def take_pending() -> list[dict[str, Any]]:
    """Return the S3 events that the request on this thread caused, and forget them.

    moto sends an event before the object has its metadata and before it is on disk; AWS sends it afterwards.
    """
    taken: list[dict[str, Any]] = getattr(_pending, "events", [])
    _pending.events = []
    return taken


def deliver(event: dict[str, Any], account: str, region: str) -> None:
    """Send ``event`` to every enabled rule of the default bus whose pattern matches."""
    from moto.events.models import events_backends

    rules: list[Any] = list(events_backends[account][region].event_buses["default"].rules.values())
    for rule in rules:
        rule.send_to_targets(copy.deepcopy(event))


def transform(target: dict[str, Any], event: dict[str, Any]) -> str:
    """Return the JSON text that ``target`` gets: the event, ``Input``, ``InputPath`` or ``InputTransformer``."""
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        return json.dumps(_at(target["InputPath"], event))
    if "InputTransformer" not in target:
        return json.dumps(event)
    transformer = target["InputTransformer"]
    values = {name: _at(path, event) for name, path in (transformer.get("InputPathsMap") or {}).items()}
    values["aws.events.event.json"] = event
    return _fill(transformer["InputTemplate"], values)


def _fill(template: str, values: dict[str, Any]) -> str:
    pieces, position, quoted = [], 0, False
    for match in _PLACEHOLDER.finditer(template):
        between = template[position : match.start()]
        quoted ^= len(re.findall(r'(?<!\\)"', between)) % 2 == 1
        text = json.dumps(values[match[1]]) if match[1] in values else match[0]
        if quoted and match[1] in values:
            text = text[1:-1] if isinstance(values[match[1]], str) else json.dumps(text)[1:-1]
        pieces += [between, text]
        position = match.end()
    return "".join([*pieces, template[position:]])


def _at(path: str, event: dict[str, Any]) -> Any:
    """Return what a JSON path such as ``$.detail.object.version-id`` names; None where it leads nowhere."""
    value: Any = event
    for name in filter(None, path.removeprefix("$").split(".")):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _send_to_targets(self: Any, event: dict[str, Any], transform_input: bool = True) -> None:  # noqa: ARG001
    """Gaps: state machines and functions as targets, the transformers, DISABLED; one bad target stopped the rest."""
    if self.state != "ENABLED" or not self.event_pattern.matches_event(event):
        return
    sent = {name: value for name, value in event.items() if name != "ingestion-time"}
    if isinstance(sent.get("time"), int | float):
        sent["time"] = datetime.fromtimestamp(sent["time"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for target in list(self.targets):
        try:
            _send(self, target, sent)
        except Exception:
            _LOG.exception("rule %s could not reach %s", self.name, target["Arn"])
            _send_to_dead_letters(self, target, sent)


def _send(rule: Any, target: dict[str, Any], event: dict[str, Any]) -> None:
    from moto.sqs.models import sqs_backends
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends

    service = target["Arn"].split(":")[2]
    body = transform(target, event)
    if service == "states":
        name = f"{event['id']}_{uuid.uuid5(uuid.NAMESPACE_URL, rule.arn + target['Id'])}"
        stepfunctions_parser_backends[rule.account_id][rule.region_name].start_execution(target["Arn"], name, body)
    elif service == "lambda" and _invoke_function is not None:
        _invoke_function(target["Arn"], body.encode())
    elif service == "sqs":
        queue = target["Arn"].rsplit(":", 1)[-1]
        sqs_backends[rule.account_id][rule.region_name].send_message(queue_name=queue, message_body=body)
    else:
        raise NotImplementedError(f"The local stack cannot deliver events to {service}.")


def _send_to_dead_letters(rule: Any, target: dict[str, Any], event: dict[str, Any]) -> None:
    from moto.sqs.models import sqs_backends

    arn = (target.get("DeadLetterConfig") or {}).get("Arn")
    if arn:
        sqs_backends[rule.account_id][rule.region_name].send_message(
            queue_name=arn.rsplit(":", 1)[-1], message_body=json.dumps(event)
        )


def _keep_event(account_id: str, bucket: Any, event_name: Any, key: Any) -> None:
    """Gaps: one id and sequencer for all events, ``eTag`` for ``etag``, a reason of its own, multipart twice."""
    from moto.s3 import notifications

    name = str(getattr(event_name, "value", event_name))
    if name == "s3:ObjectCreated:Put" and getattr(key, "multipart", None) is not None:
        return
    removed = name.startswith("s3:ObjectRemoved")
    described: dict[str, Any] = {"key": key.name, "sequencer": next_sequencer()}
    if not removed:
        described |= {"size": key.size, "etag": key.etag.strip('"')}
    if bucket.is_versioned:
        described["version-id"] = key.version_id
    detail = {
        "version": "0",
        "bucket": {"name": bucket.name},
        "object": described,
        "request-id": uuid.uuid4().hex[:16].upper(),
        "requester": account_id,
        "source-ip-address": "127.0.0.1",
        "reason": _REASONS.get(name, name.rsplit(":", 1)[-1]),
    }
    if removed:
        marker = name.endswith("DeleteMarkerCreated")
        detail["deletion-type"] = "Delete Marker Created" if marker else "Permanently Deleted"
    event = {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": notifications._detail_type(name),
        "source": "aws.s3",
        "account": account_id,
        "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": bucket.region_name,
        "resources": [bucket.arn],
        "detail": detail,
    }
    _pending.events = [*getattr(_pending, "events", []), event]


def execution_status_change(ended: JournalledExecution) -> dict[str, Any]:
    """Return the event of an execution's end, which moto does not send; as AWS does for Standard executions."""
    _, _, _, region, account, *_ = ended.arn.split(":")
    now = datetime.now(UTC)
    started = datetime.fromisoformat(ended.started_at)
    stopped = datetime.fromisoformat(ended.stopped_at) if ended.stopped_at else now
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": account,
        "time": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": region,
        "resources": [ended.arn],
        "detail": {
            "executionArn": ended.arn,
            "stateMachineArn": ended.machine,
            "name": ended.name,
            "status": ended.status,
            "startDate": round(started.timestamp() * 1000),
            "stopDate": round(stopped.timestamp() * 1000),
            "input": ended.input,
            "output": ended.output,
            "error": ended.error,
            "cause": ended.cause,
            "redriveCount": 0,
        },
    }


def next_sequencer() -> str:
    """Return a hexadecimal number that is larger than every one before, across restarts too."""
    global _last_sequence
    with _sequence:
        _last_sequence = max(_last_sequence + 1, time.time_ns())
        return f"{_last_sequence:016X}"


def _announce_every_deletion(backend: Any) -> None:
    """Gap: in a versioned bucket moto announces only the deletion of the last version, never a delete marker."""

    def delete_object(
        self: Any, bucket_name: str, key_name: str, version_id: str | None = None, bypass: bool = False
    ) -> Any:
        bucket = self.get_bucket(bucket_name)
        before = list(bucket.keys.getlist(key_name, []))
        named = next((key for key in before if version_id and str(key.version_id) == str(version_id)), None)
        result = original(self, bucket_name, key_name, version_id=version_id, bypass=bypass)
        after = bucket.keys.getlist(key_name, [])
        if bucket.is_versioned and getattr(bucket.notification_configuration, "event_bridge", None) is not None:
            if version_id is None and len(after) > len(before):
                _keep_event(self.account_id, bucket, "s3:ObjectRemoved:DeleteMarkerCreated", after[-1])
            elif named is not None and after:
                _keep_event(self.account_id, bucket, "s3:ObjectRemoved:Delete", named)
        return result

    original = replace(backend, "delete_object", delete_object)
