"""Checkpoints go to the model buckets as an operator would send them; the product converts them."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.deployment import Deployment

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.provision import Clients

READY = "ready"
_POLL_S = 0.3


def install_models(
    deployment: Deployment,
    clients: Clients,
    folder: Path | None,
    say: Callable[[str], None],
    stopping: threading.Event,
) -> dict[str, str]:
    """Upload every checkpoint that a function names and ``folder`` holds, wait for its conversion.

    Returns:
        For each model "ready", or the reason why it is not.
    """
    states: dict[str, str] = {}
    waiting: dict[str, tuple[str, str]] = {}
    for name, bucket in wanted_models(deployment).items():
        checkpoint = None if folder is None else folder / f"{name}.pth"
        if checkpoint is None or not checkpoint.exists():
            stored = _etag(clients.s3, bucket, f"{name}.json")
            states[name] = READY if stored else f"no {name}.pth in {folder} or in the bucket {bucket}"
            continue
        version = _upload(clients.s3, bucket, checkpoint)
        if version is None and _etag(clients.s3, bucket, f"{name}.json"):
            states[name] = READY
        else:
            waiting[name] = (bucket, version or "")
    for name, (bucket, version) in waiting.items():
        say(f"Converting the model {name} (once).")
        if not version:
            version = clients.s3.head_object(Bucket=bucket, Key=f"{name}.pth")["VersionId"]
            _convert_again(deployment, clients, bucket, f"{name}.pth", version)
        states[name] = _wait_for_conversion(deployment, clients, version, stopping)
    return dict(sorted(states.items()))


def wanted_models(deployment: Deployment) -> dict[str, str]:
    """Return the bucket of every model that a function names in its environment, by the model's name."""
    environments = [spec.environment for spec in deployment.functions]
    return {e["MODEL_NAME"]: e["MODEL_BUCKET"] for e in environments if "MODEL_NAME" in e}


def _upload(s3: Any, bucket: str, checkpoint: Path) -> str | None:
    """Upload what the bucket lacks, settings first; returns the last new version, None where it has everything."""
    version = None
    for path in (checkpoint.with_suffix(".yaml"), checkpoint):
        if path.exists() and _differs(s3, bucket, path):
            version = str(s3.put_object(Bucket=bucket, Key=path.name, Body=path.read_bytes())["VersionId"])
    return version


def _differs(s3: Any, bucket: str, path: Path) -> bool:
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    return _etag(s3, bucket, path.name) != digest


def _etag(s3: Any, bucket: str, key: str) -> str | None:
    from botocore.exceptions import ClientError

    try:
        return str(s3.head_object(Bucket=bucket, Key=key)["ETag"]).strip('"')
    except ClientError:
        return None


def _convert_again(deployment: Deployment, clients: Clients, bucket: str, key: str, version: str) -> None:
    """Start a conversion by hand: the checkpoint is there, but an earlier conversion did not succeed."""
    clients.stepfunctions.start_execution(
        stateMachineArn=deployment.state_machine("Convert"),
        input=json.dumps({"bucket": bucket, "key": key, "version_id": version}),
    )


def _wait_for_conversion(deployment: Deployment, clients: Clients, version: str, stopping: threading.Event) -> str:
    machine = deployment.state_machine("Convert")
    while not stopping.wait(_POLL_S):
        for listed in clients.stepfunctions.list_executions(stateMachineArn=machine)["executions"]:
            execution = clients.stepfunctions.describe_execution(executionArn=listed["executionArn"])
            if version not in execution["input"] or execution["status"] == "RUNNING":
                continue
            if execution["status"] == "SUCCEEDED":
                return READY
            return f"{execution.get('error', execution['status'])}: {execution.get('cause', '')}"
    return "the stack was stopped during the conversion"
