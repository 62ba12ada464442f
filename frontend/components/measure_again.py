"""Measuring many photographs again: all, or those whose names begin alike, from a chosen step on."""

from __future__ import annotations

import streamlit as st

from frontend.components.text import plain
from frontend.services import executions
from frontend.settings import settings
from reefsteps.steps import STEPS

_WHAT = {
    "restoration": "everything, from the colours on",
    "reframing": "from the frame on, as after a new reframing model",
    "segmentation": "from the corals on, as after a new coral model",
    "coverage": "nothing but the row of the table",
}


def section() -> None:
    """Show the choice, folded, where the deployment can do it."""
    if settings().backfill_arn:
        with st.expander("Measure many again", icon=":material/restart_alt:"):
            _choose()


def _choose() -> None:
    prefix = st.text_input("Names that begin with", placeholder="2024-Moorea", help="Leave it empty for all.").strip()
    step = st.selectbox("From which step on", STEPS, index=STEPS.index("segmentation"), format_func=_named)
    which = f"Every photograph whose name begins with '{plain(prefix)}'" if prefix else "**Every** photograph"
    st.write(
        f"{which} will be measured again. Corners, hidden areas and sizes that people have set stay as they are. "
        "Uploads go on beside it."
    )
    if st.button("Start", type="primary", icon=":material/restart_alt:"):
        name = executions.measure_again(prefix, step)
        st.toast(f"Started {plain(name)}. Its report comes when all is done.", icon=":material/restart_alt:")


def _named(step: str) -> str:
    return f"{step}: {_WHAT[step]}"
