"""Where a running stack is found, for everything that talks to it."""

from __future__ import annotations

import fcntl
import json
from dataclasses import dataclass, field
from pathlib import Path

from local.resources import REPOSITORY

STATE = REPOSITORY / ".local-stack"


class StackRunningError(RuntimeError):
    """Another stack uses the state folder, or another program the port."""


@dataclass(frozen=True)
class StackInfo:
    """Where a running stack is found; written to ``stack.json`` once it is ready."""

    pid: int
    endpoint: str
    region: str
    database_url: str
    page_url: str | None
    buckets: dict[str, str]  # by logical id
    state_machines: dict[str, str]  # ARN by logical id
    models: dict[str, str]  # name -> "ready", or why not
    left_out: dict[str, str]
    functions: dict[str, str] = field(default_factory=dict)  # name by handler


def running(state: Path = STATE) -> StackInfo | None:
    """Return the stack that runs on the state folder, None where there is none (or it is still starting)."""
    try:
        info = StackInfo(**json.loads((state / "stack.json").read_text()))
        holder = (state / "lock").read_text()
    except FileNotFoundError:
        return None
    # A killed stack leaves its stack.json behind, so the lock's holder must be the one that wrote it.
    return info if is_locked(state) and holder == str(info.pid) else None


def is_locked(state: Path) -> bool:
    """Whether a stack, started or starting, holds the state folder."""
    lock = state / "lock"
    if not lock.exists():
        return False
    with lock.open("r") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        return False
