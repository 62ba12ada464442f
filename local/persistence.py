"""moto's S3 on disk: every version, its metadata and tags, written before the client hears of success."""

from __future__ import annotations

import threading
from datetime import datetime
from pathlib import Path
from typing import Any

from local.journal import Journal, JournalledObject
from reefsteps.versions import NULL_VERSION


class DiskBody:
    """Stands for the buffer of a moto key: reads its file when asked, so that memory holds no photographs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0

    def seek(self, position: int) -> int:
        """Set where the next read begins."""
        self._position = position
        return position

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes, all that is left without one."""
        with self._path.open("rb") as file:
            file.seek(self._position)
            data = file.read(size)
        self._position += len(data)
        return data

    def close(self) -> None:
        """Nothing is open between reads."""


class ObjectMirror:
    """Keeps ``journal`` equal to moto's buckets; ``sync`` after a request, ``restore`` once at start."""

    def __init__(self, journal: Journal, account: str) -> None:
        self._journal = journal
        self._account = account
        self._locks: dict[str, threading.Lock] = {}
        self._written: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}

    def is_bucket(self, name: str) -> bool:
        """Whether moto has the bucket."""
        return name in self._backend().buckets

    def sync(self, bucket_name: str, key_name: str | None) -> None:
        """Write what changed of one key, or of the whole bucket without one."""
        bucket = self._backend().buckets[bucket_name]
        with self._locks.setdefault(bucket_name, threading.Lock()):
            if key_name is not None:
                self._sync_key(bucket, key_name)
                return
            gone = [key for (name, key) in self._written if name == bucket_name and key not in bucket.keys]
            for key in [*bucket.keys, *gone]:
                self._sync_key(bucket, key)

    def restore(self) -> int:
        """Fill moto's buckets from the journal; returns how many versions. Buckets that are gone are left alone."""
        from moto.s3.models import FakeDeleteMarker, FakeKey

        count = 0
        for stored in self._journal.objects():
            bucket = self._backend().buckets.get(stored.bucket)
            if bucket is None:
                continue
            details = stored.details
            key: Any
            if stored.file is None:
                hidden: Any = bucket.keys.get(stored.key) or _Named(stored.key)
                key = FakeDeleteMarker(key=hidden)
                key._version_id = stored.version_id
            else:
                key = FakeKey(
                    name=stored.key,
                    value=b"",
                    account_id=self._account,
                    region_name=bucket.region_name,
                    etag=details["etag"],
                    is_versioned=stored.version_id != NULL_VERSION,
                    version_id=stored.version_id,
                    bucket_name=bucket.name,
                )
                key.set_metadata(dict(details["metadata"]))
                _read_from(key, stored.file)
                self._backend().tagger.tag_resource(
                    key.arn, [{"Key": name, "Value": value} for name, value in details["tags"].items()]
                )
            key.last_modified = datetime.fromisoformat(details["last_modified"])
            bucket.keys[stored.key] = key
            self._written.setdefault((stored.bucket, stored.key), {})[stored.version_id] = details
            count += 1
        return count

    def _sync_key(self, bucket: Any, name: str) -> None:
        written = self._written.setdefault((bucket.name, name), {})
        present = list(bucket.keys.getlist(name, []))
        for version_id in set(written) - {str(key.version_id) for key in present}:
            self._journal.remove_object(bucket.name, name, version_id)
            del written[version_id]
        for key in present:
            details = self._details(key)
            old = written.get(str(key.version_id))
            if details == old:
                continue
            stored = JournalledObject(bucket.name, name, str(key.version_id), None, details)
            if old is not None and _body_of(old) == _body_of(details):
                self._journal.update_details(stored)
            else:
                path = self._journal.put_object(stored, key.value if "etag" in details else None)
                if path is not None:
                    _read_from(key, path)
            written[str(key.version_id)] = details

    def _details(self, key: Any) -> dict[str, Any]:
        details: dict[str, Any] = {"last_modified": key.last_modified.isoformat()}
        if hasattr(key, "contentsize"):
            details["etag"] = key.etag.strip('"')
            details["metadata"] = dict(key.metadata)
            details["tags"] = self._backend().tagger.get_tag_dict_for_resource(key.arn)
        return details

    def _backend(self) -> Any:
        from moto.s3.models import s3_backends

        return s3_backends[self._account]["aws"]


class _Named:
    """What a delete marker needs of the key that it hides when that key is gone for good."""

    def __init__(self, name: str) -> None:
        self.name = name


def _body_of(details: dict[str, Any]) -> tuple[Any, Any]:
    return details["last_modified"], details.get("etag")


def _read_from(key: Any, path: Path) -> None:
    with key.lock:
        key._value_buffer.close()
        key._value_buffer = DiskBody(path)
        key.contentsize = path.stat().st_size
