"""A model that S3 does not let a step read is told as a missing grant, not as a model that nobody uploaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from reefsteps.errors import ConfigurationError, ModelNotReadyError
from reefsteps.model_store import ENGINES, ModelStore


@pytest.fixture
def s3() -> Iterator[Stubber]:
    keys: dict[str, Any] = {"aws_access_key_id": "fake", "aws_secret_access_key": "fake"}
    with Stubber(boto3.client("s3", region_name="eu-west-1", **keys)) as stubber:
        yield stubber


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("code", "status"), [("403", 403), ("AccessDenied", 403)])
def test_a_missing_grant(s3: Stubber, tmp_path: Path, engine: str, code: str, status: int) -> None:
    s3.add_client_error("head_object", code, http_status_code=status)
    client: Any = s3.client
    store = ModelStore(client, "models", "detectron2-reframe", cache_dir=tmp_path, engine=engine)
    with pytest.raises(ConfigurationError, match=r"s3://models/detectron2-reframe.*s3:GetObject.*s3:ListBucket"):
        store.detector()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_model_that_nobody_uploaded(s3: Stubber, tmp_path: Path, engine: str) -> None:
    s3.add_client_error("head_object", "404", http_status_code=404)
    client: Any = s3.client
    store = ModelStore(client, "models", "detectron2-reframe", cache_dir=tmp_path, engine=engine)
    with pytest.raises(ModelNotReadyError, match=r"Upload detectron2-reframe\.pth"):
        store.detector()
