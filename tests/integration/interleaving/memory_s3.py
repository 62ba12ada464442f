"""An S3 in memory with versions, delete markers and conditional writes, as far as the steps use it.

moto has all this, but needs milliseconds a call; thousands of schedules need less.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError


@dataclass(frozen=True)
class Version:
    """One version of a key; no body: a delete marker."""

    version_id: str
    body: bytes | None
    content_type: str
    metadata: Mapping[str, str]
    last_modified: datetime

    @property
    def etag(self) -> str:
        """As S3 makes it for an object that was put whole."""
        assert self.body is not None
        return hashlib.md5(self.body, usedforsecurity=False).hexdigest()


class MemoryS3:
    """The calls of boto3's client that `reefsteps.storage` makes.

    `pause` is called before each of them, `listener` after each change with what was written, or with a version
    without a body: a delete marker, or what was deleted for good (its metadata say so).
    """

    def __init__(self, pause: Callable[[], None], now: Callable[[], datetime]) -> None:
        """Hold nothing yet; every bucket exists and keeps versions."""
        self._pause, self._now = pause, now
        self._versions: dict[tuple[str, str], list[Version]] = {}
        self._count = 0
        self.listener: Callable[[str, str, Version], None] = lambda _bucket, _key, _version: None

    def current(self, bucket: str, key: str) -> Version | None:
        """Return the current object, for a look from outside: nobody comes between."""
        versions = self._versions.get((bucket, key))
        return versions[-1] if versions and versions[-1].body is not None else None

    def keys(self, bucket: str) -> list[str]:
        """Return the keys that have a current object, for a look from outside."""
        return sorted(key for there, key in self._versions if there == bucket and self.current(bucket, key))

    def versions(self, bucket: str, key: str) -> list[str]:
        """Return the versions of a key that are objects, the oldest first, for a look from outside."""
        return [version.version_id for version in self._versions.get((bucket, key), []) if version.body is not None]

    def put_object(self, **request: Any) -> dict[str, Any]:
        """Write, under a condition if there is one."""
        self._pause()
        self._check(request)
        body, content_type = request["Body"], request.get("ContentType", "")
        return {"VersionId": self._append(request, body, content_type, request.get("Metadata", {}))}

    def copy_object(self, **request: Any) -> dict[str, Any]:
        """Copy a version under the condition on the target, as S3 does and moto 5.2.5 does not."""
        self._pause()
        self._check(request)
        source = self._find(request["CopySource"])
        return {"VersionId": self._append(request, source.body, request["ContentType"], request["Metadata"])}

    def head_object(self, **request: Any) -> dict[str, Any]:
        """Return everything but the content."""
        self._pause()
        found = self._find(request)
        return {
            "VersionId": found.version_id,
            "ETag": f'"{found.etag}"',
            "ContentLength": len(found.body or b""),
            "LastModified": found.last_modified,
            "ContentType": found.content_type,
            "Metadata": dict(found.metadata),
        }

    def get_object(self, **request: Any) -> dict[str, Any]:
        """Return everything."""
        answer = self.head_object(**request)
        return answer | {"Body": io.BytesIO(self._find(request | {"VersionId": answer["VersionId"]}).body or b"")}

    def delete_object(self, **request: Any) -> dict[str, Any]:
        """Delete a version, or put a delete marker."""
        self._pause()
        self._check(request)
        place, version_id = (request["Bucket"], request["Key"]), request.get("VersionId")
        if version_id is None:
            return {"VersionId": self._append(request, None, "", {}), "DeleteMarker": True}
        gone = self._find(request)
        self._versions[place] = [version for version in self._versions[place] if version.version_id != version_id]
        self.listener(*place, dataclasses.replace(gone, body=None, metadata={"deleted": "for good"}))
        return {"VersionId": version_id}

    def get_paginator(self, _name: str) -> MemoryS3:
        """Return what lists."""
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        """Yield one page of the current objects."""
        self._pause()
        found = [
            {"Key": key, "ETag": f'"{version.etag}"', "Size": 0, "LastModified": version.last_modified}
            for key in self.keys(request["Bucket"])
            if key.startswith(request["Prefix"]) and (version := self.current(request["Bucket"], key))
        ]
        yield {"Contents": found}

    def _append(self, request: Mapping[str, Any], body: bytes | None, kind: str, metadata: Mapping[str, str]) -> str:
        self._count += 1
        version = Version(f"v{self._count}", body, kind, dict(metadata), self._now().replace(microsecond=0))
        self._versions.setdefault((request["Bucket"], request["Key"]), []).append(version)
        self.listener(request["Bucket"], request["Key"], version)
        return version.version_id

    def _find(self, request: Mapping[str, Any]) -> Version:
        wanted = request.get("VersionId")
        versions = self._versions.get((request["Bucket"], request["Key"]), [])
        found = versions[-1:] if wanted is None else [one for one in versions if one.version_id == wanted]
        if not found or found[0].body is None:
            raise _error("NoSuchKey" if wanted is None else "NoSuchVersion")
        return found[0]

    def _check(self, request: Mapping[str, Any]) -> None:
        present = self.current(request["Bucket"], request["Key"])
        if request.get("IfNoneMatch") == "*" and present is not None:
            raise _error("PreconditionFailed")
        if "IfMatch" in request:
            if present is None:
                raise _error("NoSuchKey")
            if request["IfMatch"].strip('"') != present.etag:
                raise _error("PreconditionFailed")


def _error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "S3")
