"""Environment of the relabel function."""

from __future__ import annotations

from reefsteps.buckets import Buckets


class Settings(Buckets):
    """The originals' bucket and those of what is derived from them."""
