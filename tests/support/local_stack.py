"""A local stack for tests: the real template and state machines, waits scaled down, stand-ins for the workers."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy

from local.provision import Clients
from local.stack_info import StackInfo, running
from tests.support.steps import package_of
from tests.support.waiting import wait_for as wait_for

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
START_TIMEOUT_S = 120.0


def scaled_definitions(folder: Path, *, interval_s: int = 1, longest_s: int = 1) -> Path:
    """Copy the state machines with every wait between retries cut to a second; returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in (REPOSITORY / "statemachine").glob("*.asl.json"):
        text = re.sub(r'"IntervalSeconds": \d+', f'"IntervalSeconds": {interval_s}', source.read_text())
        text = re.sub(r'"BackoffRate": [\d.]+', '"BackoffRate": 1', text)
        text = re.sub(r'"MaxDelaySeconds": \d+', f'"MaxDelaySeconds": {max(longest_s, interval_s + 1)}', text)
        (folder / source.name).write_text(text)
    return folder


def project_with_fakes(folder: Path, *, worker_timeout_s: int = 8) -> Path:
    """Make a project whose template is the real one and whose three workers are stand-ins; returns the template."""
    functions = folder / "functions"
    shutil.copytree(HERE / "local_fakes", functions)
    for package in ("reefsteps", "coverage_step", "removal", "relabel", "importing", "points"):
        (functions / package).symlink_to(REPOSITORY / "functions" / package)
    (folder / "statemachine").symlink_to(scaled_definitions(folder / "scaled"))
    template = (REPOSITORY / "template.yaml").read_text()
    # The one value that a test cannot wait for.
    shortened, count = re.subn(
        r"(WorkerTimeout:\n    Type: Number\n    Default: )\d+", rf"\g<1>{worker_timeout_s}", template
    )
    assert count == 1, "WorkerTimeout has moved"
    (folder / "template.yaml").write_text(shortened)
    return folder / "template.yaml"


def project_with_scripts(folder: Path, steps: Iterable[str]) -> Path:
    """Make a project whose template is the real one and whose functions do what an execution's input says.

    Returns the template.
    """
    (folder / "template.yaml").symlink_to(REPOSITORY / "template.yaml")
    (folder / "statemachine").symlink_to(REPOSITORY / "statemachine")
    for step in steps:
        package = folder / "functions" / package_of(step)
        package.mkdir(parents=True)
        stand_in = "scripted_relabel.py" if step == "relabel" else "scripted_function.py"
        (package / "app.py").write_text((REPOSITORY / "tests/integration/statemachine" / stand_in).read_text())
    return folder / "template.yaml"


@dataclass
class RunningStack:
    """A stack in a process of its own; `kill` and `start` let a test live through a crash."""

    state: Path
    options: dict[str, Any]
    process: subprocess.Popen[bytes] | None = None
    _clients: Clients | None = field(default=None, repr=False)
    _described: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)  # executions, by ARN

    def start(self) -> None:
        """Start it and wait until it is ready."""
        self.state.mkdir(parents=True, exist_ok=True)
        options = {"state": str(self.state), "models": None, **self.options}
        with (self.state / "stack.log").open("ab") as log:
            process = self.process = subprocess.Popen(
                [sys.executable, str(HERE / "local_stack_process.py"), json.dumps(options)],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, "OMP_NUM_THREADS": "1"},
            )
        wait_for(lambda: running(self.state) is not None or process.poll() is not None, START_TIMEOUT_S)
        if process.poll() is not None:
            raise AssertionError(f"the stack did not start:\n{(self.state / 'stack.log').read_text()[-4000:]}")
        self._clients = Clients(self.info.endpoint, self.info.region)
        self._described = {}

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(60)

    def kill(self) -> None:
        """End it as the out-of-memory killer does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    @property
    def info(self) -> StackInfo:
        """Where the stack is."""
        found = running(self.state)
        assert found is not None, (self.state / "stack.log").read_text()[-4000:]
        return found

    @property
    def clients(self) -> Clients:
        """AWS clients of the stack."""
        assert self._clients is not None
        return self._clients

    def upload(self, key: str, body: bytes | dict[str, Any]) -> str:
        """Put an object into the raw bucket; returns the version."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return str(
            self.clients.s3.put_object(Bucket=self.info.buckets["RawBucket"], Key=key, Body=content)["VersionId"]
        )

    def keys(self, bucket: str) -> list[str]:
        """Return the keys in a bucket."""
        return [item["Key"] for item in self.clients.s3.list_objects_v2(Bucket=bucket).get("Contents", [])]

    def executions(self, machine: str = "Pipeline") -> list[dict[str, Any]]:
        """Describe every execution of a state machine, oldest first."""
        arn = self.info.state_machines[machine]
        listed = self.clients.stepfunctions.get_paginator("list_executions").paginate(stateMachineArn=arn)
        every = [item for page in listed for item in page["executions"]]
        return sorted(map(self._describe, every), key=lambda execution: execution["startDate"])

    def _describe(self, listed: dict[str, Any]) -> dict[str, Any]:
        """Describe an execution anew only when its status is another: tests ask for all of them many times a second."""
        arn = listed["executionArn"]
        if self._described.get(arn, {}).get("status") != listed["status"]:
            self._described[arn] = dict(self.clients.stepfunctions.describe_execution(executionArn=arn))
        return self._described[arn]

    def execution_of(self, version: str, timeout_s: float = 60.0) -> dict[str, Any]:
        """Wait for the end of the execution of one uploaded version, and describe it."""
        return self.wait_until_ended([version], timeout_s)[0]

    def wait_until_ended(self, versions: list[str], timeout_s: float = 90.0) -> list[dict[str, Any]]:
        """Wait for the ends of the executions of all uploaded versions, and describe them."""
        found: dict[str, dict[str, Any]] = {}

        def ended() -> bool:
            for execution in self.executions():
                found[json.loads(execution["input"]).get("version_id", "")] = execution
            return all(version in found and found[version]["status"] != "RUNNING" for version in versions)

        wait_for(ended, timeout_s)
        return [found[version] for version in versions]

    def under_way(self, version: str) -> dict[str, Any]:
        """Wait until the execution of an uploaded version has begun, and describe it."""
        found: list[dict[str, Any]] = []

        def begun() -> bool:
            found[:] = [e for e in self.executions() if json.loads(e["input"]).get("version_id") == version]
            return bool(found)

        wait_for(begun, 60)
        return found[0]

    def failures_of(self, execution: dict[str, Any]) -> list[str]:
        """Return the errors of the tasks that failed in an execution, oldest first."""
        history = self.clients.stepfunctions.get_execution_history(
            executionArn=execution["executionArn"], maxResults=1000
        )
        return [e["taskFailedEventDetails"]["error"] for e in history["events"] if e["type"] == "TaskFailed"]

    def wait_for_executions(
        self, count: int, timeout_s: float = 60.0, machine: str = "Pipeline"
    ) -> list[dict[str, Any]]:
        """Wait until there are `count` executions and all have ended."""

        def ended() -> bool:
            found = self.executions(machine)
            return len(found) >= count and all(execution["status"] != "RUNNING" for execution in found)

        wait_for(ended, timeout_s)
        found = self.executions(machine)
        assert len(found) == count
        return found

    def rows(self) -> list[tuple[str, int, int, float]]:
        """Return island, location, year and coverage of every row, sorted."""
        engine = sqlalchemy.create_engine(self.info.database_url)
        try:
            with engine.connect() as connection:
                query = sqlalchemy.text("SELECT island, location, year, coverage FROM coral_coverage")
                return sorted((r[0], r[1], r[2], float(r[3])) for r in connection.execute(query))
        finally:
            engine.dispose()
