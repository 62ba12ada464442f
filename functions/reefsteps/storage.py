"""S3, as much of it as the pipeline needs.

A missing object is a PhotoNotFoundError. Every other refusal of S3 (throttling, 5xx, no permission) stays botocore's
own error. The state machine treats it as a fault of the infrastructure.
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from reefsteps.errors import PhotoNotFoundError
from reefsteps.results import ObjectRef
from reefsteps.surveys import spelled_alike, unambiguous_prefix

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# 405 is S3's answer for a version that is a delete marker; 400 that for a version id of another bucket.
_MISSING = frozenset({"404", "NoSuchKey", "NoSuchVersion", "NotFound", "405", "MethodNotAllowed", "InvalidVersionId"})

# 412: the object is another one now. 409: another write of the same key was under way. 404: it was deleted meanwhile.
_CHANGED = frozenset({"412", "PreconditionFailed", "409", "ConditionalRequestConflict", "404", "NoSuchKey"})

JPEG = "image/jpeg"
PNG = "image/png"
JSON = "application/json"


@dataclass(frozen=True)
class ObjectInfo:
    """What S3 knows of an object without its content."""

    ref: ObjectRef
    etag: str
    size_bytes: int
    last_modified: datetime
    content_type: str
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def uploaded_at(self) -> str:
        """The time of the upload, ISO 8601, UTC."""
        return self.last_modified.astimezone(UTC).isoformat()


@dataclass(frozen=True)
class StoredObject:
    """An object with its content."""

    info: ObjectInfo
    body: bytes


class ObjectChangedError(Exception):
    """A conditional write or deletion found another object than the one that was looked at."""


class Storage:
    """Reads and writes whole objects; safe to keep in a module and to share between threads."""

    def __init__(self, client: S3Client | None = None) -> None:
        """Use `client`, by default one with bounded waits and retries."""
        self.client: S3Client = client or boto3.client(
            "s3",
            config=Config(connect_timeout=5, read_timeout=60, retries={"mode": "standard", "total_max_attempts": 5}),
        )

    def head(self, ref: ObjectRef) -> ObjectInfo:
        """Return what S3 knows of the object (its latest version if `ref` names none); raises PhotoNotFoundError."""
        try:
            return _info(ref, self.client.head_object(**_address(ref)))
        except ClientError as error:
            raise _named(error, ref) from error

    def get(self, ref: ObjectRef) -> StoredObject:
        """Return the object with its content; raises PhotoNotFoundError."""
        try:
            answer = self.client.get_object(**_address(ref))
        except ClientError as error:
            raise _named(error, ref) from error
        return StoredObject(_info(ref, answer), answer["Body"].read())

    def put(
        self, bucket: str, key: str, body: bytes, *, content_type: str, metadata: Mapping[str, str] | None = None
    ) -> ObjectRef:
        """Write the object, replacing any of the same key; returns it with its version where the bucket has them."""
        answer = self.client.put_object(
            Bucket=bucket, Key=key, Body=body, ContentType=content_type, Metadata=dict(metadata or {})
        )
        return ObjectRef(bucket, key, answer.get("VersionId"))

    def replace(
        self, seen: ObjectInfo | None, ref: ObjectRef, body: bytes, *, content_type: str, metadata: Mapping[str, str]
    ) -> ObjectRef:
        """Write the object if it is still the one that was `seen` (None: if there is still none), as `put` does.

        Raises ObjectChangedError.
        """
        condition: Any = {"IfNoneMatch": "*"} if seen is None else {"IfMatch": f'"{seen.etag}"'}
        try:
            answer = self.client.put_object(
                Bucket=ref.bucket,
                Key=ref.key,
                Body=body,
                ContentType=content_type,
                Metadata=dict(metadata),
                **condition,
            )
        except ClientError as error:
            raise _changed(error) from error
        return ObjectRef(ref.bucket, ref.key, answer.get("VersionId"))

    def get_json(self, ref: ObjectRef) -> Any:
        """Return the object's content, parsed; raises PhotoNotFoundError."""
        return json.loads(self.get(ref).body)

    def put_json(self, bucket: str, key: str, value: Any, metadata: Mapping[str, str] | None = None) -> ObjectRef:
        """Write `value` as JSON; returns where it lies."""
        body = json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        return self.put(bucket, key, body, content_type=JSON, metadata=metadata)

    def copy(
        self, source: ObjectRef, bucket: str, key: str, *, content_type: str, metadata: Mapping[str, str]
    ) -> ObjectRef:
        """Copy the object within S3, with this metadata in place of its own; raises PhotoNotFoundError."""
        return self._copy(source, ObjectRef(bucket, key), {}, content_type, metadata)

    def replace_by_copy(
        self,
        seen: ObjectInfo | None,
        source: ObjectRef,
        target: ObjectRef,
        *,
        content_type: str,
        metadata: Mapping[str, str],
    ) -> ObjectRef:
        """Copy as `copy` does if the target is still the object that was `seen` (None: if there is still none).

        Raises ObjectChangedError; moto 5.2.5 copies without looking at the condition.
        """
        condition = {"IfNoneMatch": "*"} if seen is None else {"IfMatch": f'"{seen.etag}"'}
        return self._copy(source, target, condition, content_type, metadata)

    def _copy(
        self, source: ObjectRef, target: ObjectRef, condition: Any, content_type: str, metadata: Mapping[str, str]
    ) -> ObjectRef:
        try:
            answer = self.client.copy_object(
                Bucket=target.bucket,
                Key=target.key,
                CopySource=_address(source),
                MetadataDirective="REPLACE",
                ContentType=content_type,
                Metadata=dict(metadata),
                **condition,
            )
        except ClientError as error:
            named = _named(error, source)
            raise (_changed(error) if named is error else named) from error
        return ObjectRef(target.bucket, target.key, answer.get("VersionId"))

    def delete(self, ref: ObjectRef) -> str | None:
        """Delete the object, or put a delete marker on it and return the marker's version; no error if missing."""
        answer = self.client.delete_object(**_address(ref))
        return answer.get("VersionId") if answer.get("DeleteMarker") else None

    def delete_seen(self, seen: ObjectInfo) -> str | None:
        """Delete the current object as `delete` does, if it is still the one that was `seen`.

        Raises ObjectChangedError.
        """
        try:
            answer = self.client.delete_object(Bucket=seen.ref.bucket, Key=seen.ref.key, IfMatch=f'"{seen.etag}"')
        except ClientError as error:
            raise _changed(error) from error
        return answer.get("VersionId") if answer.get("DeleteMarker") else None

    def list(self, bucket: str, prefix: str) -> Iterator[ObjectInfo]:
        """Yield the current objects whose key begins with the prefix in any spelling that the pipeline accepts.

        People name originals: ``2006-Mo'orea-`` also finds ``2006-Mo’orea-07.jpg`` (see `surveys.spelled_alike`). In
        S3's order, without content type and metadata.
        """
        wanted = spelled_alike(prefix)
        for info in self.list_exactly(bucket, unambiguous_prefix(prefix)):
            if spelled_alike(info.ref.key).startswith(wanted):
                yield info

    def list_exactly(self, bucket: str, prefix: str) -> Iterator[ObjectInfo]:
        """Yield the current objects whose key begins with exactly this prefix, as `list` does: for keys that a step
        made."""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for page in pages:
            for item in page.get("Contents", []):
                ref = ObjectRef(bucket, item["Key"])
                yield ObjectInfo(ref, item["ETag"].strip('"'), item["Size"], item["LastModified"], content_type="")


def _address(ref: ObjectRef) -> Any:
    address = {"Bucket": ref.bucket, "Key": ref.key}
    return address | {"VersionId": ref.version_id} if ref.version_id else address


def _info(ref: ObjectRef, answer: Any) -> ObjectInfo:
    return ObjectInfo(
        ref=ObjectRef(ref.bucket, ref.key, answer.get("VersionId", ref.version_id)),
        etag=answer["ETag"].strip('"'),
        size_bytes=answer["ContentLength"],
        last_modified=answer["LastModified"],
        content_type=answer.get("ContentType", ""),
        metadata=answer.get("Metadata", {}),
    )


def _code(error: ClientError) -> str:
    """Return S3's code of the error, whose frames are emptied.

    aws-xray-sdk 2.15.0 keeps each error in a variable of a frame that the error names itself. This cycle would hold
    every caller's frame, and so the photograph, until Python looks for cycles (docs/reference/library-behaviour.md).
    """
    traceback.clear_frames(error.__traceback__)
    return str(error.response.get("Error", {}).get("Code", ""))


def _changed(error: ClientError) -> Exception:
    code = _code(error)
    return ObjectChangedError(code) if code in _CHANGED else error


def _named(error: ClientError, ref: ObjectRef) -> Exception:
    code = _code(error)
    bad_version = ref.version_id is not None and code in {"400", "InvalidArgument"}
    if code not in _MISSING and not bad_version:
        return error
    version = f" (version {ref.version_id})" if ref.version_id else ""
    return PhotoNotFoundError(f"s3://{ref.bucket}/{ref.key}{version} does not exist: it was deleted or never written.")
