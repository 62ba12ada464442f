"""Fix corners: set the corners of a frame by hand, hide what is no bottom, or say that there is no quadrat."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from frontend import navigation
from frontend.components import states, survey_choice, widgets
from frontend.components.text import ago, plain
from frontend.domain.executions import ExecutionDetail
from frontend.services import attention, executions, measurements, photos
from frontend.services.aws import link_to
from frontend.services.photos import CornersByHand
from reefsteps.derived_objects import TREATED_PICTURE, TREATED_THUMBNAIL
from reefsteps.execution_status import WITHOUT_RESULT
from reefsteps.results import Source
from reefsteps.surveys import SurveyKey, survey_of

FAILURES_LOOKED_AT = 50


@dataclass(frozen=True)
class _Started:
    """What this visitor has just started for one version of one photograph."""

    identity: str
    run: str
    said: str
    by_hand: CornersByHand | None = None


def show() -> None:
    """Show the page."""
    states.title("Fix corners", "Where the frame was not found, or was found wrong: put the corners where they belong.")
    wanted = survey_choice.named()
    if wanted.nothing:
        _choose()
    elif wanted.survey is None:
        st.warning(f"There is no photograph {plain(str(wanted))}.", icon=":material/search_off:")
        _others()
    else:
        _edit(wanted.survey)


def _choose() -> None:
    waiting = _waiting()
    st.subheader("Frames that were not found", anchor=False)
    if not waiting:
        st.write("None. To correct a crop that looks wrong, open the quadrat and follow Fix corners there.")
        navigation.link(navigation.to_gallery(), "Go to the gallery", icon="photo_library")
        return
    with st.container(horizontal=True, key="cards"):
        for survey, when in waiting:
            with st.container(gap="xsmall"):
                thumbnail = link_to(TREATED_THUMBNAIL, survey)
                st.image(thumbnail, alt=f"Photograph {survey.stem}", width="stretch")
                navigation.link(navigation.to_corners(survey), plain(survey.stem))
                st.caption(when)


def _waiting() -> list[tuple[SurveyKey, str]]:
    """Return the photographs whose latest failures were about the frame, newest first, each once."""
    page = executions.executions(WITHOUT_RESULT, size=FAILURES_LOOKED_AT)
    details = executions.details(page.executions)
    found: dict[SurveyKey, str] = {}
    for execution in attention.still_open(page.executions, details):
        survey = _survey_without_frame(details[execution.arn])
        if survey:
            found.setdefault(survey, ago(execution.started_at))
    return list(found.items())


def _survey_without_frame(detail: ExecutionDetail) -> SurveyKey | None:
    if detail.error not in ("QuadratNotFoundError", "InvalidParameterError") or not detail.key:
        return None
    return survey_of(detail.key)


def _edit(survey: SurveyKey) -> None:
    st.subheader(survey_choice.words(survey), anchor=False)
    source = photos.restored_from(survey)
    if source is None or not photos.is_current(source.image.key, source.image.version_id, source.etag):
        _not_ready(survey, source)
        return
    identity = f"{survey.stem} {source.image.version_id or source.etag}"
    kept: _Started | None = st.session_state.get("corners_started")
    started = kept if kept and kept.identity == identity else None
    if started:
        st.success(started.said, icon=":material/check:")
        navigation.link(navigation.to_runs(), "Follow it", icon="arrow_forward")
    if attention.says_no_quadrat(survey, source.image.version_id, source.etag):
        st.info("A person has said that this photograph shows no quadrat. It is not measured.", icon=":material/block:")
        if st.button("It does: look for the quadrat again", icon=":material/undo:", key=f"undo-{identity}"):
            _start(source, identity, "undo", "The run has started: the quadrat is looked for again.", no_quadrat=False)
    by_hand, manual = (started.by_hand, True) if started and started.by_hand else photos.corners(survey, source)
    if manual:
        st.badge("corners were set by hand before", icon=":material/crop_free:", color="violet")
    confirmed = widgets.corner_editor(
        link_to(TREATED_PICTURE, survey),
        alt=f"Restored photograph of quadrat {survey.location}, {survey.island} {survey.year}",
        identity=identity,
        by_hand=by_hand,
        started=started.run if started else None,
        size=photos.quadrat_size(survey),
        key=f"corners-{identity}",
    )
    if confirmed and confirmed.identity == identity:
        said = "The run has started from these corners. They are kept and used again in later runs."
        _start(
            source, identity, "corners", said, confirmed.by_hand,
            corners_px=confirmed.by_hand.corners_px, excluded_px=confirmed.by_hand.excluded_px,
        )  # fmt: skip
    with st.popover("No quadrat here", icon=":material/block:"):
        st.write(
            f"Record that the photograph of **{survey_choice.words(survey)}** shows no quadrat. It is not measured and "
            "needs no more attention; its result, if there is one, is deleted. You can take this back here."
        )
        if st.button("Record that there is no quadrat", key=f"none-{identity}"):
            said = "Recorded: this photograph shows no quadrat."
            _start(source, identity, "no-quadrat", said, no_quadrat=True)
    _others()


def _not_ready(survey: SurveyKey, source: Source | None) -> None:
    if survey in photos.originals(survey.year, survey.island):
        newer = "A newer photograph has replaced it. " if source else ""
        st.warning(
            f"{newer}Its restored picture is not there yet. Wait until its run is past the first step.",
            icon=":material/hourglass_top:",
        )
        navigation.link(navigation.to_runs(), "See its run", icon="arrow_forward")
    else:
        st.warning(
            f"There is no photograph of {survey_choice.words(survey)}. It may have been renamed, moved or deleted.",
            icon=":material/image_not_supported:",
        )
    if st.button("Look again", icon=":material/refresh:"):
        photos.forget()
        st.rerun()
    _others()


def _start(
    source: Source, identity: str, purpose: str, said: str, by_hand: CornersByHand | None = None, **decided: object
) -> None:
    """Start the run at the photograph's second step, bound to the version that was on the screen."""
    given = {
        "bucket": source.image.bucket,
        "key": source.image.key,
        "version_id": source.image.version_id,
        "start_at": "reframing",
        "requested_by": "page",
        **decided,
    }
    present = {name: value for name, value in given.items() if value is not None}
    run = executions.start(source.image.key, present, purpose)
    st.session_state.corners_started = _Started(identity, run, said, by_hand)
    attention.forget()
    measurements.forget()
    st.rerun()


def _others() -> None:
    navigation.link(navigation.to_corners(), "Other photographs", icon="arrow_back")


show()
