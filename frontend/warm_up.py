"""Loads beforehand what the first table or chart of a fresh process would otherwise wait for."""

from __future__ import annotations

import importlib
import threading
from functools import cache

HEAVY = ("pandas", "pyarrow", "scipy.special")
"""What tables, charts and intervals load at first use, about a second of CPU time."""


@cache
def start() -> threading.Thread:
    """Load them in the background, once in a process; the page that asks first is not held up."""
    thread = threading.Thread(target=_load, name="warm-up", daemon=True)
    thread.start()
    return thread


def _load() -> None:
    for name in HEAVY:
        importlib.import_module(name)
