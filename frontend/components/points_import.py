"""Import of points that experts have answered elsewhere: read, confirmed label by label, shown, then kept at once."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from frontend.components import states
from frontend.components.text import count
from frontend.services import points
from frontend.settings import settings
from reefsteps.errors import BadInputError
from reefsteps.points.answers import NAMES, READY, Answer, LabelTable
from reefsteps.points.files import PhotoPoints, read_points
from reefsteps.points.matching import PointPlan, labels_without_answer, plan
from reefsteps.points.picture_names import TABLES
from reefsteps.points.point_sets import Selection
from reefsteps.points.sizes import read_sizes

_BY_NAME = {name: answer for answer, name in NAMES.items()}
_MOST_MB = 50
_CHOSEN = {"At random, or all of an island and year": Selection.AT_RANDOM, "By a person": Selection.BY_HAND}


def show() -> None:
    """Show the form; nothing is kept before its last button."""
    st.subheader("Points of experts", anchor=False)
    if settings().points_function is None:
        st.info("This deployment has no function that keeps points.", icon=":material/block:")
        return
    st.write(
        "Points on photographs that have a result: CoralNet's CSV, CPCe's `.cpc`, or a table with the columns file, "
        "row and column (or x and y), and label. Positions are in the original photograph's pixels."
    )
    files = st.file_uploader(
        "Files of points", [*TABLES], accept_multiple_files=True, key="point-files", max_upload_size=_MOST_MB
    )
    with st.container(horizontal=True):
        sizes = st.file_uploader(
            "Sizes of the annotated pictures, if they were larger or smaller (CSV: file, width, height)",
            ["csv"],
            key="point-sizes",
        )
    if not files:
        return
    try:
        photos = [photo for file in files for photo in read_points(file.getvalue(), file.name)]
        known = read_sizes(sizes.getvalue(), sizes.name) if sizes else None
    except BadInputError as error:
        st.error("Nothing was imported.", icon=":material/error:")
        st.text(str(error))
        return
    table = _confirmed(photos)
    annotator = st.text_input("Who answered, where a file does not say", key="point-annotator", width=420)
    chosen = st.radio("How the photographs were chosen", [*_CHOSEN], key="point-chosen")
    st.caption("Photographs that a person picked say nothing about the rest, so no interval uses them.")
    if table is None:
        st.warning("Say of each label what it means.", icon=":material/label:")
        return
    measured = states.from_database(points.photographs)
    planned = plan(photos, measured, table, annotator=annotator.strip() or None, drawn=_CHOSEN[chosen], sizes=known)
    _show(planned)
    if planned.planned and st.button(
        f"Import the points of {count(len(planned.planned), 'photograph')}", type="primary", icon=":material/input:"
    ):
        _keep(planned)


def _confirmed(photos: Sequence[PhotoPoints]) -> LabelTable | None:
    """Return the table of labels as the person leaves it; None while a label has no answer."""
    labels = labels_without_answer(photos, None)
    if not labels:
        return LabelTable("in the files", {})
    best = min(READY, key=lambda table: len(table.unknown(labels)))
    first = {label: best.answer(label) for label in labels}
    st.markdown("**What each label means**")
    edited = st.data_editor(
        pd.DataFrame({"Label": labels, "Means": [NAMES[a] if (a := first[label]) else None for label in labels]}),
        hide_index=True,
        disabled=["Label"],
        column_config={"Means": st.column_config.SelectboxColumn(options=[*_BY_NAME], required=True)},
        key="point-labels",
        width=520,
    )
    answers: dict[str, Answer] = {
        str(row["Label"]).casefold(): _BY_NAME[row["Means"]] for _, row in edited.iterrows() if row["Means"] in _BY_NAME
    }
    table = LabelTable("confirmed on the page", answers)
    return None if table.unknown(labels) else table


def _show(planned: PointPlan) -> None:
    if planned.planned:
        st.dataframe(
            [
                {
                    "File": one.file,
                    "Photograph": one.points.raw_key,
                    "In the quadrat": one.inside,
                    "Beside it": one.outside,
                    **{name.capitalize(): one.points.answers.count(a.value) for a, name in NAMES.items()},
                    "Answered by": one.points.annotator,
                }
                for one in planned.planned
            ],
            hide_index=True,
            alt="What would be imported",
        )
        st.caption("Points beside the quadrat are kept and do not count; Fix corners can bring them in.")
    if planned.not_matched:
        st.write(f"**Not imported: {len(planned.not_matched):,}**")
        st.dataframe([{"What": left.what, "Why": left.why} for left in planned.not_matched], hide_index=True)


def _keep(planned: PointPlan) -> None:
    try:
        with st.spinner("Importing …"):
            outcome = points.keep([one.points for one in planned.planned])
    except points.PointsNotKeptError as error:
        st.error("Nothing was imported.", icon=":material/error:")
        st.text(str(error))
        return
    st.success(
        f"Points of {count(outcome.written, 'photograph')} imported, {outcome.replaced:,} in place of earlier ones.",
        icon=":material/check:",
    )
