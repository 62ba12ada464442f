"""Upload: choose files, see what each becomes, send them straight to S3."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import streamlit as st
from sqlalchemy.exc import SQLAlchemyError

from frontend import navigation
from frontend.components import states, upload_widgets
from frontend.components.text import count, plain
from frontend.components.upload_session import Finished, upload_session
from frontend.domain.arrivals import arrived_meanwhile
from frontend.domain.batches import Batch
from frontend.domain.file_names import PATTERN_EXAMPLES, Guess
from frontend.domain.upload_plan import (
    IncomingFile,
    Known,
    PlannedFile,
    UploadStatus,
    campaigns_touched,
    plan,
    to_compare,
)
from frontend.domain.upload_sizes import mixed, stored_otherwise
from frontend.domain.upload_table import Typed, rows, typed_in
from frontend.services import measurements, photos
from frontend.services.aws import grant, grant_id
from frontend.settings import MAX_UPLOAD_BYTES, settings
from reefsteps.coverage_queries import CoverageRow
from reefsteps.errors import DatabaseUnavailableError, InvalidParameterError, InvalidSurveyKeyError
from reefsteps.file_name_pattern import NamePattern
from reefsteps.quadrat_size import RANGE, QuadratSize
from reefsteps.surveys import FIRST_YEAR, normalise_island

SIDES_CM = ("50", "50x75", "75", "100")  # suggestions only: any length, or two, can be typed
TABLE = "upload_table"
SHOWN_WARNINGS = 5
_COLOURS = {
    UploadStatus.READY: "green",
    UploadStatus.REPLACES: "orange",
    UploadStatus.UNCERTAIN: "orange",
    UploadStatus.COMPARING: "blue",
    UploadStatus.PRESENT: "gray",
    UploadStatus.DUPLICATE: "red",
    UploadStatus.INCOMPLETE: "orange",
    UploadStatus.UNUSABLE: "red",
}


def show() -> None:
    """Show the page."""
    states.title("Upload", "Photographs are sent from this browser directly to storage, three at a time.")
    form = st.container()  # filled below: the uploader tells what it remembers before the form is drawn
    reported = _uploader()
    session = upload_session()
    with form:
        defaults, size = _defaults()
    with st.container():
        _outcome()
    if reported.files:
        session.files = reported.files
    files = [IncomingFile.from_browser(file) for file in session.files]
    if not files:
        _patterns()
        return
    pattern = _pattern(files)
    cells = upload_widgets.typed(TABLE)
    if cells is not None:  # None also after a visit to another page, when what was typed still counts
        session.typed = cells
    typed = typed_in(session.typed)
    known = Known(md5=session.md5, arrived=session.arrived, mistyped=typed.mistyped)
    with st.container():
        planned = _planned(files, typed, defaults, pattern, known)
    # Each part has a container of its own, so that no part appears or disappears before another one. Otherwise the
    # browser would rebuild the table and lose the place where somebody is typing.
    st.subheader("What will be sent", anchor=False)
    with st.container():
        _summary(planned)
    with st.container():
        upload_widgets.table(rows(planned), session=session.id, usual_side=str(size or ""), key=TABLE)
    with st.container():
        _sizes(planned, size)
    with st.container():
        _send(planned, size)
    compare = to_compare(planned, known)
    unread = set(compare) - set(session.compare)
    session.compare = compare
    if unread:  # the uploader is drawn above: it learns of these in another run
        st.rerun()


def _uploader() -> upload_widgets.Reported:
    session = upload_session()
    order = upload_widgets.Order(
        run=session.run,
        batch=session.batch,
        plan=session.plan,
        grants=[vars(g) for g in session.grants],
        renewal=session.renewal,
        compare=session.compare,
        form={"restored": session.restored, "side": st.session_state.get("upload_side"), "pattern": session.pattern},
        seen=session.seen,
    )
    reported = upload_widgets.uploader(order, session=session.id, key="uploader")
    if reported.wants_renewal:
        session.grants = [grant(year, island, size) for year, island, size in session.wanted]
        session.renewal += 1
        st.rerun()
    if reported.remembered and not session.restored:
        _restore(reported.remembered)
        session.restored = True
    session.md5.update({str(file): str(digest) for file, digest in reported.md5.items()})
    if reported.finished and reported.finished.get("run") != session.seen:
        _finish(reported.finished)
        st.rerun()
    return reported


def _restore(remembered: Mapping[str, Any]) -> None:
    """Take over what the browser remembers from before a reload; what was typed since counts more."""
    session = upload_session()
    session.side_before = str(remembered.get("side") or "")[:40]
    if remembered.get("pattern") and not session.pattern:
        session.pattern = remembered["pattern"]


def _finish(finished: Mapping[str, Any]) -> None:
    session = upload_session()
    photos.forget()
    arrived = {str(file): str(key) for file, key in finished.get("arrived", [])}
    session.arrived.update(arrived)
    session.seen = finished.get("run")
    session.finished = Finished(len(arrived), _meanwhile(arrived.values()))


def _meanwhile(arrived: Any) -> list[str]:
    """Return, in words, what others sent for the same quadrats since the plan was made."""
    session = upload_session()
    sent = {key: session.sizes[key] for key in arrived if key in session.sizes}
    if not sent:
        return []
    campaigns = {(year, island) for year, island, _ in session.wanted}
    return [str(found) for found in arrived_meanwhile(session.versions, sent, photos.versions_of(campaigns))]


def _defaults() -> tuple[Guess, QuadratSize | None]:
    """Return what was typed for the folder, and the size of a photograph of which nothing is said; None if mistyped."""
    st.write("**For the whole folder** (what you type here counts before file names and the camera's clock)")
    usual = settings().quadrat_size
    _restore_side()
    with st.container(horizontal=True):
        island = st.text_input(
            "Island", key="upload_island", placeholder="Takapoto", max_chars=30, width=220, persist_state="session"
        )
        year = st.number_input(
            "Year", FIRST_YEAR, None, None, step=1, key="upload_year", placeholder="2012", width=180,
            persist_state="session",
        )  # fmt: skip
        side = st.selectbox(
            "Quadrat's inner side (cm)",
            sorted({*SIDES_CM, str(usual)}, key=lambda text: QuadratSize.parse(text).area_cm2),
            index=None,
            key="upload_side",
            placeholder=f"{usual}, or type another",
            accept_new_options=True,
            help=f"The inner edge of the frame: a length of {RANGE}, or two as in 50 x 75. Areas in cm² depend on it.",
            width=240,
            persist_state="session",
        )
    try:
        size = QuadratSize.parse(side) if side else None
    except InvalidParameterError as error:
        st.error(plain(str(error)))
        return Guess(island=_island(island), year=int(year) if year else None), None
    return Guess(_island(island), int(year) if year else None, side=size), size or usual


def _restore_side() -> None:
    """Put the remembered side into the empty field, until a run of the page begins with a value in it.

    Once is not enough: where the browser reports something else at that moment, Streamlit 1.67 takes the field's old,
    empty value from that report.
    """
    session = upload_session()
    if st.session_state.get("upload_side"):
        session.side_before = ""
    elif session.side_before:
        st.session_state.upload_side = session.side_before


def _island(text: str) -> str | None:
    if not text.strip():
        return None
    try:
        return normalise_island(text)
    except InvalidSurveyKeyError as error:
        st.error(plain(str(error)))
        return None


def _patterns() -> None:
    with st.expander("Which file names are understood?"):
        st.markdown("\n".join(f"- `{example}`" for example in PATTERN_EXAMPLES))
        st.write(
            "Also folders such as `2006-Takapoto/07.NEF`, and the camera's date for the year. A camera's counter "
            "(`DSC_1998`) and the date of a copy are never used. You can type what is missing in the table that "
            "appears, before anything is sent. Names of another form can be shown by an example."
        )


def _pattern(files: Sequence[IncomingFile]) -> NamePattern | None:
    """Show how names of another form are read; return the pattern that applies."""
    session = upload_session()
    with st.expander("Are the names of another form? Show one by example"):
        names = list(dict.fromkeys(file.name for file in files))
        example = (session.pattern or {}).get("example")
        chosen = st.selectbox("Example", names, index=names.index(example) if example in names else 0)
        told = upload_widgets.name_pattern(chosen, session.pattern, key=f"upload_pattern_{session.id}")
        if told and told["value"] != session.pattern:
            session.pattern = told["value"]
            st.rerun()
        if not session.pattern:
            return None
        try:
            pattern = NamePattern.from_json(session.pattern)
        except InvalidParameterError as error:
            st.error(plain(str(error)))
            return None
        fits = sum(pattern.read(file.name.rpartition(".")[0] or file.name) is not None for file in files)
        st.write(f"The form of {plain(pattern.example)} fits {fits:,} of {count(len(files), 'name')}.")
        return pattern


def _planned(
    files: Sequence[IncomingFile], typed: Typed, defaults: Guess, pattern: NamePattern | None, known: Known
) -> list[PlannedFile]:
    session = upload_session()
    if session.compared != files:
        photos.forget()  # ask S3 itself what has arrived: a page that was closed a moment ago may have sent some
        session.compared = files
    with st.spinner("Comparing with what is already there …"):
        present = photos.originals_of(campaigns_touched(files, typed.guesses, defaults, pattern))
    return plan(
        files,
        typed=typed.guesses,
        defaults=defaults,
        present=present,
        max_bytes=MAX_UPLOAD_BYTES,
        pattern=pattern,
        known=known,
    )


def _summary(planned: Sequence[PlannedFile]) -> None:
    counts = Counter(p.status for p in planned)
    with st.container(horizontal=True):
        for status, colour in _COLOURS.items():
            if counts[status]:
                st.badge(f"{counts[status]:,} {status.value}", color=colour)  # type: ignore[arg-type]


def _sizes(planned: Sequence[PlannedFile], size: QuadratSize | None) -> None:
    if size is None:
        return
    measured = _measured()
    found = mixed(planned, size, measured)
    for several in found[:SHOWN_WARNINGS]:
        st.warning(plain(f"{several} Areas in cm² depend on it."), icon=":material/straighten:")
    if len(found) > SHOWN_WARNINGS:
        st.caption(f"And {count(len(found) - SHOWN_WARNINGS, 'campaign')} more.")
    stored = stored_otherwise(planned, size, measured)
    if stored:
        (survey, other), more = stored[0], len(stored) - 1
        others = f", and {count(more, 'more photograph')} likewise" if more else ""
        st.info(
            plain(f"{survey.stem} is there with a quadrat of {other.words}{others}. Sending it again changes nothing. ")
            + "A wrong size is corrected on Surveys; nothing is measured again.",
            icon=":material/straighten:",
        )
        navigation.link(
            navigation.to_surveys(survey, navigation.SurveysPart.SIZE), "Correct its size", icon="straighten"
        )


def _measured() -> Sequence[CoverageRow]:
    """Return what was measured before; nothing while the database sleeps, because an upload does not wait for it."""
    try:
        return measurements.coverage()
    except (DatabaseUnavailableError, SQLAlchemyError):
        st.caption("The database does not answer now, so sizes are not compared with earlier results.")
        return ()


def _send(planned: Sequence[PlannedFile], size: QuadratSize | None) -> None:
    chosen = {UploadStatus.READY}
    for status, words in (
        (UploadStatus.REPLACES, "Also replace {} that are there already (the older versions are kept)"),
        (UploadStatus.UNCERTAIN, "Also send {} that may be there already (the older versions are kept)"),
    ):
        number = sum(p.status is status for p in planned)
        if number and st.checkbox(words.format(count(number, "photograph")), key=f"upload_also_{status.name}"):
            chosen.add(status)
    ready = [p for p in planned if p.status in chosen] if size else []
    megabytes = sum(p.file.size_bytes for p in ready) / 1e6
    label = f"Send {count(len(ready), 'photograph')} ({megabytes:,.0f} MB)" if ready else "Nothing to send"
    if st.button(label, type="primary", disabled=not ready, icon=":material/send:", key="upload_send") and size:
        _start(ready, size)
        st.rerun()


def _start(ready: Sequence[PlannedFile], usual: QuadratSize) -> None:
    session = upload_session()
    jobs = [(p, p.year, p.island, p.key, p.side or usual) for p in ready if p.year and p.island and p.key]
    wanted = {grant_id(year, island, size): (year, island, size) for _, year, island, _, size in jobs}
    session.wanted = list(wanted.values())
    session.grants = [grant(*campaign) for campaign in session.wanted]
    session.plan = [
        {"id": p.file.id, "key": key, "grant": grant_id(year, island, size)} for p, year, island, key, size in jobs
    ]
    session.sizes = {key: p.file.size_bytes for p, _, _, key, _ in jobs}
    campaigns = {(year, island) for year, island, _ in session.wanted}
    session.versions = {version.version_id for version in photos.versions_of(campaigns)}
    session.run += 1
    sent_at = datetime.now(UTC)
    batch = Batch(f"{session.id}-{session.run}", sent_at, tuple(session.sizes))
    session.batch = {"id": batch.id, "sent_at": sent_at.isoformat()}
    session.batches.append(batch)
    session.finished = None


def _outcome() -> None:
    finished = upload_session().finished
    if finished is None:
        return
    with st.container(border=True):
        st.write(f"**{count(finished.arrived, 'photograph')} arrived.** Each is being measured now.")
        if finished.meanwhile:
            st.warning("Somebody else sent photographs of the same quadrats at the same time.", icon=":material/group:")
            st.text("\n".join(finished.meanwhile))
        navigation.link(navigation.to_runs(), "Follow the runs", icon="arrow_forward")


show()
