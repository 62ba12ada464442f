"""Making text harmless for Streamlit's Markdown: names of files, islands and errors are not ours."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

_MARKDOWN = frozenset("\\`*_{}[]()<>#+-.!|$:~&")


def visible(text: str) -> str:
    """Return the text on one line, with a replacement mark for each character that is not seen.

    Marks that turn the writing around (U+202E) would let ``gpj.exe`` look like ``exe.jpg``; zero-width ones make two
    names look the same.
    """
    shown = (" " if char.isspace() else char for char in text)
    marked = ("\ufffd" if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co") else char for char in shown)
    return " ".join("".join(marked).split())


def plain(text: str) -> str:
    """Return Markdown that shows the text as it is, on one line."""
    return "".join(f"\\{char}" if char in _MARKDOWN else char for char in visible(text))


def ago(moment: datetime, now: datetime | None = None) -> str:
    """Return how long ago something was, in words."""
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def moment(text: str) -> str:
    """Return an ISO 8601 time of ours as people read it, to the minute (see `camera_time` for photographs)."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if time.tzinfo else f"{time:%Y-%m-%d %H:%M}"


def camera_time(text: str) -> str:
    """Return an ISO 8601 time of a photograph to the minute, by the camera's own clock in any zone."""
    try:
        return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M}"
    except ValueError:
        return text


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return ``1 photograph`` or ``2,000 photographs``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
