"""The local stack on a real MariaDB: rows, a database that goes away in the middle, many photographs at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.local_stack import REPOSITORY, RunningStack, project_with_fakes, wait_for
from tests.support.mariadb import MariaDb


@pytest.fixture(scope="module")
def stack(mariadb: MariaDb, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack whose coverage goes to MariaDB."""
    template = project_with_fakes(tmp_path_factory.mktemp("project"))
    options = {"template": str(template), "database_url": mariadb.url, "max_workers": 2}
    running = RunningStack(tmp_path_factory.mktemp("stack"), options)
    running.start()
    yield running
    running.stop()


def test_rows_arrive_in_mariadb(stack: RunningStack) -> None:
    for cover in (1.0, 99.99):
        execution = stack.execution_of(stack.upload("2006-Huahiné-01.jpg", {"cover": cover}))
        assert execution["status"] == "SUCCEEDED", execution
        assert stack.rows() == [("Huahiné", 1, 2006, cover)]


def test_database_that_stops_during_a_run_loses_nothing(stack: RunningStack, mariadb: MariaDb) -> None:
    version = stack.upload("2007-Huahiné-01.jpg", {"cover": 42.0, "segmentation": [{"until": "go/on"}] * 9})
    begun = stack.under_way(version)
    mariadb.stop()
    stack.clients.s3.put_object(Bucket=stack.info.buckets["SegmentedBucket"], Key="go/on", Body=b"")
    wait_for(lambda: "DatabaseUnavailableError" in stack.failures_of(begun), 60)
    mariadb.start()
    execution = stack.execution_of(version)
    assert execution["status"] == "SUCCEEDED", execution
    assert set(stack.failures_of(execution)) - {"Sandbox.Timedout"} == {"DatabaseUnavailableError"}
    assert ("Huahiné", 1, 2007, 42.0) in stack.rows()


def test_twenty_photographs_at_once_end_in_one_row_each(stack: RunningStack) -> None:
    versions = [stack.upload(f"2011-Crowd-{n:02d}.jpg", {"cover": float(n)}) for n in range(1, 21)]
    stack.wait_until_ended(versions)
    assert [row for row in stack.rows() if row[0] == "Crowd"] == [("Crowd", n, 2011, float(n)) for n in range(1, 21)]


def test_state_folder_stays_free_of_a_database_of_its_own(stack: RunningStack) -> None:
    assert not list(Path(stack.state).glob("reefsteps.sqlite*"))


def test_a_table_of_another_program_stops_the_start_until_it_is_converted(
    mariadb: MariaDb, tmp_path_factory: pytest.TempPathFactory
) -> None:
    mariadb.execute("DROP DATABASE IF EXISTS old_reefs")
    mariadb.execute("CREATE DATABASE old_reefs CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
    mariadb.execute("GRANT ALL ON old_reefs.* TO coverage_writer@'127.0.0.1'")
    mariadb.execute(
        "CREATE TABLE old_reefs.coral_coverage (island VARCHAR(30), location INT, year INT, coverage DECIMAL(5,2), "
        "last_update DATE, PRIMARY KEY (island, location, year))"
    )
    mariadb.execute("INSERT INTO old_reefs.coral_coverage VALUES ('Huahine', 1, 2006, 12.5, NULL)")
    state = tmp_path_factory.mktemp("state")
    url = mariadb.url.replace("/reefs", "/old_reefs")
    command = [sys.executable, "-m", "local", "up", "--no-page", "--state", str(state), "--database-url", url]
    refused = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
    assert refused.returncode == 1
    assert "writing Huahiné would delete the row of Huahine" in refused.stderr
    assert "--convert" in refused.stderr
    assert "Traceback" not in refused.stderr

    template = project_with_fakes(tmp_path_factory.mktemp("project"))
    stack = RunningStack(state, {"template": str(template), "database_url": url, "convert": True, "max_workers": 1})
    stack.start()
    try:
        stack.execution_of(stack.upload("2006-Huahiné-01.jpg", {"cover": 1.0}))
        assert stack.rows() == [("Huahine", 1, 2006, 12.5), ("Huahiné", 1, 2006, 1.0)]
    finally:
        stack.stop()
    assert "coral_coverage_before_" in (state / "stack.log").read_text()
