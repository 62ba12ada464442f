"""When a photograph was taken, for exports: by a person's word, else by the camera's clock, never against its year."""

from __future__ import annotations

from dataclasses import dataclass

from reefsteps.coverage_queries import CoverageRow
from reefsteps.survey_fields import SurveyFields


@dataclass(frozen=True)
class EventDate:
    """A date (ISO 8601) and time (hh:mm:ss), local to the reef or the camera; ``note`` says why there is no date."""

    date: str | None = None
    time: str | None = None
    note: str | None = None


def event_date(row: CoverageRow, fields: SurveyFields) -> EventDate:
    """Return when the row's photograph was taken.

    A date that a person typed goes before the camera's clock. A date outside the survey's year is left out, and the
    note names it. A camera that lost its battery starts again at its first year.
    """
    taken = row.captured_at
    if fields.event_date is not None:
        source, date = "the date that was typed", fields.event_date
    elif taken:
        source, date = "the camera's clock", taken[:10]
    else:
        return EventDate(note="neither the file nor a person says the date")
    if date[:4] != f"{row.year:04d}":
        return EventDate(note=f"left empty: {source} says {date}, the survey is of {row.year}")
    time = taken[11:19] if taken and taken[:10] == date and len(taken) >= 19 else None
    return EventDate(date, time)
