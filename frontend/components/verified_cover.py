"""The part of Coverage that says how far the figures have been checked by people, and what to verify next."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any

import streamlit as st

from frontend import navigation
from frontend.components import downloads
from frontend.components.text import count, plain
from frontend.domain import exports, point_tables, statuses, verified
from frontend.domain.estimates.allocation import Advice, what_to_verify
from frontend.domain.estimates.campaign import Campaign, Mean
from frontend.domain.estimates.two_phase import LEAST_VERIFIED, Target
from frontend.domain.exports import About
from frontend.domain.statuses import NO_INTERVAL
from frontend.domain.verified import Checks, YearlyChange
from reefsteps.coverage_queries import CoverageRow

_TARGETS = {"the reef": Target.REEF, "the quadrats surveyed": Target.SURVEYED}
_MOST_ADVICE = 10


def show(rows: Sequence[CoverageRow], found: Checks, about: About) -> None:
    """Show three figures for each island and year, change, and what to verify next."""
    st.subheader("Cover checked by people", anchor=False)
    if not found:
        st.info(
            "Nobody has answered points on these photographs yet, so no figure here has a known error. Import points "
            f"of CoralNet, CPCe or a table: {LEAST_VERIFIED} photographs of an island and year, drawn at random, give "
            "an interval.",
            icon=":material/rule:",
        )
        navigation.link(navigation.to_import(), "Import points", icon="input")
        return
    chosen = st.segmented_control(
        "The mean stands for",
        [*_TARGETS],
        default=next(iter(_TARGETS)),
        required=True,
        key="stands-for",
        help="The reef: the quadrats are a sample of it. The quadrats surveyed: these and nothing else.",
    )
    target = _TARGETS[str(chosen)]
    campaigns = verified.campaigns(rows, found, target)
    for sentence in verified.models_that_are_off(campaigns):
        st.warning(f"{plain(sentence)} Use the combined figure.", icon=":material/difference:")
    _three_figures(campaigns)
    with st.container(horizontal=True):
        estimates = partial(point_tables.estimate_rows, campaigns)
        said = dataclasses.replace(about, intervals=statuses.how_made(campaigns))
        downloads.table_file("Estimates as CSV", lambda: exports.to_csv(estimates(), said), "estimates.csv")
        navigation.link(navigation.to_help(navigation.HelpPart.INTERVALS), "What intervals say", icon="help")
    show_changes(verified.changes(rows, found, target))
    _next(campaigns)


def _three_figures(campaigns: Sequence[Campaign]) -> None:
    st.dataframe(
        [
            {
                "Island": one.island,
                "Year": one.year,
                "Verified": NO_INTERVAL if one.is_elsewhere else f"{one.verified} of {one.quadrats}",
                "Model alone (%)": f"{one.model_percent:.1f}",
                "Points alone (%)": _figure(one.points),
                "Combined (%)": _figure(one.combined),
                "Status": statuses.of_a_mean(one),
            }
            for one in campaigns
        ],
        hide_index=True,
        height=min(420, 40 + 35 * len(campaigns)),
        column_config={
            "Year": st.column_config.NumberColumn(format="%d"),
            "Combined (%)": st.column_config.TextColumn(help="The recommended figure, with its 95 % interval"),
            "Verified": st.column_config.TextColumn(help="Quadrats with at least 10 answered points"),
        },
        alt="Model alone, points alone and both combined, by island and year",
    )
    st.caption(
        "Combined: the model's mean over all quadrats, put right by what the points say on the verified ones. Brackets "
        "hold the 95 % interval, which includes the model's error. No interval uses photographs that a person picked."
    )
    for sentence in statuses.apart(campaigns):
        st.caption(sentence)


def _figure(mean: Mean | None) -> str:
    if mean is None:
        return NO_INTERVAL
    return f"{mean.percent:.1f} [{mean.interval.low:.1f} to {mean.interval.high:.1f}]"


def show_changes(changes: Sequence[YearlyChange]) -> None:
    """Show the change between years that people's points have put right; nothing where nobody has answered points."""
    if not changes:
        return
    st.subheader("Change, checked by people", anchor=False)
    st.dataframe([_change(one) for one in changes], hide_index=True, alt="Change of the combined cover between years")
    st.caption(
        "Points of both years take each model's own error away, so a change of model is no change of the reef. Paired: "
        f"the same positions are verified in both years ({LEAST_VERIFIED} or more)."
    )


def _change(one: YearlyChange) -> dict[str, Any]:
    found = one.change
    return {
        "Island": one.island,
        "From": str(one.from_year),
        "To": str(one.to_year),
        "Change (points)": f"{found.points:+.1f}" if found else "–",
        "95 % interval": f"{found.interval.low:+.1f} to {found.interval.high:+.1f}" if found else "too few verified",
        "Paired": ("yes" if found.is_paired else "no") if found else "",
    }


def _next(campaigns: Sequence[Campaign]) -> None:
    st.subheader("What to verify next", anchor=False)
    photographs = int(st.number_input("Photographs that you can verify", 1, 1000, 12, key="can-verify", width=260))
    advice = what_to_verify(campaigns, photographs)
    if not advice:
        st.write(_no_advice(campaigns, photographs))
        return
    st.markdown("\n".join(f"- {plain(_sentence(one))}" for one in advice[:_MOST_ADVICE]))
    if len(advice) > _MOST_ADVICE:
        st.caption(f"{count(len(advice) - _MOST_ADVICE, 'more island and year', 'more islands and years')} not shown.")
    st.caption("Draw the photographs at random, for example by position numbers; what a person picks is no sample.")


def _no_advice(campaigns: Sequence[Campaign], photographs: int) -> str:
    wanted = [one.missing for one in campaigns if one.missing and one.quadrats >= LEAST_VERIFIED]
    if wanted and min(wanted) > photographs:
        return f"{count(photographs, 'photograph')} give no interval: {min(wanted)} are needed of an island and year."
    return "No photograph would make an interval narrower."


def _sentence(one: Advice) -> str:
    photographs = count(one.photographs, "more photograph")
    if one.half_width_now is None:
        return (
            f"{photographs} of {one.island} {one.year} give it an interval of about ±{one.half_width_then:.1f} points."
        )
    return (
        f"{photographs} of {one.island} {one.year} bring the interval from ±{one.half_width_now:.1f} to "
        f"±{one.half_width_then:.1f} points."
    )
