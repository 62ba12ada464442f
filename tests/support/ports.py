"""Ports for servers that tests start, each held for one test process.

A port that the system gives out may be gone again before the server binds it: another test, or an outgoing connection,
takes it. These ports lie below the range of outgoing connections, and a lock keeps other test processes away.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

_FIRST, _LAST = 20_000, 30_000  # Linux gives 32768 to 60999 to outgoing connections
_held: list[int] = []  # descriptors: the locks last as long as this process


def reserved_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens and which no other test process is given."""
    for port in random.sample(range(_FIRST, _LAST), 200):
        lock = os.open(Path(tempfile.gettempdir()) / f"reefsteps-tests-port-{port}.lock", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            os.close(lock)
            continue
        _held.append(lock)
        return port
    raise RuntimeError("no port is free")
