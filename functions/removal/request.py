"""What was deleted, as S3's event or the page says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reefsteps.coverage_store import Removal
from reefsteps.errors import InvalidParameterError
from reefsteps.surveys import decode_key


@dataclass(frozen=True)
class Request:
    """A deletion in a bucket; `by_lifecycle` if it was S3 that deleted, by the bucket's own rules."""

    bucket: str
    removal: Removal
    by_lifecycle: bool = False
    marker_version_id: str | None = None  # of the delete marker, where the deletion put one


def parse_request(event: Mapping[str, Any]) -> Request:
    """Return what was deleted.

    From an EventBridge event "Object Deleted" of S3, or from ``{"bucket", "key"}`` with optional ``version_id`` and
    ``requested_by``. A deletion that only put a delete marker is one of the whole key. Raises InvalidParameterError.
    """
    if "detail" in event:
        return _from_s3(event)
    try:
        bucket, key = str(event["bucket"]), str(event["key"])
    except KeyError as missing:
        raise InvalidParameterError(
            f"The request lacks {missing}: give the raw bucket and the photograph's key."
        ) from None
    now = datetime.now(UTC).isoformat()
    return Request(
        bucket, Removal(decode_key(key), event.get("version_id"), now, requested_by=event.get("requested_by"))
    )


def _from_s3(event: Mapping[str, Any]) -> Request:
    try:
        detail = event["detail"]
        bucket, entry = detail["bucket"]["name"], detail["object"]
        key, removed_at = entry["key"], event["time"]
    except (KeyError, TypeError) as missing:
        raise InvalidParameterError(
            f"The event is no 'Object Deleted' event of Amazon S3: it lacks {missing}."
        ) from None
    for_good = detail.get("deletion-type") != "Delete Marker Created"
    version = entry.get("version-id") if for_good else None
    removal = Removal(
        key=decode_key(key),
        version_id=None if version in (None, "", "null") else version,
        removed_at=removed_at,
        sequencer=entry.get("sequencer"),
        requested_by=detail.get("requester"),
    )
    return Request(
        bucket,
        removal,
        by_lifecycle=detail.get("reason") == "Lifecycle Expiration",
        marker_version_id=None if for_good else entry.get("version-id"),
    )
