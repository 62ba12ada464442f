"""The demo models go to empty model buckets, as an operator would send them; the product converts them.

A bucket that holds anything of a model keeps it: a model that somebody uploaded is never replaced.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.resources import LocalResources
from reefsteps.errors import PhotoNotFoundError, UnsupportedModelError
from reefsteps.execution_status import ExecutionStatus
from reefsteps.model_keys import (
    checkpoint_key,
    model_card_key,
    model_classes_key,
    model_config_key,
    model_evaluation_key,
    zoo_checkpoint_key,
)
from reefsteps.model_roles import MODEL_BUCKETS
from reefsteps.results import ObjectRef

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.provision import Clients
    from local.stack_info import StackInfo

READY = "ready"
_POLL_S = 0.3
_DEMO_KEYS = (model_evaluation_key, model_config_key, checkpoint_key)  # the checkpoint last


def install_models(
    resources: LocalResources,
    clients: Clients,
    folder: Path | None,
    say: Callable[[str], None],
    stopping: threading.Event,
) -> dict[str, str]:
    """Upload the demo models of ``folder`` to buckets that hold no model, and wait for their conversion.

    Says of each model which checkpoint is used.

    Returns:
        For each model "ready", or the reason why it is not.
    """
    states: dict[str, str] = {}
    waiting: dict[str, str] = {}
    for name, bucket in wanted_models(resources).items():
        stored = _stored(clients.s3, bucket, name)
        demo = _demo_files(folder, name)
        if demo and stored.items() <= _etags(demo).items() and checkpoint_key(name) not in stored:
            say(f"Model {name}: the bucket has none, so the demo model goes there.")
            version = [_upload(clients.s3, bucket, path) for path in demo][-1]
            waiting[name] = version
            continue
        checkpoint = next((key for key in (checkpoint_key(name), zoo_checkpoint_key(name)) if key in stored), None)
        if checkpoint is None:
            found = f" It has {', '.join(sorted(stored))}." if stored else ""
            states[name] = f"no {checkpoint_key(name)} in the bucket {bucket}.{found} Upload it there."
            continue
        is_demo = stored[checkpoint] == _etags(demo).get(checkpoint)
        say(f"Model {name}: {checkpoint} of the bucket is used, {'the' if is_demo else 'not the'} demo model.")
        if _etag(clients.s3, bucket, model_card_key(name)):
            states[name] = READY
        else:
            waiting[name] = _convert_again(resources, clients, bucket, checkpoint)
    for name, sought in waiting.items():
        say(f"Converting the model {name} (once).")
        states[name] = _wait_for_conversion(resources, clients, sought, stopping)
    return dict(sorted(states.items()))


def wanted_models(resources: LocalResources) -> dict[str, str]:
    """Return the bucket of every model that a function names in its environment, by the model's name."""
    environments = [spec.environment for spec in resources.functions]
    return {e["MODEL_NAME"]: e["MODEL_BUCKET"] for e in environments if "MODEL_NAME" in e}


def demonstrations(info: StackInfo) -> str | None:
    """Return a sentence that names the models in use that are demonstrations, by their manifests; None without any."""
    from local.provision import Clients
    from reefsteps.detection import Manifest
    from reefsteps.storage import Storage
    from reefsteps.trust import DEMONSTRATION, trust_of

    storage = Storage(Clients(info.endpoint, info.region).s3)
    buckets = [info.buckets[name] for name in MODEL_BUCKETS if name in info.buckets]
    found = []
    for name, bucket in itertools.product(info.models, buckets):
        with contextlib.suppress(PhotoNotFoundError, UnsupportedModelError):
            card = storage.get(ObjectRef(bucket, model_card_key(name))).body
            manifest = Manifest.parse(card.decode(errors="replace"))
            if trust_of(manifest).state == DEMONSTRATION:
                found.append(f"'{name}'")
    if not found:
        return None
    which = (
        f"The model {found[0]} is a demonstration: its"
        if len(found) == 1
        else (f"The models {' and '.join(found)} are demonstrations: their")
    )
    return f"{which} figures show how ReefSteps works and are no measurement."


def _demo_files(folder: Path | None, name: str) -> list[Path]:
    """Return the demo model's files, the checkpoint last; none without a checkpoint."""
    if folder is None or not (folder / checkpoint_key(name)).exists():
        return []
    return [path for key in _DEMO_KEYS if (path := folder / key(name)).exists()]


def _stored(s3: Any, bucket: str, name: str) -> dict[str, str]:
    """Return the ETag of each file of the model that the bucket holds, by key."""
    keys = (*(key(name) for key in _DEMO_KEYS), zoo_checkpoint_key(name), model_classes_key(name))
    return {key: etag for key in keys if (etag := _etag(s3, bucket, key))}


def _etags(paths: list[Path]) -> dict[str, str]:
    return {path.name: hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() for path in paths}


def _upload(s3: Any, bucket: str, path: Path) -> str:
    """Upload a file; returns its version."""
    return str(s3.put_object(Bucket=bucket, Key=path.name, Body=path.read_bytes())["VersionId"])


def _etag(s3: Any, bucket: str, key: str) -> str | None:
    from botocore.exceptions import ClientError

    try:
        return str(s3.head_object(Bucket=bucket, Key=key)["ETag"]).strip('"')
    except ClientError:
        return None


def _convert_again(resources: LocalResources, clients: Clients, bucket: str, key: str) -> str:
    """Start a conversion by hand, of a checkpoint that is there already; returns the execution's ARN."""
    version = clients.s3.head_object(Bucket=bucket, Key=key)["VersionId"]
    started = clients.stepfunctions.start_execution(
        stateMachineArn=resources.state_machine("Convert"),
        input=json.dumps({"bucket": bucket, "key": key, "version_id": version}),
    )
    return str(started["executionArn"])


def _wait_for_conversion(resources: LocalResources, clients: Clients, sought: str, stopping: threading.Event) -> str:
    """Wait for the execution of that ARN, or with that object version in its input."""
    machine = resources.state_machine("Convert")
    while not stopping.wait(_POLL_S):
        for listed in clients.stepfunctions.list_executions(stateMachineArn=machine)["executions"]:
            execution = clients.stepfunctions.describe_execution(executionArn=listed["executionArn"])
            mine = sought == listed["executionArn"] or sought in execution["input"]
            if not mine or execution["status"] == ExecutionStatus.RUNNING:
                continue
            if execution["status"] == ExecutionStatus.SUCCEEDED:
                return READY
            return f"{execution.get('error', execution['status'])}: {execution.get('cause', '')}"
    return "the stack was stopped during the conversion"
