"""Delete: a photograph or a campaign, with all that was derived from it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from frontend import address, navigation
from frontend.components import filters, states
from frontend.components.text import count, plain, visible
from frontend.domain.upload_plan import PresentObject
from frontend.services import measurements, photos
from frontend.services.aws import link_to
from frontend.services.photos import Trace
from frontend.settings import settings
from reefsteps.buckets import Bucket
from reefsteps.derived_objects import TREATED_THUMBNAIL, DerivedObject, all_derived
from reefsteps.errors import DatabaseUnavailableError, InvalidSurveyKeyError
from reefsteps.surveys import FIRST_YEAR, SurveyKey, normalise_island, survey_of

KINDS = ("Photograph", "Campaign")
OFFERED = 6  # links
PATIENCE_S = 60.0
PAUSE_S = 1.0


@dataclass(frozen=True)
class _Deletion:
    phrase: str  # what must be typed
    surveys: tuple[SurveyKey, ...]
    keys: tuple[str, ...]


def show() -> None:
    """Show the page."""
    states.title(
        "Delete",
        "Removes a photograph, its pictures and its result. The person who runs ReefSteps can bring the original back.",
    )
    _report()
    what = address.choice("What", KINDS, name="what", default=KINDS[0], drops=("key", "island", "year"))
    deletion = _photograph() if what == "Photograph" else _campaign() if what else None
    if deletion:
        _confirm(deletion)


def _photograph() -> _Deletion | None:
    name = address.typed("Name of the photograph", name="key", placeholder="2006-Takapoto-07.jpg")
    if not name:
        st.caption("The name as shown in Runs. The Delete links there and on a quadrat's page fill it in.")
        return None
    key = photos.find_original(name)
    if key is None:
        _no_photograph(name)
        return None
    survey = survey_of(key)
    return _Deletion(key, (survey,) if survey else (), (key,))  # a wrong name has no result, but must be removable


def _no_photograph(name: str) -> None:
    st.info(f"There is no photograph with this name: {plain(name)}", icon=":material/search_off:")
    survey = survey_of(name)
    there = photos.originals(survey.year, survey.island) if survey else {}
    near = sorted(there, key=lambda other: abs(other.location - survey.location) if survey else 0)[:OFFERED]
    with st.container(horizontal=True, vertical_alignment="center"):
        for other in near:
            navigation.link(navigation.to_delete(there[other].key), plain(there[other].key))
        if st.button("Look again", icon=":material/refresh:"):
            photos.forget()
            st.rerun()


def _campaign() -> _Deletion | None:
    with st.container(horizontal=True):
        island = address.typed("Island", name="island", key="delete_island", max_chars=30, width=260)
        year = address.typed_number("Year", FIRST_YEAR, name="year", key="delete_year", width=160)
    if not (island and year):
        return None
    try:
        name = normalise_island(island)
    except InvalidSurveyKeyError as error:
        st.error(plain(str(error)))
        return None
    there: dict[SurveyKey, PresentObject] = photos.originals(year, name)
    if not there:
        st.info(
            "There is no photograph of this campaign: no island has this name in this year.",
            icon=":material/search_off:",
        )
        return None
    surveys = tuple(sorted(there))
    return _Deletion(f"{year}-{name}", surveys, tuple(key for survey in surveys for key in there[survey].keys))


def _confirm(deletion: _Deletion) -> None:
    derived = photos.traces(deletion.surveys) if deletion.surveys else []
    names = f", **{plain(deletion.keys[0])}**" if len(deletion.keys) == 1 else ""
    with st.container(border=True):
        st.subheader("What will be removed", anchor=False)
        if len(deletion.keys) == 1:
            _portrait(deletion)
        st.markdown(
            f"- {count(len(deletion.keys), 'original photograph')}{names} "
            "(a copy is kept, which the person who runs ReefSteps can bring back)\n"
            f"- {count(len(derived), 'file')} made from it: pictures, thumbnails, masks, records, corners set by hand\n"
            f"- up to {count(len(deletion.surveys), 'result')} in the database, with their colonies"
        )
        if len(deletion.keys) > 1:
            with st.expander("Photographs"):
                st.text("\n".join(deletion.keys))
        st.markdown(f"To confirm, type **{plain(deletion.phrase)}**")
        typed = st.text_input("Confirmation", key=f"confirm-{deletion.phrase}", label_visibility="collapsed")
        matches = visible(typed) == visible(deletion.phrase)
        # The button belongs to what it deletes: a click on one that was shown for another photograph does nothing.
        button = f"delete-{deletion.phrase}"
        if st.button("Delete now", type="primary", disabled=not matches, icon=":material/delete_forever:", key=button):
            _delete(deletion, derived)


def _portrait(deletion: _Deletion) -> None:
    """Show the photograph, if the small picture that is there was made from it."""
    for survey in deletion.surveys:
        source = photos.restored_from(survey)
        if source and source.image.key == deletion.keys[0]:
            picture = link_to(TREATED_THUMBNAIL, survey)
            st.image(picture, alt=f"Photograph {deletion.keys[0]}", width=320)


def _delete(deletion: _Deletion, derived: Sequence[Trace]) -> None:
    bar = st.progress(0.0, text="Deleting photographs …")
    for number, key in enumerate(deletion.keys, start=1):
        photos.delete_original(key)
        bar.progress(number / len(deletion.keys) / 2, text=f"Deleted {number} of {len(deletion.keys)} photographs")
    left = list(derived)
    rows_left: tuple[SurveyKey, ...] | None = deletion.surveys
    ends = time.monotonic() + PATIENCE_S
    while (left or rows_left) and time.monotonic() < ends:
        left = photos.traces(deletion.surveys)
        rows_left = _rows_left(deletion.surveys)
        gone = 1 - len(left) / len(derived) if derived else 1.0
        bar.progress(0.5 + 0.5 * max(0.0, gone), text="Pictures and results are being removed …")
        if left or rows_left:
            time.sleep(PAUSE_S)
    photos.forget()
    measurements.forget()
    address.write({"key": None, "island": None, "year": None})  # what is gone must not be looked for
    st.session_state.deleted = (deletion, tuple(derived), tuple(left), rows_left)
    st.rerun()


def _rows_left(surveys: Sequence[SurveyKey]) -> tuple[SurveyKey, ...] | None:
    try:
        return measurements.still_there(surveys)
    except DatabaseUnavailableError:
        return None


def _report() -> None:
    report = st.session_state.pop("deleted", None)
    if report is None:
        return
    deletion, derived, left, rows_left = report
    removed = [trace for trace in derived if trace not in set(left)]
    buckets = Counter(trace.bucket for trace in removed)
    with st.container(border=True):
        st.subheader("Removed", anchor=False)
        st.write(f"{count(len(deletion.keys), 'photograph')}: {plain(', '.join(deletion.keys[:20]))}")
        for bucket, what in _made_in().items():
            files = buckets[settings().name_of(bucket)]
            if files:
                st.write(f"{count(files, 'file')} of {what}")
        if rows_left == ():
            st.write("No result of these photographs is left in the database.")
        if left or rows_left or rows_left is None:
            st.warning(
                f"Still being removed: {count(len(left), 'file')}"
                f"{', and the rows in the database' if rows_left is None or rows_left else ''}. This continues by "
                "itself and is retried for hours; you need to do nothing.",
                icon=":material/hourglass_top:",
            )
        navigation.link(navigation.to_upload(), "Upload again", icon="upload")
        filters.refresh()


def _made_in() -> dict[Bucket, str]:
    """Return which step writes into each bucket, with the file's name where there is only one."""
    rows: dict[Bucket, list[DerivedObject]] = {}
    for item in all_derived():
        rows.setdefault(item.bucket, []).append(item)
    return {
        bucket: f"{items[0].writer}: the {items[0].name}" if len(items) == 1 else items[0].writer
        for bucket, items in rows.items()
    }


show()
