"""Peak memory and time of restoration: 24, 45 and 100 megapixels in each format, first and third in a row.

``python -m tests.benchmarks.bench_limits``: each format and size in a process of its own that can have no more memory
than the function (3,008 MB), which decodes, restores and encodes the same photograph three times, as a warm worker
does. Ends with status 1 where memory did not suffice, or a photograph took over a tenth of the time-out.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

from reefsteps.images import decode, encode_jpeg, thumbnail
from restoration.methods import DEFAULT_METHOD, restore

FUNCTION_MB, TIMEOUT_S = 3008, 840
MEGAPIXELS = (24, 45, 100)
_TIMES = 3

Array = npt.NDArray[np.uint8]


def _scene(megapixels: int) -> Array:
    height, width = round((megapixels * 1e6 * 2 / 3) ** 0.5), round((megapixels * 1e6 * 3 / 2) ** 0.5)
    coarse = np.random.default_rng(1).integers(20, 200, (height // 8, width // 8, 3), np.uint8)
    return cv2.resize(coarse, (width, height)).astype(np.uint8)


def _pillow(kind: str, mode: str = "RGB", **options: Any) -> Callable[[Array], bytes]:
    def save(rgb: Array) -> bytes:
        file = io.BytesIO()
        Image.fromarray(rgb).convert(mode).save(file, kind, **options)
        return file.getvalue()

    return save


def _tiff(*, deep: bool = False, **options: Any) -> Callable[[Array], bytes]:
    def save(rgb: Array) -> bytes:
        file = io.BytesIO()
        tifffile.imwrite(file, rgb.astype(np.uint16) * 257 if deep else rgb, photometric="rgb", **options)
        return file.getvalue()

    return save


FORMATS = {
    "JPEG": _pillow("JPEG", quality=90),
    "JPEG, progressive": _pillow("JPEG", quality=90, progressive=True),
    "PNG": _pillow("PNG", compress_level=1),
    "PNG with alpha": _pillow("PNG", "RGBA", compress_level=1),
    "TIFF": _tiff(),
    "TIFF, 16 bits": _tiff(deep=True),
    "TIFF, 16 bits, deflate": _tiff(deep=True, compression="deflate"),
}


def _work(path: Path, there: Connection) -> None:
    loaded_bytes = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (loaded_bytes + (FUNCTION_MB << 20),) * 2)
    for _ in range(_TIMES):
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        started = time.process_time()
        restored = restore(decode(path.read_bytes()).pixels_bgr, DEFAULT_METHOD)
        encode_jpeg(restored.pixels_bgr)
        encode_jpeg(thumbnail(restored.pixels_bgr))
        del restored
        status = Path("/proc/self/status").read_text()
        there.send((int(status.split("VmHWM:")[1].split()[0]) / 1024, time.process_time() - started))


def measured(path: Path) -> list[tuple[float, float]]:
    """Return peak MB and CPU seconds of each of three times in a row; fewer if the process ended before."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(path, there))
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
    parser.add_argument("--folder", type=Path, required=True, help="where the photographs are written, for a moment")
    given = parser.parse_args()
    good = True
    print("| format | MP | first: MB, s | third: MB, s |\n|---|---|---|---|")
    for megapixels in given.megapixels:
        scene = _scene(megapixels)
        for name, save in FORMATS.items():
            path = given.folder / "photograph"
            path.write_bytes(save(scene))
            found = measured(path)
            path.unlink()
            good &= len(found) == _TIMES and all(seconds <= TIMEOUT_S / 10 for _, seconds in found)
            cells = [f"{found[n][0]:,.0f}, {found[n][1]:.1f}" if len(found) > n else "ended" for n in (0, _TIMES - 1)]
            print(f"| {name} | {megapixels} | {' | '.join(cells)} |", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
