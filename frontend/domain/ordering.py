"""The order in which people expect positions and file names: 2 before 10."""

from __future__ import annotations

import re
import unicodedata

_DIGITS = re.compile(r"(\d+)", re.ASCII)


def natural_key(text: str) -> tuple[tuple[int, int | str], ...]:
    """Return a sort key that compares runs of digits as numbers and the rest without case or accents.

    Every element is tagged (0 for a number, 1 for text), so any two keys can be compared. The text itself comes last,
    so that only equal texts have equal keys.
    """
    parts: list[tuple[int, int | str]] = []
    for part in _DIGITS.split(text):
        if _DIGITS.fullmatch(part):
            parts.append((0, int(part)))
        elif part:
            parts.append((1, _folded(part)))
    return (*parts, (1, ""), (1, text))


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(char for char in decomposed if not unicodedata.combining(char)).casefold()
