"""Restoration measured: scores, separability across waters, colour error, time and memory.

    python -m tests.benchmarks.bench_restoration [SECTION ...]

Tables go to standard output; nothing is asserted. Photographs are read from beside the project; without them the drawn
scenes alone are measured.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from reefsteps.images import decode
from restoration.methods import METHODS, restore
from tests.benchmarks.segmentation import WATERS as SYNTHETIC_WATERS
from tests.benchmarks.segmentation import cover_scores, model_cover, quadrats
from tests.support import quality
from tests.support.real_data import REAL_DATA
from tests.support.separability import (
    WATERS,
    Bgr,
    Restore,
    Scene,
    Water,
    cross_water_accuracy,
    cross_water_accuracy_within,
    drawn_reef,
    immerse,
)

DATA = REAL_DATA
MEGAPIXELS = ((12, 4243, 2828), (24, 6000, 4000), (45, 8216, 5477))
# x0, y0, x1, y1 as shares of the picture: the frame is fixed to the camera. The last is the bare frame, dark grey.
_PATCHES = {
    "cyan": (0.45, 0.025, 0.49, 0.05),
    "red": (0.555, 0.025, 0.595, 0.05),
    "teal": (0.665, 0.025, 0.705, 0.05),
    "frame": (0.01, 0.20, 0.04, 0.33),
}
_DRAWN_SCENES = 48  # with a third of them the figures still move by 0.02 from one set of scenes to another
_MODEL_PHOTOS = 32
_AS_TAKEN = Water("as taken", (0.0, 0.0, 0.0), 0, 0.0)


def main() -> None:
    """Run the chosen sections."""
    sections: dict[str, Callable[[], None]] = {
        "scores": scores,
        "separability": separability,
        "colour": colour,
        "charts": charts,
        "segmentation": segmentation,
        "model": model,
        "speed": speed,
    }
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sections", nargs="*", metavar="section", help=", ".join(sections))
    parser.add_argument("--measure", nargs=3, metavar=("METHOD", "WIDTH", "HEIGHT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        method, width, height = arguments.measure
        print(json.dumps(_measured(method, int(width), int(height))))
        return
    for name in arguments.sections or sections:
        sections[name]()


def scores() -> None:
    """UIQM, UCIQE, cast and clipping on U45, and the workbook's published figures on the same pictures."""
    paths = sorted(DATA.glob("restoration/u45/*/*.png"), key=lambda path: int(path.stem))
    if not paths:
        print("U45 is not beside the project: no scores.")
        return
    pictures = [decode(path.read_bytes()).pixels_bgr.astype(np.uint8) for path in paths]
    rows = []
    for method in METHODS:
        restored = [restore(picture, method).pixels_bgr for picture in pictures]
        scaled = [quality.at_512(picture) for picture in restored]
        parts = [quality.uiqm(picture) for picture in scaled]
        figures = (
            [part.total for part in parts],
            [part.colourfulness for part in parts],
            [part.sharpness for part in parts],
            [part.contrast for part in parts],
            [quality.uciqe(picture) for picture in scaled],
            [quality.residual_cast(picture) for picture in scaled],
            [quality.clipped_percent(picture) for picture in restored],
        )
        rows.append([_label(method), *(f"{np.mean(values):.3f}" for values in figures)])
    header = ["method", "UIQM", "UICM", "UISM", "UIConM", "UCIQE", "cast", "clipped %"]
    _print_table(f"U45, {len(paths)} pictures: this project's definitions (quality.py)", header, rows)
    _print_workbook([int(path.stem) for path in paths])
    _print_skipped()


def separability() -> None:
    """Balanced accuracy coral against the rest, trained in one water and tested in another."""
    drawn = [drawn_reef(seed) for seed in range(_DRAWN_SCENES)]
    real = _masked_photographs()
    rows = []
    for method in METHODS:
        in_drawn = list(cross_water_accuracy(drawn, _restorer(method)).values())
        row = [_label(method), f"{np.mean(in_drawn):.3f}", f"{min(in_drawn):.3f}"]
        if real:
            within = cross_water_accuracy_within(real, _restorer(method), (_AS_TAKEN, *WATERS))
            row += [f"{np.mean(within):.3f}", f"{np.percentile(within, 10):.3f}", f"{min(within):.3f}"]
        rows.append(row)
    header = ["method", "drawn: mean", "worst", "photographs: mean", "10th pct", "worst"]
    _print_table("Balanced accuracy, trained in one water and tested in another", header, rows)


def colour() -> None:
    """Distance to the picture out of the water, for drawn reefs; lightness matched, CIE76."""
    drawn = [drawn_reef(seed) for seed in range(100, 108)]
    rows = []
    for method in METHODS:
        errors = [
            np.mean(
                [
                    quality.colour_error(restore(immerse(scene.bgr, water, seed), method).pixels_bgr, scene.bgr)
                    for seed, scene in enumerate(drawn)
                ]
            )
            for water in WATERS
        ]
        rows.append([_label(method), *(f"{error:.1f}" for error in errors), f"{np.mean(errors):.1f}"])
    _print_table("Colour error to the dry picture", ["method", *(water.name for water in WATERS), "mean"], rows)


def charts() -> None:
    """The painted patches on the frame of the Moorea photographs: one paint must look alike in every picture."""
    paths = sorted(DATA.glob("quadrats/mcr_moorea/*.jpg"))
    if not paths:
        print("The Moorea photographs are not beside the project: no charts.")
        return
    taken = [quality.at_512(np.asarray(decode(path.read_bytes()).pixels_bgr, np.uint8)) for path in paths]
    waters = (_AS_TAKEN, *WATERS)
    wet = [_immersed(picture, waters[index % len(waters)], index) for index, picture in enumerate(taken)]
    rows = []
    for method in METHODS:
        row = [_label(method)]
        for pictures in (taken, wet):
            colours = np.stack([_patch_colours(restore(picture, method).pixels_bgr) for picture in pictures])
            spread = np.linalg.norm(colours - colours.mean(axis=0), axis=2).mean(axis=0)
            row += [f"{value:.1f}" for value in (*spread[:3], _chroma(colours[:, 3]))]
        rows.append(row)
    columns = ["cyan", "red", "teal", "chroma of the grey frame"]
    header = ["method", *(f"one dive: {name}" for name in columns), *(f"six waters: {name}" for name in columns)]
    _print_table(f"Spread of each paint over {len(paths)} photographs of one frame, CIELAB units", header, rows)


def segmentation() -> None:
    """Intersection over union and percent cover with a model trained in another water, a model for each method."""
    training = {water: quadrats(water, 1000, 12) for water in SYNTHETIC_WATERS}
    testing = {water: quadrats(water, 2000, 12) for water in SYNTHETIC_WATERS}
    rows = []
    for method in METHODS:
        scored = cover_scores(training, testing, _restorer(method))
        row = [_label(method)]
        for same in (True, False):
            pairs = [pair for pair in scored.iou if (pair[0] == pair[1]) is same]
            errors = [scored.cover_error[pair] for pair in pairs]
            row += [f"{np.mean([scored.iou[pair] for pair in pairs]):.3f}", f"{np.mean(errors):.1f}"]
        rows.append([*row, f"{max(errors):.1f}"])
    header = ["method", "same water: IoU", "cover error", "another water: IoU", "cover error", "worst pair of waters"]
    _print_table("Random forest trained in one water and tested in another, synthetic quadrats", header, rows)


def model() -> None:
    """Intersection over union and percent cover with the demo Mask R-CNN."""
    checkpoint = Path(__file__).parents[2] / "models/detectron2-classifier.pth"
    scored = model_cover(checkpoint, {method: _restorer(method) for method in METHODS}, _MODEL_PHOTOS)
    rows = [[_label(method), f"{iou:.3f}", f"{error:.1f}"] for method, (iou, error) in scored.items()]
    header = ["method", "mean IoU", "mean cover error, points"]
    _print_table(f"Demo Mask R-CNN on {_MODEL_PHOTOS} synthetic quadrats", header, rows)


def speed() -> None:
    """Seconds and peak memory, each in a process of its own; decode and encode not included."""
    rows = []
    for megapixels, width, height in MEGAPIXELS:
        for method in ("planar", "histogram", "dark_channel", "full dark channel"):
            command = [sys.executable, "-m", __spec__.name, "--measure", method, str(width), str(height)]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            figures = json.loads(output)
            rows.append([f"{megapixels} MP", method, *(f"{figures[name]:.2f}" for name in ("wall_s", "cpu_s"))])
            rows[-1] += [f"{figures[name]:.0f}" for name in ("peak_mb", "before_mb")]
    header = ["picture", "method", "s", "CPU s", "peak MB", "of it before (picture, interpreter)"]
    _print_table("2 threads; best of 3 (full dark channel: of 1)", header, rows)


def full_dark_channel(bgr: Bgr) -> Bgr:
    """The dark channel prior as published, all of it at full resolution: what the ancestor's desktop version did."""
    values = bgr.astype(np.float32) / np.float32(255)
    patch = cv2.getStructuringElement(cv2.MORPH_RECT, (15, 15))
    dark = cv2.erode(values.min(axis=2), patch).ravel()
    brightest = np.argsort(dark)[-max(1, dark.size // 1000) :]
    veil = values.reshape(-1, 3)[brightest].max(axis=0)
    guide = cv2.cvtColor(values, cv2.COLOR_BGR2GRAY)
    rough = 1 - np.float32(0.95) * cv2.erode((values / veil).min(axis=2), patch)
    window = (121, 121)
    mean_guide, mean_rough = cv2.blur(guide, window), cv2.blur(rough, window)
    covariance = cv2.blur(guide * rough, window) - mean_guide * mean_rough
    slope = covariance / (cv2.blur(guide * guide, window) - mean_guide * mean_guide + np.float32(1e-3))
    offset = mean_rough - slope * mean_guide
    refined = np.maximum(cv2.blur(slope, window) * guide + cv2.blur(offset, window), np.float32(0.1))
    clear = (values - veil) / refined[..., None] + veil
    return np.asarray(np.clip(clear, 0, 1) * 255, np.uint8)


def _measured(method: str, width: int, height: int) -> dict[str, float]:
    cv2.setNumThreads(2)
    small = immerse(drawn_reef(0).bgr, WATERS[2], 0)
    picture = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    wall, cpu = [], []
    for _ in range(1 if method == "full dark channel" else 3):
        start, start_cpu = time.perf_counter(), time.process_time()
        full_dark_channel(picture) if method == "full dark channel" else restore(picture, method)
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - start_cpu)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"wall_s": min(wall), "cpu_s": min(cpu), "peak_mb": peak, "before_mb": before}


def _patch_colours(bgr: Bgr) -> npt.NDArray[np.float64]:
    """Return the median CIELAB colour of every patch, (4, 3)."""
    height, width = bgr.shape[:2]
    lab = cv2.cvtColor(bgr.astype(np.float32) / 255, cv2.COLOR_BGR2LAB)
    regions = (
        lab[int(y0 * height) : int(y1 * height), int(x0 * width) : int(x1 * width)]
        for x0, y0, x1, y1 in _PATCHES.values()
    )
    return np.stack([np.median(region.reshape(-1, 3), axis=0) for region in regions]).astype(np.float64)


def _chroma(lab: npt.NDArray[np.float64]) -> float:
    return float(np.hypot(lab[:, 1], lab[:, 2]).mean())


def _immersed(bgr: Bgr, water: Water, seed: int) -> Bgr:
    return immerse(bgr, water, seed) if water.path_m else bgr


def _restorer(method: str) -> Restore:
    return lambda bgr: restore(bgr, method).pixels_bgr


def _label(method: str) -> str:
    return "raw (none)" if method == "none" else method


def _masked_photographs() -> list[Scene]:
    scenes = []
    for path in sorted(DATA.glob("masks/reefsupport/*_gt705.png")):
        mask = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        photo = decode(path.with_name(path.name.replace("_gt705.png", ".jpg")).read_bytes()).pixels_bgr
        assert mask is not None
        size = (mask.shape[1], mask.shape[0])
        bgr = np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.uint8)
        scenes.append(Scene(bgr, mask == 1))
    return scenes


def _print_workbook(numbers: Sequence[int]) -> None:
    import openpyxl

    book = openpyxl.load_workbook(DATA / "restoration/u45/evaluation.xlsx", data_only=True)
    uciqe, uiqm = book["UCIQE"], book["UIQM"]
    names = [cell.value for cell in uciqe[46] if cell.value]
    rows = []
    for column, name in enumerate(names):
        ours = [
            [sheet.cell(number, at).value for number in numbers]
            for sheet, at in ((uiqm, 1 + 4 * column), (uciqe, 1 + column))
        ]
        whole = [sheet.cell(47, at).value for sheet, at in ((uiqm, 1 + 4 * column), (uciqe, 1 + column))]
        rows.append([name, *(f"{np.mean(values):.3f}" for values in ours), *(f"{value:.3f}" for value in whole)])
    header = ["method", f"UIQM ({len(numbers)})", f"UCIQE ({len(numbers)})", "UIQM (all 45)", "UCIQE (all 45)"]
    _print_table("U45's workbook as published: other definitions, not one scale with the table above", header, rows)


def _print_skipped() -> None:
    photographs = [
        path
        for folder in ("quadrats", "masks", "restoration")
        for path in sorted((DATA / folder).rglob("*"))
        if path.suffix in {".jpg", ".jpeg", ".png"} and "_gt705" not in path.name and "VOS_label" not in path.name
    ]
    raw, again = [], []
    for path in photographs:
        restored = restore(decode(path.read_bytes()).pixels_bgr)
        raw.append(restored.skipped_because is not None)
        again.append(restore(restored.pixels_bgr).skipped_because is not None)
    print(f"\nLeft alone by planar: {sum(raw)} of {len(raw)} photographs; {sum(again)} of them once restored.")


def _print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    print(f"\n{title}\n")
    for row in (header, ["---"] * len(header), *rows):
        print("| " + " | ".join(row) + " |")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
