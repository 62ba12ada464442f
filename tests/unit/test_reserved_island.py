"""The smoke test's row is in no figure and no export, while it exists."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import create_engine, insert

from reefsteps import coverage_queries as queries
from reefsteps.database import Database
from reefsteps.smoke_test import SURVEY
from reefsteps.tables import colony, coral_coverage, survey_fields


def test_what_the_page_reads_does_not_hold_the_reserved_island(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'coverage.db'}"
    database = Database(url)
    database.create_tables()
    islands = ("Moorea", SURVEY.island)
    names = [{"island": island, "location": SURVEY.location, "year": 2024} for island in islands]
    measured = {"number": 1, "area_cm2": 1.0, "score": 1.0, "cut_by_frame": False, "box_px": [0, 0, 1, 1]}

    with create_engine(url).begin() as connection:  # without the foreign keys that Database asks for
        for table, values in ((coral_coverage, {"coverage": 5.0}), (colony, measured), (survey_fields, {"site": "x"})):
            connection.execute(insert(table), [name | values for name in names])
    with database.read() as connection:
        assert {row.island for row in queries.coverage_rows(connection)} == {"Moorea"}
        assert {row.island for row in queries.coverage_rows(connection, year=2024)} == {"Moorea"}
        assert {row.island for row in queries.colony_rows(connection)} == {"Moorea"}
        assert {key.island for key in queries.survey_fields(connection)} == {"Moorea"}
        assert [row.cover_percent for row in queries.coverage_rows(connection, island=SURVEY.island)] == [5.0]
