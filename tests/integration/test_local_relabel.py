"""Relabelling on the whole local stack: real events, state machines and handlers; stand-ins for the workers."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.local_stack import REPOSITORY, RunningStack, project_with_fakes, wait_for


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """One stack on SQLite."""
    project = project_with_fakes(tmp_path_factory.mktemp("project"))
    running = RunningStack(tmp_path_factory.mktemp("stack"), {"template": str(project), "max_workers": 2})
    running.start()
    yield running
    running.stop()


def relabel(stack: RunningStack, name: str, **given: Any) -> dict[str, Any]:
    """Run the state machine `relabel` to its end."""
    machine = stack.info.state_machines["Relabel"]
    arn = stack.clients.stepfunctions.start_execution(stateMachineArn=machine, name=name, input=json.dumps(given))
    found: dict[str, Any] = {}

    def ended() -> bool:
        found.update(stack.clients.stepfunctions.describe_execution(executionArn=arn["executionArn"]))
        return found["status"] != "RUNNING"

    wait_for(ended, 60)
    return found


def names(stack: RunningStack) -> list[str]:
    return [f"{year}-{island}-{location:02d} {cover:g}" for island, location, year, cover in stack.rows()]


def photographs(stack: RunningStack) -> list[str]:
    return stack.keys(stack.info.buckets["RawBucket"])


def wait_until_events_are_delivered(stack: RunningStack) -> None:
    """Every event so far has reached its targets once the run of a later upload has ended, and removal is through."""
    version = stack.upload("1999-Last-01.jpg", {"cover": 1.0})
    stack.execution_of(version)
    stack.clients.s3.delete_object(Bucket=stack.info.buckets["RawBucket"], Key="1999-Last-01.jpg")
    wait_for(lambda: not [row for row in stack.rows() if row[0] == "Last"], 60)


def test_measured_relabelled_undone_without_a_single_new_run(stack: RunningStack) -> None:
    versions = [
        stack.upload("2012-E2B-01.jpg", {"cover": 11.0}),
        stack.upload("2012-E2B-02.png", {"cover": 22.0}),
        stack.upload("2013-E2B-01.jpg", {"cover": 33.0}),
    ]
    stack.wait_until_ended(versions)
    before, runs = names(stack), len(stack.executions())
    treated = stack.info.buckets["TreatedBucket"]
    pictures = [key for key in stack.keys(treated) if not key.startswith("attempts/")]
    moved = [
        {"old": "2012-E2B-01", "new": "2012-Moorea d'E2B Été-02"},  # 1 and 2 were interchanged, and the island's name
        {"old": "2012-E2B-02", "new": "2012-Moorea d'E2B Été-01"},
        {"old": "2013-E2B-01", "new": "2014-Moorea d'E2B Été-01"},
        {"old": "2013-E2B-07", "new": "2014-Moorea d'E2B Été-07"},  # there is none
    ]
    execution = relabel(stack, "first", changes=moved)
    assert execution["status"] == "SUCCEEDED", execution
    assert names(stack) == [
        "2012-Moorea d'E2B Été-01 22",
        "2014-Moorea d'E2B Été-01 33",
        "2012-Moorea d'E2B Été-02 11",
    ]
    assert photographs(stack) == [
        "2012-Moorea d'E2B Été-01.png",
        "2012-Moorea d'E2B Été-02.jpg",
        "2014-Moorea d'E2B Été-01.jpg",
    ]
    assert "2014-Moorea d'E2B Été-01.jpg" in stack.keys(treated)
    assert "2013-E2B-01.jpg" not in stack.keys(treated)

    swap = [
        {"old": "2012-Moorea d'E2B Été-01", "new": "2012-Moorea d'E2B Été-02"},
        {"old": "2012-Moorea d'E2B Été-02", "new": "2012-Moorea d'E2B Été-01"},
    ]
    assert relabel(stack, "second", changes=swap)["status"] == "SUCCEEDED"
    assert relabel(stack, "third", undo="second")["status"] == "SUCCEEDED"
    assert relabel(stack, "fourth", undo="first")["status"] == "SUCCEEDED"
    wait_until_events_are_delivered(stack)
    assert names(stack) == before
    assert photographs(stack) == ["2012-E2B-01.jpg", "2012-E2B-02.png", "2013-E2B-01.jpg"]
    # Removal takes the row first and the objects then.
    wait_for(lambda: [key for key in stack.keys(treated) if not key.startswith("attempts/")] == pictures, 60)
    assert len(stack.executions()) == runs + 1, "only the upload at the end ran"


def test_a_photograph_without_a_result_is_measured_under_its_new_name(stack: RunningStack) -> None:
    wishes = {"cover": 44.0, "reframing": [{"raise": "QuadratNotFoundError"}]}
    stack.execution_of(stack.upload("2020-Refused-01.jpg", wishes))
    assert relabel(stack, "unmeasured", changes=[{"old": "2020-Refused-01", "new": "2020-Found-01"}])
    wait_for(lambda: any(row[0] in ("Found",) for row in stack.rows()) or _failed(stack, "2020-Found-01"), 60)


def _failed(stack: RunningStack, stem: str) -> bool:
    return any(e["status"] == "FAILED" and stem in e["name"] for e in stack.executions())


def test_an_operators_own_copy_is_measured_also_one_of_a_relabelled_photograph(stack: RunningStack) -> None:
    raw = stack.info.buckets["RawBucket"]
    stack.execution_of(stack.upload("2021-Own-01.jpg", {"cover": 5.0}))
    assert relabel(stack, "own", changes=[{"old": "2021-Own-01", "new": "2021-Own-02"}])["status"] == "SUCCEEDED"
    source = {"Bucket": raw, "Key": "2021-Own-02.jpg"}
    copy = stack.clients.s3.copy_object(Bucket=raw, Key="2021-Own-03.jpg", CopySource=source)
    assert stack.execution_of(copy["VersionId"])["status"] == "SUCCEEDED"
    assert "2021-Own-03 5" in names(stack)


def command(stack: RunningStack, *arguments: object, answer: str = "") -> subprocess.CompletedProcess[str]:
    """Run `python -m local relabel` against the stack."""
    call = [sys.executable, "-m", "local", "relabel", *map(str, arguments), "--state", str(stack.state)]
    return subprocess.run(call, cwd=REPOSITORY, input=answer, capture_output=True, text=True, timeout=120, check=False)


def test_a_list_on_the_command_line(stack: RunningStack, tmp_path: Path) -> None:
    stack.wait_until_ended([stack.upload(f"2015-Maupiti-0{n}.jpg", {"cover": float(n)}) for n in (1, 2)])
    path = tmp_path / "list.csv"
    lines = ["old;new;site", "2015-Maupiti;2016-Maupiti;", "2016-Maupitti;2017-Maupiti;", "2015-Maupiti-01;;Été"]
    path.write_bytes("\r\n".join(lines).encode("cp1252"))  # as a French Excel saves it
    twice = command(stack, path, answer="y\n")
    assert twice.returncode == 1
    assert "2015-Maupiti-01  -> 2016-Maupiti-01  site = Été" in twice.stdout, twice.stdout + twice.stderr
    assert "Matches nothing: 2016-Maupitti" in twice.stdout
    assert "2016-Maupiti-02 2" in names(stack) and "2016-Maupiti-01 1" in names(stack)

    path.write_text("old,new,site\n2016-Maupiti-01,2014-Maupiti-01,Outer slope\n")
    refused = command(stack, path, answer="n\n")
    assert refused.returncode == 1 and "Nothing was changed." in refused.stdout
    assert "2016-Maupiti-01 1" in names(stack)
    done = command(stack, path, "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 changed." in done.stdout
    assert "2014-Maupiti-01 1" in names(stack)

    path.write_text("old,new\n2014-Maupiti-01,\n")
    wrong = command(stack, path)
    assert wrong.returncode == 1 and "line 2: This line changes nothing" in wrong.stderr, wrong.stderr
    assert command(stack, tmp_path / "none.csv").returncode == 1


def test_a_list_that_is_no_list_fails_by_name(stack: RunningStack) -> None:
    execution = relabel(stack, "wrong", changes="everything")
    assert (execution["status"], execution["error"]) == ("FAILED", "InvalidParameterError")
    assert execution["cause"].startswith("register: ")
