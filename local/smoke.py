"""``python -m local smoke``: the deployment's smoke test on the local stack."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, delete

from local.provision import Clients
from local.samples import drawn_for_smoke_test
from local.stack_info import StackInfo
from reefsteps.buckets import Buckets
from reefsteps.coverage_queries import coverage_rows
from reefsteps.coverage_store import where_survey
from reefsteps.database import Database
from reefsteps.model_roles import ModelRole
from reefsteps.smoke_test import DrawnPhotograph, Patience, Place, smoke_test
from reefsteps.surveys import SurveyKey
from reefsteps.tables import removed_photo, survey


class DatabaseRows:
    """The smoke test's row in the database of the local stack."""

    def __init__(self, url: str) -> None:
        """Connect when asked."""
        self._database = Database(url)

    def cover(self, survey: SurveyKey) -> float | None:
        """Return the percent cover of the survey's row; None where there is none."""
        with self._database.read() as connection:
            rows = coverage_rows(connection, island=survey.island, year=survey.year, location=survey.location)
        return rows[0].cover_percent if rows else None

    def forget(self, key: SurveyKey) -> None:
        """Delete the deletions that are remembered of a survey, and its lock."""

        def work(connection: Connection) -> None:
            for table in (removed_photo, survey):
                connection.execute(delete(table).where(*where_survey(table, key)))

        self._database.write(work)


def run(
    info: StackInfo,
    say: Callable[[str], None],
    *,
    drawn: DrawnPhotograph | None = None,
    patience: Patience | None = None,
) -> None:
    """Send a drawn photograph through the running stack; raises SmokeTestError."""
    clients, buckets = Clients(info.endpoint, info.region), info.buckets
    place = Place(
        s3=clients.s3,
        step_functions=clients.stepfunctions,
        buckets=Buckets.of_resources(buckets),
        model_buckets={role: buckets[role.bucket_resource] for role in ModelRole},
        pipeline_arn=info.state_machines["Pipeline"],
        removal_arn=info.state_machines["Removal"],
        rows=DatabaseRows(info.database_url),
    )
    smoke_test(place, drawn or drawn_for_smoke_test(), say, patience or Patience(poll_s=0.2))
