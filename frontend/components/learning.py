"""The part of Coverage where a coral model learns from the photographs that people have verified."""

from __future__ import annotations

import streamlit as st

from frontend import sign_in
from frontend.components import states
from frontend.components.text import count, plain
from frontend.services import adapting, measurements, model_files
from frontend.settings import settings
from reefsteps.adaptation import LEAST_PHOTOGRAPHS, Adaptation, AdaptResult
from reefsteps.detection import Manifest

_REFRESH_S = 3


def show() -> None:
    """Show what the model has learned from, and the buttons to learn, to use the result, and to go back."""
    model = model_files.coral_model()
    if settings().adapt_arn is None or model is None:
        return
    st.subheader("A model of your own reefs", anchor=False)
    if model.adaptation is None:
        st.info(
            "This model has not seen your reefs. Five photographs with points make one that has.",
            icon=":material/school:",
        )
    else:
        _in_use(model, model.adaptation)
    verified = sum(one.count.is_enough for one in states.from_database(measurements.checked).values())
    _learn(verified)


def _in_use(model: Manifest, adaptation: Adaptation) -> None:
    st.write(
        f"**{plain(model.name)}** measures. It has learned from {count(adaptation.verdict.photographs, 'photograph')}."
    )
    st.write(plain(adaptation.verdict.sentence))
    if st.button(f"Go back to {adaptation.parent.name}", icon=":material/undo:", key="adapt-back"):
        adapting.use(adaptation.parent.name, sign_in.member(settings()))
        st.rerun()


def _learn(verified: int) -> None:
    too_few = verified < LEAST_PHOTOGRAPHS
    if st.button(
        f"Learn from {count(verified, 'verified photograph')}",
        icon=":material/model_training:",
        key="adapt-learn",
        disabled=too_few,
        help="Takes a few minutes. Nothing in use changes before you have seen the figures and agreed.",
    ):
        adapting.learn(sign_in.member(settings()))
    if too_few:
        st.caption(f"A model learns from {LEAST_PHOTOGRAPHS} verified photographs or more, better five.")
    _newest()


@st.fragment(run_every=_REFRESH_S)
def _watched() -> None:
    run = adapting.newest()
    if run and run.running:
        st.write(":material/hourglass: Learning. This takes a few minutes; you may leave the page.")
        return
    st.rerun()


def _newest() -> None:
    run = adapting.newest()
    if run is None:
        return
    if not run.running and st.session_state.get("adapt_seen") != run.arn:  # another model may be in use by now
        st.session_state.adapt_seen = run.arn
        adapting.forget()
        st.rerun()
    if run.running:
        _watched()
    elif run.result is None:
        st.error("The last run of learning failed. The model in use stays.", icon=":material/error:")
        st.text(run.cause)
    elif run.result.adaptation is None:
        st.write(plain(run.result.sentence))
    else:
        _figures(run.result, run.result.adaptation)


def _figures(result: AdaptResult, adaptation: Adaptation) -> None:
    (st.success if result.adapted else st.warning)(plain(result.sentence))
    st.dataframe(
        [
            {
                "Photograph": one.key,
                "Points (%)": one.true_percent,
                "Learned without it (%)": one.found_percent,
                "Model in use (%)": one.in_use_percent,
                "Points": one.points,
            }
            for one in adaptation.left_out
        ],
        hide_index=True,
        alt="Cover of each photograph by its points, by the model that learned without it, and by the model in use",
    )
    in_use = model_files.coral_model()
    if result.model and in_use and in_use.name != result.model:
        st.caption("Results that are there keep the model that measured them. Measure again to bring them up to date.")
        if st.button(f"Measure with {result.model}", type="primary", icon=":material/check:", key="adapt-use"):
            adapting.use(result.model, sign_in.member(settings()))
            st.rerun()
