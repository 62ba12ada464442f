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
from reefsteps.derived_objects import DerivedObject
from reefsteps.originals import campaign_prefix
from reefsteps.quadrat_size import QuadratSize
from reefsteps.storage import Storage
from reefsteps.surveys import SurveyKey

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

LINK_SLOT_S = 1800
GRANT_LIFE_S = 3600
STEP_S = 60


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


def link(bucket: str, key: str, version_id: str | None = None, *, download_as: str | None = None) -> str:
    """Return an address from which the browser can fetch the object for at least half an hour.

    It ends sooner where the credentials that sign it do. The address stays the same for half an hour, so that the
    browser's cache works. ``download_as`` makes it a download under that file name.
    """
    slot = int(time.time()) // LINK_SLOT_S
    return _link(bucket, key, version_id, download_as, _usable_until((slot + 2) * LINK_SLOT_S))


def link_to(item: DerivedObject, survey: SurveyKey, *, download_as: str | None = None) -> str:
    """Return an address of what was made from a survey's photograph, as `link` does."""
    ref = item.at(settings(), survey.stem)
    return link(ref.bucket, ref.key, download_as=download_as)


@st.cache_data(ttl=2 * LINK_SLOT_S, max_entries=20_000, show_spinner=False)
def _link(bucket: str, key: str, version_id: str | None, download_as: str | None, ends_at: int) -> str:
    parameters: dict[str, Any] = {"Bucket": bucket, "Key": key}
    if version_id:
        parameters["VersionId"] = version_id
    if download_as:
        parameters["ResponseContentDisposition"] = f"attachment; filename*=UTF-8''{quote(download_as, safe='')}"
    life_s = max(1, ends_at - int(time.time()))
    return s3().generate_presigned_url("get_object", Params=parameters, ExpiresIn=life_s)


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
    now = time.time()
    life_s = int(_usable_until(int(now) + GRANT_LIFE_S) - now)
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
    return Grant(grant_id(year, island, size), prefix, post["url"], fields, now + life_s)


def grant_id(year: int, island: str, size: QuadratSize) -> str:
    """Return the name of the grant for a campaign and a size of quadrat."""
    return f"{campaign_prefix(year, island)}{size}"


def _usable_until(wanted: int) -> int:
    """Return until when (Unix time, at most ``wanted``) what is signed now can be used, in steps of a minute.

    S3 refuses it once the credentials that signed it have ended.
    """
    credentials = _session().get_credentials()
    if not isinstance(credentials, RefreshableCredentials):
        return wanted
    credentials.get_frozen_credentials()  # fetches new ones where little is left
    now = int(time.time())
    first = wanted // STEP_S * STEP_S
    moments = range(first, now, -STEP_S)
    return next((at for at in moments if not credentials.refresh_needed(at - now + 1)), now + STEP_S)
