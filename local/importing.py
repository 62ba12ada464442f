"""``python -m local import``: an ancestor's photographs and table into the local stack, by the deployed function."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.provision import Clients
from local.stack_info import StackInfo
from reefsteps import errors
from reefsteps.errors import ReefStepsError
from reefsteps.formats import stored_extension

_HANDLER = "importing.app.handler"


class ImportFailedError(ReefStepsError):
    """The installation could not be read, and nothing was imported; the message says why."""


def run_import(
    info: StackInfo, photos: str, table: Path, *, dry_run: bool, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Import a folder or ``s3://bucket/prefix`` of the stack, with a table file; returns the function's outcome.

    Raises ImportFailedError.
    """
    clients = Clients(info.endpoint, info.region)
    if not table.is_file():
        raise ImportFailedError(f"There is no file {table}.")
    bucket, prefix = _bucket_and_prefix(photos)
    with _temporary_bucket(clients, info.region) as staging:
        if bucket is None:
            bucket, prefix = staging, "photographs/"
            _send(clients, Path(photos), bucket, prefix, progress)
        progress("Importing")
        # The table goes beside the photographs, where the function looks for it.
        key = f"{uuid.uuid4().hex}-{table.name}"
        clients.s3.put_object(Bucket=bucket, Key=key, Body=table.read_bytes())
        try:
            request = {"bucket": bucket, "prefix": prefix, "table": key, "dry_run": dry_run}
            return _invoke(clients, info.functions[_HANDLER], request, table.name, key)
        finally:
            clients.s3.delete_object(Bucket=bucket, Key=key)


def _bucket_and_prefix(photos: str) -> tuple[str | None, str]:
    if not photos.startswith("s3://"):
        return None, ""
    bucket, _, prefix = photos.removeprefix("s3://").partition("/")
    return bucket, prefix


@contextmanager
def _temporary_bucket(clients: Clients, region: str) -> Iterator[str]:
    """Yield a bucket that is emptied and deleted afterwards."""
    name = f"import-{uuid.uuid4().hex}"
    clients.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    try:
        yield name
    finally:
        for page in clients.s3.get_paginator("list_objects_v2").paginate(Bucket=name):
            for item in page.get("Contents", []):
                clients.s3.delete_object(Bucket=name, Key=item["Key"])
        clients.s3.delete_bucket(Bucket=name)


def _send(clients: Clients, folder: Path, bucket: str, prefix: str, progress: Callable[[str], None]) -> None:
    if not folder.is_dir():
        raise ImportFailedError(f"There is no folder {folder}; give a folder or s3://bucket/prefix.")
    photos = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and stored_extension(path.name) and not path.name.startswith(".")
    )
    for number, path in enumerate(photos, start=1):
        progress(f"Reading photograph {number} of {len(photos)}")
        clients.s3.upload_file(str(path), bucket, f"{prefix}{path.relative_to(folder).as_posix()}")


def _invoke(clients: Clients, function: str, request: dict[str, Any], shown: str, key: str) -> dict[str, Any]:
    answer = clients.functions.invoke(FunctionName=function, Payload=json.dumps(request).encode())
    outcome: dict[str, Any] = json.loads(answer["Payload"].read())
    if not answer.get("FunctionError"):
        return outcome
    kind = getattr(errors, str(outcome.get("errorType")), None)
    message = str(outcome.get("errorMessage")).replace(key, shown)
    if isinstance(kind, type) and issubclass(kind, ReefStepsError):
        raise ImportFailedError(f"{message}\nNothing was imported.")
    raise ImportFailedError(f"The import failed ({outcome.get('errorType')}: {message}). It is safe to run it again.")
