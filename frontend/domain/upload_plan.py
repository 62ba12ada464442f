"""What will happen to each file of an upload, decided before a byte is sent."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any, Self

from frontend.domain.file_names import Guess, Identity, identify
from frontend.domain.ordering import natural_key
from reefsteps.file_name_pattern import NamePattern
from reefsteps.file_names import problem_of
from reefsteps.formats import ACCEPTED, stored_extension
from reefsteps.formats import STORED_EXTENSIONS as EXTENSIONS
from reefsteps.quadrat_size import QuadratSize
from reefsteps.surveys import SurveyKey

_MD5 = re.compile(r"[0-9a-f]{32}")

__all__ = [
    "EXTENSIONS",
    "IncomingFile",
    "Known",
    "PlannedFile",
    "PresentObject",
    "UploadStatus",
    "campaigns_touched",
    "plan",
    "to_compare",
]  # fmt: skip


@dataclass(frozen=True)
class IncomingFile:
    """A file as the browser describes it; of its content only the head has been read."""

    id: str
    path: str  # with folders, as dropped
    size_bytes: int
    captured_at: str | None = None  # EXIF DateTimeOriginal
    problem: str | None = None  # what the browser found wrong with the file's first bytes
    modified_ms: int = 0  # of the file, Unix time; tells two cards' DSC_0001.NEF apart, and is never taken for a year

    @classmethod
    def from_browser(cls, data: Mapping[str, Any]) -> Self:
        """Build from the uploader's message, trusting nothing in it."""
        captured, problem = data.get("captured"), data.get("problem")
        return cls(
            id=str(data.get("id", ""))[:64],
            path=str(data.get("path", ""))[:1024],
            size_bytes=max(0, _whole(data.get("size"))),
            captured_at=str(captured)[:32] if captured else None,
            problem=str(problem)[:200] if problem else None,
            modified_ms=_whole(data.get("modified")),
        )

    @property
    def name(self) -> str:
        """The file's name without folders."""
        return PurePosixPath(self.path.replace("\\", "/")).name

    @property
    def extension(self) -> str:
        """The stored spelling of the extension, or an empty text for a type that is not accepted."""
        return stored_extension(self.name) or ""


def _whole(value: object) -> int:
    """Return a number of the browser's message as an int; 0 for what is none, or larger than JavaScript counts."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return int(value) if abs(value) < 2**53 else 0


class UploadStatus(StrEnum):
    """What the table says of a file; only READY, and if the user agrees REPLACES and UNCERTAIN, are ever sent."""

    READY = "ready"
    REPLACES = "replaces"
    UNCERTAIN = "cannot be compared"
    COMPARING = "being compared"
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
    etag: str = ""

    @property
    def md5(self) -> str | None:
        """The content's MD5 in hexadecimal, or None where S3 does not have it.

        If an object was sent in one piece to a bucket encrypted with SSE-S3, its ETag is its MD5. If it was sent in
        parts, the ETag is another figure, with a hyphen (Amazon S3 API Reference, "Object").
        """
        return self.etag if _MD5.fullmatch(self.etag) else None

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys under which the position has a photograph, the newest first."""
        return (self.key, *self.others)


@dataclass(frozen=True)
class Known:
    """What the browser has found out or done since the files were chosen, by file id."""

    md5: Mapping[str, str] = field(default_factory=dict)  # of the content, in hexadecimal; empty: it cannot be read
    arrived: Mapping[str, str] = field(default_factory=dict)  # the key under which this page has delivered the file
    mistyped: Mapping[str, str] = field(default_factory=dict)  # why what was typed for the file cannot be used


@dataclass(frozen=True)
class PlannedFile:
    """A file, what is known of it and from where, the key it will get, and why it may not be sent."""

    file: IncomingFile
    identity: Identity
    key: str | None
    status: UploadStatus
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
    def side(self) -> QuadratSize | None:
        """The quadrat's size, where somebody or something has said it of this photograph."""
        return self.identity.side

    @property
    def note(self) -> str:
        """What the row says: why it has its status, and what sources disagree on."""
        return " ".join(filter(None, (self.reason, *self.identity.notes)))

    @property
    def can_be_sent(self) -> bool:
        """Whether the file may be sent; one that replaces another, or may be the same, only if the user agrees."""
        return self.status in (UploadStatus.READY, UploadStatus.REPLACES, UploadStatus.UNCERTAIN)


def campaigns_touched(
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
    known: Known | None = None,
) -> list[PlannedFile]:
    """Return what happens to each file, in natural order of their paths.

    ``typed`` holds what the user typed for files, by file id, ``defaults`` what was typed for the whole folder.
    ``pattern`` is the form of the names if the user has shown it by example. ``present`` are the photographs that the
    raw bucket holds. `reefsteps.file_names` decides what counts. A survey position takes one photograph: further files
    for it are duplicates, and an object of another extension counts as the same photograph. Two photographs are the
    same if their contents are: uncompressed TIFF and NEF files of one camera all have one size.
    """
    known = known or Known()
    ordered = sorted(files, key=lambda file: natural_key(file.path))
    drafts = [_draft(file, _identity(file, typed, defaults, pattern), max_bytes, known) for file in ordered]
    surveys = [draft.identity.survey() if draft.can_be_sent else None for draft in drafts]
    counts = Counter(surveys)
    first: dict[SurveyKey, IncomingFile] = {}
    result = []
    for draft, survey in zip(drafts, surveys, strict=True):
        if survey is None:
            result.append(draft)
        elif survey in first:
            result.append(
                replace(draft, status=UploadStatus.DUPLICATE, reason=_why_duplicate(draft, first[survey], known))
            )
        else:
            first[survey] = draft.file
            result.append(_against_present(draft, present.get(survey), known, shared=counts[survey] > 1))
    return result


def to_compare(planned: Sequence[PlannedFile], known: Known) -> list[str]:
    """Return the ids of the files whose content must be read before all is decided, in the order of the table.

    Reading a file takes seconds on a slow machine. So this names only files that may equal what is there already, and
    files of one size for one position.
    """
    wanted = {p.file.id for p in planned if p.status is UploadStatus.COMPARING}
    sizes: dict[tuple[SurveyKey, int], list[str]] = {}
    for p in planned:
        survey = p.identity.survey() if p.key else None
        if survey is not None:
            sizes.setdefault((survey, p.file.size_bytes), []).append(p.file.id)
    wanted.update(file for alike in sizes.values() if len(alike) > 1 for file in alike)
    return [p.file.id for p in planned if p.file.id in wanted and p.file.id not in known.md5]


def _identity(file: IncomingFile, typed: Mapping[str, Guess], defaults: Guess, pattern: NamePattern | None) -> Identity:
    return identify(
        file.path,
        typed_for_file=typed.get(file.id),
        typed_for_folder=defaults,
        captured_at=file.captured_at,
        pattern=pattern,
    )


def _draft(file: IncomingFile, identity: Identity, max_bytes: int, known: Known) -> PlannedFile:
    unusable = _why_unusable(file, max_bytes)
    if unusable:
        return PlannedFile(file, identity, None, UploadStatus.UNUSABLE, unusable)
    problem = known.mistyped.get(file.id) or problem_of(identity)
    survey = None if problem else identity.survey()
    if survey is None:
        return PlannedFile(file, identity, None, UploadStatus.INCOMPLETE, problem or "")
    spelled = replace(identity, island=survey.island)
    return PlannedFile(file, spelled, survey.key(file.extension), UploadStatus.READY)


def _why_unusable(file: IncomingFile, max_bytes: int) -> str | None:
    if not file.extension:
        return f"Not a photograph of an accepted type: {ACCEPTED}."
    if file.problem:
        return file.problem
    if file.size_bytes == 0:
        return "The file is empty."
    return f"Larger than {max_bytes // 2**20} MB." if file.size_bytes > max_bytes else None


def _why_duplicate(draft: PlannedFile, first: IncomingFile, known: Known) -> str:
    contents = known.md5.get(draft.file.id), known.md5.get(first.id)
    if None not in contents and contents[0] == contents[1]:
        return f"The same photograph as {first.path}: leave it out."
    return f"The same position as {first.path}: give it another position or leave it out."


def _against_present(draft: PlannedFile, there: PresentObject | None, known: Known, *, shared: bool) -> PlannedFile:
    if there is None:
        return replace(draft, reason="Another file has the same position." if shared else "")
    here = draft.file
    same_size = there.size_bytes == here.size_bytes
    if same_size and known.arrived.get(here.id) == there.key:
        return replace(draft, status=UploadStatus.PRESENT, reason="This page has sent it.")
    content = known.md5.get(here.id)
    if same_size and there.md5 and content is None:
        return replace(draft, status=UploadStatus.COMPARING, reason=f"Its content is compared with {there.key}.")
    if same_size and there.md5 and content == there.md5:
        return replace(
            draft, status=UploadStatus.PRESENT, reason="This photograph has arrived before; it is not sent again."
        )
    others = [key for key in there.keys if key != draft.key]
    if others:
        reason = f"The position already has {others[0]}. Delete that photograph first, or choose another position."
        return replace(draft, status=UploadStatus.DUPLICATE, reason=reason)
    if same_size and not (there.md5 and content):
        reason = f"{there.key} has as many bytes, but their contents cannot be compared: look whether it is the same."
        return replace(draft, status=UploadStatus.UNCERTAIN, reason=reason)
    other = "another picture of the same size in bytes" if same_size else "another picture"
    reason = f"Replaces the photograph {there.key} ({other}), which stays as an older version."
    return replace(draft, status=UploadStatus.REPLACES, reason=reason)
