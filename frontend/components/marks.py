"""The mark beside figures that are no measurement, and the sentence that explains it at the top of a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from frontend.components.text import count, plain
from frontend.domain import statuses
from frontend.domain.estimates.campaign import Campaign
from frontend.domain.measurements import reasons_of
from frontend.domain.trusted import sentences
from frontend.domain.verified import Checks, checked_of
from frontend.services import model_files
from reefsteps.coverage_queries import CoverageRow
from reefsteps.results import Trust
from reefsteps.trust import MARK, cover_text, decimals, is_marked, label, trust_of

MARK_COLUMN = "Mark"
LOOK = ":material/visibility: to be looked at"
_MOST_SENTENCES = 3
RECOMMENDED_COLUMNS = {
    "Model and points (%)": st.column_config.NumberColumn(format="%.1f", help="Both together: the recommended figure"),
    "95 % interval": st.column_config.TextColumn(help="It includes the model's error"),
}


def of_the_model() -> Trust | None:
    """Return how far the model in use may be trusted; None where there is none."""
    manifest = model_files.coral_model()
    return trust_of(manifest) if manifest else None


def say_of_the_model() -> None:
    """Say in one sentence why figures of the model in use are marked; nothing where they are not."""
    trust = of_the_model()
    if is_marked(trust):
        st.caption(f"{MARK} {plain(trust.sentence)}")


def say_of_others(rows: Sequence[CoverageRow]) -> None:
    """Say why other figures of the page are marked: those of models that were in use before."""
    in_use = of_the_model()
    found = sentences((row.trust for row in rows), [in_use.sentence] if in_use else [])
    for sentence, number in found[:_MOST_SENTENCES]:
        which = "" if number == len(rows) else f"{count(number, 'result')} of {len(rows):,}: "
        st.caption(f"{MARK} {which}{plain(sentence)}")
    more = sum(number for _, number in found[_MOST_SENTENCES:])
    if more:
        st.caption(f"{MARK} {count(more, 'more result')} of other models without a small measured error.")


def cover(row: CoverageRow) -> str:
    """Return a row's cover with its mark, as harmless Markdown: "23 % △ demonstration"."""
    return " ".join(filter(None, (figure(row), label(row.trust))))


def figure(row: CoverageRow) -> str:
    """Return a row's cover without its mark."""
    return cover_text(row.cover_percent, decimals((row.trust,)))


def under_a_picture(row: CoverageRow, checks: Checks) -> None:
    """Show a row's cover under its picture, with all that is to be known before it is used."""
    st.caption(f"Cover {cover(row)}: {statuses.of_a_quadrat(row, checked_of(row, checks))}")
    if reasons_of(row):
        st.caption(LOOK)


def column(trusts: Sequence[Trust | None]) -> list[dict[str, Any]]:
    """Return for each row of a table the cell that stands beside its figure; empty dicts where no row is marked."""
    if not any(map(is_marked, trusts)):
        return [{} for _ in trusts]
    return [{MARK_COLUMN: label(trust)} for trust in trusts]


def recommended(figures: Sequence[Campaign | None]) -> list[dict[str, Any]]:
    """Return for each row of a table its status, with the figure that people's points have put right and its interval.

    Where no row has such a figure, its cells are left out.
    """
    if not any(one is not None and one.combined for one in figures):
        return [{"Status": statuses.of_a_mean(one)} for one in figures]
    return [
        {
            "Model and points (%)": one.combined.percent if one and one.combined else None,
            "95 % interval": statuses.interval_of(one.combined if one else None),
            "Status": statuses.of_a_mean(one),
        }
        for one in figures
    ]


def say_what_to_look_at(row: CoverageRow) -> None:
    """Say why a result is to be looked at; nothing where nothing is strange."""
    reasons = reasons_of(row)
    if not reasons:
        return
    st.badge("to be looked at", icon=":material/visibility:", color="orange")
    for reason in reasons:
        st.caption(plain(reason))
