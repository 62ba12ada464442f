"""Peak memory and time of restoration: 24, 45 and 100 megapixels in each format, first and third in a row.

``python -m tests.benchmarks.bench_limits``: each format and size in a process of its own that can have no more memory
than the function (template.yaml), in which the real handler works three times in a row, as a warm worker does. The
second time it ends with an error while it holds the picture: the run is an older one of the first photograph. S3 is
moto's server, in the process that prints. The tracer records as on Lambda. Ends with status 1 where memory did not
suffice, the process held more than the function has, or a photograph took over a tenth of the time-out.
"""

from __future__ import annotations

import argparse
import gc
import io
import logging
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import boto3
import cv2
import numpy as np
import numpy.typing as npt
import tifffile
from moto.server import ThreadedMotoServer
from PIL import Image
from samtranslator.yaml_helper import yaml_parse

from reefsteps.errors import SupersededError
from tests.support.handlers import BUCKETS, ENVIRONMENT
from tests.support.local_stack import REPOSITORY

MEGAPIXELS = (24, 45, 100)
_RUNS = (("2006-Bench-01.jpg", 1), ("2006-Bench-01.jpg", 0), ("2006-Bench-02.jpg", 2))  # key, second of the start

Array = npt.NDArray[np.uint8]


def _scene(megapixels: int) -> Array:
    height, width = int((megapixels * 1e6 * 2 / 3) ** 0.5), int((megapixels * 1e6 * 3 / 2) ** 0.5)
    coarse = np.random.default_rng(1).integers(20, 200, (height // 8, width // 8, 3), np.uint8)
    return cv2.resize(coarse, (width, height)).astype(np.uint8)


def _pillow(kind: str, mode: str = "RGB", **options: object) -> Callable[[Array], bytes]:
    def save(rgb: Array) -> bytes:
        file = io.BytesIO()
        Image.fromarray(rgb).convert(mode).save(file, kind, **options)
        return file.getvalue()

    return save


def _deep_png(rgb: Array) -> bytes:
    return cv2.imencode(".png", rgb.astype(np.uint16) * 257, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


def _half_seen(rgb: Array) -> bytes:
    """Save with a transparency that varies, so that it has to be computed."""
    alpha = np.broadcast_to(np.linspace(0, 255, rgb.shape[1]).astype(np.uint8)[None, :, None], (*rgb.shape[:2], 1))
    return cv2.imencode(".png", np.concatenate([rgb, alpha], axis=2), [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


def _tiff(*, deep: bool = False, **options: Any) -> Callable[[Array], bytes]:
    def save(rgb: Array) -> bytes:
        file = io.BytesIO()
        tifffile.imwrite(file, rgb.astype(np.uint16) * 257 if deep else rgb, photometric="rgb", **options)
        return file.getvalue()

    return save


def _cmyk(rgb: Array) -> bytes:
    file = io.BytesIO()
    Image.fromarray(rgb).convert("CMYK").save(file, "JPEG", quality=90)
    return file.getvalue()


FORMATS = {
    "JPEG": _pillow("JPEG", quality=90),
    "JPEG, progressive": _pillow("JPEG", quality=90, progressive=True),
    "JPEG, CMYK": _cmyk,
    "PNG": _pillow("PNG", compress_level=1),
    "PNG, 16 bits": _deep_png,
    "PNG with alpha": _half_seen,
    "TIFF": _tiff(),
    "TIFF, LZW": _tiff(compression="lzw", predictor=True),
    "TIFF, 16 bits": _tiff(deep=True),
    "TIFF, 16 bits, deflate": _tiff(deep=True, compression="deflate", predictor=True),
}


def limits() -> tuple[int, int]:
    """Return the MB and the seconds that template.yaml gives to restoration."""
    parameters = yaml_parse((REPOSITORY / "template.yaml").read_text())["Parameters"]
    return int(parameters["RestorationMemory"]["Default"]), int(parameters["WorkerTimeout"]["Default"])


def _work(memory_mb: int, environment: dict[str, str], there: Connection) -> None:
    os.environ.update(environment)
    os.environ.pop("POWERTOOLS_TRACE_DISABLED", None)
    logging.disable(logging.CRITICAL)
    sys.stdout = io.StringIO()  # takes the metrics
    from restoration.app import handler

    loaded_bytes = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (loaded_bytes + (memory_mb << 20),) * 2)
    gc.disable()  # what lives until Python looks for cycles may live through the next photograph
    for key, second in _RUNS:
        execution = {"id": f"arn:{second}", "name": f"run-{second}", "started_at": f"2026-01-01T00:00:0{second}Z"}
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        started = time.process_time()
        try:
            handler({"execution": execution, "input": {"bucket": "reef-raw", "key": key}}, None)
        except SupersededError:
            assert second == 0
        status = Path("/proc/self/status").read_text()
        there.send((int(status.split("VmHWM:")[1].split()[0]) / 1024, time.process_time() - started))


def measured(memory_mb: int, endpoint: str) -> list[tuple[float, float]]:
    """Return peak MB and CPU seconds of each of three times in a row; fewer if the process ended before."""
    lambda_own = {
        "LAMBDA_TASK_ROOT": str(REPOSITORY),
        "_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
    }
    environment = {**ENVIRONMENT, **lambda_own, "AWS_ENDPOINT_URL": endpoint}
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(memory_mb, environment, there))
    process.start()
    there.close()
    found = []
    try:
        while True:
            found.append(here.recv())
    except EOFError:
        process.join()
    return found


def main() -> int:
    """Print the table; returns 1 if a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megapixels", type=int, nargs="+", default=MEGAPIXELS)
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=list(FORMATS))
    given = parser.parse_args()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    memory_mb, timeout_s = limits()
    os.environ.update(ENVIRONMENT)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    s3 = boto3.client("s3", endpoint_url=endpoint)
    for bucket in BUCKETS:
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
    good = True
    print(f"limits: {memory_mb} MB, {timeout_s / 10:g} s")
    print("| format | MP | file, MB | first: MB, s | third: MB, s |\n|---|---|---|---|---|")
    for megapixels in given.megapixels:
        scene = _scene(megapixels)
        for name in given.formats:
            body = FORMATS[name](scene)
            for key in {key for key, _ in _RUNS}:
                s3.put_object(Bucket="reef-raw", Key=key, Body=body)
            found = measured(memory_mb, endpoint)
            good &= len(found) == len(_RUNS) and all(mb < memory_mb and s <= timeout_s / 10 for mb, s in found)
            cells = [
                f"{found[n][0]:,.0f}, {found[n][1]:.1f}" if len(found) > n else "ended" for n in (0, len(_RUNS) - 1)
            ]
            print(f"| {name} | {megapixels} | {len(body) >> 20} | {' | '.join(cells)} |", flush=True)
    server.stop()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
