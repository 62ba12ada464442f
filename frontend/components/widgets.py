"""The page's own widgets, as Streamlit v2 components: comparison of two pictures, corner editor.

Their markup, style and script are beside this module. Data reaches the scripts as JSON. They write it as text or
attribute values, never as markup, because file names and object keys are hostile input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from frontend.services.photos import CornersByHand
from reefsteps.quadrat_size import QuadratSize

_HERE = Path(__file__).parent


def component(name: str, *helpers: str) -> Any:
    """Return the Streamlit component of this name; ``helpers`` name further scripts, which become part of its own."""
    html, css, *scripts = (
        (_HERE / file).read_text(encoding="utf-8")
        for file in (f"{name}.html", f"{name}.css", f"{name}.js", *(f"{helper}.js" for helper in helpers))
    )
    return st.components.v2.component(f"reefsteps_{name}", html=html, css=css, js="\n".join(scripts))


_compare = component("compare")
_corners = component("corners")


@dataclass(frozen=True)
class Picture:
    """A picture to show: where it is, what to call it, and what it shows for those who cannot see it."""

    url: str
    label: str
    alt: str


@dataclass(frozen=True)
class Confirmed:
    """What the corner editor sends: for which photograph, and what was set."""

    identity: str
    by_hand: CornersByHand


def slider(first: Picture, second: Picture, *, key: str) -> None:
    """Show two pictures with a slider between them."""
    _compare(key=key, data={"mode": "slider", "first": vars(first), "second": vars(second)})


def overlay(
    base: Picture,
    over: Picture,
    *,
    key: str,
    boxes: Sequence[Mapping[str, Any]] = (),
    size_px: tuple[int, int] = (1, 1),
) -> None:
    """Show one picture over another with an opacity.

    ``boxes`` ({box_px, cut}) outline colonies, in pixels of a picture of width and height ``size_px``.
    """
    outlines = {"boxes": list(boxes), "size_px": list(size_px)}
    _compare(key=key, data={"mode": "overlay", "first": vars(base), "second": vars(over)} | outlines)


def corner_editor(
    url: str,
    *,
    alt: str,
    identity: str,
    by_hand: CornersByHand | None,
    started: str | None,
    size: QuadratSize | None,
    key: str,
) -> Confirmed | None:
    """Show the corner editor; returns what the user confirms in the run in which they do, else None.

    ``identity`` names one version of one photograph; ``started`` the run that was started from what was confirmed.
    ``size`` is the quadrat's: the straightened crop is shown in its shape, as a square where it is not known.
    """
    ratio = size.long_cm / size.short_cm if size else 1.0
    data = {"url": url, "alt": alt, "identity": identity, "started": started, "ratio": ratio}
    shown = {"corners_px": by_hand.corners_px, "excluded_px": by_hand.excluded_px} if by_hand else {}
    result = _corners(key=key, data=data | shown, on_confirmed_change=_nothing)
    confirmed = result.get("confirmed")
    if not confirmed:
        return None
    areas = [_points(area) for area in confirmed["excluded_px"]]
    return Confirmed(str(confirmed["identity"]), CornersByHand(_points(confirmed["corners_px"]), areas))


def _points(pairs: Sequence[Sequence[float]]) -> list[list[float]]:
    return [[float(x), float(y)] for x, y in pairs]


def _nothing() -> None:
    """Streamlit wants a callback for each value that a component may set."""
