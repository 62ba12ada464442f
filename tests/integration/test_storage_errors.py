"""S3 as the steps use it: what comes back, and which faults are the photograph's and which the infrastructure's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from reefsteps.errors import PhotoNotFoundError
from reefsteps.results import ObjectRef
from reefsteps.storage import JPEG, Storage
from tests.support.handlers import emulated_s3

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "2006-Mo'orea é-1.jpg"


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Client]:
    with emulated_s3() as client:
        yield client


@pytest.fixture(scope="module")
def storage(s3: S3Client) -> Storage:
    return Storage()


def test_an_object_comes_back_with_what_was_written(storage: Storage) -> None:
    first = storage.put("reef-raw", KEY, b"one", content_type=JPEG, metadata={"side-cm": "50"})
    second = storage.put("reef-raw", KEY, b"two!", content_type=JPEG)
    latest, earlier = storage.get(ObjectRef("reef-raw", KEY)), storage.get(first)
    assert (latest.body, earlier.body) == (b"two!", b"one")
    assert latest.info.ref == second
    assert (earlier.info.metadata, earlier.info.content_type) == ({"side-cm": "50"}, JPEG)
    assert latest.info.size_bytes == 4
    assert latest.info.uploaded_at.endswith("+00:00")
    assert storage.head(first).etag == earlier.info.etag


def test_json_keeps_names_as_they_are(storage: Storage, s3: S3Client) -> None:
    ref = storage.put_json("reef-treated", "results/x.json", {"island": "Huahiné", "cover": 1.5})
    assert storage.get_json(ref) == {"island": "Huahiné", "cover": 1.5}
    assert "Huahiné" in s3.get_object(Bucket="reef-treated", Key="results/x.json")["Body"].read().decode()
    with pytest.raises(ValueError, match="JSON"):
        storage.put_json("reef-treated", "results/x.json", {"cover": float("nan")})


def test_listing_is_by_prefix(storage: Storage) -> None:
    for key in ("2001-A-1.jpg", "2001-B-1.jpg", "2002-A-1.jpg"):
        storage.put("reef-masks", key, b"x", content_type=JPEG)
    assert [found.ref.key for found in storage.list("reef-masks", "2001-")] == ["2001-A-1.jpg", "2001-B-1.jpg"]
    assert list(storage.list("reef-masks", "1999-")) == []


def test_what_is_missing_is_a_missing_photo(storage: Storage) -> None:
    storage.delete(ObjectRef("reef-raw", "never.jpg"))
    version = storage.put("reef-raw", "gone.jpg", b"x", content_type=JPEG)
    storage.delete(version)
    storage.put("reef-raw", "marked.jpg", b"x", content_type=JPEG)
    storage.delete(ObjectRef("reef-raw", "marked.jpg"))
    for ref in (ObjectRef("reef-raw", "never-was.jpg"), version, ObjectRef("reef-raw", "marked.jpg")):
        for read in (storage.head, storage.get):
            with pytest.raises(PhotoNotFoundError, match=ref.key):
                read(ref)


@pytest.mark.parametrize(("code", "status"), [("SlowDown", 503), ("InternalError", 500), ("AccessDenied", 403)])
def test_faults_of_the_infrastructure_keep_their_names(code: str, status: int) -> None:
    client = boto3.client("s3", "eu-west-3", aws_access_key_id="testing", aws_secret_access_key="testing")
    with Stubber(client) as stub:
        stub.add_client_error("get_object", service_error_code=code, http_status_code=status)
        with pytest.raises(ClientError, match=code):
            Storage(client).get(ObjectRef("reef-raw", KEY))
