"""Starting all failed runs of an error again, after saying what that will do."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from frontend.components.text import count, plain
from frontend.services import executions
from reefsteps.explanations import explain
from reefsteps.retries import PastRun, Retry, plan_retries

CURABLE = "All that a new run may cure"


def button() -> None:
    """Show the button that opens the choice."""
    if st.button("Start failed runs again …", icon=":material/replay:"):
        st.session_state.pop("runs_to_retry", None)
        _choose()


@st.dialog("Start failed runs again")
def _choose() -> None:
    options = _plans(_failed_runs())
    if not options:
        st.write("No failed run is left to start again: what failed has been measured since, or is being measured.")
        return
    chosen = st.radio("Which", list(options), format_func=lambda name: f"{name} ({len(options[name]):,})")
    retries = options[chosen]
    if chosen != CURABLE:
        st.write(explain(chosen).meaning)
    steps = sorted({retry.step for retry in retries})
    st.write(
        f"{count(len(retries), 'photograph')} will be worked on again from the step that failed "
        f"({', '.join(steps)}). Photographs that have been measured since are left alone."
    )
    if st.button(f"Start {count(len(retries), 'run')}", type="primary", icon=":material/replay:"):
        # Some may have been measured, or begun by somebody else, while the dialog was open.
        left = {retry.photo for retry in _plans(executions.history().runs()).get(chosen, [])}
        started = executions.history().start([retry for retry in retries if retry.photo in left])
        executions.forget()
        del st.session_state["runs_to_retry"]
        st.toast(f"Started {count(started, 'run')} again.", icon=":material/replay:")
        st.rerun()
    with st.expander("The photographs"):
        st.markdown("\n".join(f"- {plain(retry.photo)}" for retry in retries))


def _plans(runs: Sequence[PastRun]) -> dict[str, list[Retry]]:
    """Return what can be started again, for all errors together and for each; no empty ones."""
    options = {CURABLE: plan_retries(runs)}
    for error in sorted({run.error for run in runs if run.error}):
        options[error] = plan_retries(runs, error=error)
    return {name: retries for name, retries in options.items() if retries}


def _failed_runs() -> list[PastRun]:
    """Read the failed runs once for each opening of the dialog; its widgets run it again and again."""
    kept: list[PastRun] | None = st.session_state.get("runs_to_retry")
    if kept is None:
        with st.spinner("Reading the failed runs …"):
            kept = executions.history().runs()
        st.session_state.runs_to_retry = kept
    return kept
