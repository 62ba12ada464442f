"""Inference measured against detectron2: speed, cold start, memory, disk, and the ancestor's way per photograph.

    python -m tests.benchmarks.bench_inference [--models DIR] [SECTION ...]

Same random weights in the sizes of mask_rcnn_R_50_FPN_3x and R_101, same picture (800 x 800), two threads, every
engine in a process of its own, turn by turn. Figures are the least of all turns; ratios are of CPU seconds, which
other loads on the machine disturb least, with those of wall-clock seconds beside them. detectron2's and OpenVINO's
rows need an interpreter that has them: this one, or the one that DETECTRON2_PYTHON names. ``--models`` keeps the
models, whose making takes longer than the measurements. Parity: ``python -m pytest tests/parity``.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PIL import Image

from conversion.convert import convert
from conversion.variants import SCOPES, quantised
from reefsteps.detection.manifest import FileIdentity, Manifest
from tests.benchmarks.inference_worker import DEPTHS, NAMES
from tests.support import checkpoints as make
from tests.support.pictures import picture

ROOT = Path(__file__).parents[2]
THREADS = 2
TURNS = 5
STARTS = 3
SIZE = 800
SMALL_SIZE = 400
PICTURE = "picture.png"
PHOTO = "photo.png"
PHOTO_SHAPE = (3000, 4000)  # what a camera sends; the ancestor's Lambdas paste every mask at this size
DETECTRON2_PYTHON = os.environ.get("DETECTRON2_PYTHON", sys.executable)
OURS = ("numpy", "PIL", "pillow.libs", "onnxruntime", "flatbuffers", "google", "packaging", "numpy.libs")
THEIRS = (
    *(
        "numpy",
        "numpy.libs",
        "PIL",
        "pillow.libs",
        "torch",
        "torchgen",
        "torchvision",
        "detectron2",
        "fvcore",
        "iopath",
    ),
    *("omegaconf", "hydra", "pycocotools", "matplotlib", "cloudpickle", "sympy", "networkx", "yacs", "tabulate"),
)


@dataclass(frozen=True)
class Row:
    """The best figures of one engine."""

    label: str
    cold_wall_s: float
    cold_cpu_s: float
    wall_s: float
    cpu_s: float
    peak_mb: float
    instances: int

    def with_best_start(self, others: Sequence[Row]) -> Row:
        """Return the row with the quickest of its own and the others' starts."""
        rows = (self, *others)
        cold_wall_s, cold_cpu_s = min(row.cold_wall_s for row in rows), min(row.cold_cpu_s for row in rows)
        return dataclasses.replace(self, cold_wall_s=cold_wall_s, cold_cpu_s=cold_cpu_s)


class Worker:
    """An inference_worker process."""

    def __init__(
        self,
        label: str,
        python: str,
        engine: str,
        folder: Path,
        name: str,
        threads: int = THREADS,
        size: int = SIZE,
        photo: str = PICTURE,
    ) -> None:
        worker = [python, "-m", "tests.benchmarks.inference_worker"]
        command = [*worker, engine, folder, name, folder / photo, threads, size]
        started = time.perf_counter()
        self.label = label
        self._process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
        )
        self._runs = [self._answer()]
        self._cold_wall_s = time.perf_counter() - started
        self._cold_cpu_s = _cpu_seconds(self._process.pid)

    def turn(self) -> None:
        """Detect once more."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self._runs.append(self._answer())

    def finish(self) -> Row:
        """End the process and return its figures."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        peak_mb = float(self._process.stdout.readline())
        self._process.wait(60)
        warm = self._runs[1:] or self._runs
        wall_s, cpu_s = min(run[0] for run in warm), min(run[1] for run in warm)
        instances = int(warm[0][2])
        return Row(self.label, self._cold_wall_s, self._cold_cpu_s, wall_s, cpu_s, peak_mb, instances)

    def _answer(self) -> tuple[float, ...]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"The worker '{self.label}' ended with status {self._process.wait(60)}.")
        return tuple(float(part) for part in line.split())


def main() -> None:
    """Run the chosen sections."""
    sections = {"prepare": prepare, "speed": speed, "start": start, "ancestor": ancestor, "disk": disk}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(sections))
    parser.add_argument("--models", type=Path, metavar="DIR", help="where the models are, or are to be kept")
    options = parser.parse_args()
    chosen = options.sections or list(sections)
    with tempfile.TemporaryDirectory(prefix="bench-inference-") as scratch:
        folder = options.models or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for name in chosen:
            sections[name](folder)


def prepare(folder: Path) -> None:
    """Write checkpoints, their conversions, 8-bit variants and the picture into the folder, unless they are there."""
    if (folder / PHOTO).exists():  # written last
        return
    photo = picture(800, 800, 1)
    for name, depth in DEPTHS.items():
        checkpoint = make.write_checkpoint(folder / f"{name}.pth", make.full_size_mask_rcnn(depth, depth))
        started = time.perf_counter()
        manifest = convert(checkpoint, None, folder)
        print(f"{name}: {manifest.architecture}, converted in {time.perf_counter() - started:.1f} s")
        small = folder / f"{name}.int8.onnx"
        quantised(folder / f"{name}.onnx", small, manifest, [photo], SCOPES[0])
        described: Manifest = dataclasses.replace(manifest, precision="int8", model=FileIdentity.of(small))
        for size in (SIZE, SMALL_SIZE):
            for each, stem in ((manifest, name), (described, f"{name}.int8")):
                sized = dataclasses.replace(each, min_size_test=size)
                (folder / f"{stem}.{size}.json").write_text(sized.dump(), "utf-8")
    for name, pixels in ((PICTURE, photo), (PHOTO, picture(*PHOTO_SHAPE, 1))):
        Image.fromarray(pixels[:, :, ::-1].copy()).save(folder / name, compress_level=1)


def speed(folder: Path) -> None:
    """Warm speed, cold start and peak memory."""
    prepare(folder)
    for name in reversed(NAMES):
        starts = engines(folder, name, THREADS, SIZE)
        show(f"{name}, input {SIZE}, {THREADS} threads", taken_in_turns(starts, TURNS, STARTS))


def start(folder: Path) -> None:
    """Cold start, with all files in the machine's cache and with none, as a Lambda's new environment begins."""
    prepare(folder)
    for name, threads, size in ((NAMES[1], 1, SMALL_SIZE), (NAMES[0], THREADS, SIZE)):
        starts = engines(folder, name, threads, size)
        title = f"{name}, input {size}, {threads} thread{'s' * (threads > 1)}"
        show(f"{title}, files cached", taken_in_turns(starts, 1, STARTS))
        rows = [each().finish() for each in starts if forget_files()]
        if rows:
            show(f"{title}, files not cached", rows)
        else:
            print("files not cached: skipped, only root may empty the cache")


def forget_files() -> bool:
    """Empty the machine's file cache and return True; False where that is not allowed."""
    try:
        os.sync()
        Path("/proc/sys/vm/drop_caches").write_text("3", "ascii")
    except OSError:
        return False
    return True


def engines(folder: Path, name: str, threads: int, size: int) -> list[Callable[[], Worker]]:
    """Return what starts a worker of each engine that is installed, detectron2's first."""
    starts: list[Callable[[], Worker]] = []
    if has("detectron2"):
        starts.append(partial(Worker, "detectron2", DETECTRON2_PYTHON, "detectron2", folder, name, threads, size))
    for engine, python in (("onnxruntime", sys.executable), ("openvino", DETECTRON2_PYTHON)):
        if has(engine) or python == sys.executable:
            for kind, stem in (("fp32", name), ("int8", f"{name}.int8")):
                starts.append(partial(Worker, f"{engine} {kind}", python, engine, folder, stem, threads, size))
    return starts


def ancestor(folder: Path) -> None:
    """The ancestor's way (restore, load and run each model, for every photograph) beside ours, warm."""
    if not has("detectron2"):
        print("\nancestor's way: skipped, detectron2 is not installed")
        return
    prepare(folder)
    for photo in (PICTURE, PHOTO):
        starts = [
            partial(Worker, label, python, engine, folder, name, photo=photo)
            for label, python, engine, name in (
                ("ancestor's way", DETECTRON2_PYTHON, "ancestor", ""),
                ("ReefSteps fp32", sys.executable, "reefsteps", ""),
                ("ReefSteps int8", sys.executable, "reefsteps", ".int8"),
            )
        ]
        width, height = Image.open(folder / photo).size
        show(f"one photograph of {width} x {height}: restoration, R101, R50", taken_in_turns(starts, 3, 1))


def disk(_folder: Path) -> None:
    """What the engines' packages take."""
    ours = _size_mb(Path(sysconfig.get_path("purelib")), OURS)
    print(f"\ndisk: ours {ours:.0f} MB ({', '.join(OURS[:4])}, ...)")
    if not has("detectron2"):
        print("disk: detectron2 is not installed")
        return
    question = "import sysconfig, detectron2, torchvision; print(sysconfig.get_path('purelib'), detectron2.__path__[0])"
    answer = subprocess.run([DETECTRON2_PYTHON, "-c", question], capture_output=True, text=True, check=True)
    theirs = _size_mb(Path(answer.stdout.split()[0]), THEIRS)
    print(
        f"disk: torch, torchvision, detectron2 and what they import {theirs:.0f} MB; ours is {ours / theirs:.2f} of it"
    )


def taken_in_turns(starts: Sequence[Callable[[], Worker]], turns: int, cold_starts: int) -> list[Row]:
    """Start each worker so many times, then let the last of each detect in turn: a busy machine disturbs all alike."""
    cold = [[start().finish() for _ in range(cold_starts - 1)] for start in starts]
    workers = [start() for start in starts]
    for _ in range(turns):
        for worker in workers:
            worker.turn()
    return [worker.finish().with_best_start(rows) for worker, rows in zip(workers, cold, strict=True)]


def show(title: str, rows: Sequence[Row]) -> None:
    """Print the rows, and how many times better than the first each is (CPU, and wall-clock in brackets)."""
    first = rows[0]
    print(f"\n{title}\n{'':20}{'cold s':>18}{'':>14}{'warm s':>16}{'':>14}{'peak MB':>12}{'':>8}{'instances':>11}")
    for row in rows:
        cold = f"{first.cold_cpu_s / row.cold_cpu_s:.2f}x ({first.cold_wall_s / row.cold_wall_s:.2f}x)"
        warm = f"{first.cpu_s / row.cpu_s:.2f}x ({first.wall_s / row.wall_s:.2f}x)"
        memory = f"{row.peak_mb:9.0f}{row.peak_mb / first.peak_mb:9.2f}"
        print(
            f"{row.label:20}{row.cold_cpu_s:8.2f} ({row.cold_wall_s:6.2f}) {cold:>15}"
            f"{row.cpu_s:8.2f} ({row.wall_s:5.2f}){warm:>16}{memory}{row.instances:9d}"
        )


def has(package: str) -> bool:
    """Say whether the interpreter for detectron2 has the package."""
    if shutil.which(DETECTRON2_PYTHON) is None:
        return False
    probe = subprocess.run([DETECTRON2_PYTHON, "-c", f"import {package}"], capture_output=True, check=False)
    return probe.returncode == 0


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _size_mb(packages: Path, names: Sequence[str]) -> float:
    files = (
        file for name in names for file in (packages / name).rglob("*") if file.is_file() and not file.is_symlink()
    )
    return sum(file.stat().st_size for file in files if file.suffix != ".pyc") / 1e6


if __name__ == "__main__":
    main()
