"""Surveys: other names, quadrat sizes and facts for one quadrat, a campaign or an island, without measuring again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime

import streamlit as st

from frontend import address, sign_in
from frontend.components import filters, states
from frontend.components.text import ago, count, plain
from frontend.domain import statuses
from frontend.domain.measurements import in_natural_order, islands_of, years_of
from frontend.domain.relabel_preview import Preview, places_of, preview, results_of, size_of
from frontend.domain.verified import checked_of
from frontend.navigation import SurveysPart
from frontend.services import measurements, relabelling
from frontend.settings import settings
from frontend.sign_in import member
from reefsteps.coverage_queries import CoverageRow
from reefsteps.errors import BadInputError
from reefsteps.execution_status import ExecutionStatus
from reefsteps.quadrat_size import QuadratSize
from reefsteps.relabel_list import NUMBERS, TEMPLATE, read_wishes
from reefsteps.relabel_queries import Relabelling
from reefsteps.relabel_states import COPYING, DONE, MOVED, PLANNED, REFUSED
from reefsteps.relabelling import MOST_CHANGES, Place, Value, Wish, place_name
from reefsteps.survey_fields import SurveyFields

TALL_ROW_PX = 66
EVERY_S = 2  # while a relabelling is under way; the database is awake then
_FACTS = {
    "site": "Site",
    "depth_m": "Depth (m)",
    "event_date": "Date, as 2012-05-31",
    "transect": "Transect",
    "latitude": "Latitude (degrees, south negative)",
    "longitude": "Longitude (degrees, west negative)",
    "observer": "Observer",
}
_STATES = {DONE: "done", REFUSED: "not done", PLANNED: "waits", COPYING: "under way", MOVED: "under way"}

MakeWish = Callable[[], Wish]


def show() -> None:
    """Show the page."""
    states.title("Surveys", "Correct names, years, positions, quadrat sizes and facts. Nothing is measured again.")
    rows = states.coverage()
    options = [part.value for part in SurveysPart]
    named = address.choice("What to change", options, name="what", default=options[0], drops=())
    what = SurveysPart(named) if named else None
    _progress()
    if what is SurveysPart.HISTORY:
        _history()
    elif what is not None:
        wishes = _by_list() if what is SurveysPart.LIST else _by_form(what, rows)
        if wishes:
            st.session_state.wishes = (what, wishes)
        asked = st.session_state.get("wishes")
        if asked and asked[0] == what:
            _preview(asked[1], rows)
        _table(rows)


def _by_form(what: SurveysPart, rows: Sequence[CoverageRow]) -> list[Wish] | None:
    """Show what is chosen and how it is to become; returns the wish in the run in which it is asked for."""
    if not rows:
        states.nothing_yet()
    place = _choose(rows)
    if place is None:
        st.caption("Choose an island. Choose a year and a position as well to change less.")
        return None
    with st.form(f"{what} of {place_name(place)}"):
        wish = {SurveysPart.NAME: _name, SurveysPart.SIZE: _size, SurveysPart.FACTS: _facts}[what](place, rows)
        asked = st.form_submit_button("Show what would change", icon=":material/visibility:")
    try:
        return [wish()] if asked else None
    except BadInputError as error:
        st.error(plain(str(error)))
        return None


def _choose(rows: Sequence[CoverageRow]) -> Place | None:
    """Return the island, campaign or quadrat that the address names."""
    with st.container(horizontal=True):
        island = address.one_of(
            "Island", islands_of(rows), name="island", placeholder="Choose", drops=("year", "location"), width=260
        )
        if island is None:
            return None
        years = years_of(rows, island)
        year = address.one_of("Year", years, name="year", placeholder="All years", drops=("location",), width=160)
        if year is None:
            return None, island, None
        positions = sorted({row.location for row in rows if row.island == island and row.year == year})
        location = address.one_of("Position", positions, name="location", placeholder="All", width=160)
    return year, island, location


def _name(place: Place, _rows: Sequence[CoverageRow]) -> MakeWish:
    year, island, location = place
    new_island = st.text_input("Island", island, max_chars=30, help="The name of another island merges the two.")
    new_year = st.number_input("Year", value=year, step=1) if year else None
    new_location = st.number_input("Position", 1, value=location, step=1) if location else None
    return lambda: Wish(place_name(place), place_name((new_year, new_island, new_location)))


def _size(place: Place, rows: Sequence[CoverageRow]) -> MakeWish:
    present = {str(size_of(row)) for row in rows if _is_in(row, place) and row.side_cm is not None}
    st.caption(f"Now: {' and '.join(f'{size} cm' for size in sorted(present)) or 'unknown'}.")
    typed = st.text_input("Quadrat's size in cm", placeholder="100, or 50 x 75")
    return lambda: Wish(place_name(place), None, QuadratSize.parse(typed))


def _facts(place: Place, rows: Sequence[CoverageRow]) -> MakeWish:
    known = states.from_database(measurements.survey_fields)
    present = [known.get(survey, SurveyFields()) for survey, row in results_of(rows).items() if _is_in(row, place)]
    st.caption("What you leave empty stays as it is. A hyphen alone removes a fact.")
    typed = {}
    for name, label in _FACTS.items():
        values = {str(getattr(fields, name)) for fields in present if getattr(fields, name) is not None}
        typed[name] = st.text_input(label, placeholder=", ".join(sorted(values)[:5]) or None, max_chars=120)
    return lambda: Wish(place_name(place), fields=_read_facts(typed))


def _read_facts(typed: dict[str, str]) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    for name, text in typed.items():
        if text.strip() == "-":
            fields[name] = None
        elif text.strip():
            fields[name] = _number(name, text) if name in NUMBERS else text.strip()
    if not fields:
        raise BadInputError("Fill in what is to change.")
    SurveyFields(**fields)  # type: ignore[arg-type]  # refuses what is out of range
    return fields


def _number(name: str, text: str) -> float:
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        raise BadInputError(f"{_FACTS[name]}: '{text}' is not a number.") from None


def _by_list() -> list[Wish] | None:
    st.caption(
        "A CSV file with the columns old and new: names of quadrats (2006-E2B-07), of campaigns (an island in a year, "
        "2006-E2B) or of islands (E2B). More columns: size_cm, site, depth_m, event_date, transect, latitude, "
        "longitude, observer."
    )
    st.download_button("Empty list", TEMPLATE, "list.csv", "text/csv", icon=":material/download:")
    sent = st.file_uploader("List", type=["csv", "txt"])
    if sent is None:
        st.session_state.pop("wishes", None)
        return None
    try:
        return read_wishes(sent.getvalue(), sent.name)
    except BadInputError as error:
        st.session_state.pop("wishes", None)
        st.error("The list cannot be read.")
        st.text(str(error))
        return None


def _preview(wishes: Sequence[Wish], rows: Sequence[CoverageRow]) -> None:
    results = results_of(rows)
    here = relabelling.photographs(places_of(wishes, results))
    seen = preview(wishes, results, here, relabelling.under_way())
    with st.container(border=True, key="preview"):
        st.subheader("What will change", anchor=False)
        st.write(f"{count(len(seen.changes), 'quadrat')} will change, {len(seen.refused)} cannot.")
        _list_changes(seen)
        _list_refusals("Cannot be changed", [(r.what, r.why) for r in seen.refused])
        _list_refusals("Lines that match nothing", [(r.what, r.why) for r in seen.unmatched])
        if seen.too_many:
            st.error(f"That is more than {MOST_CHANGES:,} changes at once. Change one year or island after the other.")
        ready = bool(seen.changes) and not seen.too_many
        if st.button("Change now", type="primary", disabled=not ready, icon=":material/edit_note:"):
            st.session_state.relabelling = relabelling.start(seen.changes, member(settings()))
            del st.session_state.wishes
            st.rerun()


def _list_changes(seen: Preview) -> None:
    if not seen.changes:
        return
    table = [
        {
            "From": str(change.old),
            "To": str(change.new) if change.new != change.old else "same name",
            "Size (cm)": str(change.size) if change.size else "",
            "Facts": ", ".join(f"{name}: {'-' if value is None else value}" for name, value in change.fields.items()),
            "Note": seen.notes.get(change.old, ""),
        }
        for change in seen.changes
    ]
    st.dataframe(table, hide_index=True, height=min(380, 40 + 35 * len(table)), alt="What will change")


def _list_refusals(title: str, refusals: Sequence[tuple[str, str]]) -> None:
    if refusals:
        st.warning(f"{title}: {len(refusals)}", icon=":material/block:")
        st.dataframe(
            [{"What": what, "Why": why} for what, why in refusals],
            hide_index=True,
            row_height=TALL_ROW_PX,  # a reason may continue in a second line
            height=min(340, 40 + TALL_ROW_PX * len(refusals)),
            alt=title,
        )


def _progress() -> None:
    """Show how far the visitor's own relabelling is, until it has ended."""
    arn = st.session_state.get("relabel_execution")
    if arn:
        st.fragment(_follow, run_every=EVERY_S)(arn)
    report = st.session_state.pop("relabel_report", None)
    if report is None:
        return
    status, why = report
    own = next((r for r in relabelling.history() if r.id == st.session_state.get("relabelling")), None)
    if status == ExecutionStatus.SUCCEEDED and own and not own.refused:
        st.success(f"{count(own.done, 'quadrat')} changed. History takes it back.", icon=":material/check:")
    elif status == ExecutionStatus.SUCCEEDED and own:
        st.warning(f"{own.done} changed, {own.refused} not: History gives the reasons.", icon=":material/block:")
    else:
        st.error("Not everything was changed. History can continue from where it stopped.", icon=":material/error:")
        st.text(why)


def _follow(arn: str) -> None:
    sign_in.stop_if_ended(settings())
    status, why = relabelling.state(arn)
    if not relabelling.has_ended(status):
        own = next((r for r in relabelling.history() if r.id == st.session_state.get("relabelling")), None)
        total = own.done + own.refused + own.unfinished if own else 0
        text = f"{own.done} of {total} changed" if own else "Checking the list"
        st.progress(own.done / total if own and total else 0.0, text=f"{text} …")
        return
    del st.session_state["relabel_execution"]
    st.session_state.relabel_report = (status, why)
    relabelling.forget()
    st.rerun()


def _history() -> None:
    entries = states.from_database(relabelling.history)
    if not entries:
        st.write("Nothing has been changed yet.")
    undone = {entry.undoes for entry in entries if entry.undoes and not entry.refused and not entry.unfinished}
    for entry in entries:
        _one(entry, undone=entry.id in undone)


def _one(entry: Relabelling, *, undone: bool) -> None:
    parts = [f"{entry.done} changed"]
    parts += [f"{entry.refused} not"] if entry.refused else []
    parts += [f"{entry.unfinished} unfinished"] if entry.unfinished else []
    with st.container(border=True, key=f"relabelling-{entry.id}"):
        who = f" by {plain(entry.requested_by)}" if entry.requested_by else ""
        kind = "Taken back" if entry.undoes else "Changed"
        st.markdown(f"**{kind}{who}, {ago(datetime.fromisoformat(entry.requested_at))}:** {', '.join(parts)}")
        with st.expander("Quadrats"):
            st.dataframe(
                [
                    {
                        "From": str(photo.old),
                        "To": str(photo.new) if photo.new != photo.old else "same name",
                        "Size (cm)": photo.size or "",
                        "Facts": "changed" if photo.changes_fields else "",
                        "State": _STATES[photo.state],
                        "Why": photo.reason or "",
                    }
                    for photo in states.from_database(lambda: relabelling.changes_of(entry.id))
                ],
                hide_index=True,
                alt="Quadrats of this change",
            )
        with st.container(horizontal=True):
            busy = "relabel_execution" in st.session_state
            if undone:
                st.caption("All of it was taken back.")
            elif entry.done:
                st.button(
                    "Undo",
                    key=f"undo-{entry.id}",
                    icon=":material/undo:",
                    on_click=_undo,
                    args=(entry.id,),
                    disabled=busy,
                )
            if entry.unfinished:
                st.button(
                    "Go on",
                    key=f"resume-{entry.id}",
                    icon=":material/play_arrow:",
                    on_click=_resume,
                    args=(entry.id,),
                    disabled=busy,
                )


def _undo(relabelling_id: str) -> None:
    st.session_state.relabelling = relabelling.undo(relabelling_id, member(settings()))


def _resume(relabelling_id: str) -> None:
    st.session_state.relabelling = relabelling.resume(relabelling_id, member(settings()))


def _table(rows: Sequence[CoverageRow]) -> None:
    if not rows:
        return
    campaigns: dict[tuple[str, int], list[CoverageRow]] = defaultdict(list)
    for row in in_natural_order(rows):
        campaigns[row.island, row.year].append(row)
    fields = states.from_database(measurements.survey_fields)
    checks = states.from_database(measurements.checked)
    st.subheader("Campaigns", anchor=False)
    st.dataframe(
        [
            {
                "Island": island,
                "Year": year,
                "Quadrats": len(found),
                "Size (cm)": ", ".join(sorted({str(size_of(row)) for row in found if row.side_cm is not None})),
                "With facts": sum(survey in fields for survey in results_of(found)),
                "Verified": sum(statuses.is_verified(row, checked_of(row, checks)) for row in found),
                "Corners set by hand": sum(bool(row.corners_manual) for row in found),
            }
            for (island, year), found in campaigns.items()
        ],
        hide_index=True,
        column_config={"Year": st.column_config.NumberColumn(format="%d")},
        alt="Campaigns with the number of their quadrats",
    )
    filters.refresh()


def _is_in(row: CoverageRow, place: Place) -> bool:
    year, island, location = place
    return row.island == island and year in (None, row.year) and location in (None, row.location)


show()
