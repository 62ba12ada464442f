"""The upload table: what a person has typed in its cells, and what each row says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from frontend.domain.file_names import Guess
from frontend.domain.upload_plan import PlannedFile, UploadStatus
from reefsteps.errors import InvalidParameterError
from reefsteps.quadrat_size import QuadratSize
from reefsteps.surveys import FIRST_YEAR

MARKS = {
    UploadStatus.INCOMPLETE: "… needs input",
    UploadStatus.DUPLICATE: "✕ duplicate",
    UploadStatus.UNUSABLE: "✕ unusable",
    UploadStatus.UNCERTAIN: "? cannot be compared",
    UploadStatus.REPLACES: "↻ replaces",
    UploadStatus.COMPARING: "… being compared",
    UploadStatus.READY: "✓ ready",
    UploadStatus.PRESENT: "= already there",
}
"""How the table shows each status, in the order in which somebody must look at the rows."""

_RANKS = {status: rank for rank, status in enumerate(MARKS)}
_MOST_DIGITS = 9


@dataclass(frozen=True)
class Typed:
    """What was typed for files: usable values, and why others are not; both by file id."""

    guesses: Mapping[str, Guess]
    mistyped: Mapping[str, str]


def typed_in(cells: object) -> Typed:
    """Return what the cells say (``{file id: {field: text}}``, as the browser sends them), trusting nothing in it."""
    guesses, mistyped = {}, {}
    for file, texts in cells.items() if isinstance(cells, Mapping) else ():
        if not isinstance(texts, Mapping):
            continue
        values: dict[str, Any] = {}
        faults = []
        for field in ("island", "year", "location", "side"):
            text = str(texts.get(field) or "").strip()
            if not text:
                continue
            try:
                values[field] = _value(field, text)
            except InvalidParameterError as error:
                faults.append(str(error))
        guesses[str(file)] = Guess(**values)
        if faults:
            mistyped[str(file)] = " ".join(faults)
    return Typed(guesses, mistyped)


def _value(field: str, text: str) -> str | int | QuadratSize:
    if field == "island":
        return text
    if field == "side":
        return QuadratSize.parse(text)
    least, word = (FIRST_YEAR, "year") if field == "year" else (1, "position")
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS and int(text) >= least):
        raise InvalidParameterError(f"'{text}' is no {word}: type a whole number from {least} on.")
    return int(text)


def rows(planned: Iterable[PlannedFile]) -> list[dict[str, Any]]:
    """Return what the table shows of each file, of JSON's types only; ``rank`` is low where somebody must look."""
    return [
        {
            "id": p.file.id,
            "file": p.file.path,
            "size": p.file.size_bytes,
            "modified": p.file.modified_ms,
            "rank": _RANKS[p.status],
            "mark": MARKS[p.status],
            "island": p.island or "",
            "year": str(p.year or ""),
            "location": str(p.location or ""),
            "side": str(p.side or ""),
            "key": p.key or "",
            "note": p.note,
            "from": p.identity.told_sources,
        }
        for p in planned
    ]
