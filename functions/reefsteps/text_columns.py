"""Texts from outside (cameras, model files, people) made to fit the columns that hold them.

A text that is too long for its column fails a statement in MySQL and is kept whole in SQLite. What a person or program
only reads is shortened here; the steps' records, kept as JSON, have it in full. What identifies something (island, key,
version) is never shortened: it is refused where it enters, before anything is measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String, Table

LONGEST_CAMERA = 120  # characters; EXIF allows maker and model of any length
_CUT = "…"


def fitted(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row with each text shortened to the length of its column; the primary key stays as it is."""
    fitting = dict(row)
    for column in table.columns:
        value = fitting.get(column.name)
        if isinstance(column.type, JSON):
            fitting[column.name] = _storable(value)
        elif isinstance(column.type, String) and isinstance(value, str) and not column.primary_key:
            fitting[column.name] = shortened(value, column.type.length)
    return fitting


def shortened(text: str, length: int | None) -> str:
    """Return the text in at most `length` characters, an ellipsis as its last where something is left out.

    Half of a surrogate pair, which no database can store, becomes a question mark.
    """
    storable: str = _storable(text)
    return storable if length is None or len(storable) <= length else storable[: length - 1] + _CUT


def camera_time(text: str | None) -> str | None:
    """Return a camera's time as ISO 8601 in whole seconds; None for what is no time.

    EXIF's offsets are hours and minutes. A camera that writes anything finer wrote nonsense, which is left out.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text).replace(microsecond=0)
    except ValueError:
        return None
    offset = moment.utcoffset()
    if offset is not None and offset.total_seconds() % 60:
        moment = moment.replace(tzinfo=None)
    return moment.isoformat()


def _storable(value: Any) -> Any:
    """Return the value with each half of a surrogate pair replaced: MySQL and MariaDB refuse it, in JSON too."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list | tuple):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(name): _storable(item) for name, item in value.items()}
    return value
