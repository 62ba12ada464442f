"""A drill on a real local stack: ``python -m tests.drills.real``, some minutes a round.

People upload, send again and delete photographs through S3's address, and repeat what was not answered. Meanwhile
workers are killed, and the stack is killed, stopped politely, started again, and ended while it starts. Then all that
was begun comes to its end, and each key must have one right row with its own pictures, a failure with a name, or
nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import cv2
import numpy as np
import numpy.typing as npt
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local.samples import MEASURED_SEED, sample_config
from local.stack_info import StackInfo, running
from reefsteps.buckets import Buckets
from reefsteps.coverage_queries import coverage_rows, provenance
from reefsteps.database import Database
from reefsteps.derived_objects import Kind, all_derived
from reefsteps.images import decode, encode_jpeg
from reefsteps.object_metadata import maker_of
from reefsteps.results import ObjectRef
from reefsteps.run_writer import head_or_none
from reefsteps.stamps import stamped
from reefsteps.steps import Step
from reefsteps.storage import Storage
from reefsteps.surveys import SurveyKey
from restoration.methods import restore
from synthetic import generate
from tests.support.local_stack import REPOSITORY

Picture = npt.NDArray[np.uint8]

_BAD = b"no picture"
_SHARES = {"worker": 10, "kill": 2, "stop": 2, "kill while starting": 1, "stop while starting": 1}
_SIZE_PX = (1200, 800)
_LONGEST_START_S, _LONGEST_ACT_S, _LONGEST_END_S = 240.0, 400.0, 600.0
_LEAST_DISTURBED = 10
_MACHINES = ("Pipeline", "Removal")


@dataclass
class Stack:
    """``python -m local up`` in a process of its own."""

    state: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    died: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """Start it, and do not wait."""
        command = [
            sys.executable,
            "-m",
            "local",
            "up",
            "--no-page",
            "--state",
            str(self.state),
            "--port",
            str(self.port),
        ]
        with (self.state / "up.log").open("ab") as log:
            environment = {**os.environ, "PYTHONPATH": f"{REPOSITORY / 'functions'}:{REPOSITORY}"}
            self.process = subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log, env=environment)

    def start(self) -> None:
        """Start it and wait until it answers; a start that dies is kept in `died`, and tried again."""
        self.begin()
        ends = time.monotonic() + _LONGEST_START_S
        while running(self.state) is None:
            assert self.process is not None
            if self.process.poll() is not None:
                self.died.append((self.state / "up.log").read_text()[-400:])
                self.begin()
            if time.monotonic() > ends:
                raise SystemExit(f"The stack does not start: {(self.state / 'up.log').read_text()[-2000:]}")
            time.sleep(0.2)

    def end(self, number: signal.Signals) -> None:
        """End it by a signal."""
        assert self.process is not None
        self.process.send_signal(number)
        self.process.wait(120)

    def workers(self) -> list[int]:
        """Return the processes of the handlers that this stack has started."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                is_own = f"TMPDIR={self.state}".encode() in (folder / "environ").read_bytes()
                if is_own and b"local.worker" in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
            except OSError:
                continue
        return found

    @property
    def info(self) -> StackInfo:
        """Where it is."""
        found = running(self.state)
        assert found is not None
        return found


class People:
    """Send and delete photographs, each act until it is answered."""

    def __init__(self, stack: Stack, surveys: list[SurveyKey], drawn: Picture, seed: int) -> None:
        """Make every photograph from the one that was drawn."""
        self.stack, self.surveys, self.random = stack, surveys, random.Random(seed)
        self.raw = stack.info.buckets["RawBucket"]
        self.s3 = client(stack.info)
        self._drawn = drawn
        self.done: Counter[str] = Counter()

    def work(self, acts: int) -> None:
        """Do so many things with random keys, some at once and some after a while."""
        for _ in range(acts):
            survey = self.random.choice(self.surveys)
            if self.random.random() < 0.75:
                self.upload(survey)
            else:
                self._until_answered("deleted", self.s3.delete_object, Bucket=self.raw, Key=survey.key("jpg"))
            time.sleep(self.random.choice((0, 0.3, 1, 3)))

    def upload(self, survey: SurveyKey) -> None:
        """Send a photograph that no other is like; one in ten is none."""
        body = self._photograph() if self.random.random() > 0.1 else _BAD + str(self.random.random()).encode()
        self._until_answered("sent", self.s3.put_object, Bucket=self.raw, Key=survey.key("jpg"), Body=body)

    def _photograph(self) -> bytes:
        picture = self._drawn if self.random.random() < 0.5 else np.ascontiguousarray(self._drawn[::-1, ::-1])
        body = encode_jpeg(picture, self.random.randint(80, 95))
        return stamped(body, "image/jpeg", str(self.random.random()))

    def _until_answered(self, name: str, act: Callable[..., Any], **arguments: Any) -> None:
        ends = time.monotonic() + _LONGEST_ACT_S
        while True:
            try:
                act(**arguments)
            except (BotoCoreError, ClientError):
                if time.monotonic() > ends:
                    raise
                time.sleep(0.5)
                continue
            self.done[name] += 1
            return


def client(info: StackInfo, service: Any = "s3") -> Any:
    """Return a client of the stack that does not repeat by itself."""
    own: dict[str, Any] = {"aws_access_key_id": "people", "aws_secret_access_key": "people", "region_name": info.region}
    config = Config(retries={"total_max_attempts": 1})
    return boto3.client(service, endpoint_url=info.endpoint, config=config, **own)


def disturb(stack: Stack, chance: random.Random) -> str:
    """Do one thing to the stack, which runs again afterwards; returns what it was."""
    (what,) = chance.choices(list(_SHARES), list(_SHARES.values()))
    if what == "worker":
        if workers := stack.workers():
            os.kill(chance.choice(workers), signal.SIGKILL)
        return what
    stack.end(signal.SIGKILL if what.startswith("kill") else signal.SIGINT)
    if what.endswith("while starting"):
        stack.begin()
        time.sleep(chance.uniform(0.5, 8))
        stack.end(signal.SIGKILL if what.startswith("kill") else signal.SIGINT)
    stack.start()
    return what


def faults(stack: Stack, surveys: list[SurveyKey], failures: dict[str, str]) -> Iterator[str]:
    """Yield what is wrong; `failures` are the errors of executions by the version that they measured."""
    here, storage = Buckets.of_resources(stack.info.buckets), Storage(client(stack.info))
    database = Database(stack.info.database_url)
    for survey in surveys:
        photo = head_or_none(storage, ObjectRef(here.raw_bucket, survey.key("jpg")))
        looked = {item: head_or_none(storage, item.at(here, survey.stem)) for item in all_derived()}
        present = {item: info for item, info in looked.items() if info}
        with database.read() as connection:
            row = provenance(connection, survey)
            rows = [one for one in coverage_rows(connection) if one.location == survey.location]
        if photo is None:
            yield from (f"{survey}: {item.name} is left" for item in present)
            yield from [f"{survey}: a row is left"] if rows else []
            continue
        body, failed = storage.get(photo.ref).body, failures.get(str(photo.ref.version_id))
        if body.startswith(_BAD):
            yield from [] if failed == "InvalidImageError" else [f"{survey}: a bad photograph ended with {failed}"]
            continue
        if row is None or len(rows) != 1 or row.restoration.source.image.version_id != photo.ref.version_id:
            yield f"{survey}: {len(rows)} rows, and the photograph's run ended with {failed}"
            continue
        made = {item for item in looked if item.kind is not Kind.DECISION}
        yield from (f"{survey}: {item.name} is missing" for item in made - present.keys())
        for item in made & present.keys():
            maker = maker_of(present[item], here.raw_bucket)
            if maker is None or maker.upload.image.version_id != photo.ref.version_id:
                yield f"{survey}: {item.name} is another photograph's"
            elif item.writer is Step.SEGMENTATION and maker.name != row.execution.name:
                yield f"{survey}: {item.name} is of {maker.name}, the row of {row.execution.name}"
        treated = decode(storage.get(row.restoration.treated).body).pixels_bgr
        wanted = decode(encode_jpeg(restore(decode(body).pixels_bgr).pixels_bgr)).pixels_bgr
        if not np.array_equal(treated, wanted):
            yield f"{survey}: the treated picture shows another photograph"


def ended(stack: Stack) -> tuple[list[str], dict[str, str]]:
    """Return the executions that are under way, and the errors of the failed ones by version."""
    steps = client(stack.info, "stepfunctions")
    waiting, failures = [], {}
    for machine in _MACHINES:
        pages = steps.get_paginator("list_executions").paginate(stateMachineArn=stack.info.state_machines[machine])
        for item in (item for page in pages for item in page["executions"]):
            if item["status"] == "RUNNING":
                waiting.append(item["name"])
            elif item["status"] != "SUCCEEDED":
                known = steps.describe_execution(executionArn=item["executionArn"])
                failures[str(json.loads(known["input"]).get("version_id", item["name"]))] = str(known.get("error"))
    return waiting, failures


def come_to_an_end(stack: Stack, surveys: list[SurveyKey]) -> tuple[list[str], dict[str, str]]:
    """Wait until nothing is under way and nothing is wrong, or for too long; returns what is wrong, and the errors."""
    ends = time.monotonic() + _LONGEST_END_S
    while True:
        time.sleep(3)
        waiting, failures = ended(stack)
        found = [f"{name} hangs" for name in waiting] or list(faults(stack, surveys, failures))
        if not found or time.monotonic() > ends:
            return found, failures


def play(stack: Stack, surveys: list[SurveyKey], drawn: Picture, seed: int) -> list[str]:
    """Play one round; returns what is wrong after it."""
    chance, people = random.Random(seed), [People(stack, surveys, drawn, seed * 10 + number) for number in range(2)]
    threads = [threading.Thread(target=one.work, args=(len(surveys),)) for one in people]
    for survey in surveys:
        people[0].upload(survey)
    for thread in threads:
        thread.start()
    did: Counter[str] = Counter()
    while did.total() < _LEAST_DISTURBED or any(thread.is_alive() for thread in threads):
        time.sleep(chance.uniform(0.5, 4))
        did[disturb(stack, chance)] += 1
    found, failures = come_to_an_end(stack, surveys)
    sent = sum((one.done for one in people), Counter())
    print(f"seed {seed}: {dict(sent)}; {dict(did)}; starts that died {len(stack.died)}; failed executions "
          f"{dict(Counter(failures.values()))}; wrong {len(found)}", flush=True)  # fmt: skip
    print("\n".join(found + stack.died), flush=True)
    return found + stack.died


def main() -> int:
    """Play the rounds; returns 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--photographs", type=int, default=60)
    parser.add_argument("--port", type=int, default=8599)
    given = parser.parse_args()
    surveys = [SurveyKey(2006, "Drill", number) for number in range(1, given.photographs + 1)]
    drawn = np.asarray(
        cv2.resize(generate(MEASURED_SEED, sample_config()).image_bgr, _SIZE_PX, interpolation=cv2.INTER_AREA), np.uint8
    )
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), given.port)
        stack.start()
        try:
            wrong = [play(stack, surveys, drawn, seed) for seed in given.seeds]
            return int(any(wrong))
        finally:
            stack.end(signal.SIGINT)


if __name__ == "__main__":
    sys.exit(main())
