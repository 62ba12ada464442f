"""Checkpoints go to the model buckets as an operator would send them; the product converts them."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.deployment import Deployment
from reefsteps.keys import checkpoint_key, model_card_key, model_config_key, model_evaluation_key

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
    waiting: dict[str, tuple[str, str | None]] = {}
    for name, bucket in wanted_models(deployment).items():
        checkpoint = None if folder is None else folder / checkpoint_key(name)
        if checkpoint is None or not checkpoint.exists():
            stored = _etag(clients.s3, bucket, model_card_key(name))
            states[name] = READY if stored else f"no {checkpoint_key(name)} in {folder} or in the bucket {bucket}"
            continue
        version, changed = _upload(clients.s3, bucket, checkpoint)
        if not changed and _etag(clients.s3, bucket, model_card_key(name)):
            states[name] = READY
        else:
            waiting[name] = (bucket, version)
    for name, (bucket, version) in waiting.items():
        say(f"Converting the model {name} (once).")
        sought = version or _convert_again(deployment, clients, bucket, checkpoint_key(name))
        states[name] = _wait_for_conversion(deployment, clients, sought, stopping)
    return dict(sorted(states.items()))


def wanted_models(deployment: Deployment) -> dict[str, str]:
    """Return the bucket of every model that a function names in its environment, by the model's name."""
    environments = [spec.environment for spec in deployment.functions]
    return {e["MODEL_NAME"]: e["MODEL_BUCKET"] for e in environments if "MODEL_NAME" in e}


def _upload(s3: Any, bucket: str, checkpoint: Path) -> tuple[str | None, bool]:
    """Upload what the bucket lacks, the checkpoint last.

    Returns the last version that starts a conversion (measured errors alone start none), and whether anything is new.
    """
    name = checkpoint.stem
    version, changed = None, False
    for key in (model_evaluation_key(name), model_config_key(name), checkpoint_key(name)):
        path = checkpoint.with_name(key)
        if path.exists() and _differs(s3, bucket, path):
            uploaded = str(s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())["VersionId"])
            changed = True
            version = version if key == model_evaluation_key(name) else uploaded
    return version, changed


def _differs(s3: Any, bucket: str, path: Path) -> bool:
    digest = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    return _etag(s3, bucket, path.name) != digest


def _etag(s3: Any, bucket: str, key: str) -> str | None:
    from botocore.exceptions import ClientError

    try:
        return str(s3.head_object(Bucket=bucket, Key=key)["ETag"]).strip('"')
    except ClientError:
        return None


def _convert_again(deployment: Deployment, clients: Clients, bucket: str, key: str) -> str:
    """Start a conversion by hand, of a checkpoint that is there already; returns the execution's ARN."""
    version = clients.s3.head_object(Bucket=bucket, Key=key)["VersionId"]
    started = clients.stepfunctions.start_execution(
        stateMachineArn=deployment.state_machine("Convert"),
        input=json.dumps({"bucket": bucket, "key": key, "version_id": version}),
    )
    return str(started["executionArn"])


def _wait_for_conversion(deployment: Deployment, clients: Clients, sought: str, stopping: threading.Event) -> str:
    """Wait for the execution of that ARN, or with that object version in its input."""
    machine = deployment.state_machine("Convert")
    while not stopping.wait(_POLL_S):
        for listed in clients.stepfunctions.list_executions(stateMachineArn=machine)["executions"]:
            execution = clients.stepfunctions.describe_execution(executionArn=listed["executionArn"])
            mine = sought == listed["executionArn"] or sought in execution["input"]
            if not mine or execution["status"] == "RUNNING":
                continue
            if execution["status"] == "SUCCEEDED":
                return READY
            return f"{execution.get('error', execution['status'])}: {execution.get('cause', '')}"
    return "the stack was stopped during the conversion"
