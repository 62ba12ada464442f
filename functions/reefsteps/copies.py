"""Photographs that are copied into the raw bucket with their result, and must not be measured.

The metadata of such a copy holds its own key, and `admit` (statemachine/admit.asl.json) then starts no run. A copy of
the copy under another name is measured, because the metadata names another key.
"""

from __future__ import annotations

from urllib.parse import quote

STARTS_NO_RUN = "relabelled-to"  # the name of the metadata; relabelling and importing write it
_UNQUOTED = "!~*'()"  # what JSONata's $encodeUrlComponent leaves as it is, beside what Python's quote does


def without_run(key: str) -> dict[str, str]:
    """Return the metadata of a copy under `key` that starts no run. Metadata are ASCII, so the key is URL-encoded."""
    return {STARTS_NO_RUN: quoted_key(key)}


def quoted_key(key: str) -> str:
    """Return the key as `admit` writes it: percent-encoded as JSONata's $encodeUrlComponent does."""
    return quote(key, safe=_UNQUOTED)
