"""Making text harmless for Streamlit's Markdown: names of files, islands and errors are not ours."""

from __future__ import annotations

from datetime import UTC, datetime

_MARKDOWN = frozenset("\\`*_{}[]()<>#+-.!|$:~&")


def plain(text: str) -> str:
    """Return Markdown that shows the text as it is, on one line."""
    return "".join(f"\\{char}" if char in _MARKDOWN else char for char in " ".join(text.split()))


def ago(moment: datetime, now: datetime | None = None) -> str:
    """Return how long ago something was, in words."""
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return ``1 photograph`` or ``2,000 photographs``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
