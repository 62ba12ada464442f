"""What will happen to each file of an upload, decided before a byte is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Self

from frontend.domain.file_names import Guess, Identity, identify
from frontend.domain.ordering import natural_key
from reefsteps.file_name_pattern import NamePattern
from reefsteps.file_names import problem_of
from reefsteps.formats import ACCEPTED, stored_extension
from reefsteps.formats import STORED_EXTENSIONS as EXTENSIONS
from reefsteps.surveys import SurveyKey

__all__ = [
    "EXTENSIONS", "IncomingFile", "PlannedFile", "PresentObject", "Status", "plan", "surveys_touched", "typed_changes",
]  # fmt: skip


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
        return stored_extension(self.name) or ""


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
    """A file, what is known of it and from where, the key it will get, and why it may not be sent."""

    file: IncomingFile
    identity: Identity
    key: str | None
    status: Status
    reason: str = ""  # why it has this status

    @property
    def island(self) -> str | None:
        """The island, as the key spells it where there is one."""
        return self.identity.island

    @property
    def year(self) -> int | None:
        """The year."""
        return self.identity.year

    @property
    def location(self) -> int | None:
        """The position."""
        return self.identity.location

    @property
    def note(self) -> str:
        """What the row says: why it has its status, and what sources disagree on."""
        return " ".join(filter(None, (self.reason, *self.identity.notes)))

    @property
    def can_be_sent(self) -> bool:
        """Whether the file may be sent; one that REPLACES another only if the user agrees."""
        return self.status in (Status.READY, Status.REPLACES)


def surveys_touched(
    files: Iterable[IncomingFile],
    typed: Mapping[str, Guess],
    defaults: Guess,
    pattern: NamePattern | None = None,
) -> set[tuple[int, str]]:
    """Return (year, island) of every file, so that the caller can list just those prefixes of the raw bucket."""
    identities = (_identity(file, typed, defaults, pattern) for file in files)
    surveys = (identity.survey() for identity in identities if problem_of(identity) is None)
    return {(survey.year, survey.island) for survey in surveys if survey is not None}


def plan(
    files: Sequence[IncomingFile],
    *,
    typed: Mapping[str, Guess],
    defaults: Guess,
    present: Mapping[SurveyKey, PresentObject],
    max_bytes: int,
    pattern: NamePattern | None = None,
) -> list[PlannedFile]:
    """Return what happens to each file, in natural order of their paths.

    ``typed`` holds what the user typed for files, by file id, ``defaults`` what was typed for the whole folder,
    ``pattern`` the form of the names if the user has shown it by example, ``present`` the photographs that the raw
    bucket holds. `reefsteps.file_names` decides what counts. A survey position takes one photograph: further files for
    it are duplicates, and an object of another extension counts as the same photograph.
    """
    ordered = sorted(files, key=lambda file: natural_key(file.path))
    drafts = [_draft(file, _identity(file, typed, defaults, pattern), max_bytes) for file in ordered]
    surveys = [draft.identity.survey() if draft.can_be_sent else None for draft in drafts]
    counts = Counter(surveys)
    first: dict[SurveyKey, IncomingFile] = {}
    result = []
    for draft, survey in zip(drafts, surveys, strict=True):
        if survey is None:
            result.append(draft)
        elif survey in first:
            reason = f"The same position as {first[survey].path}; give it another position or leave it out."
            result.append(replace(draft, status=Status.DUPLICATE, reason=reason))
        else:
            first[survey] = draft.file
            result.append(_against_present(draft, present.get(survey), shared=counts[survey] > 1))
    return result


def typed_changes(before: PlannedFile, edited: Guess, typed: Guess) -> Guess:
    """Return what counts as typed for a file after its row was edited, given what had been typed before.

    A cell that was not changed stays what it was: a value of the file's name does not become a typed one because
    another cell was edited. A cell that was emptied is no longer typed.
    """
    fields = {}
    for name in ("island", "year", "location"):
        shown, now = getattr(before, name), getattr(edited, name)
        fields[name] = getattr(typed, name) if now == shown else now
    return Guess(**fields, side=typed.side)


def _identity(file: IncomingFile, typed: Mapping[str, Guess], defaults: Guess, pattern: NamePattern | None) -> Identity:
    return identify(
        file.path,
        typed_for_file=typed.get(file.id),
        typed_for_folder=defaults,
        captured_at=file.captured_at,
        pattern=pattern,
    )


def _draft(file: IncomingFile, identity: Identity, max_bytes: int) -> PlannedFile:
    unusable = _why_unusable(file, max_bytes)
    if unusable:
        return PlannedFile(file, identity, None, Status.UNUSABLE, unusable)
    problem = problem_of(identity)
    survey = None if problem else identity.survey()
    if survey is None:
        return PlannedFile(file, identity, None, Status.INCOMPLETE, problem or "")
    spelled = replace(identity, island=survey.island)
    return PlannedFile(file, spelled, survey.key(file.extension), Status.READY)


def _why_unusable(file: IncomingFile, max_bytes: int) -> str | None:
    if not file.extension:
        return f"Not a photograph of an accepted type: {ACCEPTED}."
    if file.problem:
        return file.problem
    if file.size_bytes == 0:
        return "The file is empty."
    return f"Larger than {max_bytes // 2**20} MB." if file.size_bytes > max_bytes else None


def _against_present(draft: PlannedFile, there: PresentObject | None, *, shared: bool) -> PlannedFile:
    if there is None:
        return replace(draft, reason="Another file has the same position." if shared else "")
    others = [key for key in there.keys if key != draft.key]
    if others:
        reason = f"The position already has {others[0]}. Delete that photograph first, or choose another position."
        return replace(draft, status=Status.DUPLICATE, reason=reason)
    if there.size_bytes == draft.file.size_bytes:
        return replace(draft, status=Status.PRESENT, reason="This photograph has arrived before; it is not sent again.")
    reason = f"Replaces the photograph {there.key}, which stays as an older version."
    return replace(draft, status=Status.REPLACES, reason=reason)
