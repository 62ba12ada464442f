"""The backfill on the local stack: a distributed Map over the raw bucket, its children, its report, and the command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import cli
from reefsteps import backfills
from tests.support.local_stack import RunningStack, project_with_fakes, wait_for

GOOD = [f"2006-Maupiti-{number:02d}.jpg" for number in (1, 2, 3)]
DOOMED, HOLIDAY = "2006-Doomed-01.jpg", "2006-holiday.jpg"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack with three photographs that can be measured, one that always crashes and one with a wrong name."""
    template = project_with_fakes(tmp_path_factory.mktemp("project"))
    stack = RunningStack(tmp_path_factory.mktemp("stack"), {"template": str(template), "max_workers": 2})
    stack.start()
    scripts: dict[str, dict[str, Any]] = {key: {"cover": 10.0 + n} for n, key in enumerate(GOOD)}
    scripts |= {HOLIDAY: {"cover": 1.0}, DOOMED: {"cover": 1.0, "segmentation": [{"exit": True}] * 99}}
    stack.wait_until_ended([stack.upload(key, script) for key, script in scripts.items()])
    yield stack
    stack.stop()


def backfill(stack: RunningStack, given: dict[str, Any]) -> dict[str, Any]:
    """Run a backfill to its end; returns how it ended."""
    (arn,) = backfills.start(stack.clients.stepfunctions, stack.info.state_machines["Backfill"], [given])
    return backfills.finish(stack.clients.stepfunctions, arn, lambda *_: None)


def report(stack: RunningStack, ended: dict[str, Any]) -> dict[str, backfills.Reprocessed]:
    """Return what the report says, by photograph."""
    clients, bucket = stack.clients, stack.info.buckets["SegmentedBucket"]
    found = backfills.report(clients.s3, bucket, clients.stepfunctions, ended["executionArn"])
    return {one.photo: one for one in found}


def children(stack: RunningStack, ended: dict[str, Any]) -> list[dict[str, Any]]:
    """Describe the child executions of a backfill."""
    client = stack.clients.stepfunctions
    (run,) = client.list_map_runs(executionArn=ended["executionArn"])["mapRuns"]
    listed = client.list_executions(mapRunArn=run["mapRunArn"])["executions"]
    return [client.describe_execution(executionArn=item["executionArn"]) for item in listed]


def test_everything_under_a_prefix_is_measured_again(stack: RunningStack) -> None:
    stack.upload(GOOD[0], {"cover": 33.0})
    wait_for(lambda: ("Maupiti", 1, 2006, 33.0) in stack.rows(), 60)
    ended = backfill(stack, {"prefix": "2006-Maupiti"})
    assert ended["status"] == "SUCCEEDED", ended
    found = report(stack, ended)
    assert sorted(found) == GOOD
    first, second = found[GOOD[0]], found[GOOD[1]]
    assert (first.status, first.old_cover_percent, first.new_cover_percent) == ("MEASURED", 33.0, 33.0)
    assert (second.old_cover_percent, second.new_cover_percent) == (11.0, 11.0)
    assert second.ran == ("restoration", "reframing", "segmentation", "coverage")
    assert len(children(stack, ended)) == 3


def test_a_refused_photograph_is_a_result_and_a_fault_is_a_failure(stack: RunningStack) -> None:
    ended = backfill(stack, {"tolerated_failure_percentage": 25})
    assert ended["status"] == "SUCCEEDED", ended
    found = report(stack, ended)
    assert found[HOLIDAY].status == "REFUSED"
    assert "InvalidSurveyKeyError" in str(found[HOLIDAY].why)
    assert found[DOOMED].status == "FAILED"
    assert "Runtime.ExitError" in str(found[DOOMED].why)
    statuses = sorted(child["status"] for child in children(stack, ended))
    assert statuses == ["FAILED", *["SUCCEEDED"] * 4]


def test_more_faults_than_are_tolerated_end_the_backfill_with_a_report(stack: RunningStack) -> None:
    ended = backfill(stack, {"keys": [DOOMED, GOOD[0]], "tolerated_failure_percentage": 10, "max_concurrency": 1})
    assert (ended["status"], ended["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    assert report(stack, ended)[DOOMED].status == "FAILED"
    (run,) = stack.clients.stepfunctions.list_map_runs(executionArn=ended["executionArn"])["mapRuns"]
    counts = stack.clients.stepfunctions.describe_map_run(mapRunArn=run["mapRunArn"])["executionCounts"]
    assert (counts["total"], counts["failed"], counts["pending"]) == (2, 1, 1)


def test_a_list_may_say_for_each_photograph_where_to_begin(stack: RunningStack) -> None:
    given = {"keys": [GOOD[1], {"key": GOOD[2], "start_at": "restoration", "side_cm": 70.5}]}
    ended = backfill(stack, given)
    assert ended["status"] == "SUCCEEDED", ended
    runs = [run for run in stack.executions() if ended["name"][:20] in run["name"]]
    documents = {json.loads(run["input"])["key"]: json.loads(run["input"]) for run in runs}
    assert documents[GOOD[2]]["side_cm"] == 70.5
    assert {document["requested_by"] for document in documents.values()} == {f"backfill {ended['name']}"}
    assert all(run["name"].startswith("2006-Maupiti-0") and "-backfill-" in run["name"] for run in runs)


def test_the_manifest_and_its_files_are_laid_out_as_on_aws(stack: RunningStack) -> None:
    ended = backfill(stack, {"keys": [GOOD[0]]})
    output = json.loads(ended["output"])
    bucket, key = output["ResultWriterDetails"]["Bucket"], output["ResultWriterDetails"]["Key"]
    folder = f"backfill-reports/{output['MapRunArn'].rpartition(':')[2]}"
    assert key == f"{folder}/manifest.json"
    manifest = json.loads(stack.clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    assert manifest["DestinationBucket"] == bucket
    assert manifest["MapRunArn"] == output["MapRunArn"]
    (file,) = manifest["ResultFiles"]["SUCCEEDED"]
    assert file["Key"] == f"{folder}/SUCCEEDED_0.jsonl"
    body = stack.clients.s3.get_object(Bucket=bucket, Key=file["Key"])["Body"].read()
    assert len(body) == file["Size"]
    assert manifest["ResultFiles"]["FAILED"] == manifest["ResultFiles"]["PENDING"] == []


def test_no_photograph_is_no_fault(stack: RunningStack) -> None:
    ended = backfill(stack, {"prefix": "1999-"})
    assert ended["status"] == "SUCCEEDED"
    assert report(stack, ended) == {}


def test_the_command_says_what_it_does_and_prints_the_report(
    stack: RunningStack, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["backfill", "--state", str(stack.state), "--prefix", "2006-Maupiti", "--yes"]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr().out
    assert "every photograph named '2006-Maupiti...'" in printed
    assert all(key in printed for key in GOOD)
    assert "measured" in printed


def test_the_command_takes_those_that_failed_with_an_error(
    stack: RunningStack, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["backfill", "--state", str(stack.state), "--failed", "Runtime.ExitError", "--since", "1h", "--yes"]
    assert cli.main(arguments) == 1
    printed = capsys.readouterr().out
    assert "1 photographs" in printed
    assert DOOMED in printed
    assert GOOD[0] not in printed


def test_the_command_takes_a_list(stack: RunningStack, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "list.txt").write_text(f"{GOOD[0]}\n\n{HOLIDAY}\n")
    keys = str(tmp_path / "list.txt")
    assert cli.main(["backfill", "--state", str(stack.state), "--keys", keys, "--yes"]) == 0
    printed = capsys.readouterr().out
    assert "refused" in printed
    assert "InvalidSurveyKeyError" in printed
