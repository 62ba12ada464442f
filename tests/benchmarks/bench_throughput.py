"""Orchestration and memory over many photographs: ``python -m tests.benchmarks.bench_throughput``.

Small drawn photographs go through a local stack with real handlers and the demo models, one after the other; with
``--stand-ins`` the first three steps are stand-ins that only read and write, so that nothing hides the orchestration.
Orchestration is the time from the upload's first byte to the row, less what AWS's emulator reports of the four steps.
The stack's own process does all of it, so its CPU seconds are the figure that the machine's load changes least. Memory
is the resident set of that process and of the largest worker of each step.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import sqlalchemy

from local.model_files import READY
from local.samples import MEASURED_SEED, sample_config
from reefsteps.steps import STEPS
from synthetic import generate
from tests.support.local_stack import REPOSITORY, RunningStack, project_with_fakes, wait_for

_SIZE_PX = (1200, 800)
_REPORT = re.compile(r"REPORT RequestId: \S+\s.*?(?<!Init )Duration: ([\d.]+) ms")
_BAR_S = 0.1


@dataclass(frozen=True)
class Sample:
    """One photograph's way; seconds."""

    total_s: float
    steps_s: float
    stack_cpu_s: float


class Reports:
    """What the emulators have reported since the last look."""

    def __init__(self, stack: RunningStack) -> None:
        """Begin with what there is."""
        self._logs = stack.state / "logs"
        self._read: dict[Path, int] = {}
        self.count, self.seconds = 0, 0.0

    def look(self) -> None:
        """Add up what is new."""
        for step in STEPS:
            for log in self._logs.glob(f"*-{step}.log"):
                with log.open(errors="replace") as file:
                    file.seek(self._read.get(log, 0))
                    text = file.read()
                whole = text[: text.rfind("\n") + 1]
                self._read[log] = self._read.get(log, 0) + len(whole.encode())
                found = _REPORT.findall(whole)
                self.count += len(found)
                self.seconds += sum(map(float, found)) / 1000


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process, those of its children not included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(stack: RunningStack) -> dict[str, float]:
    """Return the resident MB of the stack's process and of the largest worker of each step."""
    found = {"stack": _rss(Path(f"/proc/{stack.info.pid}"))}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = dict(
                entry.split(b"=", 1) for entry in (folder / "environ").read_bytes().split(b"\0") if b"=" in entry
            )
            if not variables.get(b"TMPDIR", b"").startswith(str(stack.state).encode()):
                continue
            step = variables[b"AWS_LAMBDA_FUNCTION_NAME"].decode().rsplit("-", 1)[-1]
            found[step] = max(found.get(step, 0.0), _rss(folder))
        except OSError:
            continue
    return found


def _rss(folder: Path) -> float:
    return int((folder / "status").read_text().split("VmRSS:")[1].split()[0]) / 1024


def photographs(count: int) -> list[bytes]:
    """Return so many drawn photographs, of which no two are the same file."""
    drawn = cv2.resize(generate(MEASURED_SEED, sample_config()).image_bgr, _SIZE_PX, interpolation=cv2.INTER_AREA)
    turned = np.ascontiguousarray(drawn[::-1, ::-1])
    return [
        cv2.imencode(".jpg", (drawn, turned)[number % 2], [cv2.IMWRITE_JPEG_QUALITY, 88 + number % 8])[1].tobytes()
        for number in range(count)
    ]


def send(stack: RunningStack, key: str, body: bytes, reports: Reports, engine: sqlalchemy.Engine) -> Sample:
    """Send one photograph and wait for its row."""
    location = int(key.split("-")[2].partition(".")[0])
    query = sqlalchemy.text("SELECT 1 FROM coral_coverage WHERE location = :location")
    before, seen, cpu = reports.seconds, reports.count, cpu_s(stack.info.pid)
    begun = time.perf_counter()
    version = stack.upload(key, body)
    while True:
        with engine.connect() as connection:
            if connection.execute(query, {"location": location}).first():
                break
        if time.perf_counter() - begun > 60:
            raise SystemExit(f"{key} was not measured: {[e for e in stack.executions() if version in e['input']]}")
        time.sleep(0.01)
    total_s = time.perf_counter() - begun

    def reported() -> bool:
        reports.look()
        return reports.count >= seen + len(STEPS)

    wait_for(reported, 60, every_s=0.01)
    return Sample(total_s, reports.seconds - before, cpu_s(stack.info.pid) - cpu)


def main() -> int:
    """Measure and print; returns 1 where orchestration is over the bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=int, default=500)
    parser.add_argument("--stand-ins", action="store_true")
    given = parser.parse_args()
    count, every = given.photographs, max(1, given.photographs // 5)
    bodies = [json.dumps({"cover": n % 100}).encode() for n in range(count)] if given.stand_ins else photographs(count)
    samples: list[Sample] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        own = {"models": str(REPOSITORY / "models")}
        if given.stand_ins:
            own = {"template": str(project_with_fakes(Path(folder) / "project"))}
        stack = RunningStack(Path(folder) / "state", {"max_workers": 1, **own})
        stack.start()
        engine = sqlalchemy.create_engine(stack.info.database_url)
        try:
            missing = {name: why for name, why in stack.info.models.items() if why != READY}
            if missing and not given.stand_ins:
                raise SystemExit(f"The models are not ready: {missing}")
            reports = Reports(stack)
            send(stack, "2006-Bench-1000.jpg", bodies[0], reports, engine)  # starts the workers
            print(
                "| photographs | total, s | steps, s | orchestration, s | stack's CPU, s | memory, MB |\n"
                + "|---" * 6
                + "|"
            )
            for number, body in enumerate(bodies, start=1):
                samples.append(send(stack, f"2006-Bench-{number:03d}.jpg", body, reports, engine))
                if number % every == 0:
                    _print_line(number, samples[-every:], resident_mb(stack))
        finally:
            engine.dispose()
            stack.stop()
    _print_line(0, samples, {})
    return 0 if statistics.median(one.total_s - one.steps_s for one in samples) <= _BAR_S else 1


def _print_line(last: int, samples: list[Sample], memory_mb: dict[str, float]) -> None:
    def middle(values: list[float]) -> str:
        return f"{statistics.median(values):.3f}"

    which = f"{last - len(samples) + 1} to {last}" if last else "all, medians"
    figures = (
        [one.total_s for one in samples],
        [one.steps_s for one in samples],
        [one.total_s - one.steps_s for one in samples],
        [one.stack_cpu_s for one in samples],
    )
    memory = ", ".join(f"{name} {mb:.0f}" for name, mb in sorted(memory_mb.items()))
    print(f"| {which} | {' | '.join(map(middle, figures))} | {memory} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
