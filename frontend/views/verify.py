"""Verify: answer points on photographs that were drawn at random, without seeing what the model says."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from frontend import address, navigation, sign_in
from frontend.components import marks, states, survey_choice, verifier, verify_campaign
from frontend.components.text import plain
from frontend.domain import verification as rules
from frontend.domain.estimates.quadrat import PointCount, confusion
from frontend.domain.measurements import is_ours, survey_of
from frontend.domain.verification import Task
from frontend.services import masks, measurements, verification
from frontend.services.aws import link_to
from frontend.services.points import PointsNotKeptError
from frontend.services.verification import Straightened
from frontend.settings import settings
from reefsteps.coverage_queries import CoverageRow
from reefsteps.derived_objects import OVERLAY, REFRAMED_PICTURE
from reefsteps.errors import InvalidParameterError
from reefsteps.points.answers import Answer
from reefsteps.points.batches import AnswerBatch
from reefsteps.points.layout_choice import CRIOBE
from reefsteps.points.matching import Measured
from reefsteps.points.point_sets import Selection
from reefsteps.surveys import SurveyKey


def show() -> None:
    """Show the page."""
    states.title("Verify", "Answer points on photographs. What the model says stays hidden until a photograph is done.")
    if settings().points_function is None:
        st.info("This deployment has no function that keeps points.", icon=":material/block:")
        return
    rows = states.coverage()
    if not rows:
        states.nothing_yet()
    wanted = survey_choice.named()
    person = _person(is_answering=wanted.location is not None)
    if wanted.location is None:
        verify_campaign.show([row for row in rows if is_ours(row)], person)
        return
    row = _row(rows, wanted.survey) or survey_choice.choose_row(rows, drops=())
    if row is None:
        return
    if not is_ours(row):
        st.info("Another program measured this quadrat, so there is no straightened picture.", icon=":material/block:")
    elif person is None:
        st.info("Type your name above: answers are kept under it.", icon=":material/person:")
    else:
        _photograph(row, person)
    verify_campaign.back(row.island, row.year, person)


def _person(*, is_answering: bool) -> str | None:
    """Return who answers: the member who is signed in, else the name that is typed."""
    member = sign_in.member(settings())
    if member is not None:
        return member
    known = (address.text("by") or st.session_state.get("verify_by") or "").strip()[:128]
    if is_answering and known:
        st.caption(f"Your answers are kept under the name {plain(known)}.")
        return known
    typed = address.typed("Your name", name="by", width=320, help="Answers are kept under it.").strip()
    if typed:
        st.session_state.verify_by = typed
    return str(st.session_state.get("verify_by") or "")[:128] or None


def _row(rows: Sequence[CoverageRow], survey: SurveyKey | None) -> CoverageRow | None:
    named = (row for row in rows if survey and (row.island, row.year, row.location) == tuple(_parts(survey)))
    return next(named, None)


def _parts(survey: SurveyKey) -> tuple[str, int, int]:
    return survey.island, survey.year, survey.location


def _photograph(row: CoverageRow, person: str) -> None:
    survey = survey_of(row)
    st.subheader(survey_choice.words(survey), anchor=False)
    here = states.from_database(lambda: verification.campaign(row.island, row.year))
    photo = next((photo for photo in here.photographs if photo.survey == survey), None)
    picture = verification.picture_of(photo) if photo else None
    if photo is None or picture is None:
        st.warning(
            "The photograph is being measured anew, so points cannot be laid now. Wait until its run has ended.",
            icon=":material/hourglass_top:",
        )
        if st.button("Look again", icon=":material/refresh:"):
            measurements.forget()
            st.rerun()
        return
    found = rules.progress(here.draw, here.photographs, here.sets, person) if here.draw else None
    drawn = found is not None and found.is_drawn(survey)
    choice = here.draw.choice if here.draw else CRIOBE
    kept = states.from_database(lambda: verification.answers_on(survey))
    task = rules.task(photo, person, kept, choice, drawn=drawn)
    if task.answers.points.is_complete:
        _say_how_chosen(task, drawn=drawn)
        others = [one for one in kept if one.points.is_complete and one.points.annotator != person]
        following = found.after(survey, as_second=bool(others)) if found else None
        _done(row, photo, task, picture, others, following)
        return
    if not drawn:
        st.info(
            "A person picked this photograph, so no interval will use it. Those that count are drawn at random.",
            icon=":material/back_hand:",
        )
    _points(photo, task, _shown(photo, picture))


def _shown(photo: Measured, picture: Straightened) -> verifier.Shown:
    address_of_picture = link_to(REFRAMED_PICTURE, photo.survey, etag=picture.etag)
    alt = f"Straightened picture of {photo.survey}"
    return verifier.Shown(address_of_picture, picture.etag, picture.size_px, alt)


@st.fragment
def _points(photo: Measured, task: Task, shown: verifier.Shown, following: SurveyKey | None = None) -> None:
    """Show the points; while they are answered this part alone runs, and it never reads the database."""
    sign_in.stop_if_ended(settings())
    key = f"verify-{verifier.identity(task)}"
    if st.session_state.pop(f"{key}-changed", False):
        st.rerun()
    if following and st.session_state.pop(f"{key}-next", False):
        navigation.go(navigation.to_verify(following, by=address.text("by")))
    with st.container(key="verify-points"):
        verifier.verifier(
            task,
            shown,
            key=key,
            reply=st.session_state.get(f"{key}-reply"),
            checked=st.session_state.get(f"{key}-checked"),
            changed={
                "batch": partial(_receive, key, task),
                "loaded": partial(_check, key, photo),
                "next": partial(_next, key),
            },
        )


def _receive(key: str, task: Task) -> None:
    """Have a batch of answers written, and leave a reply for the browser."""
    try:
        sent = verifier.sent(verifier.reported(key, "batch"), task)
    except InvalidParameterError:
        return  # not from our script
    try:
        now = verification.send(sent.batch)
    except PointsNotKeptError as error:
        st.session_state[f"{key}-reply"] = {"id": sent.id, "problem": str(error), "passes": error.passes}
        return
    complete = now.points.is_complete
    st.session_state[f"{key}-reply"] = {
        "id": sent.id,
        "answers": now.points.answers,
        "at_ms": list(now.at_ms),
        "complete": complete,
    }
    st.session_state[f"{key}-changed"] = complete or sent.is_brought_back


def _check(key: str, photo: Measured) -> None:
    """Confirm that the picture which the browser has loaded is the one in which the points were laid."""
    report, picture = verifier.reported(key, "loaded"), verification.picture_of(photo)
    if picture and isinstance(report, dict) and report.get("etag") == picture.etag:
        st.session_state[f"{key}-checked"] = picture.etag
    else:
        st.session_state[f"{key}-changed"] = True


def _next(key: str) -> None:
    st.session_state[f"{key}-next"] = True


def _say_how_chosen(task: Task, *, drawn: bool) -> None:
    if task.answers.points.drawn == Selection.AT_RANDOM:
        return
    if not drawn:
        st.info("A person picked this photograph, so no interval uses it.", icon=":material/back_hand:")
        return
    st.info(
        "You answered this photograph when it was picked by hand. The draw has reached it since, so it may count.",
        icon=":material/casino:",
    )
    if st.button("Count its answers", icon=":material/check:"):
        points = task.answers.points.to_json() | {"drawn": Selection.AT_RANDOM.value}
        try:
            verification.send(AnswerBatch.from_json(task.answers.to_json() | {"points": points}))
        except PointsNotKeptError as error:
            st.error(plain(str(error)), icon=":material/error:")
            return
        st.rerun()


def _done(
    row: CoverageRow,
    photo: Measured,
    task: Task,
    picture: Straightened,
    others: Sequence[AnswerBatch],
    following: SurveyKey | None,
) -> None:
    mine = task.answers.points
    mask = masks.mask_of(row)
    model = rules.model_says(mine, photo, mask) if mask is not None else ""
    plain_view = _shown(photo, picture)
    shown = verifier.Shown(
        plain_view.url,
        plain_view.etag,
        plain_view.size_px,
        plain_view.alt,
        link_to(OVERLAY, photo.survey) if model else None,
        model,
        is_last=following is None,
    )
    _points(photo, task, shown, following)
    inside = [letter for number, letter in enumerate(mine.answers) if number not in task.beside]
    coral, other, unclear = (inside.count(answer.value) for answer in Answer)
    counted = PointCount(coral, other, unclear)
    if counted.answered:
        low, high = counted.interval.low, counted.interval.high
        st.write(
            f"**Your points:** {counted.cover_percent:.1f} % coral ({coral} of {counted.answered}; 95 % interval "
            f"{low:.1f} to {high:.1f} %). **Model:** {marks.cover(row)}."
        )
    said = [(m == "c", a == "c") for m, a in zip(model, mine.answers, strict=False) if m in "co" and a in "co"]
    if said:
        both = confusion([m for m, _ in said], [a for _, a in said])
        st.write(
            f"At the points the model agrees with you in {both.agreement_percent:.0f} %. Coral for both {both.both}, "
            f"for the model alone {both.model_only}, for you alone {both.person_only}. Yellow rings mark where you "
            "differ."
        )
    for other_person, agreed in rules.agreements(mine, others):
        kappa = "" if agreed.kappa is None else f", Cohen's kappa {agreed.kappa:.2f}"
        st.write(f"{plain(other_person)} agrees with you at {agreed.percent:.0f} % of the same points{kappa}.")


show()
