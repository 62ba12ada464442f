"""The widget in which a person answers points. As `frontend.components.widgets`, it passes data to scripts beside this
module; what a script reports is not trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from frontend.components.widgets import component
from frontend.domain.verification import Task
from reefsteps.errors import InvalidParameterError
from reefsteps.points.batches import AnswerBatch

_verify = component("verify", "verify_journal")


@dataclass(frozen=True)
class Shown:
    """The straightened picture, and of a photograph that is done what the model made of it.

    ``model`` has a letter for each point (`frontend.domain.verification.model_says`); ``is_last`` says that no
    photograph follows.
    """

    url: str
    etag: str
    size_px: tuple[int, int]
    alt: str
    mask_url: str | None = None
    model: str = ""
    is_last: bool = True


@dataclass(frozen=True)
class Sent:
    """A batch as the browser sent it. ``is_brought_back`` marks one whose points are of a time before this page."""

    id: int
    batch: AnswerBatch
    is_brought_back: bool


def identity(task: Task) -> str:
    """Return what names one person's answers on one version of one photograph."""
    points = task.answers.points
    return f"{points.survey.stem} {points.raw_version_id or ''} {points.set_id}"


def verifier(
    task: Task,
    shown: Shown,
    *,
    key: str,
    reply: Mapping[str, Any] | None,
    checked: str | None,
    changed: Mapping[str, Callable[[], None]],
) -> None:
    """Show the widget. ``reply`` answers the batch sent last; ``checked`` is the ETag that was found to be still valid.

    ``changed`` has a function for each thing that the browser may report: batch, loaded, next.
    """
    points = task.answers.points
    data = {
        "identity": identity(task),
        "url": shown.url,
        "etag": shown.etag,
        "alt": shown.alt,
        "size_px": list(shown.size_px),
        "x": list(points.x),
        "y": list(points.y),
        "plane": [list(place) for place in task.plane],
        "beside": list(task.beside),
        "answers": points.answers,
        "at_ms": list(task.answers.at_ms),
        "is_begun": task.is_begun,
        "reply": reply,
        "checked": checked,
        "done": None,
    }
    if points.is_complete:
        data["done"] = {"mask": shown.mask_url, "model": shown.model, "next": not shown.is_last}
    _verify(key=key, data=data, **{f"on_{name}_change": function for name, function in changed.items()})


def reported(key: str, name: str) -> Any:
    """Return what the widget of this key has just reported under a name."""
    return st.session_state.get(key, {}).get(name)


def sent(report: Any, task: Task) -> Sent:
    """Return the batch of a browser's report on the task; raises InvalidParameterError for anything else."""
    names = ("x", "y", "answers", "at_ms")
    if not isinstance(report, Mapping) or not isinstance(report.get("id"), int):
        raise InvalidParameterError("The browser's report is no batch of answers.")
    mine = task.answers.points
    given = {name: report.get(name) for name in names}
    values = mine.to_json() | {name: given[name] for name in ("x", "y", "answers")} | {"annotated_at": None}
    count = len(given["x"]) if isinstance(given["x"], list) else 0
    batch = AnswerBatch.from_json({"points": values | {"labels": [""] * count}, "at_ms": given["at_ms"]})
    batch.check()
    return Sent(report["id"], batch, bool(report.get("settle")))
