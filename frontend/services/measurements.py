"""The coverage database as the page reads it: whole result sets, kept for minutes, one connection a reading.

Nothing here runs on a timer: an idle tab must let the database pause. All functions raise
DatabaseUnavailableError while the database wakes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache

import streamlit as st

from frontend.domain.trusted import with_learning, with_trust
from frontend.domain.verified import Checked, checks
from frontend.services import model_files
from frontend.settings import settings
from reefsteps import coverage_queries as queries
from reefsteps import point_queries, point_store
from reefsteps.coverage_queries import ColonyRow, CoverageRow, Provenance
from reefsteps.database import Database
from reefsteps.survey_fields import SurveyFields
from reefsteps.surveys import SurveyKey

KEPT_S = 300


@cache
def database() -> Database:
    """Return the database; raises ConfigurationError."""
    here = settings()
    return Database(here.database_url, iam=here.database_auth == "iam")


@st.cache_resource
def _read_at() -> dict[str, datetime]:
    """Return when what is kept was read."""
    return {}


@st.cache_data(ttl=KEPT_S, max_entries=1, show_spinner=False)
def coverage() -> list[CoverageRow]:
    """Return every row without its colonies: a few thousand (20 years of 20 positions on 20 islands are 8,000).

    Each row of ours has the trust of its model, and whether that learned from its photograph, as far as it is known
    today.
    """
    _read_at()["coverage"] = datetime.now(UTC)
    with database().read() as connection:
        rows = queries.coverage_rows(connection)
    model = model_files.coral_model() if rows else None
    return with_learning(with_trust(rows, model), model)


@st.cache_data(ttl=KEPT_S, max_entries=50, show_spinner=False)
def colonies(island: str) -> list[ColonyRow]:
    """Return the colonies of an island, all years."""
    with database().read() as connection:
        return queries.colony_rows(connection, island=island)


@st.cache_data(ttl=KEPT_S, max_entries=200, show_spinner=False)
def provenance(survey: SurveyKey) -> Provenance | None:
    """Return where a row comes from, with its colonies."""
    with database().read() as connection:
        return queries.provenance(connection, survey)


@st.cache_data(ttl=KEPT_S, max_entries=1, show_spinner=False)
def survey_fields() -> dict[SurveyKey, SurveyFields]:
    """Return what people know of each survey beside its name: site, depth, date and more."""
    with database().read() as connection:
        return queries.survey_fields(connection)


@st.cache_data(ttl=KEPT_S, max_entries=1, show_spinner=False)
def checked() -> dict[SurveyKey, Checked]:
    """Return what people's points say of each quadrat that has any."""
    with database().read() as connection:
        sets = point_store.point_sets(connection)
        photographs = point_queries.measured_photographs(connection, with_points=True) if sets else []
    return checks(sets, photographs)


def still_there(surveys: Iterable[SurveyKey]) -> tuple[SurveyKey, ...]:
    """Return which of these have a row in the database now (never kept)."""
    wanted = set(surveys)
    found: set[SurveyKey] = set()
    with database().read() as connection:
        for year, island in {(survey.year, survey.island) for survey in wanted}:
            rows = queries.coverage_rows(connection, island=island, year=year)
            found |= {SurveyKey(row.year, row.island, row.location) for row in rows}
    return tuple(sorted(wanted & found))


def forget_before(moment: datetime) -> None:
    """Drop what was kept if it was read before this moment, when a result is known to have been written."""
    if _read_at().get("coverage", moment) < moment:
        forget()


def forget() -> None:
    """Drop what was kept, because new results or deletions are known."""
    for kept in (coverage, colonies, provenance, survey_fields, checked):
        kept.clear()
    _read_at().clear()
