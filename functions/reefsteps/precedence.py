"""Which of two uploads of one survey's photograph is the newer, and which of two runs counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from reefsteps.results import ObjectRef
from reefsteps.versions import version_or_none


class Upload(Protocol):
    """What identifies an uploaded photograph: `reefsteps.results.Source`, or what S3 says of a raw object."""

    @property
    def image(self) -> ObjectRef:
        """The raw object, by version."""
        ...

    @property
    def etag(self) -> str:
        """S3's hash of the content."""
        ...

    @property
    def uploaded_at(self) -> str:
        """ISO 8601."""
        ...

    @property
    def sequencer(self) -> str | None:
        """S3's order of events on the key, where it is known."""
        ...


@dataclass(frozen=True)
class Run:
    """An execution that measures an upload; times are ISO 8601.

    ``decided_at`` is the start of the run in which a person decided what this run obeys (corners, for example).
    """

    upload: Upload
    started_at: str
    name: str
    decided_at: str | None = None


def compare_runs(one: Run, other: Run) -> int:
    """Return 1 if `one`'s result counts before `other`'s, -1 if the other's does, 0 if they are the same run.

    The newest upload wins. For one upload the newest decision of a person wins, so that a run which read before the
    decision was kept does not hide it. After that, and for uploads whose order cannot be told, the execution that
    started later wins.
    """
    order = compare_uploads(one.upload, other.upload)
    if order:
        return order
    if same_photo(one.upload, other.upload) and _decision(one) != _decision(other):
        return 1 if _decision(one) > _decision(other) else -1
    first, second = ((instant(run.started_at), run.name) for run in (one, other))
    return (first > second) - (first < second)


def _decision(run: Run) -> datetime:
    return instant(run.decided_at) if run.decided_at else datetime.min.replace(tzinfo=UTC)


def same_photo(one: Upload, other: Upload) -> bool:
    """Tell whether both are the same version of the same object; without bucket versioning, the same content."""
    if one.image.bucket != other.image.bucket or one.image.key != other.image.key:
        return False
    if _versioned(one) and _versioned(other):
        return one.image.version_id == other.image.version_id
    return one.etag == other.etag


def compare_uploads(one: Upload, other: Upload) -> int:
    """Return 1 if `one` was uploaded after `other`, -1 if before, 0 if that cannot be told.

    By upload time; S3 keeps it in whole seconds, so within one second its sequencer decides, if both are of one key.
    """
    first, second = instant(one.uploaded_at), instant(other.uploaded_at)
    if same_photo(one, other):
        return 0
    if first != second:
        return 1 if first > second else -1
    return compare_sequencers(one.sequencer, other.sequencer) if one.image.key == other.image.key else 0


def compare_sequencers(one: str | None, other: str | None) -> int:
    """Return 1, -1 or 0 as `one` comes after, before or with `other`; 0 if either is unknown.

    As Amazon S3's user guide (event message structure) says: hexadecimal, padded with zeros on the right, as text.
    """
    if not (one and other):
        return 0
    width = max(len(one), len(other))
    left, right = (text.upper().ljust(width, "0") for text in (one, other))
    return (left > right) - (left < right)


def instant(timestamp: str) -> datetime:
    """Return an ISO 8601 time as an aware datetime, UTC where it names no zone."""
    moment = datetime.fromisoformat(timestamp)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _versioned(upload: Upload) -> bool:
    return version_or_none(upload.image.version_id) is not None
