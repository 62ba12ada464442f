"""One engine in a process of its own, for bench_inference: loads, detects once, then once for every line it is sent.

Answers each with a line ``wall_s cpu_s instances``; the first comes after loading. After the last it tells its peak
memory in MB.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

DEPTHS = {"detectron2-reframe": 101, "detectron2-classifier": 50}
NAMES = tuple(DEPTHS)


def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("engine", choices=("detectron2", "onnxruntime", "openvino", "ancestor", "reefsteps"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("name", help="of the model; for reefsteps, what follows the names of both")
    parser.add_argument("picture", type=Path)
    parser.add_argument("threads", type=int)
    parser.add_argument("size", type=int, help="short side of the network's input")
    options = parser.parse_args()
    picture = np.ascontiguousarray(np.asarray(Image.open(options.picture).convert("RGB"))[:, :, ::-1])
    run = _runner(options)
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


def _runner(options: argparse.Namespace) -> Callable[[Any], int]:
    if options.engine == "ancestor":
        return lambda picture: _ancestor(options, picture)
    if options.engine == "detectron2":
        predict = _detectron2(options, options.name)
        return lambda picture: len(predict(picture)["instances"])
    if options.engine == "openvino":
        sys.modules["onnxruntime"] = _openvino()
    if options.engine != "reefsteps":
        detector = _converted(options, options.name)
        return lambda picture: len(detector.detect(picture))
    from restoration.methods import restore

    detectors = [_converted(options, f"{name}{options.name}") for name in NAMES]
    return lambda picture: sum(
        len(each.detect(restored)) for restored in [restore(picture).pixels_bgr] for each in detectors
    )


def _ancestor(options: argparse.Namespace, picture: Any) -> int:
    """The ancestor's Lambdas on one photograph: histogram equalisation, then each model loaded and run."""
    import cv2

    equalised = np.dstack([cv2.equalizeHist(np.ascontiguousarray(picture[:, :, i])) for i in range(3)])
    return sum(len(_detectron2(options, name)(equalised)["instances"]) for name in NAMES)


def _detectron2(options: argparse.Namespace, name: str) -> Any:
    from tests.parity.reference import configuration, predictor

    config = configuration(DEPTHS[name], **{"INPUT.MIN_SIZE_TEST": options.size})
    return predictor(config, options.folder / f"{name}.pth", options.threads)


def _converted(options: argparse.Namespace, name: str) -> Any:
    from reefsteps.detection import load_detector

    return load_detector(
        options.folder / f"{name}.onnx", options.folder / f"{name}.{options.size}.json", options.threads
    )


def _openvino() -> Any:
    """Return what the engine needs of onnxruntime, done by OpenVINO; onnxruntime itself is not loaded.

    In 32 bits, as onnxruntime: by itself OpenVINO takes 16 on processors that know bfloat16, with other results.
    """
    import openvino

    class Options(SimpleNamespace):
        def add_session_config_entry(self, _key: str, folder: str) -> None:
            self.weights_folder = folder

    class Session:
        def __init__(self, graph: bytes, options: Options, **_providers: Any) -> None:
            settings = {
                "INFERENCE_NUM_THREADS": options.intra_op_num_threads,
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_PRECISION_HINT": "f32",
            }
            with tempfile.NamedTemporaryFile(suffix=".onnx", dir=options.weights_folder) as file:
                file.write(graph)
                file.flush()
                self._model = openvino.Core().compile_model(file.name, "CPU", settings)

        def run(self, outputs: list[str], feed: dict[str, Any]) -> list[Any]:
            found = self._model(feed)
            return [found[name] for name in outputs]

    return SimpleNamespace(SessionOptions=Options, InferenceSession=Session)


if __name__ == "__main__":
    main()
