"""The part of Help that explains intervals to a biologist, on one screen."""

from __future__ import annotations

import streamlit as st

from frontend.domain import example_survey
from frontend.domain.example_survey import POINTS, QUADRATS, SURVEYS, TRUE_PERCENT, VERIFIED
from frontend.domain.statuses import interval_of


def show() -> None:
    """Show the pictures and the words beside them."""
    drawn = example_survey.surveys()
    one = drawn.first
    st.write(
        "A model finds corals and makes mistakes, and how many differs from reef to reef. A person answers points on a "
        "few photographs that were drawn at random. Both together give a figure whose error is known."
    )
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**One survey of a reef with 40 % coral**")
        st.vega_lite_chart(
            example_survey.three_figures(drawn),
            width="stretch",
            alt=f"Model alone {one.model_percent:.0f} %, points alone {interval_of(one.points)} %, both together "
            f"{interval_of(one.combined)} %; the reef has {TRUE_PERCENT:.0f} %",
        )
        st.markdown(
            f"- **Model alone:** {one.model_percent:.0f} %. It looked at all {QUADRATS} photographs and finds too "
            "little; without points nobody would know.\n"
            f"- **Points alone:** {interval_of(one.points)} %. {POINTS} points each on {VERIFIED} photographs: right, "
            "but few.\n"
            f"- **Both together:** {interval_of(one.combined)} %. The points say how far the model is off, the model "
            f"says how the other {QUADRATS - VERIFIED} differ."
        )
    with right:
        st.markdown(f"**The interval of {SURVEYS} such surveys**")
        st.vega_lite_chart(
            example_survey.twenty_surveys(drawn),
            width="stretch",
            alt=f"Intervals of {SURVEYS} surveys; {drawn.holding} of them hold the reef's cover",
        )
        st.caption(
            f"Dashed: the reef's true cover. {drawn.holding} of {SURVEYS} intervals hold it; that is what 95 % means. "
            "Drawn figures."
        )
    st.markdown(
        "- **Use the figure with its interval** wherever there is one, and say both, as in 39 % (27 to 51).\n"
        "- **Narrower** comes from more verified photographs. Coverage, Checked by people, says which help most.\n"
        "- **Two years differ** where the interval of their change does not hold 0. Verify the same positions in both "
        "years: that interval is narrower, and a change of model is no change of the reef.\n"
        "- **Not verified** means that nobody knows the model's error on this reef. Five photographs of an island and "
        "year, drawn at random, give an interval. A hand-picked choice gives none.\n"
        "- **Photographs that a model learned from** count only by a model that was fitted without them."
    )
