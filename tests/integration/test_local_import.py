"""`python -m local import` as a person calls it, on a running stack with stand-ins for the image workers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.local_stack import REPOSITORY, RunningStack, project_with_fakes, wait_for


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    template = project_with_fakes(tmp_path_factory.mktemp("project"))
    running = RunningStack(tmp_path_factory.mktemp("stack"), {"template": str(template), "max_workers": 2})
    running.start()
    yield running
    running.stop()


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """An ancestor's folder and table; one photograph without a row, one row without a photograph."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("2006-Huahiné-01.jpg", "2006-Hao-02.jpg", "2006-Alone-01.jpg"):
        (photos / name).write_bytes(b'{"cover": 99}')
    (tmp_path / "dump.sql").write_text(
        "CREATE TABLE coral_coverage (island varchar(30), location int, year int, coverage decimal(5,2), "
        "last_update date, PRIMARY KEY (island, location, year));\n"
        "INSERT INTO coral_coverage VALUES ('Huahiné',1,2006,12.50,'2007-01-01'),('Hao',2,2006,40,NULL),\n"
        "('Lost',1,2006,1,NULL);\n"
    )
    return tmp_path


def call(stack: RunningStack, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "local", "import", *arguments, "--state", str(stack.state)]
    return subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, env=dict(os.environ), check=False
    )


def test_a_folder_and_a_dump_are_taken_over_without_a_run_and_twice_changes_nothing(
    stack: RunningStack, old: Path
) -> None:
    arguments = (str(old / "photos"), "--table", str(old / "dump.sql"))
    dry = call(stack, *arguments, "--dry-run")
    assert "Would be imported: 2" in dry.stdout
    assert stack.rows() == []

    done = call(stack, *arguments)
    assert done.returncode == 1, done.stderr  # something was left out
    assert "Imported 2, imported before 0." in done.stdout
    assert "Not imported: 2006-Alone-01.jpg: The table has no row for it" in done.stdout
    assert "Not imported: line 3, 2006-Lost-01: No photograph has this name." in done.stdout
    expected = [("Hao", 2, 2006, 40.0), ("Huahiné", 1, 2006, 12.5)]
    assert stack.rows() == expected

    again = call(stack, *arguments)
    assert "Imported 0, imported before 2." in again.stdout
    assert stack.rows() == expected
    # A photograph of our own afterwards shows that events have been delivered: no copy became a run.
    stack.execution_of(stack.upload("2012-After-01.jpg", {"cover": 3.0}))
    wait_for(lambda: all(run["status"] != "RUNNING" for run in stack.executions("Admit")), 30)
    assert len(stack.executions()) == 1
    buckets = [bucket["Name"] for bucket in stack.clients.s3.list_buckets()["Buckets"]]
    assert not [name for name in buckets if name.startswith("import-")]


def test_a_table_with_faults_imports_nothing_and_names_the_lines(stack: RunningStack, old: Path) -> None:
    table = old / "table.csv"
    table.write_text("island,location,year,coverage\nHao,2,1999,1\nHao,x,1999,1\nHao,3,1999,101\n")
    (old / "photos/1999-Hao-02.jpg").write_bytes(b"x")
    done = call(stack, str(old / "photos"), "--table", str(table))
    assert done.returncode == 1
    assert "table.csv has 2 faults" in done.stderr
    assert "line 3: location is 'x'" in done.stderr
    assert "Nothing was imported" in done.stderr
    assert not [row for row in stack.rows() if row[2] == 1999]


def test_a_bucket_prefix_of_the_stack_is_taken_too(stack: RunningStack, tmp_path: Path) -> None:
    bucket = stack.info.buckets["MasksBucket"]
    stack.clients.s3.put_object(Bucket=bucket, Key="old/2003-Niau-01.jpg", Body=b"x")
    table = tmp_path / "t.csv"
    table.write_text("island;location;year;coverage\nNiau;1;2003;12,5\n")
    done = call(stack, f"s3://{bucket}/old/", "--table", str(table))
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("Niau", 1, 2003, 12.5) in stack.rows()


def test_what_does_not_exist_is_named(stack: RunningStack, old: Path) -> None:
    assert "no file" in call(stack, str(old / "photos"), "--table", "missing.csv").stderr
    assert "no folder" in call(stack, str(old / "nowhere"), "--table", str(old / "dump.sql")).stderr
