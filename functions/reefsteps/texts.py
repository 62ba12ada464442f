"""Texts from outside (cameras, model files, people), brought to a length and form that every database stores.

What a person or program only reads is shortened. What identifies something (island, key, version) is never shortened:
it is refused where it enters, before anything is measured.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

LONGEST_CAMERA = 120  # characters; EXIF allows maker and model of any length
_CUT = "…"


def shortened(text: str, length: int | None) -> str:
    """Return the text in at most `length` characters, an ellipsis as its last where something is left out.

    Half of a surrogate pair, which no database can store, becomes a question mark.
    """
    whole: str = storable(text)
    return whole if length is None or len(whole) <= length else whole[: length - 1] + _CUT


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


def storable(value: Any) -> Any:
    """Return the value with each half of a surrogate pair replaced: MySQL and MariaDB refuse it, in JSON too."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    if isinstance(value, dict):
        return {storable(name): storable(item) for name, item in value.items()}
    return value


def is_text(value: object) -> bool:
    """Tell whether the value is a text that can be written: half of a surrogate pair, as JSON may hold it, cannot."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
