"""Fix corners: set the four corners of a frame by hand and run on from there."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from frontend import navigation
from frontend.components import states, survey_choice, widgets
from frontend.components.text import ago, plain
from frontend.domain.executions import ExecutionDetail
from frontend.services import executions, photos
from frontend.services.aws import link, storage
from frontend.settings import settings
from reefsteps.errors import PhotoNotFoundError
from reefsteps.keys import corners_key, picture_key, record_key
from reefsteps.results import ObjectRef
from reefsteps.surveys import SurveyKey, survey_of

FAILURES_LOOKED_AT = 50


def show() -> None:
    """Show the page."""
    states.title("Fix corners", "Where the frame was not found, or was found wrong: put the corners where they belong.")
    survey = survey_choice.from_address()
    if survey is None:
        _choose()
        return
    _edit(survey)


def _choose() -> None:
    waiting = _waiting()
    st.subheader("Frames that were not found", anchor=False)
    if not waiting:
        st.write("None. To correct a crop that looks wrong, open the quadrat and follow Fix corners there.")
        navigation.link("Gallery", "Go to the gallery", icon=":material/photo_library:")
        return
    with st.container(horizontal=True, key="cards"):
        for survey, when in waiting:
            with st.container(gap="xsmall"):
                thumbnail = link(settings().treated_bucket, f"thumbnails/{survey.stem}.jpg")
                st.image(thumbnail, alt=f"Photograph {survey.stem}", width="stretch")
                navigation.link(
                    "Fix corners", plain(survey.stem),
                    island=survey.island, year=survey.year, location=survey.location,
                )  # fmt: skip
                st.caption(when)


def _waiting() -> list[tuple[SurveyKey, str]]:
    """Return the photographs whose latest failures were about the frame, newest first, each once."""
    page = executions.executions(("FAILED",), size=FAILURES_LOOKED_AT)
    details = executions.details(page.executions)
    found: dict[SurveyKey, str] = {}
    for execution in page.executions:
        survey = _survey_without_frame(details[execution.arn])
        if survey and survey not in found and _still_waits(survey):
            found[survey] = ago(execution.started_at)
    return list(found.items())


def _survey_without_frame(detail: ExecutionDetail) -> SurveyKey | None:
    if detail.error not in ("QuadratNotFoundError", "InvalidParameterError") or not detail.key:
        return None
    return survey_of(detail.key)


def _still_waits(survey: SurveyKey) -> bool:
    there = photos.originals(survey.year, survey.island)
    return survey in there and not photos.exists(settings().reframed_bucket, corners_key(survey.stem))


def _edit(survey: SurveyKey) -> None:
    original = photos.originals(survey.year, survey.island).get(survey)
    treated = ObjectRef(settings().treated_bucket, picture_key(survey.stem))
    st.subheader(f"{plain(survey.island)} {survey.year}, no. {survey.location}", anchor=False)
    if original is None or not photos.exists(treated.bucket, treated.key):
        st.warning(
            "The photograph or its restored picture is not there. Upload it again, or wait until its run is past the "
            "first step.",
            icon=":material/image_not_supported:",
        )
        return
    corners, manual = _known_corners(survey)
    if manual:
        st.badge("corners were set by hand before", icon=":material/crop_free:", color="violet")
    chosen = widgets.corner_editor(
        link(treated.bucket, treated.key),
        alt=f"Restored photograph of quadrat {survey.location}, {survey.island} {survey.year}",
        corners_px=corners,
        key=f"corners-{survey.stem}",
    )
    if chosen:
        given = {
            "bucket": settings().raw_bucket,
            "key": original.key,
            "start_at": "reframing",
            "corners_px": chosen,
            "requested_by": "page",
        }
        st.session_state.corners_started = (survey, executions.start(original.key, given, "corners"))
    started = st.session_state.get("corners_started")
    if started and started[0] == survey:
        st.success("The run has started from these corners. They are kept and used again in later runs.")
        navigation.link("Runs", "Follow it", icon=":material/arrow_forward:", status="All")
    with st.container(horizontal=True):
        navigation.link("Fix corners", "Other photographs", icon=":material/arrow_back:")


def _known_corners(survey: SurveyKey) -> tuple[Sequence[Sequence[float]] | None, bool]:
    """Return the corners of the last reframing and whether they were set by hand."""
    try:
        record = storage().get_json(ObjectRef(settings().reframed_bucket, record_key(survey.stem)))
    except PhotoNotFoundError:
        return None, False
    return record.get("corners_px"), bool(record.get("manual"))


show()
