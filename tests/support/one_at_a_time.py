"""What test processes share, a package manager or a folder of `.cache`, is used by one of them at a time."""

from __future__ import annotations

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def one_at_a_time(name: str) -> Iterator[None]:
    """Hold the lock of this name, of all test processes on the machine; waits until it is free."""
    with (Path(tempfile.gettempdir()) / f"reefsteps-tests-{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
