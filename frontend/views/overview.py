"""Overview: what is in the system, what is running, what needs attention."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from frontend import navigation
from frontend.components import filters, marks, states, survey_choice
from frontend.components.text import ago, count, plain
from frontend.domain import statuses
from frontend.domain.estimates.campaign import Campaign
from frontend.domain.executions import ExecutionDetail, ExecutionSummary, RunStatus
from frontend.domain.measurements import Filter, cover_of, islands_of, reasons_of, survey_of, years_of
from frontend.domain.statistics import mean_cover
from frontend.domain.statuses import Figures
from frontend.domain.verified import Checks, campaigns, checked_of, models_that_are_off
from frontend.services import attention, executions, measurements
from frontend.services.aws import link_to
from reefsteps.coverage_queries import CoverageRow
from reefsteps.derived_objects import REFRAMED_THUMBNAIL
from reefsteps.execution_status import WITHOUT_RESULT, ExecutionStatus
from reefsteps.explanations import explain
from reefsteps.trust import decimals

LATEST = 4
RUNS_LOOKED_AT = 20


def show() -> None:
    """Show the page."""
    states.title("Overview", "What is in the system, what is running and what needs attention.")
    others, attention_box = st.container(), _runs()
    rows = states.coverage()
    checks = states.from_database(measurements.checked) if rows else {}
    found = campaigns(rows, checks)
    with others:
        marks.say_of_others(rows)
    with attention_box:
        _to_be_looked_at(rows)
        _models_that_are_off(found)
    if not rows:
        _first_steps()
        return
    _figures(rows, checks)
    _latest(rows, checks)
    _islands(rows, statuses.by_island_and_year(found))


def _to_be_looked_at(rows: Sequence[CoverageRow]) -> None:
    number = sum(bool(reasons_of(row)) for row in rows)
    if number:
        st.write(f"{count(number, 'result')} to be looked at before the cover is used.")
        navigation.link(navigation.to_gallery(only=navigation.TO_BE_LOOKED_AT), "Look at them", icon="visibility")


def _models_that_are_off(found: Sequence[Campaign]) -> None:
    sentences = models_that_are_off(found)
    if not sentences:
        return
    more = f" {count(len(sentences) - 1, 'more island and year', 'more islands and years')} too." * (len(sentences) > 1)
    st.write(
        f"**{plain(sentences[0])}**{more} Use the combined figures, and train or adapt a model to photographs of these "
        "reefs (docs/how-to/train-a-model.md)."
    )
    navigation.link(
        navigation.to_coverage(Filter(), navigation.CoveragePart.CHECKED), "See the combined figures", icon="rule"
    )


def _runs() -> DeltaGenerator:
    """Show what runs and what failed; returns the box of what needs attention."""
    running = executions.executions((ExecutionStatus.RUNNING,), size=RUNS_LOOKED_AT)
    failed = executions.executions(WITHOUT_RESULT, size=RUNS_LOOKED_AT)
    details = executions.details(failed.executions)
    open_failures = [(e, details[e.arn]) for e in attention.still_open(failed.executions, details)]
    left, right = st.columns(2)
    with left, st.container(border=True, height="stretch"):
        st.subheader("Running", anchor=False)
        if running.executions:
            st.write(f"{_at_least(running)} being worked on.")
            navigation.link(navigation.to_runs(RunStatus.RUNNING), "Follow them", icon="arrow_forward")
        else:
            st.write("Nothing is running.")
            navigation.link(navigation.to_upload(), "Upload photographs", icon="upload")
    box = right.container(border=True, height="stretch")
    with box:
        st.subheader("Needs attention", anchor=False)
        if open_failures:
            more = " or more" if failed.following else ""
            st.write(f"{count(len(open_failures), 'photograph')}{more} without a result. The latest:")
            _failure(*open_failures[0])
            navigation.link(navigation.to_runs(RunStatus.FAILED), "See reasons and what to do", icon="arrow_forward")
        else:
            st.write("No failure: every photograph whose run has ended has a result, or a person's decision.")
    return box


def _failure(execution: ExecutionSummary, detail: ExecutionDetail) -> None:
    st.write(f"**{plain(detail.photo)}**, {ago(execution.started_at)}: {explain(detail.error).meaning}")


def _at_least(page: executions.ExecutionPage) -> str:
    number = count(len(page.executions), "photograph")
    return f"More than {number}" if page.following else number


def _first_steps() -> None:
    with st.container(border=True):
        st.subheader("Begin here", anchor=False)
        st.markdown(
            "1. **Upload** photographs of quadrats: a whole folder at once is fine.\n"
            "2. Watch them go through on **Runs**; a photograph takes less than a minute.\n"
            "3. Look at pictures in the **Gallery** and at trends in **Coverage**."
        )
        with st.container(horizontal=True):
            navigation.link(navigation.to_upload(), "Upload photographs", icon="upload")
            navigation.link(navigation.to_help(), "How to photograph and name them", icon="help")
            filters.refresh()


def _figures(rows: Sequence[CoverageRow], checks: Checks) -> None:
    years = years_of(rows)
    figures = {
        "Islands": f"{len(islands_of(rows)):,}",
        "Years": f"{years[0]}–{years[-1]}" if len(years) > 1 else str(years[0]),
        "Positions": f"{len({(row.island, row.location) for row in rows}):,}",
        "Results": f"{len(rows):,}",
        "Verified": f"{sum(statuses.is_verified(row, checked_of(row, checks)) for row in rows):,}",
    }
    with st.container(horizontal=True, key="figures"):
        for label, value in figures.items():
            st.metric(label, value, border=True)


def _latest(rows: Sequence[CoverageRow], checks: Checks) -> None:
    latest = sorted((row for row in rows if row.written_at), key=lambda row: row.written_at or "", reverse=True)
    if not latest:
        return
    st.subheader("Latest results", anchor=False)
    with st.container(horizontal=True, key="cards"):
        for row in latest[:LATEST]:
            survey = survey_of(row)
            with st.container(gap="xsmall"):
                st.image(
                    link_to(REFRAMED_THUMBNAIL, survey),
                    alt=f"Quadrat {survey.location}, {survey.island} {survey.year}",
                    width="stretch",
                )
                navigation.link(navigation.to_quadrat(survey), survey_choice.words(survey))
                marks.under_a_picture(row, checks)


def _islands(rows: Sequence[CoverageRow], figures: Figures) -> None:
    st.subheader("Islands and years", anchor=False)
    means = mean_cover([cover_of(row) for row in rows])
    places = decimals(m.trust for m in means)
    st.dataframe(
        [
            {
                "Island": m.island,
                "Year": m.year,
                "Quadrats": m.n,
                **status,
                "Model alone (%)": m.mean,
                **mark,
                "SE of it (points)": m.standard_error,
            }
            for m, mark, status in zip(
                means,
                marks.column([m.trust for m in means]),
                marks.recommended([figures.get((m.island, m.year)) for m in means]),
                strict=True,
            )
        ],
        hide_index=True,
        column_config={
            "Year": st.column_config.NumberColumn(format="%d"),
            **marks.RECOMMENDED_COLUMNS,
            "Model alone (%)": st.column_config.NumberColumn(format=f"%.{places}f"),
            "SE of it (points)": st.column_config.NumberColumn(
                format="%.1f", help="Standard error of the model's mean, without the model's error"
            ),
        },
        alt="Mean cover by island and year",
    )
    st.caption(
        "Not verified: the model alone, whose error nobody knows there. Where people have answered points, the figure "
        "of model and points together stands before it with its 95 % interval."
    )
    filters.refresh()


show()
