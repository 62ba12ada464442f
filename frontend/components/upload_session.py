"""What the page knows of a visitor's uploads, in one record: it lives as long as the visitor's session."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from frontend.domain.batches import Batch
from frontend.domain.upload_plan import IncomingFile
from frontend.services.aws import Grant
from reefsteps.quadrat_size import QuadratSize

_KEY = "upload"


@dataclass(frozen=True)
class Finished:
    """A batch that the browser has sent: how many photographs arrived, and in words what others sent meanwhile."""

    arrived: int
    meanwhile: list[str]


@dataclass
class UploadSession:
    """The upload page's memory.

    About the files that were chosen:

    * ``files``: what the browser told of them; ``compared``: the files for which S3 was asked last;
    * ``md5``: the digests that the browser has computed, by the file's id; ``compare``: the files that still need one;
    * ``typed``: the cells of the table; ``pattern``: the form of the names, shown by an example;
    * ``side_before``: the quadrat's side that the browser remembers; ``restored``: it has told what it remembers.

    About what is being sent:

    * ``run`` counts the batches; ``batch`` and ``plan`` tell the browser what to send;
    * ``wanted``: year, island and size of the ``grants`` that the plan needs; ``renewal`` counts their renewals;
    * ``sizes``: bytes by key; ``versions``: the versions that were there before;
    * ``seen``: the run whose end was handled; ``finished``: how the last batch ended;
    * ``arrived``: the key of each file that has arrived, by the file's id.

    ``batches``: all that this visitor's browser has sent. ``id`` tells visitors apart in the browser's own memory.
    """

    id: str = field(default_factory=lambda: secrets.token_hex(8))
    files: Sequence[Mapping[str, Any]] = field(default_factory=list)
    compared: Sequence[IncomingFile] | None = None
    md5: dict[str, str] = field(default_factory=dict)
    compare: list[str] = field(default_factory=list)
    typed: Any = field(default_factory=dict)
    pattern: dict[str, Any] | None = None
    side_before: str = ""
    restored: bool = False
    run: int = 0
    batch: dict[str, str] = field(default_factory=dict)
    plan: list[dict[str, str]] = field(default_factory=list)
    wanted: list[tuple[int, str, QuadratSize]] = field(default_factory=list)
    grants: list[Grant] = field(default_factory=list)
    renewal: int = 0
    sizes: dict[str, int] = field(default_factory=dict)
    versions: set[str] = field(default_factory=set)
    seen: Any = ""
    finished: Finished | None = None
    arrived: dict[str, str] = field(default_factory=dict)
    batches: list[Batch] = field(default_factory=list)


def upload_session() -> UploadSession:
    """Return the visitor's record, a new one on the first visit."""
    if _KEY not in st.session_state:
        st.session_state[_KEY] = UploadSession()
    kept: UploadSession = st.session_state[_KEY]
    return kept
