"""What was deleted, as S3's event or the page says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reefsteps.errors import InvalidParameterError
from reefsteps.precedence import instant
from reefsteps.removals import Removal
from reefsteps.surveys import decode_key
from reefsteps.texts import is_text
from reefsteps.versions import version_or_none


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
        bucket, key = _text(event["bucket"]), _text(event["key"])
        version = event.get("version_id") and _text(event["version_id"])
        requested_by = event.get("requested_by") and _text(event["requested_by"])
    except (KeyError, TypeError) as missing:
        raise InvalidParameterError(
            f"The request lacks {missing}: give the raw bucket and the photograph's key."
        ) from None
    now = datetime.now(UTC).isoformat()
    return Request(bucket, Removal(decode_key(key), version or None, now, requested_by=requested_by or None))


def _text(value: object) -> str:
    if not is_text(value):
        raise TypeError("a text")
    return str(value)


def _from_s3(event: Mapping[str, Any]) -> Request:
    try:
        detail = event["detail"]
        bucket, entry = _text(detail["bucket"]["name"]), detail["object"]
        key, removed_at = _text(entry["key"]), _text(event["time"])
        others = [entry.get("version-id"), entry.get("sequencer"), detail.get("requester"), detail.get("deletion-type")]
        for other in others:
            _text(other or "")
        instant(removed_at)
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as missing:
        raise InvalidParameterError(
            f"The event is no 'Object Deleted' event of Amazon S3: it lacks {str(missing)[:100]}."
        ) from None
    for_good = detail.get("deletion-type") != "Delete Marker Created"
    version = entry.get("version-id") if for_good else None
    removal = Removal(
        key=decode_key(key),
        version_id=version_or_none(version),
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
