"""Import: what an earlier program photographed and measured, without a new run, and points of experts."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from frontend.components import points_import, states
from frontend.components.text import count
from frontend.services import importing, measurements, photos
from frontend.services.importing import ImportRefusedError, ImportReport
from frontend.settings import settings


def show() -> None:
    """Show the page."""
    states.title("Import", "Photographs and results of an earlier program, and points of experts.")
    points_import.show()
    st.subheader("Photographs and results", anchor=False)
    if settings().import_function is None:
        st.info("This deployment has no import function.", icon=":material/block:")
        return
    st.write("Nothing is measured again.")
    st.write(
        "Put the photographs (`2006-Takapoto-01.jpg`) and the table (`coral_coverage` as CSV, or as SQL of mysqldump) "
        "into a bucket that ReefSteps may read. Who runs ReefSteps names it at the deployment (ImportBucket)."
    )
    with st.form("import"):
        bucket = st.text_input("Bucket", key="import_bucket", width=420)
        prefix = st.text_input("Folder of the photographs", key="import_prefix", placeholder="photographs/", width=420)
        table = st.text_input("Table", key="import_table", placeholder="coral_coverage.sql", width=420)
        with st.container(horizontal=True):
            look = st.form_submit_button("Say what would be imported", icon=":material/search:")
            go = st.form_submit_button("Import", type="primary", icon=":material/input:")
    if (look or go) and not (bucket and table):
        st.error("Type the bucket and the table.")
    elif look or go:
        _run(bucket.strip(), prefix.strip(), table.strip(), dry_run=not go)


def _run(bucket: str, prefix: str, table: str, *, dry_run: bool) -> None:
    try:
        with st.spinner("Reading the table and the photographs …"):
            outcome = importing.run(bucket, prefix, table, dry_run=dry_run)
    except ImportRefusedError as error:
        st.error("Nothing was imported.", icon=":material/error:")
        st.text(str(error))
        return
    if outcome.written:
        photos.forget()
        measurements.forget()
    _report(outcome)


def _report(outcome: ImportReport) -> None:
    done = "Imported" if outcome.written else "Would be imported"
    st.subheader(f"{done}: {count(len(outcome.imported), 'quadrat')}", anchor=False)
    if outcome.unchanged:
        st.write(f"{count(outcome.unchanged, 'quadrat')} had been imported before.")
    if outcome.left_out_count:
        st.write(f"**Not imported: {outcome.left_out_count:,}**")
        st.dataframe(pd.DataFrame(outcome.left_out, columns=["What", "Why"]), hide_index=True)


show()
