"""S3's version ids.

Amazon S3 calls an object's version "null" where the bucket kept no versions when the object was written. Events leave
the id out or send it empty. Everywhere else in the project such an object has no version: None.
"""

from __future__ import annotations

NULL_VERSION = "null"


def version_or_none(version_id: str | None) -> str | None:
    """Return the version id; None where S3 says in any of its ways that the object has no version of its own."""
    return None if version_id in (None, "", NULL_VERSION) else version_id


def version_text(version_id: str | None) -> str:
    """Return the version id as S3 writes it where the text may not be missing: "null" for None."""
    return version_id or NULL_VERSION
