"""Photographs that are copied into the raw bucket with their result, and must not be measured.

The metadata of such a copy holds its own key, and `admit` (statemachine/admit.asl.json) then starts no run. A copy of
the copy under another name is measured, because the metadata names another key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from reefsteps.derived_objects import decisions

STARTS_NO_RUN = "relabelled-to"  # the name of the metadata; relabelling and importing write it
DECISIONS_FOLLOW = "decisions-follow"  # of a copy that is measured: which decisions of a person are copied after it
_UNQUOTED = "!~*'()"  # what JSONata's $encodeUrlComponent leaves as it is, beside what Python's quote does


def without_run(key: str) -> dict[str, str]:
    """Return the metadata of a copy under `key` that starts no run. Metadata are ASCII, so the key is URL-encoded."""
    return {STARTS_NO_RUN: quoted_key(key)}


def followed_by(key: str, decided: Iterable[str]) -> dict[str, str]:
    """Return the metadata of a copy under `key` that is measured, and whose decisions of a person are copied after it.

    ``decided`` are names of `derived_objects.decisions`. These name the copy's version, so they come after it.
    """
    return {DECISIONS_FOLLOW: " ".join((quoted_key(key), *decided))}


def decisions_to_follow(key: str, metadata: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of decisions that `followed_by` wrote for the object under `key`."""
    own, *names = metadata.get(DECISIONS_FOLLOW, "").split() or [""]
    known = {item.name for item in decisions()}
    return tuple(name for name in names if name in known) if own == quoted_key(key) else ()


def quoted_key(key: str) -> str:
    """Return the key as `admit` writes it: percent-encoded as JSONata's $encodeUrlComponent does."""
    return quote(key, safe=_UNQUOTED)
