"""The widgets of an upload: the uploader, its table, the marking of a file name, the browser's memory of batches.

As `frontend.components.widgets`, they pass data to scripts beside this module. What a script reports is not trusted:
`IncomingFile`, `typed_in`, `NamePattern` and `batches_in` check it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from frontend.components.widgets import component
from reefsteps.formats import ACCEPTED, FIRST_BYTES, RAW_EXTENSIONS, STORED_EXTENSIONS

_uploader = component("uploader", "uploader_heads", "uploader_md5", "uploader_journal")
_table = component("upload_table")
_pattern = component("name_pattern")
_batches = component("batches")

_FORMATS = {
    "accepted": ACCEPTED,
    "extensions": sorted(STORED_EXTENSIONS),
    "raw": sorted(RAW_EXTENSIONS),
    "first_bytes": [[offset, beginning.hex()] for offset, beginning in FIRST_BYTES.values()],
}


@dataclass(frozen=True)
class Order:
    """What the uploader is to do: a new ``run`` starts sending ``plan`` ({id, key, grant}) with ``grants``."""

    run: int
    batch: Mapping[str, str]  # id and sent_at (ISO 8601) of the run
    plan: Sequence[Mapping[str, str]]
    grants: Sequence[Mapping[str, Any]]
    renewal: int  # grows with each renewal of the grants
    compare: Sequence[str]  # ids of files whose content is to be read
    form: Mapping[str, Any]  # to be remembered over reloads: side, pattern; restored: the earlier ones have come
    seen: str  # the end of sending that the page has told last


@dataclass(frozen=True)
class Reported:
    """What the browser reported since the page was opened; ``wants_renewal`` in this run of the script only."""

    files: Sequence[Mapping[str, Any]]
    md5: Mapping[str, str]
    remembered: Mapping[str, Any] | None
    finished: Mapping[str, Any] | None
    wants_renewal: bool


def uploader(order: Order, *, session: str, key: str) -> Reported:
    """Show the uploader."""
    result = _uploader(
        key=key,
        data={"session": session, "formats": _FORMATS, **vars(order)},
        default={"files": []},
        on_files_change=_nothing,
        on_digests_change=_nothing,
        on_remembered_change=_nothing,
        on_finished_change=_nothing,
        on_renew_change=_nothing,
    )
    return Reported(
        result.get("files") or [],
        result.get("digests") or {},
        result.get("remembered"),
        result.get("finished"),
        result.get("renew") is not None,
    )


def typed(key: str) -> Any:
    """Return what is typed in the cells of the table of this key ({file id: {field: text}}); None before anything."""
    return st.session_state.get(key, {}).get("typed")


def table(rows: Sequence[Mapping[str, Any]], *, session: str, usual_side: str, key: str) -> None:
    """Show the table."""
    data = {"session": session, "rows": list(rows), "usual_side": usual_side}
    _table(key=key, data=data, on_typed_change=_nothing)


def name_pattern(name: str, pattern: Mapping[str, Any] | None, *, key: str) -> Any:
    """Show a file name whose parts can be marked; returns ``{"value": pattern or None}`` once something was marked."""
    return _pattern(key=key, data={"name": name, "pattern": pattern}, on_pattern_change=_nothing).get("pattern")


def batches(known: Sequence[str], *, session: str, key: str) -> Any:
    """Return what this browser has sent lately, as far as it holds batches that are not known; shows nothing."""
    return _batches(key=key, data={"known": list(known), "session": session}, on_batches_change=_nothing).get("batches")


def _nothing() -> None:
    """Streamlit wants a callback for each value that a component may set."""
