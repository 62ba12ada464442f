"""What will happen to each file of an upload, decided before a byte is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Self

from frontend.domain.file_names import Guess, guess
from frontend.domain.ordering import natural_key
from reefsteps.errors import InvalidSurveyKeyError
from reefsteps.surveys import SurveyKey

EXTENSIONS = {
    "jpg": "jpg",
    "jpeg": "jpg",
    "png": "png",
    "tif": "tif",
    "tiff": "tif",
    "nef": "nef",
}
"""Accepted extensions, and the one spelling under which they are stored (JPG and jpeg are one photograph)."""


@dataclass(frozen=True)
class IncomingFile:
    """A file as the browser describes it; nothing of its content but what its head says has been read."""

    id: str
    path: str  # with folders, as dropped
    size_bytes: int
    captured_at: str | None = None  # EXIF DateTimeOriginal
    problem: str | None = None  # what the browser found wrong with the file's first bytes

    @classmethod
    def from_browser(cls, data: Mapping[str, Any]) -> Self:
        """Build from the uploader's message, trusting nothing in it."""
        captured, problem = data.get("captured"), data.get("problem")
        return cls(
            id=str(data.get("id", ""))[:64],
            path=str(data.get("path", ""))[:1024],
            size_bytes=max(0, int(data.get("size") or 0)),
            captured_at=str(captured)[:32] if captured else None,
            problem=str(problem)[:200] if problem else None,
        )

    @property
    def name(self) -> str:
        """The file's name without folders."""
        return PurePosixPath(self.path.replace("\\", "/")).name

    @property
    def extension(self) -> str:
        """The stored spelling of the extension, or an empty text for a type that is not accepted."""
        return EXTENSIONS.get(PurePosixPath(self.name).suffix.lower().lstrip("."), "")


class Status(StrEnum):
    """What the table says of a file; only READY and REPLACES are ever sent."""

    READY = "ready"
    REPLACES = "replaces"
    PRESENT = "already there"
    DUPLICATE = "duplicate"
    INCOMPLETE = "needs input"
    UNUSABLE = "unusable"


@dataclass(frozen=True)
class PresentObject:
    """A photograph that the raw bucket holds for a survey position."""

    key: str
    size_bytes: int
    others: tuple[str, ...] = ()  # older photographs of the position, under other spellings of its key

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys under which the position has a photograph, the newest first."""
        return (self.key, *self.others)


@dataclass(frozen=True)
class PlannedFile:
    """A file, the survey it belongs to, the key it will get, and why it may not be sent."""

    file: IncomingFile
    island: str | None
    year: int | None
    location: int | None
    key: str | None
    status: Status
    note: str = ""

    @property
    def can_be_sent(self) -> bool:
        """Whether the file may be sent; one that REPLACES another only if the user agrees."""
        return self.status in (Status.READY, Status.REPLACES)


def surveys_touched(files: Iterable[IncomingFile], typed: Mapping[str, Guess], defaults: Guess) -> set[tuple[int, str]]:
    """Return (year, island) of every file, so that the caller can list just those prefixes of the raw bucket."""
    touched = set()
    for file in files:
        key = _survey_key(_what_is_known(file, typed, defaults))
        if isinstance(key, SurveyKey):
            touched.add((key.year, key.island))
    return touched


def plan(
    files: Sequence[IncomingFile],
    *,
    typed: Mapping[str, Guess],
    defaults: Guess,
    present: Mapping[SurveyKey, PresentObject],
    max_bytes: int,
) -> list[PlannedFile]:
    """Return what happens to each file, in natural order of their paths.

    ``typed`` holds the user's corrections by file id, ``defaults`` what was typed for the whole folder, ``present`` the
    photographs that the raw bucket holds. A survey position takes one photograph: further files for it are duplicates,
    and an object of another extension counts as the same photograph.
    """
    ordered = sorted(files, key=lambda file: natural_key(file.path))
    drafts = [_draft(file, _what_is_known(file, typed, defaults), max_bytes) for file in ordered]
    counts = Counter((d.year, d.island, d.location) for d in drafts if d.can_be_sent)
    seen: set[tuple[int | None, str | None, int | None]] = set()
    result = []
    for draft in drafts:
        position = (draft.year, draft.island, draft.location)
        if draft.can_be_sent and position in seen:
            first = next(d for d in drafts if d.can_be_sent and (d.year, d.island, d.location) == position)
            note = f"The same position as {first.file.path}; give it another position or leave it out."
            result.append(_with(draft, Status.DUPLICATE, note))
        elif draft.can_be_sent:
            seen.add(position)
            result.append(_against_present(draft, present, shared=counts[position] > 1))
        else:
            result.append(draft)
    return result


def _what_is_known(file: IncomingFile, typed: Mapping[str, Guess], defaults: Guess) -> Guess:
    corrected = typed.get(file.id, Guess())
    return corrected.filled_from(guess(file.path, file.captured_at)).filled_from(defaults)


def _survey_key(known: Guess) -> SurveyKey | str:
    missing = [
        name
        for name, value in (("island", known.island), ("year", known.year), ("position", known.location))
        if value is None
    ]
    if missing or known.year is None or known.island is None or known.location is None:
        return f"Type the {' and the '.join(missing)}."
    try:
        return SurveyKey(known.year, known.island, known.location)
    except InvalidSurveyKeyError as error:
        return str(error)


def _draft(file: IncomingFile, known: Guess, max_bytes: int) -> PlannedFile:
    key = _survey_key(known)
    blank = PlannedFile(file, known.island, known.year, known.location, None, Status.UNUSABLE)
    if not file.extension:
        return _with(blank, Status.UNUSABLE, "Not a photograph of an accepted type (JPEG, PNG, TIFF, NEF).")
    if file.problem:
        return _with(blank, Status.UNUSABLE, file.problem)
    if file.size_bytes == 0:
        return _with(blank, Status.UNUSABLE, "The file is empty.")
    if file.size_bytes > max_bytes:
        return _with(blank, Status.UNUSABLE, f"Larger than {max_bytes // 2**20} MB.")
    if isinstance(key, str):
        return _with(blank, Status.INCOMPLETE, key)
    return PlannedFile(file, key.island, key.year, key.location, key.key(file.extension), Status.READY)


def _against_present(draft: PlannedFile, present: Mapping[SurveyKey, PresentObject], *, shared: bool) -> PlannedFile:
    assert draft.year is not None and draft.island is not None and draft.location is not None
    there = present.get(SurveyKey(draft.year, draft.island, draft.location))
    if there is None:
        return _with(draft, Status.READY, "Another file has the same position." if shared else "")
    if there.key == draft.key and there.size_bytes == draft.file.size_bytes:
        return _with(draft, Status.PRESENT, "This photograph has arrived before; it is not sent again.")
    if there.key != draft.key:
        note = f"The position already has {there.key}. Delete that photograph first, or choose another position."
        return _with(draft, Status.DUPLICATE, note)
    return _with(draft, Status.REPLACES, f"Replaces the photograph {there.key}, which stays as an older version.")


def _with(planned: PlannedFile, status: Status, note: str) -> PlannedFile:
    key = planned.key if status is not Status.UNUSABLE else None
    return PlannedFile(planned.file, planned.island, planned.year, planned.location, key, status, note)
