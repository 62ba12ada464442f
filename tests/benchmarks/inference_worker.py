"""One engine in a process of its own, for bench_inference: loads, detects once, then once for every line it is sent.

Answers each with a line ``wall_s cpu_s instances``; the first comes after loading. After the last it tells its peak
memory in MB.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

NAMES = ("detectron2-reframe", "detectron2-classifier")


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("engine", choices=("detectron2", "onnxruntime", "openvino", "ancestor", "reefsteps"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("name")
    parser.add_argument("picture", type=Path)
    parser.add_argument("threads", type=int)
    options = parser.parse_args()
    picture = np.ascontiguousarray(np.asarray(Image.open(options.picture).convert("RGB"))[:, :, ::-1])
    run = _runner(options.engine, options.folder, options.name, options.threads)
    _timed(run, picture)
    for _ in sys.stdin:
        _timed(run, picture)
    print(_peak_mb(), flush=True)


def _timed(run: Callable[[Any], int], picture: Any) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    count = run(picture)
    print(time.perf_counter() - wall, time.process_time() - cpu, count, flush=True)


def _peak_mb() -> float:
    """Return this program's peak memory (getrusage would count the parent's before it started this one)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def _runner(engine: str, folder: Path, name: str, threads: int) -> Callable[[Any], int]:
    if engine in ("detectron2", "onnxruntime", "openvino"):
        detector = _load(engine, folder, name, threads)
        return lambda picture: len(detector.detect(picture))
    if engine == "ancestor":
        return lambda picture: _ancestor(folder, picture, threads)
    from restoration.methods import restore

    detectors = [_load("onnxruntime", folder, each, threads) for each in NAMES]
    return lambda picture: sum(
        len(each.detect(restored)) for restored in [restore(picture).pixels_bgr] for each in detectors
    )


def _ancestor(folder: Path, picture: Any, threads: int) -> int:
    """The ancestor's Lambdas on one photograph: histogram equalisation, then each model loaded and run."""
    import cv2

    equalised = np.dstack([cv2.equalizeHist(np.ascontiguousarray(picture[:, :, i])) for i in range(3)])
    return sum(len(_load("detectron2", folder, name, threads).detect(equalised)) for name in NAMES)


def _load(engine: str, folder: Path, name: str, threads: int) -> Any:
    if engine != "detectron2":
        if engine == "openvino":
            sys.modules["onnxruntime"] = _openvino()
        from reefsteps.detection import load_detector

        return load_detector(folder / f"{name}.onnx", folder / f"{name}.json", threads)
    from reefsteps.detection.detectron2_engine import Detectron2Detector

    return Detectron2Detector(folder / f"{name.removesuffix('.int8')}.pth", None, threads)


def _openvino() -> Any:
    """Return what the engine needs of onnxruntime, done by OpenVINO; onnxruntime itself is not loaded."""
    import openvino

    class Session:
        def __init__(self, source: str, options: SimpleNamespace, **_providers: Any) -> None:
            settings = {"INFERENCE_NUM_THREADS": options.intra_op_num_threads, "PERFORMANCE_HINT": "LATENCY"}
            self._model = openvino.Core().compile_model(source, "CPU", settings)

        def run(self, outputs: list[str], feed: dict[str, Any]) -> list[Any]:
            found = self._model(feed)
            return [found[name] for name in outputs]

    return SimpleNamespace(SessionOptions=SimpleNamespace, InferenceSession=Session)


if __name__ == "__main__":
    main()
