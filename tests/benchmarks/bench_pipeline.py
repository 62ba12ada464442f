"""`make bench`: seconds and peak memory of each step at 12 and 24 megapixels (or 100), and upload to row.

Real handlers, demo models, a warm stack, one photograph at a time. Orchestration is all that no handler did: the time
from the upload's first byte to the row in the database, less what AWS's emulator reports as the handlers' durations.
Memory is the workers' VmHWM (peak resident set) on a stack that saw one size only. The machine's load changes
everything here: read ratios and minima.
"""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import sqlalchemy

from local.model_files import READY
from local.samples import MEASURED_SEED, sample_config
from reefsteps.steps import STEPS
from synthetic import generate
from tests.support.local_stack import REPOSITORY, RunningStack

_SIZES = {12: (4242, 2828), 24: (6000, 4000), 100: (12240, 8160)}
_REPORT = re.compile(r"REPORT RequestId: \S+\s.*?(?<!Init )Duration: ([\d.]+) ms")


@dataclass(frozen=True)
class Sample:
    """One photograph's way: seconds from upload to row, of each handler, and the rest."""

    total_s: float
    steps_s: dict[str, float]

    @property
    def orchestration_s(self) -> float:
        """What no handler accounts for."""
        return self.total_s - sum(self.steps_s.values())


def measure(megapixels: int, repeats: int, models: Path) -> tuple[list[Sample], dict[str, float]]:
    """Return the warm samples, and each step's peak memory in MB; the first, cold photograph is not counted."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        stack = RunningStack(Path(folder), {"models": str(models), "max_workers": 1})
        stack.start()
        try:
            missing = {name: why for name, why in stack.info.models.items() if why != READY}
            if missing:
                raise SystemExit(f"The models are not ready: {missing}")
            body = _photograph(megapixels)
            samples = [_send(stack, f"20{number:02d}-Bench-01.jpg", body) for number in range(repeats + 1)]
            return samples[1:], _peak_memory_mb(stack)
        finally:
            stack.stop()


def _photograph(megapixels: int) -> bytes:
    # The demo's first sample, enlarged: what is measured at one size must not be refused at the other.
    photo = generate(MEASURED_SEED, sample_config())
    picture = cv2.resize(photo.image_bgr, _SIZES[megapixels], interpolation=cv2.INTER_CUBIC)
    ok, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 92])
    assert ok
    return encoded.tobytes()


def _send(stack: RunningStack, key: str, body: bytes) -> Sample:
    before = {step: len(_durations(stack, step)) for step in STEPS}
    year = int(key[:4])
    engine = sqlalchemy.create_engine(stack.info.database_url)
    query = sqlalchemy.text("SELECT 1 FROM coral_coverage WHERE year = :year")
    begun = time.perf_counter()
    version = stack.upload(key, body)
    arrived = None
    while arrived is None:
        with engine.connect() as connection:
            if connection.execute(query, {"year": year}).first():
                arrived = time.perf_counter()
        if arrived is None and time.perf_counter() - begun > 5:
            (execution,) = [e for e in stack.executions() if version in e["input"]]
            if execution["status"] not in ("RUNNING", "SUCCEEDED"):
                raise SystemExit(f"The photograph was not measured: {execution['error']}: {execution['cause']}")
        time.sleep(0.005)
    engine.dispose()
    stack.execution_of(version)
    return Sample(arrived - begun, {step: _new_duration(stack, step, before[step]) for step in STEPS})


def _new_duration(stack: RunningStack, step: str, seen: int) -> float:
    while len(found := _durations(stack, step)) <= seen:
        time.sleep(0.01)
    return found[-1]


def _durations(stack: RunningStack, step: str) -> list[float]:
    logs = list((stack.state / "logs").glob(f"*-{step}.log"))
    return [float(ms) / 1000 for log in logs for ms in _REPORT.findall(log.read_text(errors="replace"))]


def _peak_memory_mb(stack: RunningStack) -> dict[str, float]:
    peaks: dict[str, float] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes().split(b"\0")
            status = (folder / "status").read_text()
        except OSError:
            continue
        variables = dict(entry.split(b"=", 1) for entry in environment if b"=" in entry)
        if not variables.get(b"TMPDIR", b"").startswith(str(stack.state).encode()):
            continue
        step = variables[b"AWS_LAMBDA_FUNCTION_NAME"].decode().rsplit("-", 1)[-1]
        peak = re.search(r"VmHWM:\s+(\d+) kB", status)
        if peak:
            peaks[step] = max(peaks.get(step, 0.0), int(peak[1]) / 1024)
    return peaks


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--megapixels", type=int, nargs="+", choices=_SIZES, default=[12, 24])
    parser.add_argument("--models", type=Path, default=REPOSITORY / "models")
    options = parser.parse_args()
    for megapixels in options.megapixels:
        samples, peaks = measure(megapixels, options.repeats, options.models)
        print(f"\n{megapixels} MP, {len(samples)} warm photographs     min      median   peak memory")
        for step in STEPS:
            seconds = [sample.steps_s[step] for sample in samples]
            print(
                f"  {step:<28} {min(seconds):7.2f} s {statistics.median(seconds):7.2f} s {peaks.get(step, 0):8.0f} MB"
            )
        for name, values in (
            ("orchestration", [sample.orchestration_s for sample in samples]),
            ("upload to row", [sample.total_s for sample in samples]),
        ):
            print(f"  {name:<28} {min(values):7.2f} s {statistics.median(values):7.2f} s")


if __name__ == "__main__":
    main()
