"""The whole local stack, with the real template and state machines and stand-ins for the three image workers."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local import cli
from reefsteps.copies import without_run
from reefsteps.failures import split_cause
from tests.support.local_stack import REPOSITORY, RunningStack, project_with_fakes, wait_for


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real template beside stand-ins; workers time out after eight seconds."""
    return project_with_fakes(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def shared_stack(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """One stack on SQLite for the tests that only add photographs."""
    stack = RunningStack(tmp_path_factory.mktemp("stack"), {"template": str(project), "max_workers": 2})
    stack.start()
    yield stack
    stack.stop()


@pytest.fixture
def own_stack(project: Path, tmp_path: Path) -> Iterator[RunningStack]:
    """A stack that the test may kill."""
    stack = RunningStack(tmp_path / "state", {"template": str(project), "max_workers": 2})
    yield stack
    stack.stop()


def execution_of(stack: RunningStack, version: str, timeout_s: float = 60.0) -> dict[str, Any]:
    """Wait for the end of the execution of one uploaded version."""
    return stack.execution_of(version, timeout_s)


def row_of(stack: RunningStack, island: str) -> tuple[str, int, int, float]:
    """Return the only row of an island."""
    (row,) = [row for row in stack.rows() if row[0] == island]
    return row


def test_upload_becomes_one_named_execution_and_one_row(shared_stack: RunningStack) -> None:
    version = shared_stack.upload("2006-Takapoto-01.jpg", {"cover": 12.34})
    execution = execution_of(shared_stack, version)
    assert execution["status"] == "SUCCEEDED", execution
    assert execution["name"].startswith("2006-Takapoto-01-jpg-" + version[:8])
    assert row_of(shared_stack, "Takapoto") == ("Takapoto", 1, 2006, 12.34)


def test_key_with_accents_spaces_and_apostrophes(shared_stack: RunningStack) -> None:
    version = shared_stack.upload("2019-Nuku Hiva d'Huahiné-07.JPG", {"cover": 1.0})
    assert execution_of(shared_stack, version)["status"] == "SUCCEEDED"
    assert row_of(shared_stack, "Nuku Hiva d'Huahiné") == ("Nuku Hiva d'Huahiné", 7, 2019, 1.0)


@pytest.mark.parametrize(
    ("key", "body", "error"),
    [
        ("holiday.jpg", {"cover": 1.0}, "InvalidSurveyKeyError"),
        ("2006-Refused-00.jpg", {"cover": 1.0}, "InvalidSurveyKeyError"),
        ("2006-Refused-01.jpg", b"no picture", "InvalidImageError"),
        (
            "2006-Refused-02.jpg",
            {"cover": 1.0, "reframing": [{"raise": "QuadratNotFoundError"}] * 9},
            "QuadratNotFoundError",
        ),
    ],
)
def test_bad_input_fails_by_name_and_is_not_retried(
    shared_stack: RunningStack, key: str, body: bytes | dict[str, Any], error: str
) -> None:
    execution = execution_of(shared_stack, shared_stack.upload(key, body))
    assert (execution["status"], execution["error"]) == ("FAILED", error)
    step, message = execution["cause"].split(": ", 1)
    assert step in ("restoration", "reframing")
    assert message
    assert not [row for row in shared_stack.rows() if row[0] == "Refused"]
    assert shared_stack.failures_of(execution) == [error]


def test_original_is_kept_when_a_photograph_is_refused(shared_stack: RunningStack) -> None:
    version = shared_stack.upload("2006-Kept-01.jpg", b"no picture")
    execution_of(shared_stack, version)
    kept = shared_stack.clients.s3.get_object(
        Bucket=shared_stack.info.buckets["RawBucket"], Key="2006-Kept-01.jpg", VersionId=version
    )
    assert kept["Body"].read() == b"no picture"


def test_repeated_event_starts_nothing(shared_stack: RunningStack) -> None:
    version = shared_stack.upload("2006-Repeated-01.jpg", {"cover": 5.0})
    execution = execution_of(shared_stack, version)
    before = len(shared_stack.executions())
    given = json.loads(execution["input"])
    event = {
        "version": "0",
        "detail": {
            "bucket": {"name": given["bucket"]},
            "object": {"key": given["key"], "version-id": version, "sequencer": given["sequencer"]},
        },
    }
    shared_stack.clients.stepfunctions.start_execution(
        stateMachineArn=shared_stack.info.state_machines["Admit"], name="again", input=json.dumps(event)
    )
    wait_for(lambda: all(e["status"] == "SUCCEEDED" for e in shared_stack.executions("Admit")), 60)
    assert len(shared_stack.executions()) == before
    assert row_of(shared_stack, "Repeated")[3] == 5.0


def test_older_version_that_finishes_last_does_not_win(shared_stack: RunningStack) -> None:
    old = shared_stack.upload("2006-Twice-01.jpg", {"cover": 10.0, "segmentation": [{"until": "go/twice"}] * 9})
    shared_stack.under_way(old)
    new = shared_stack.upload("2006-Twice-01.jpg", {"cover": 20.0})
    second = execution_of(shared_stack, new)
    shared_stack.clients.s3.put_object(Bucket=shared_stack.info.buckets["SegmentedBucket"], Key="go/twice", Body=b"")
    first = execution_of(shared_stack, old)
    assert first["status"] == "SUCCEEDED"
    assert first["stopDate"] > second["stopDate"]
    assert second["status"] == "SUCCEEDED"
    assert row_of(shared_stack, "Twice") == ("Twice", 1, 2006, 20.0)


def test_crashed_handler_is_restarted_and_retried(shared_stack: RunningStack) -> None:
    version = shared_stack.upload("2006-Crashed-01.jpg", {"cover": 3.0, "reframing": [{"exit": True}]})
    execution = execution_of(shared_stack, version)
    assert execution["status"] == "SUCCEEDED", execution
    assert shared_stack.failures_of(execution) == ["Runtime.ExitError"]


def test_handler_that_takes_too_long_is_stopped_and_retried(shared_stack: RunningStack) -> None:
    version = shared_stack.upload("2006-Slow-01.jpg", {"cover": 3.0, "restoration": [{"sleep_s": 60}]})
    execution = execution_of(shared_stack, version)
    assert execution["status"] == "SUCCEEDED", execution
    assert shared_stack.failures_of(execution) == ["Sandbox.Timedout"]


def test_handler_that_always_crashes_fails_by_name(shared_stack: RunningStack) -> None:
    version = shared_stack.upload("2006-Doomed-01.jpg", {"cover": 3.0, "segmentation": [{"exit": True}] * 9})
    execution = execution_of(shared_stack, version)
    assert (execution["status"], execution["error"]) == ("FAILED", "Runtime.ExitError")
    assert "exit status 1" in split_cause(execution["cause"])[1]


def test_failed_runs_are_started_again_at_their_step(
    shared_stack: RunningStack, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = "2006-Recovered-01.jpg"
    script = {"cover": 4.0, "over_all_runs": True, "restoration": [{"exit": True}] * 3}
    version = shared_stack.upload(photo, script)
    assert execution_of(shared_stack, version)["status"] == "FAILED"
    arguments = ["retry", "--state", str(shared_stack.state), "--error", "Runtime.ExitError", "--since", "5m", "--yes"]
    assert cli.main(arguments) == 0
    assert "from restoration on" in capsys.readouterr().out
    wait_for(lambda: any(row[0] == "Recovered" for row in shared_stack.rows()), 60.0)
    runs = [run for run in shared_stack.executions() if run["name"].startswith("2006-Recovered-01-jpg")]
    assert [json.loads(run["input"]).get("start_at") for run in runs] == [None, "restoration"]
    assert row_of(shared_stack, "Recovered") == ("Recovered", 1, 2006, 4.0)


def test_model_that_is_not_ready_is_waited_for(shared_stack: RunningStack) -> None:
    version = shared_stack.upload(
        "2006-Waiting-01.jpg", {"cover": 3.0, "segmentation": [{"raise": "ModelNotReadyError"}] * 2}
    )
    assert execution_of(shared_stack, version)["status"] == "SUCCEEDED"


def test_uploaded_model_is_converted(shared_stack: RunningStack) -> None:
    bucket = shared_stack.info.buckets["ModelReframingBucket"]
    shared_stack.clients.s3.put_object(Bucket=bucket, Key="some.pth", Body=b"weights")
    wait_for(lambda: "some.json" in shared_stack.keys(bucket), 60)


def test_presigned_upload_from_a_browser_runs_too(shared_stack: RunningStack) -> None:
    import urllib.request

    post = shared_stack.clients.s3.generate_presigned_post(
        shared_stack.info.buckets["RawBucket"], "2006-Browser-01.jpg", ExpiresIn=60
    )
    boundary = "b0undary"
    fields = [f'Content-Disposition: form-data; name="{k}"\r\n\r\n{v}' for k, v in post["fields"].items()]
    fields.append('Content-Disposition: form-data; name="file"; filename="x.jpg"\r\n\r\n{"cover": 8.0}')
    body = "".join(f"--{boundary}\r\n{field}\r\n" for field in fields) + f"--{boundary}--\r\n"
    request = urllib.request.Request(
        post["url"], body.encode(), {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status in (200, 201, 204)
    wait_for(lambda: any(row[0] == "Browser" for row in shared_stack.rows()), 60)


def test_upload_in_parts_is_one_upload(shared_stack: RunningStack, tmp_path: Path) -> None:
    photo = tmp_path / "large.jpg"
    photo.write_text(json.dumps({"cover": 7.0}) + " " * 17_000_000)  # beyond boto3's threshold of 8 MiB, twice
    bucket, before = shared_stack.info.buckets["RawBucket"], len(shared_stack.executions())
    shared_stack.clients.s3.upload_file(str(photo), bucket, "2006-Parts-01.jpg")
    wait_for(lambda: any(row[0] == "Parts" for row in shared_stack.rows()), 60)
    assert len(shared_stack.executions()) == before + 1


def test_deleted_photograph_takes_its_row_along(shared_stack: RunningStack) -> None:
    key = "2006-Deleted-01.jpg"
    execution_of(shared_stack, shared_stack.upload(key, {"cover": 8.0}))
    assert row_of(shared_stack, "Deleted")
    shared_stack.clients.s3.delete_object(Bucket=shared_stack.info.buckets["RawBucket"], Key=key)
    wait_for(lambda: not any(row[0] == "Deleted" for row in shared_stack.rows()), 60)


def test_the_older_of_two_photographs_is_measured_again_when_the_newer_is_deleted(shared_stack: RunningStack) -> None:
    older = shared_stack.upload("2006-Hao-01.jpg", {"cover": 11.0})
    execution_of(shared_stack, older)
    newer = shared_stack.upload("2006-Hao-1.png", {"cover": 22.0})
    execution_of(shared_stack, newer)
    assert row_of(shared_stack, "Hao") == ("Hao", 1, 2006, 22.0)
    shared_stack.clients.s3.delete_object(Bucket=shared_stack.info.buckets["RawBucket"], Key="2006-Hao-1.png")
    wait_for(lambda: ("Hao", 1, 2006, 11.0) in shared_stack.rows(), 60)
    runs = [run for run in shared_stack.executions() if json.loads(run["input"]).get("version_id") == older]
    assert len(runs) == 2
    assert runs[1]["name"].startswith("2006-Hao-01-jpg-")
    assert json.loads(runs[1]["input"])["requested_by"] == "removal"


def test_the_older_version_is_measured_again_when_the_newer_is_deleted_for_good(shared_stack: RunningStack) -> None:
    execution_of(shared_stack, shared_stack.upload("2007-Hao-01.jpg", {"cover": 11.0}))
    newer = shared_stack.upload("2007-Hao-01.jpg", {"cover": 22.0})
    execution_of(shared_stack, newer)
    bucket = shared_stack.info.buckets["RawBucket"]
    shared_stack.clients.s3.delete_object(Bucket=bucket, Key="2007-Hao-01.jpg", VersionId=newer)
    wait_for(lambda: ("Hao", 1, 2007, 11.0) in shared_stack.rows(), 60)
    marker = shared_stack.clients.s3.delete_object(Bucket=bucket, Key="2007-Hao-01.jpg")["VersionId"]
    wait_for(lambda: not any(row[0] == "Hao" and row[2] == 2007 for row in shared_stack.rows()), 60)
    shared_stack.clients.s3.delete_object(Bucket=bucket, Key="2007-Hao-01.jpg", VersionId=marker)
    wait_for(lambda: ("Hao", 1, 2007, 11.0) in shared_stack.rows(), 60)


def test_twenty_photographs_at_once_end_in_one_row_each(shared_stack: RunningStack) -> None:
    versions = [
        shared_stack.upload(f"2011-Crowd-{location:02d}.jpg", {"cover": float(location)}) for location in range(1, 21)
    ]
    assert {execution["status"] for execution in shared_stack.wait_until_ended(versions)} == {"SUCCEEDED"}
    rows = [row for row in shared_stack.rows() if row[0] == "Crowd"]
    assert rows == [("Crowd", location, 2011, float(location)) for location in range(1, 21)]


def test_function_without_a_free_worker_answers_as_lambda_does(project: Path, tmp_path: Path) -> None:
    stack = RunningStack(tmp_path / "state", {"template": str(project), "max_workers": 1, "queue_s": 0.0})
    try:
        stack.start()
        script = {"cover": 1.0, "restoration": [{"until": "go/throttled"}]}
        versions = [stack.upload(f"2012-Throttled-{n:02d}.jpg", script) for n in range(1, 4)]
        begun = [stack.under_way(version) for version in versions]
        throttled = "Lambda.TooManyRequestsException"
        wait_for(lambda: any(throttled in stack.failures_of(execution) for execution in begun), 60)
        stack.clients.s3.put_object(Bucket=stack.info.buckets["TreatedBucket"], Key="go/throttled", Body=b"")
        executions = [execution_of(stack, version) for version in versions]
        assert {execution["status"] for execution in executions} == {"SUCCEEDED"}, executions
        errors = {error for execution in executions for error in stack.failures_of(execution)}
        assert "Lambda.TooManyRequestsException" in errors
        assert len(stack.rows()) == 3
    finally:
        stack.stop()


def test_killed_stack_finishes_its_executions_when_started_again(own_stack: RunningStack) -> None:
    own_stack.start()
    done = own_stack.upload("2006-Before-01.jpg", {"cover": 1.0})
    finished = execution_of(own_stack, done)
    script = {"cover": 2.0, "reframing": [{"until": "go/interrupted"}] * 9}
    interrupted = own_stack.upload("2006-Interrupted-01.jpg", script)
    in_a_step = f"attempts/{own_stack.under_way(interrupted)['name']}/reframing/0"
    wait_for(lambda: in_a_step in own_stack.keys(own_stack.info.buckets["TreatedBucket"]), 60)
    own_stack.kill()

    own_stack.start()
    own_stack.clients.s3.put_object(Bucket=own_stack.info.buckets["TreatedBucket"], Key="go/interrupted", Body=b"")
    executions = own_stack.wait_for_executions(2, timeout_s=150)
    assert [execution["status"] for execution in executions] == ["SUCCEEDED", "SUCCEEDED"]
    assert [row[0] for row in own_stack.rows()] == ["Before", "Interrupted"]
    kept = next(execution for execution in executions if execution["name"] == finished["name"])
    assert kept["output"] == finished["output"]
    history = own_stack.clients.stepfunctions.get_execution_history(
        executionArn=kept["executionArn"], reverseOrder=True, maxResults=1
    )
    assert [event["type"] for event in history["events"]] == ["ExecutionSucceeded"]
    body = own_stack.clients.s3.get_object(
        Bucket=own_stack.info.buckets["RawBucket"], Key="2006-Before-01.jpg", VersionId=done
    )
    assert json.loads(body["Body"].read()) == {"cover": 1.0}


def test_objects_come_back_as_they_were(own_stack: RunningStack) -> None:
    own_stack.start()
    s3, bucket = own_stack.clients.s3, own_stack.info.buckets["MasksBucket"]
    s3.put_object(Bucket=bucket, Key="a é.png", Body=b"old", ContentType="image/png")
    new = s3.put_object(Bucket=bucket, Key="a é.png", Body=b"new", Metadata={"side-cm": "50"}, Tagging="survey=1")
    s3.put_object(Bucket=bucket, Key="hidden", Body=b"x")
    s3.delete_object(Bucket=bucket, Key="hidden")
    own_stack.kill()
    own_stack.start()
    s3 = own_stack.clients.s3
    kept = s3.get_object(Bucket=bucket, Key="a é.png")
    assert kept["Body"].read() == b"new"
    assert (kept["Metadata"], kept["ETag"], kept["VersionId"]) == ({"side-cm": "50"}, new["ETag"], new["VersionId"])
    assert s3.get_object_tagging(Bucket=bucket, Key="a é.png")["TagSet"] == [{"Key": "survey", "Value": "1"}]
    listed = s3.list_object_versions(Bucket=bucket)
    assert [(v["Key"], v["IsLatest"]) for v in listed["Versions"]] == [
        ("a é.png", True),
        ("a é.png", False),
        ("hidden", False),
    ]
    assert [(m["Key"], m["IsLatest"]) for m in listed["DeleteMarkers"]] == [("hidden", True)]
    assert own_stack.keys(bucket) == ["a é.png"]


def test_nothing_outlives_a_killed_stack(own_stack: RunningStack) -> None:
    own_stack.start()
    execution_of(own_stack, own_stack.upload("2006-Orphans-01.jpg", {"cover": 1.0}))
    assert processes_under(own_stack.state)
    own_stack.kill()
    wait_for(lambda: not processes_under(own_stack.state), 60)


def test_ctrl_c_ends_everything(own_stack: RunningStack) -> None:
    own_stack.start()
    execution_of(own_stack, own_stack.upload("2006-Orphans-01.jpg", {"cover": 1.0}))
    assert own_stack.process is not None
    own_stack.process.send_signal(signal.SIGINT)
    assert own_stack.process.wait(60) == 0
    wait_for(lambda: not processes_under(own_stack.state), 60)
    assert not (own_stack.state / "stack.json").exists()
    assert not (own_stack.state / "run").exists()


def processes_under(state: Path) -> list[int]:
    """Return the processes whose environment points into the state folder (the workers')."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
        except OSError:
            continue
        if f"TMPDIR={state}".encode() in environment:
            found.append(int(folder.name))
    return found


def test_everything_listens_on_this_machine_only(shared_stack: RunningStack) -> None:
    execution_of(shared_stack, shared_stack.upload("2006-Ports-01.jpg", {"cover": 1.0}))
    own = {shared_stack.process.pid, *processes_under(shared_stack.state)}  # type: ignore[union-attr]
    inodes = set()
    for pid in own:
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                inodes.add(str(link.readlink()))
            except OSError:
                continue
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    ours = [entry for entry in listening if entry[3] == "0A" and f"socket:[{entry[9]}]" in inodes]
    assert len(ours) >= 5
    assert {entry[1].split(":")[0] for entry in ours} == {"0100007F"}
    six = Path("/proc/net/tcp6")
    if six.exists():
        assert not [
            line
            for line in six.read_text().splitlines()[1:]
            if f"socket:[{line.split()[9]}]" in inodes and line.split()[3] == "0A"
        ]


def test_second_stack_on_one_folder_is_refused(shared_stack: RunningStack) -> None:
    command = [sys.executable, "-m", "local", "up", "--no-page", "--state", str(shared_stack.state)]
    second = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60)
    assert second.returncode == 1
    assert "already runs" in second.stderr


def test_a_copy_that_says_that_it_has_its_result_starts_no_run(shared_stack: RunningStack) -> None:
    s3, bucket = shared_stack.clients.s3, shared_stack.info.buckets["RawBucket"]
    shared_stack.clients.s3.put_object(Bucket=shared_stack.info.buckets["MasksBucket"], Key="x", Body=b'{"cover": 5}')
    source = {"Bucket": shared_stack.info.buckets["MasksBucket"], "Key": "x"}
    marked, other = "2012-Mo'orea é-01.jpg", "2012-Copied-02.jpg"
    for key, metadata in ((marked, without_run(marked)), (other, without_run(marked)), ("2012-Copied-03.jpg", {})):
        s3.copy_object(Bucket=bucket, Key=key, CopySource=source, Metadata=metadata, MetadataDirective="REPLACE")
    wait_for(lambda: len([row for row in shared_stack.rows() if row[0] == "Copied"]) == 2, 60)
    admitted = [json.loads(run["input"])["key"] for run in shared_stack.executions()]
    assert marked not in admitted
    assert {other, "2012-Copied-03.jpg"} <= set(admitted)
