"""Upload: choose files, see what each becomes, send them straight to S3."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from frontend import navigation
from frontend.components import states, widgets
from frontend.components.text import count
from frontend.domain.arrivals import arrived_meanwhile
from frontend.domain.file_names import PATTERN_EXAMPLES, Guess
from frontend.domain.upload_plan import IncomingFile, PlannedFile, Status, plan, surveys_touched, typed_changes
from frontend.services import photos
from frontend.services.aws import Grant, grant
from frontend.settings import MAX_UPLOAD_BYTES, settings
from reefsteps.errors import InvalidSurveyKeyError
from reefsteps.originals import survey_prefix
from reefsteps.quadrat_size import QuadratSize
from reefsteps.surveys import FIRST_YEAR, normalise_island

USUAL_SIZES = (QuadratSize(50, 50), QuadratSize(50, 75), QuadratSize(75, 75), QuadratSize(100, 100))
_MARKS = {
    Status.READY: "✓ ready",
    Status.REPLACES: "↻ replaces",
    Status.PRESENT: "= already there",
    Status.DUPLICATE: "✕ duplicate",
    Status.INCOMPLETE: "… needs input",
    Status.UNUSABLE: "✕ unusable",
}


def show() -> None:
    """Show the page."""
    states.title("Upload", "Photographs go from this browser straight to storage, three at a time.")
    state = st.session_state
    state.setdefault("upload_session", secrets.token_hex(8))
    state.setdefault("upload_run", 0)
    state.setdefault("upload_plan", [])
    state.setdefault("upload_grants", [])
    defaults, size = _defaults()
    reported = widgets.uploader(
        session=state.upload_session,
        run=state.upload_run,
        plan=state.upload_plan,
        grants=[vars(g) for g in state.upload_grants],
        key="uploader",
    )
    if reported.wants_renewal:
        state.upload_grants = [_renewed(g) for g in state.upload_grants]
        st.rerun()
    if reported.finished:
        photos.forget()
        arrived = reported.finished.get("arrived", [])
        state.upload_finished = {"arrived": len(arrived), "meanwhile": _meanwhile(arrived)}
    _outcome()
    files = [IncomingFile.from_browser(file) for file in reported.files]
    if not files:
        _patterns()
        return
    if state.get("upload_batch") != files[0].id:  # a new choice of files: ask S3 itself what has arrived
        state.upload_batch = files[0].id
        photos.forget()
    planned = _preview(files, defaults)
    _send(planned, size)


def _defaults() -> tuple[Guess, QuadratSize]:
    st.write("**For the whole folder** (what you type here counts before file names and the camera's clock)")
    with st.container(horizontal=True):
        island = st.text_input("Island", key="upload_island", placeholder="Takapoto", max_chars=30, width=220)
        year = st.number_input("Year", FIRST_YEAR, None, None, step=1, key="upload_year", placeholder="2012", width=180)
        usual = settings().quadrat_size
        options = sorted({*USUAL_SIZES, usual}, key=lambda size: (size.short_cm, size.long_cm))
        size = st.selectbox(
            "Quadrat's inner side (cm)",
            options,
            index=options.index(usual),
            format_func=lambda option: option.words.removesuffix(" cm"),
            key="upload_side",
            help="The inner edge of the frame. Areas in cm² depend on it.",
            width=220,
        )
    return Guess(island=_island(island), year=int(year) if year else None), size or usual


def _island(text: str) -> str | None:
    if not text.strip():
        return None
    try:
        return normalise_island(text)
    except InvalidSurveyKeyError as error:
        st.error(str(error))
        return None


def _patterns() -> None:
    with st.expander("Which file names are understood?"):
        st.markdown("\n".join(f"- `{example}`" for example in PATTERN_EXAMPLES))
        st.write(
            "Also folders such as `2006-Takapoto/07.NEF`, and the camera's date for the year. A camera's counter "
            "(`DSC_1998`) and the date of a copy are never used. Whatever is missing can be typed in the table that "
            "appears, before anything is sent."
        )


def _preview(files: Sequence[IncomingFile], defaults: Guess) -> list[PlannedFile]:
    st.subheader("What will be sent", anchor=False)
    typed: dict[str, Guess] = st.session_state.setdefault("upload_typed", {})
    if st.session_state.get("upload_compared") != files:
        photos.forget()  # a page that was closed a moment ago may have sent some of them
        st.session_state.upload_compared = files
    with st.spinner("Comparing with what is already there …"):
        present = photos.originals_of(surveys_touched(files, typed, defaults))
    planned = plan(files, typed=typed, defaults=defaults, present=present, max_bytes=MAX_UPLOAD_BYTES)
    _summary(planned)
    edited = st.data_editor(
        pd.DataFrame([_table_row(p) for p in planned]),
        hide_index=True,
        disabled=["File", "Status", "Key", "MB", "Note", "From"],
        column_order=["File", "Status", "Island", "Year", "Position", "Key", "Note", "From", "MB"],
        column_config={
            "Year": st.column_config.NumberColumn(format="%d", min_value=FIRST_YEAR, step=1),
            "Position": st.column_config.NumberColumn(format="%d", min_value=1, step=1),
            "MB": st.column_config.NumberColumn(format="%.1f"),
            "Note": st.column_config.TextColumn(width="large"),
        },
        key=f"upload_table_{st.session_state.get('upload_edits', 0)}",
        alt="Files and the keys they will get",
    )
    corrections = _corrections(planned, edited, typed)
    if corrections:
        typed.update(corrections)
        st.session_state.upload_edits = st.session_state.get("upload_edits", 0) + 1
        st.rerun()
    return planned


def _summary(planned: Sequence[PlannedFile]) -> None:
    counts = Counter(p.status for p in planned)
    with st.container(horizontal=True):
        for status, colour in (
            (Status.READY, "green"),
            (Status.REPLACES, "orange"),
            (Status.PRESENT, "gray"),
            (Status.DUPLICATE, "red"),
            (Status.INCOMPLETE, "orange"),
            (Status.UNUSABLE, "red"),
        ):
            if counts[status]:
                st.badge(f"{counts[status]:,} {status.value}", color=colour)  # type: ignore[arg-type]
    if counts[Status.INCOMPLETE]:
        st.write("Type what is missing for the whole folder above, or in the table's Island, Year and Position cells.")


def _table_row(p: PlannedFile) -> dict[str, Any]:
    return {
        "id": p.file.id,
        "File": p.file.path,
        "Status": _MARKS[p.status],
        "Island": p.island,
        "Year": p.year,
        "Position": p.location,
        "Key": p.key,
        "MB": p.file.size_bytes / 1e6,
        "Note": p.note,
        "From": p.identity.told_sources,
    }


def _corrections(planned: Sequence[PlannedFile], edited: pd.DataFrame, typed: Mapping[str, Guess]) -> dict[str, Guess]:
    changed = {}
    for before, (_, row) in zip(planned, edited.iterrows(), strict=True):
        island = str(row["Island"]).strip() if pd.notna(row["Island"]) else None
        year = int(row["Year"]) if pd.notna(row["Year"]) else None
        location = int(row["Position"]) if pd.notna(row["Position"]) else None
        if (island or None, year, location) != (before.island, before.year, before.location):
            earlier = typed.get(before.file.id, Guess())
            changed[before.file.id] = typed_changes(before, Guess(island or None, year, location), earlier)
    return changed


def _send(planned: Sequence[PlannedFile], size: QuadratSize) -> None:
    replacing = [p for p in planned if p.status is Status.REPLACES]
    also = bool(replacing) and st.checkbox(
        f"Also replace {count(len(replacing), 'photograph')} that are there already (the older versions are kept)"
    )
    ready = [p for p in planned if p.status is Status.READY or (also and p.status is Status.REPLACES)]
    megabytes = sum(p.file.size_bytes for p in ready) / 1e6
    label = f"Send {count(len(ready), 'photograph')} ({megabytes:,.0f} MB)" if ready else "Nothing to send"
    if not st.button(label, type="primary", disabled=not ready, icon=":material/send:"):
        return
    state = st.session_state
    surveys = sorted({(p.year, p.island) for p in ready if p.year and p.island})
    state.upload_size = size
    state.upload_grants = [grant(year, island, size) for year, island in surveys]
    state.upload_plan = [
        {"id": p.file.id, "key": p.key, "prefix": survey_prefix(p.year, p.island)}
        for p in ready
        if p.year and p.island and p.key
    ]
    state.upload_surveys = surveys
    state.upload_sizes = {p.key: p.file.size_bytes for p in ready if p.key}
    state.upload_known = {version.version_id for version in photos.versions_of(surveys)}
    state.upload_run += 1
    state.pop("upload_finished", None)
    st.rerun()


def _meanwhile(arrived: Sequence[str]) -> list[str]:
    """Return, in words, what others sent for the same quadrats since the plan was made."""
    state = st.session_state
    if "upload_known" not in state:
        return []
    sent = {key: state.upload_sizes[key] for key in arrived if key in state.upload_sizes}
    return [
        str(found) for found in arrived_meanwhile(state.upload_known, sent, photos.versions_of(state.upload_surveys))
    ]


def _renewed(old: Grant) -> Grant:
    year, island = old.prefix[:4], old.prefix[5:-1]
    return grant(int(year), island, st.session_state.upload_size)


def _outcome() -> None:
    finished = st.session_state.get("upload_finished")
    if finished:
        with st.container(border=True):
            st.write(f"**{count(finished['arrived'], 'photograph')} arrived.** Each is being measured now.")
            if finished.get("meanwhile"):
                st.warning(
                    "Somebody else sent photographs of the same quadrats at the same time.", icon=":material/group:"
                )
                st.text("\n".join(finished["meanwhile"]))
            navigation.link(navigation.to_runs(), "Follow the runs", icon="arrow_forward")


show()
