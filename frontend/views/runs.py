"""Runs: what is being worked on, what failed and what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import streamlit as st

from frontend import address, navigation, sign_in
from frontend.components import measure_again, my_uploads, retry_many, states
from frontend.components.text import ago, count, plain
from frontend.domain.executions import (
    ExecutionDetail,
    ExecutionSummary,
    RunStatus,
    StepState,
    retry_input,
)
from frontend.services import attention, executions, measurements, photos
from frontend.settings import settings
from reefsteps.execution_status import WITHOUT_RESULT, ExecutionStatus
from reefsteps.explanations import explain, words_and_figures
from reefsteps.failures import console_url
from reefsteps.steps import STEPS
from reefsteps.surveys import survey_of

PAGE = 20
EVERY_S = 4  # asks Step Functions only, never the database
_BADGES: Mapping[str, tuple[str, str, str]] = {
    ExecutionStatus.RUNNING: ("running", "blue", ":material/progress_activity:"),
    ExecutionStatus.SUCCEEDED: ("done", "green", ":material/check:"),
    ExecutionStatus.FAILED: ("failed", "red", ":material/close:"),
    ExecutionStatus.TIMED_OUT: ("took too long", "red", ":material/timer_off:"),
    ExecutionStatus.ABORTED: ("stopped", "gray", ":material/block:"),
}
_EMPTY = {
    RunStatus.ALL: "Nothing has run yet. Each uploaded photograph starts a run.",
    RunStatus.RUNNING: "Nothing is running.",
    RunStatus.DONE: "No run has been done yet.",
    RunStatus.FAILED: "No run has failed.",
}
_MARKS = {StepState.WAITING: "○", StepState.RUNNING: "◐", StepState.DONE: "●"}


def show() -> None:
    """Show the page."""
    states.title(
        "Runs",
        "Each photograph goes through four steps: restoration of its colour, reframing to the quadrat, segmentation of "
        "the corals, and coverage in percent.",
    )
    # Not side by side: only a control of its own width wraps on a phone.
    named = address.choice("Status", [status.value for status in RunStatus], name="status", default="All")
    live = st.toggle("Follow live", value=True, help=f"Asks every {EVERY_S} seconds.")
    if named is None:
        return
    status = RunStatus(named)
    if st.session_state.get("runs_status") != status:
        st.session_state.runs_status, st.session_state.runs_pages = status, [None]
    if status is RunStatus.FAILED:
        retry_many.button()
    elif status is RunStatus.DONE:
        measure_again.section()
    my_uploads.ask_browser()
    executions.executions(status.states, size=PAGE)  # fails here, not in the fragment, when AWS is away
    # Also while nothing runs: a photograph that has just arrived has no run yet.
    st.fragment(_list, run_every=EVERY_S if live else None)(status)


def _list(status: RunStatus) -> None:
    sign_in.stop_if_ended(settings())
    my_uploads.show()
    pages: list[tuple[executions.Cursor, ...] | None] = st.session_state.setdefault("runs_pages", [None])
    page = executions.executions(status.states, pages[-1], PAGE)
    if not page.executions:
        _empty(status)
        return
    details = executions.details(page.executions)
    _forget_when_done(page.executions)
    failed = [e for e in page.executions if e.status in WITHOUT_RESULT]
    settled = attention.settled(failed, details)
    shown = [e for e in page.executions if status is not RunStatus.FAILED or e.arn not in settled]
    if shown:
        _progress(shown)
    for execution in shown:
        _one(execution, details[execution.arn], settled=execution.arn in settled)
    left_out = len(page.executions) - len(shown)
    if left_out:
        st.caption(
            f"{count(left_out, 'failed run')} of this page {'needs' if left_out == 1 else 'need'} no more attention: "
            "the photograph was fixed, measured later, renamed or deleted. All lists them."
        )
    _pager(page, pages)


def _empty(status: RunStatus) -> None:
    with st.container(border=True):
        st.write(_EMPTY[status])
        navigation.link(navigation.to_upload(), "Upload photographs", icon="upload")


def _forget_when_done(shown: Sequence[ExecutionSummary]) -> None:
    """A run that was seen running and is done now has changed the results."""
    running = {e.arn for e in shown if e.status == ExecutionStatus.RUNNING}
    before: set[str] = st.session_state.get("runs_running", set())
    if before - running:
        measurements.forget()
    st.session_state.runs_running = running


def _progress(shown: Sequence[ExecutionSummary]) -> None:
    counts = Counter(e.status for e in shown)
    finished = len(shown) - counts[ExecutionStatus.RUNNING]
    parts = [f"{counts[status]} {_BADGES[status][0]}" for status in _BADGES if counts[status]]
    st.progress(finished / len(shown), text=f"The {len(shown)} newest shown here: " + ", ".join(parts) + ".")


def _one(execution: ExecutionSummary, detail: ExecutionDetail, *, settled: bool) -> None:
    word, colour, icon = _BADGES.get(execution.status, (execution.status.lower(), "gray", ":material/help:"))
    with st.container(border=True, gap="xsmall", key=f"run-{execution.name}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(word, color=colour, icon=icon)  # type: ignore[arg-type]
            if settled:
                st.badge("settled since", color="gray", icon=":material/done_all:")
            st.markdown(f"**{plain(detail.photo)}**", width="stretch")
            seconds = "" if execution.elapsed_s is None else f", {execution.elapsed_s:.1f} s"
            st.caption(f"{ago(execution.started_at)}{seconds}", width="content")
        if execution.status == ExecutionStatus.RUNNING:
            _steps(executions.steps_of(execution.arn))
        elif execution.status == ExecutionStatus.SUCCEEDED:
            _result_link(detail)
        else:
            _failure(execution, detail)


def _steps(progress: Mapping[str, StepState]) -> None:
    st.write(" → ".join(f"{_MARKS[progress[step]]} {step}" for step in STEPS))


def _result_link(detail: ExecutionDetail) -> None:
    survey = survey_of(detail.key) if detail.key else None
    if survey:
        navigation.link(navigation.to_quadrat(survey), "See the result", icon="crop_square")


def _failure(execution: ExecutionSummary, detail: ExecutionDetail) -> None:
    explanation = explain(detail.error)
    where = f" (in {detail.failed_step})" if detail.failed_step in STEPS else ""
    words, figures = words_and_figures(detail.message or "No message was given.")
    st.markdown(f"{explanation.meaning}{where}  \n{plain(words)}  \n**What to do:** {explanation.advice}")
    with st.expander(f"Details: {plain(detail.error or 'none')}"):
        if figures:
            st.text(f"Figures: {figures}")
        st.caption(f"Run {plain(execution.name)}")
        if not settings().is_local:
            st.link_button("Open in the AWS console", console_url(execution.arn), icon=":material/open_in_new:")
    _buttons(execution, detail, explanation.actions)


def _buttons(execution: ExecutionSummary, detail: ExecutionDetail, actions: Sequence[str]) -> None:
    survey = survey_of(detail.key) if detail.key else None
    with st.container(horizontal=True, vertical_alignment="center"):
        if "corners" in actions and survey:
            navigation.link(navigation.to_corners(survey), "Fix corners", icon="crop_free")
        if "retry" in actions and detail.key:
            st.button("Retry", key=f"retry-{execution.name}", icon=":material/replay:", on_click=_retry, args=(detail,))
        if "replace" in actions:
            navigation.link(navigation.to_upload(), "Replace the photograph", icon="upload")
        if "delete" in actions and detail.key:
            navigation.link(navigation.to_delete(detail.key), "Delete", icon="delete")


def _retry(detail: ExecutionDetail) -> None:
    if detail.key and not photos.find_original(detail.key):
        st.toast("The photograph has been deleted since; upload it again.", icon=":material/delete:")
        return
    name = executions.start(detail.photo, retry_input(detail.input), "retry")
    st.toast(f"Started again: {plain(name)}", icon=":material/replay:")


def _pager(page: executions.ExecutionPage, pages: list[tuple[executions.Cursor, ...] | None]) -> None:
    if len(pages) == 1 and page.following is None:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Newer", disabled=len(pages) == 1, icon=":material/chevron_left:"):
            pages.pop()
            st.rerun()
        st.caption(f"Page {len(pages)}, {count(len(page.executions), 'run')}", width="content")
        if st.button("Older", disabled=page.following is None, icon=":material/chevron_right:", icon_position="right"):
            pages.append(page.following)
            st.rerun()


show()
