"""What is left when the fault is over, counted and printed: one line for each kind of fault."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

_KINDS = {  # what a fault of the world says, and under which heading it counts
    "is left": "orphans",
    "was made from": "wrong_picture",
    "mixes": "wrong_picture",
    "shows another photograph": "wrong_picture",
    "another photo's row": "wrong_picture",
    "the row is": "wrong_picture",
    "without effect": "wrong_picture",
    "a row although": "wrong_picture",
    "relabelling left": "hanging",
    "without a named failure": "unnamed",
}


@dataclass
class Line:
    """The counts of one kind of fault; all but the first three must be 0."""

    fault: str
    photographs: int = 0
    injected: int = 0
    lost: int = 0
    doubled: int = 0
    wrong_picture: int = 0
    orphans: int = 0
    unnamed: int = 0
    hanging: int = 0

    def count(self, found: Iterable[str]) -> None:
        """Count what is wrong, by the world's words."""
        for text in found:
            name = next((name for words, name in _KINDS.items() if words in text), "lost")
            name = "doubled" if text.endswith(" rows") and not text.endswith(" 0 rows") else name
            setattr(self, name, getattr(self, name) + 1)

    @property
    def clean(self) -> bool:
        """Tell whether nothing is wrong."""
        return not any(getattr(self, field.name) for field in fields(self)[3:])


def printed(lines: Iterable[Line]) -> str:
    """Return the table as text."""
    names = [field.name for field in fields(Line)]
    heads = ["fault", *(name.replace("_", " ") for name in names[1:])]
    rows = [heads, *([str(getattr(line, name)) for name in names] for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(names))]
    cells = ([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])] for row in rows)
    return "\n".join("  ".join(row) for row in cells)
