"""Faults of the machine that a step runs on, under the project's names, so that they are retried and told as such."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError

from reefsteps.errors import DiskFullError, OutOfMemoryError

DISK_FULL_CODE = "DiskFull"
"""The error code of the local stack's S3 when its disk is full; S3 itself has no such state."""

_WHAT_TO_DO = (
    "free space (on Lambda, raise the function's EphemeralStorage), then retry the run. The photograph is safe."
)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def is_full_disk(error: OSError) -> bool:
    """Whether the error says that a disk, or the user's share of it, is full."""
    return error.errno in _FULL


@contextmanager
def named_machine_faults() -> Iterator[None]:
    """Raise OutOfMemoryError for a full memory, DiskFullError for a full disk (``/tmp``, the local stack's folder)."""
    try:
        yield
    except MemoryError as error:
        raise OutOfMemoryError(
            f"The step has not enough memory ({error or 'MemoryError'}): close other programs (on Lambda, raise the "
            "function's MemorySize), then retry the run. The photograph is safe."
        ) from error
    except OSError as error:
        if not is_full_disk(error):
            raise
        raise DiskFullError(f"The disk of the step is full ({error.strerror}): {_WHAT_TO_DO}") from error
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != DISK_FULL_CODE:
            raise
        raise DiskFullError(f"The disk of the local stack is full: {_WHAT_TO_DO}") from error
