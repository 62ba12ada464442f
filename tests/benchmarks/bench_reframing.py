"""Reframing measured: corner errors, refusals and silent failures on exact truth, beside the ancestor's algorithm.

    python -m tests.benchmarks.bench_reframing [--count 500] [--jobs 2] [--seed 0]
    python -m tests.benchmarks.bench_reframing --count 120 --frames 50x75 --wrong-size 100

Photographs are drawn by synthetic over rotation, tilt, lens distortion, framing, occlusion, blur and water;
masks are damaged as a mask head's are (mask_damage), in three qualities and three kinds (the frame's bars, the filled
opening, the filled frame). The real photographs beside the project are measured too where they are present.

``--frames`` draws frames of another size: a rectangle's longer side lies along the top for every other seed, and its
strings are 10 x 15 where others are 10 x 10. ``--wrong-size`` looks for the same frames again as if they had that size.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from reefsteps.arrays import BoolArray, ByteArray, Float64Array
from reefsteps.errors import QuadratNotFoundError
from reefsteps.quadrat_size import QuadratSize
from reframing.plane.geometry import order_corners, side_lengths, signed_area
from reframing.plane.view import PlaneModel
from reframing.quadrat import find_quadrat
from reframing.rectification import rectify, source_side_px
from synthetic import PhotoConfig, SyntheticPhoto, generate
from tests.benchmarks import ancestor_reframing
from tests.benchmarks.mask_damage import damaged
from tests.support.real_data import REAL_DATA

DATA = REAL_DATA / "quadrats"
QUALITIES = {"good": 0.6, "usable": 1.0, "poor": 1.5}
MASK_KINDS = ("bars", "opening", "frame")
SILENT_PERCENT = 2.0


@dataclass(frozen=True)
class Case:
    """One photograph with one damaged mask, and what came out."""

    seed: int
    strings: bool
    other_strings: bool
    quality: str
    mask_kind: str
    framing: str
    frame_kind: str
    eligible: bool  # at least half of each side, or the strings, visible
    accepted: bool
    error_percent: float
    mirrored: bool
    uncertainty_percent: float
    refusal: str
    seconds: float
    ancestor_error_percent: float  # nan where it crashes
    ancestor_mirrored: bool
    turned: bool  # found with the rectangle's other length along the top
    accepted_as_wrong_size: bool


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=500, help="synthetic photographs")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first photograph")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--list", action="store_true", help="print every photograph's result as JSON lines too")
    parser.add_argument("--frames", type=QuadratSize.parse, help="size of the frames in cm, for example 50x75")
    parser.add_argument("--wrong-size", type=QuadratSize.parse, help="count frames accepted as having this size")
    arguments = parser.parse_args()
    seeds = range(arguments.seed, arguments.seed + arguments.count)
    with multiprocessing.get_context("spawn").Pool(arguments.jobs) as pool:
        work = functools.partial(measure, frames=arguments.frames, wrong_size=arguments.wrong_size)
        cases = list(pool.imap(work, seeds, chunksize=4))
    if arguments.list:
        for case in cases:
            print(json.dumps(case.__dict__))
    print_accuracy(cases)
    print_qualities(cases)
    print_refusals(cases)
    if arguments.wrong_size:
        wrong = [case.seed for case in cases if case.accepted_as_wrong_size]
        print(f"\naccepted as a frame of {arguments.wrong_size} cm: {len(wrong)} of {len(cases)}, seeds {wrong}")
    if arguments.frames is None:
        print_real()
        print_speed()


def measure(seed: int, frames: QuadratSize | None = None, wrong_size: QuadratSize | None = None) -> Case:
    """Draw photograph and mask of a seed and run both algorithms on it."""
    cv2.setNumThreads(1)
    random = np.random.default_rng([seed, 7])
    strings = ("grid10", "grid10", None)[seed % 3] if seed % 2 else ("grid10", "none")[seed // 2 % 2]
    photo = draw(seed, strings, frames=frames)
    quality = list(QUALITIES)[seed % 3]
    kind = MASK_KINDS[int(random.integers(3))]
    mask = damaged(perfect_mask(photo, kind), random, QUALITIES[quality])
    truth = order_corners(photo.corners_px)
    started, accepted, error, mirrored, uncertainty, refusal = time.process_time(), True, np.nan, False, np.nan, ""
    turned = False
    try:
        fit = find_quadrat(photo.image_bgr, mask, frames)
        start = first_of(fit.corners_px, truth)
        turned = (fit.extent[start % 2] > fit.extent[1 - start % 2]) != (photo.side_cm > photo.height_cm)
        error, mirrored = error_percent(np.roll(fit.corners_px, -start, 0), truth), signed_area(fit.corners_px) < 0
        uncertainty = fit.uncertainty_percent
    except QuadratNotFoundError as problem:
        accepted, refusal = False, str(problem)
    seconds = time.process_time() - started
    ancestor_error, ancestor_mirrored = ancestor(mask, truth)
    kind_of_strings = photo.frame.strings if photo.frame else "none"
    return Case(
        seed, kind_of_strings == "grid10", kind_of_strings in ("grid5", "grid4", "diagonals"), quality, kind,
        photo.framing, photo.frame.kind if photo.frame else "none", eligible(photo), accepted, float(error),
        bool(mirrored), float(uncertainty), refusal, seconds, ancestor_error, ancestor_mirrored, bool(turned),
        wrong_size is not None and is_accepted(photo, mask, wrong_size),
    )  # fmt: skip


def is_accepted(photo: SyntheticPhoto, mask: BoolArray, size: QuadratSize) -> bool:
    """Return whether the frame is found if its size is given as this one."""
    try:
        find_quadrat(photo.image_bgr, mask, size)
    except QuadratNotFoundError:
        return False
    return True


def draw(
    seed: int, strings: str | None, width_px: int = 3000, height_px: int = 2000, frames: QuadratSize | None = None
) -> SyntheticPhoto:
    """Return a photograph with a frame in it, of the kind's own size or of ``frames``."""
    kinds = ("aluminium", "pvc", "patches", "rulers", "painted")
    config = PhotoConfig(width_px=width_px, height_px=height_px, frame=kinds[seed % 5], strings=strings)
    if frames is not None:
        lengths = (frames.long_cm, frames.short_cm)
        config = dataclasses.replace(config, opening_cm=lengths if seed // 2 % 2 else lengths[::-1])
    return generate(seed, config)


def perfect_mask(photo: SyntheticPhoto, kind: str) -> BoolArray:
    """Return the mask (H, W) that a perfect model of this kind would give."""
    if kind == "opening":
        return photo.opening_mask() > 0
    if kind == "bars":
        return photo.frame_mask > 0
    return (photo.opening_mask() > 0) | (photo.frame_mask > 0)


def eligible(photo: SyntheticPhoto) -> bool:
    """Return whether at least half of each side's bar shows, or a grid of strings almost whole."""
    height, width = photo.frame_mask.shape
    t = np.linspace(0.01, 0.99, 200)
    shares = []
    corners = photo.view.opening
    for start, end in zip(corners, np.roll(corners, -1, 0), strict=True):
        line = start + (end - start) * t[:, None]
        outside = line + 0.008 * np.array([end[1] - start[1], start[0] - end[0]]) / np.linalg.norm(end - start)
        shares.append(_shown(photo, outside, photo.frame_mask).mean())
    x, y = np.meshgrid(np.linspace(0.02, 0.98, 30), np.linspace(0.02, 0.98, 30))
    plane = np.stack([x.ravel(), y.ravel()], axis=1) * photo.view.extent
    inside = _shown(photo, plane, np.ones((height, width), np.uint8)).mean()
    return bool(min(shares) >= 0.5 or (photo.frame is not None and photo.frame.strings == "grid10" and inside > 0.97))


def _shown(photo: SyntheticPhoto, plane: Float64Array, where: ByteArray) -> BoolArray:
    x, y = np.floor(photo.view.project(plane)).astype(int).T
    height, width = where.shape
    within = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    return np.asarray(within & (where[np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)] > 0))


def error_percent(corners: Float64Array, truth: Float64Array) -> float:
    """Return the largest corner error, percent of the mean side."""
    return float(100 * np.linalg.norm(corners - truth, axis=1).max() / side_lengths(truth).mean())


def first_of(corners: Float64Array, truth: Float64Array) -> int:
    """Return which of the corners found is the truth's first: 0, except at a roll within a degree of 45.

    There two sides are equally far from level, and an error of a pixel decides which is the top.
    """
    x, y = np.abs(truth[1] - truth[0])
    if abs(np.degrees(np.arctan2(y, x)) - 45) > 1:
        return 0
    return int(np.argmin(np.linalg.norm(corners - truth[0], axis=1)))


def ancestor(mask: BoolArray, truth: Float64Array) -> tuple[float, bool]:
    """Return the ancestor's error (its corners put in order first, in its favour) and whether its crop is mirrored."""
    try:
        found = ancestor_reframing.corners(mask)
    except ancestor_reframing.AncestorError:
        return float("nan"), False
    return error_percent(order_corners(found), truth), signed_area(found) < 0


def print_accuracy(cases: list[Case]) -> None:
    """Print errors and acceptance, with and without a string grid, ours beside the ancestor's."""
    print(f"\nLargest corner error, percent of the side; {len(cases)} synthetic photographs")
    columns = f"{'n':>5}{'acc %':>7}{'elig %':>8}{'median':>8}{'p90':>7}{'p95':>7}{'max':>7}{'>2 %':>6}{'mirr':>6}"
    print(f"{'':34}{columns}{'turned':>8}")
    groups: dict[str, Callable[[Case], bool]] = {
        "10 x 10 (10 x 15) strings": lambda case: case.strings,
        "without": lambda case: not case.strings,
        "all": lambda _: True,
    }
    for name, chosen in groups.items():
        rows = [case for case in cases if chosen(case)]
        if not rows:
            continue
        accepted = [case for case in rows if case.accepted]
        able = [case for case in rows if case.eligible]
        _row(
            f"ours, {name}", len(rows), 100 * len(accepted) / len(rows),
            100 * sum(case.accepted for case in able) / max(len(able), 1),
            np.array([case.error_percent for case in accepted]), sum(case.mirrored for case in accepted),
            sum(case.turned for case in accepted),
        )  # fmt: skip
        ran = [case for case in rows if np.isfinite(case.ancestor_error_percent)]
        _row(
            f"ancestor, {name}", len(rows), 100 * len(ran) / len(rows), float("nan"),
            np.array([case.ancestor_error_percent for case in ran]), sum(case.ancestor_mirrored for case in ran),
        )  # fmt: skip
    accepted = [case for case in cases if case.accepted]
    ratio = np.array([case.error_percent / case.uncertainty_percent for case in accepted])
    print(
        f"uncertainty: error below the stated figure in {100 * np.mean(ratio < 1):.0f} %, below twice in "
        f"{100 * np.mean(ratio < 2):.0f} % of the accepted; CPU seconds a photo: "
        f"median {np.median([case.seconds for case in cases]):.2f}"
    )


def _row(
    name: str, count: int, accepted: float, able: float, errors: Float64Array, mirrored: int, turned: int | str = "-"
) -> None:
    if len(errors) == 0:
        print(f"{name:34}{count:5}{accepted:7.1f}{able:8.1f}   (none accepted)")
        return
    median, p90, p95 = np.percentile(errors, [50, 90, 95])
    print(
        f"{name:34}{count:5}{accepted:7.1f}{able:8.1f}{median:8.3f}{p90:7.3f}{p95:7.3f}{errors.max():7.2f}"
        f"{int((errors > SILENT_PERCENT).sum()):6}{mirrored:6}{turned:>8}"
    )


def print_qualities(cases: list[Case]) -> None:
    """Print acceptance and error by mask quality, kind, framing and frame."""
    print(f"\n{'by':24}{'n':>5}{'acc %':>7}{'elig %':>8}{'median':>8}{'p95':>7}{'max':>7}")
    for field in ("quality", "mask_kind", "framing", "frame_kind"):
        for value in sorted({str(getattr(case, field)) for case in cases}):
            rows = [case for case in cases if getattr(case, field) == value]
            errors = np.array([case.error_percent for case in rows if case.accepted] or [np.nan])
            able = [case.accepted for case in rows if case.eligible] or [False]
            print(
                f"{field + ' ' + value:24}{len(rows):5}{100 * np.mean([case.accepted for case in rows]):7.1f}"
                f"{100 * np.mean(able):8.1f}{np.median(errors):8.3f}{np.percentile(errors, 95):7.3f}{errors.max():7.2f}"
            )


def print_refusals(cases: list[Case]) -> None:
    """Print the first reason of the refusals, most frequent first."""
    reasons: dict[str, int] = {}
    for case in cases:
        if not case.accepted:
            words = case.refusal.removeprefix("No quadrat that can be measured safely: ").split()
            reason = " ".join(word for word in words[:9] if not any(sign.isdigit() for sign in word))
            reasons[reason] = reasons.get(reason, 0) + 1
    print("\nrefusals by first reason")
    for reason, count in sorted(reasons.items(), key=lambda item: -item[1]):
        print(f"{count:5}  {reason}")


def print_real() -> None:
    """Print the real photographs' errors against hand-set corners, and what becomes of the one without a quadrat."""
    if not (DATA / "corners.json").exists():
        print("\nreal photographs: not present, skipped")
        return
    print(f"\n{'real photographs, masks made from hand corners':60}{'accepted':>9}{'worst px':>9}{'allowed':>9}")
    annotated = json.loads((DATA / "corners.json").read_text())["images"]
    for name, truth in annotated.items():
        picture = cv2.imread(str(DATA / name))
        assert picture is not None
        corners = np.array(truth["inner"], np.float64)
        allowed = truth["tol_px"] + 0.005 * float(side_lengths(corners).mean())
        found = [_try(picture.astype(np.uint8), _ring(corners, picture.shape, 0.06), seed) for seed in range(9)]
        errors = [float(np.linalg.norm(item - corners, axis=1).max()) for item in found if item is not None]
        worst = f"{max(errors):9.1f}" if errors else f"{'-':>9}"
        print(f"{Path(name).name[-58:]:60}{len(errors):5} / 9{worst}{allowed:9.1f}")
    for path in sorted(DATA.glob("other/*noframe*")):
        picture = cv2.imread(str(path))
        assert picture is not None
        found = [_try(picture.astype(np.uint8), _anywhere(seed, picture.shape), seed) for seed in range(30)]
        print(f"{path.name[-58:]:60}{sum(item is not None for item in found):4} / 30   (must be 0)")


def _try(picture: ByteArray, mask: BoolArray, seed: int) -> Float64Array | None:
    random = np.random.default_rng(seed)
    try:
        return find_quadrat(picture, damaged(mask, random, list(QUALITIES.values())[seed % 3])).corners_px
    except QuadratNotFoundError:
        return None


def _ring(corners: Float64Array, shape: tuple[int, ...], bar: float) -> BoolArray:
    """Return the mask (H, W) of bars of a width (parts of the side) around an opening."""
    view = PlaneModel.from_corners(corners, shape[1], shape[0])
    outer = view.to_image(np.array([[-bar, -bar], [1 + bar, -bar], [1 + bar, 1 + bar], [-bar, 1 + bar]]))
    mask = np.zeros(shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(outer).astype(np.int32)], 1)
    cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 0)
    return mask > 0


def _anywhere(seed: int, shape: tuple[int, ...]) -> BoolArray:
    """Return the mask of a frame imagined somewhere in the picture, filled or as bars."""
    random = np.random.default_rng(seed + 1000)
    side, roll = random.uniform(0.4, 0.8) * min(shape[:2]), random.uniform(-0.7, 0.7)
    turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    square = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]) * side
    centre = np.array([shape[1], shape[0]]) * random.uniform(0.4, 0.6, 2)
    return _ring(square @ turn.T + centre, shape, 0.06)


def print_speed() -> None:
    """Print seconds of the geometry and of the warp at 24 MP on two threads, the least of three runs."""
    cv2.setNumThreads(2)
    print("\n24 MP, 2 threads, mask given (least of three, seconds)")
    for strings in ("grid10", "none"):
        photo = draw(5, strings, 6000, 4000)
        mask = damaged(photo.frame_mask > 0, np.random.default_rng(0), 0.6)
        geometry, warp = [], []
        for _ in range(3):
            started = time.perf_counter()
            try:
                model = find_quadrat(photo.image_bgr, mask).model
            except QuadratNotFoundError:
                model = PlaneModel.from_corners(order_corners(photo.corners_px), 6000, 4000)
            geometry.append(time.perf_counter() - started)
            started = time.perf_counter()
            rectify(photo.image_bgr, model, source_side_px(model))
            warp.append(time.perf_counter() - started)
        print(f"  strings {strings:8} find {min(geometry):.2f}   warp {min(warp):.2f}")


if __name__ == "__main__":
    main()
