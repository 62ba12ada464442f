"""The page's S3 and Step Functions clients, and the short-lived addresses that let browsers talk to S3 themselves."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import boto3
import streamlit as st
from botocore.config import Config
from botocore.credentials import RefreshableCredentials

from frontend.settings import MAX_UPLOAD_BYTES, settings
from reefsteps.originals import campaign_prefix
from reefsteps.quadrat_size import QuadratSize
from reefsteps.storage import Storage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

LINK_LIFE_S = 3600
GRANT_LIFE_S = 3600
GRANT_STEP_S = 120


@cache
def _session() -> boto3.Session:
    return boto3.Session()


@cache
def s3() -> S3Client:
    """Return the S3 client; addresses that it signs work from the browser, so they carry the bucket's region."""
    here = settings()
    style: Any = {"addressing_style": "path" if here.is_local else "virtual"}
    config = Config(
        signature_version="s3v4", s3=style, connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 3}
    )
    return _session().client("s3", region_name=here.region, endpoint_url=here.endpoint_url, config=config)


@cache
def step_functions() -> SFNClient:
    """Return the Step Functions client."""
    here = settings()
    config = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 3}, max_pool_connections=16)
    return boto3.client("stepfunctions", region_name=here.region, endpoint_url=here.endpoint_url, config=config)


@cache
def storage() -> Storage:
    """Return the shared S3 access over the page's client."""
    return Storage(s3())


@st.cache_data(ttl=LINK_LIFE_S // 2, max_entries=20_000, show_spinner=False)
def link(bucket: str, key: str, version_id: str | None = None, *, download_as: str | None = None) -> str:
    """Return an address from which the browser can fetch the object for at least half an hour.

    The address stays the same for that time, so that the browser's cache works. ``download_as`` makes it a download
    under that file name.
    """
    parameters: dict[str, Any] = {"Bucket": bucket, "Key": key}
    if version_id:
        parameters["VersionId"] = version_id
    if download_as:
        parameters["ResponseContentDisposition"] = f"attachment; filename*=UTF-8''{quote(download_as, safe='')}"
    return s3().generate_presigned_url("get_object", Params=parameters, ExpiresIn=LINK_LIFE_S)


@dataclass(frozen=True)
class Grant:
    """Permission for the browser to send photographs of one campaign and size: keys that begin with ``prefix``."""

    id: str
    prefix: str
    url: str
    fields: dict[str, str]
    expires_at: float  # Unix time


def grant(year: int, island: str, size: QuadratSize) -> Grant:
    """Return a presigned POST for the photographs of one campaign; the quadrat's size becomes their metadata."""
    prefix = campaign_prefix(year, island)
    life_s = _life_s()
    post = s3().generate_presigned_post(
        settings().raw_bucket,
        prefix + "${filename}",
        Fields={"x-amz-meta-side-cm": str(size)},
        Conditions=[
            {"x-amz-meta-side-cm": str(size)},
            ["starts-with", "$x-amz-meta-original-name", ""],
            ["starts-with", "$Content-Type", ""],
            ["content-length-range", 1, MAX_UPLOAD_BYTES],
        ],
        ExpiresIn=life_s,
    )
    fields = {name: value for name, value in post["fields"].items() if name != "key"}
    return Grant(grant_id(year, island, size), prefix, post["url"], fields, time.time() + life_s)


def grant_id(year: int, island: str, size: QuadratSize) -> str:
    """Return the name of the grant for a campaign and a size of quadrat."""
    return f"{campaign_prefix(year, island)}{size}"


def _life_s() -> int:
    """Return how long what is signed now can be used: S3 refuses it once the credentials that signed have ended."""
    credentials = _session().get_credentials()
    lives_s = range(GRANT_LIFE_S, GRANT_STEP_S, -GRANT_STEP_S)
    if isinstance(credentials, RefreshableCredentials):
        credentials.get_frozen_credentials()  # fetches new ones where little is left
        return next((life_s for life_s in lives_s if not credentials.refresh_needed(life_s)), GRANT_STEP_S)
    return GRANT_LIFE_S
