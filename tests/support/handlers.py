"""Loading a function's handler against moto's S3, with an environment as the template gives it."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING
from unittest import mock

import boto3
from moto import mock_aws

from tests.support.steps import package_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKETS = ("reef-raw", "reef-treated", "reef-reframed", "reef-segmented", "reef-masks", "reef-models")

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_SESSION_TOKEN": "testing",
    "AWS_DEFAULT_REGION": "eu-west-3",
    "POWERTOOLS_TRACE_DISABLED": "true",
    "PIPELINE_VERSION": "1.2.3",
    "RAW_BUCKET": "reef-raw",
    "TREATED_BUCKET": "reef-treated",
    "REFRAMED_BUCKET": "reef-reframed",
    "SEGMENTED_BUCKET": "reef-segmented",
    "MASKS_BUCKET": "reef-masks",
    "MODEL_BUCKET": "reef-models",
}


@contextmanager
def emulated_s3() -> Iterator[S3Client]:
    """Yield a client of an S3 that has the buckets, the raw one with versions."""
    with mock.patch.dict(os.environ, ENVIRONMENT), mock_aws():
        client = boto3.client("s3")
        for bucket in BUCKETS:
            client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
        client.put_bucket_versioning(Bucket="reef-raw", VersioningConfiguration={"Status": "Enabled"})
        yield client


@contextmanager
def loaded(step: str, variables: Mapping[str, str]) -> Iterator[ModuleType]:
    """Yield the step's app module, imported anew with these environment variables added."""
    package = package_of(step)
    kept = {name: sys.modules.pop(name) for name in _modules_of(package)}
    with mock.patch.dict(os.environ, variables):
        try:
            yield importlib.import_module(f"{package}.app")
        finally:
            for name in _modules_of(package):
                del sys.modules[name]
            sys.modules.update(kept)


def _modules_of(package: str) -> list[str]:
    # A copy: the thread that warms the page up may be importing, and a dictionary that grows cannot be iterated.
    return [name for name in list(sys.modules) if name == package or name.startswith(f"{package}.")]
