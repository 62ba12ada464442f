"""The progress of what this visitor has sent, batch by batch."""

from __future__ import annotations

import streamlit as st

from frontend.components import upload_widgets
from frontend.components.text import count
from frontend.components.upload_session import upload_session
from frontend.domain.batches import Batch, batches_in, progress
from frontend.services import executions

SHOWN = 5


def batches() -> list[Batch]:
    """Return the batches that this visitor's browser has sent, the newest first."""
    return sorted(upload_session().batches, key=lambda batch: batch.sent_at, reverse=True)


def ask_browser() -> None:
    """Take over what this browser has sent in other tabs, or before a reload."""
    known = {batch.id for batch in batches()}
    session = upload_session()
    told = batches_in(upload_widgets.batches(sorted(known), session=session.id, key="my_uploads"))
    session.batches += [batch for batch in told if batch.id not in known]


def show() -> None:
    """Show how far each of the newest batches is; nothing where nothing was sent."""
    for batch in batches()[:SHOWN]:
        done = progress(batch, executions.since(batch.sent_at))
        parts = [
            (done.measured, "measured"),
            (done.running, "being worked on"),
            (done.failed, "without a result"),
            (done.waiting, "not begun"),
        ]
        words = ", ".join(f"{number:,} {what}" for number, what in parts if number)
        sent_at = f"{batch.sent_at:%H:%M} UTC"
        st.progress(done.share_done, text=f"Your upload of {sent_at}, {count(done.total, 'photograph')}: {words}.")
