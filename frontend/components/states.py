"""The states that every page may be in: empty, waking, broken; each says what to do."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

import streamlit as st
from botocore.exceptions import BotoCoreError, ClientError
from sqlalchemy.exc import SQLAlchemyError

from frontend import navigation
from frontend.components import marks
from frontend.components.text import plain
from frontend.services import executions, measurements
from reefsteps.coverage_queries import CoverageRow
from reefsteps.errors import ConfigurationError, DatabaseUnavailableError

WAKING_S = 45.0
PAUSE_S = 3.0

Answer = TypeVar("Answer")


def title(name: str, purpose: str) -> None:
    """Show a page's title, in one line what it is for, and in another why figures are marked."""
    st.title(name, anchor=False)
    st.caption(purpose)
    marks.say_of_the_model()


def coverage() -> list[CoverageRow]:
    """Return every coverage row, those of runs that have just ended included.

    Stops the page with an explanation when the database does not answer.
    """
    with suppress(ClientError, BotoCoreError):  # what was kept is better than no page
        if ended := executions.last_done_at():
            measurements.forget_before(ended)
    return from_database(measurements.coverage)


def from_database(read: Callable[[], Answer]) -> Answer:
    """Return what ``read`` returns, waiting while the database wakes; stops the page when it does not."""
    try:
        return read()
    except DatabaseUnavailableError:
        return _while_waking(read)
    except SQLAlchemyError:
        st.error(
            "The database answered with an error. Tell the person who runs ReefSteps; no result is lost.",
            icon=":material/error:",
        )
        st.stop()


def _while_waking(read: Callable[[], Answer]) -> Answer:
    place = st.empty()
    started = time.monotonic()
    while (passed := time.monotonic() - started) < WAKING_S:
        with place.container():
            st.info("The database is waking up. This takes about 15 seconds.", icon=":material/bedtime:")
            st.progress(min(1.0, passed / 15), text="It sleeps when nobody uses it, because sleeping costs nothing.")
        time.sleep(PAUSE_S)
        try:
            answer = read()
        except DatabaseUnavailableError:
            continue
        place.empty()
        return answer
    place.empty()
    st.error(
        "The database does not answer. Photographs can still be uploaded; results are kept and appear once it is back.",
        icon=":material/cloud_off:",
    )
    st.button("Try again", icon=":material/refresh:")
    return st.stop()


def patiently(read: Callable[[], Answer]) -> Answer:
    """Return what ``read`` returns, waiting while the database wakes, for a download that is made without a page."""
    started = time.monotonic()
    while True:
        try:
            return read()
        except DatabaseUnavailableError:
            if time.monotonic() - started > WAKING_S:
                raise
            time.sleep(PAUSE_S)


def nothing_yet() -> None:
    """Show what to do first when there is no result, and stop the page."""
    with st.container(border=True):
        st.subheader("No results yet", anchor=False)
        st.write("Upload photographs of quadrats first; each becomes a result within a minute or so.")
        with st.container(horizontal=True):
            navigation.link(navigation.to_upload(), "Upload photographs", icon="upload")
            navigation.link(navigation.to_help(), "How to photograph and name them", icon="help")
    st.stop()


def misconfigured(error: ConfigurationError) -> None:
    """Show that the deployment is at fault."""
    st.title("ReefSteps")
    st.error("This page is not configured correctly. Tell the person who runs ReefSteps:", icon=":material/build:")
    st.text(str(error))


def storage_unreachable(error: ClientError | BotoCoreError) -> None:
    """Show that S3 or Step Functions did not answer; the text holds no key or address."""
    code = error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else type(error).__name__
    st.error(
        f"Storage or the run list did not answer ({plain(str(code))}). Nothing is lost. Reload the page in a minute. "
        "If that does not help, tell the person who runs ReefSteps.",
        icon=":material/cloud_off:",
    )
