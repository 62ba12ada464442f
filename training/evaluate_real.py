"""Errors on real photographs: ``python -m training.evaluate_real --frame A --coral B --data FOLDER --output OUT``.

Only measures: nothing is trained or tuned on these photographs, and none is copied. FOLDER holds ``quadrats`` (Moorea
LTER photographs with expert points, others with corners by hand) and ``masks/reefsupport`` (reef photographs with
masks). Writes ``report.md`` and ``report.json`` into OUT, and the figures as ``<name>.evaluation.json`` beside each
model.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from reefsteps.arrays import ByteArray, Float64Array
from reefsteps.masks import mask_iou
from training.library.coco import load_picture
from training.library.command_line import run_command
from training.library.examples import restored, straighten
from training.library.measured import EXPERT_POINTS, REEF_MASKS, cover_set, real_frame_sets, record
from training.library.metrics import corner_error_percent, coverage_errors
from training.library.predict import load_predictor
from training.library.prediction import Predictor
from training.library.scores import EVALUATION_SIDE_PX, mask_corners

FOUND_IOU = 0.8
WORKING_PX = 1200  # photographs are reduced to this long side first; the models see fewer
HARD_CORALS = frozenset(
    "Acrop Astreo Cypha Favia Fung Gardin Herpo Lepta Monta Monti Pavon Pocill Porit".split()  # noqa: SIM905
)  # Functional_Group "Hard coral" of the label set


@dataclass(frozen=True)
class FrameCase:
    """One photograph: IoU of the found opening with the reference, or a score where there is no quadrat."""

    photo: str
    reference: str
    score: float
    iou: float | None
    corner_percent: float | None

    @property
    def right(self) -> bool:
        """Return whether the quadrat was found, or rightly none."""
        return self.score == 0.0 if self.iou is None else self.iou >= FOUND_IOU


@dataclass(frozen=True)
class CoverCase:
    """One photograph's cover, percent; ``low`` and ``high`` are the reference's 95 % interval where it has one."""

    photo: str
    true: float
    low: float | None
    high: float | None
    found: float
    agreement: float  # share of the expert's points, or IoU of the masks


def read_photo(path: Path) -> tuple[ByteArray, float]:
    """Return the restored photograph with its long side at most WORKING_PX, and the factor it was reduced by."""
    image = load_picture(path)
    factor = min(1.0, WORKING_PX / max(image.shape[:2]))
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return restored(np.asarray(small, np.uint8)), factor


def moorea(folder: Path) -> Iterator[tuple[Path, dict[str, str], list[dict[str, str]]]]:
    """Yield photograph, its row of cover_from_points.csv and its points."""
    with (folder / "cover_from_points.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        path = folder / row["image"]
        with (folder / "points" / f"{path.stem}.csv").open(encoding="utf-8") as file:
            yield path, row, list(csv.DictReader(file))


def points_rectangle(points: list[dict[str, str]], scale: Float64Array) -> Float64Array:
    """Return the corners (4, 2) of the area in which the experts' random points lie, widened by half their mean gap."""
    xy = np.array([[float(p["Column"]), float(p["Row"])] for p in points]) * scale
    gap = (xy.max(0) - xy.min(0)) / (len(xy) - 1)
    (x0, y0), (x1, y1) = xy.min(0) - gap / 2, xy.max(0) + gap / 2
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])


def frame_cases(predict: Predictor, data: Path, min_score: float) -> list[FrameCase]:
    """Return the frame model's result on every photograph with a reference, and on those without a quadrat."""
    quadrats = data / "quadrats"
    cases = []
    for path, row, points in moorea(quadrats / "mcr_moorea"):
        image, _ = read_photo(path)
        scale = np.array([image.shape[1] / float(row["width"]), image.shape[0] / float(row["height"])])
        cases.append(
            _frame_case(predict, path, image, points_rectangle(points, scale), "area of the points", min_score)
        )
    corners = json.loads((quadrats / "corners.json").read_text(encoding="utf-8"))["images"]
    for name, item in corners.items():
        image, factor = read_photo(quadrats / name)
        truth = np.array(item["inner"], np.float64) * factor
        cases.append(_frame_case(predict, quadrats / name, image, truth, "corners by hand", min_score))
    empty = [quadrats / "other" / "sample2_noframe_coralwatch_card.jpeg"]
    framed = {"14_0513581e", "28_25d65b1b", "28_97264f34", "28_ab5f08a6"}
    empty += [p for p in sorted((data / "masks" / "reefsupport").glob("*.jpg")) if p.stem not in framed]
    for path in empty:
        image, _ = read_photo(path)
        cases.append(_frame_case(predict, path, image, None, "no quadrat", min_score))
    return cases


def _frame_case(
    predict: Predictor,
    path: Path,
    image: ByteArray,
    truth: Float64Array | None,
    reference: str,
    min_score: float,
) -> FrameCase:
    found = predict(image)
    seen = len(found.scores) > 0 and found.scores[0] >= min_score
    score = float(found.scores[0]) if seen else 0.0
    if truth is None:
        return FrameCase(path.name, reference, score, None, None)
    if not seen:
        return FrameCase(path.name, reference, 0.0, 0.0, None)
    opening = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(opening, [np.round(truth).astype(np.int32)], (1,))
    corners = mask_corners(found.masks[0])
    error = corner_error_percent(corners, truth) if corners is not None else None
    return FrameCase(path.name, reference, score, mask_iou(found.masks[0], opening), error)


def moorea_cover(predict: Predictor, folder: Path, min_score: float) -> list[CoverCase]:
    """Return cover against expert points (Wilson 95 % intervals), in the area of the points, straightened."""
    cases = []
    for path, row, points in moorea(folder):
        image, _ = read_photo(path)
        scale = np.array([image.shape[1] / float(row["width"]), image.shape[0] / float(row["height"])])
        corners = points_rectangle(points, scale)
        crop, _ = straighten(image, np.zeros(image.shape[:2], np.uint16), corners, EVALUATION_SIDE_PX)
        union = predict(crop).union(min_score)
        valid = [p for p in points if p["Label"] != "Off"]
        xy = np.array([[float(p["Column"]), float(p["Row"])] for p in valid]) * scale
        at = (xy - corners[0]) / (corners[2] - corners[0]) * EVALUATION_SIDE_PX
        column, line = np.clip(at.astype(int), 0, EVALUATION_SIDE_PX - 1).T
        expert = np.array([p["Label"] in HARD_CORALS for p in valid])
        agreement = float((union[line, column] == expert).mean())
        low, high = float(row["wilson95_lo"]), float(row["wilson95_hi"])
        cover = 100 * float(union.mean())
        cases.append(CoverCase(path.name, float(row["hard_coral_pct"]), low, high, cover, agreement))
    return cases


def reefsupport_cover(predict: Predictor, folder: Path, min_score: float) -> list[CoverCase]:
    """Return cover against the hard-coral masks of reef photographs (most are no quadrats)."""
    cases = []
    for path in sorted(folder.glob("*.jpg")):
        mask = cv2.imread(str(path.with_name(f"{path.stem}_gt705.png")), cv2.IMREAD_GRAYSCALE)
        if mask is None:
            continue
        image, _ = read_photo(path)
        union = predict(np.asarray(cv2.resize(image, mask.shape[::-1], interpolation=cv2.INTER_AREA))).union(min_score)
        hard = mask == 1
        cover = 100 * float(union.mean())
        cases.append(CoverCase(path.name, 100 * float(hard.mean()), None, None, cover, mask_iou(union, hard)))
    return cases


def summary(frames: list[FrameCase], covers: dict[str, list[CoverCase]]) -> dict[str, Any]:
    """Return the published figures."""
    with_quadrat = [c for c in frames if c.iou is not None]
    result: dict[str, Any] = {
        "quadrats_found": sum(c.right for c in with_quadrat),
        "quadrats": len(with_quadrat),
        "mean_iou": float(np.mean([c.iou for c in with_quadrat])),
        "false_alarms": sum(not c.right for c in frames if c.iou is None),
        "photos_without_quadrat": sum(c.iou is None for c in frames),
    }
    for name, cases in covers.items():
        true, found = np.array([c.true for c in cases]), np.array([c.found for c in cases])
        result[name] = {
            **asdict(coverage_errors(true, found)),
            "mean_agreement": float(np.mean([c.agreement for c in cases])),
            "within_interval": sum(
                c.low is not None and c.high is not None and c.low <= c.found <= c.high for c in cases
            ),
        }
    return result


def report(figures: dict[str, Any], frames: list[FrameCase], covers: dict[str, list[CoverCase]]) -> str:
    """Return the Markdown report: the figures, then every photograph."""
    lines = ["# Real photographs", "", "```json", json.dumps(figures, indent=2), "```", "", "## Frames", ""]
    lines += ["| photograph | reference | score | IoU | corner error, % | right |", "|---|---|---|---|---|---|"]
    for c in frames:
        iou = "" if c.iou is None else f"{c.iou:.3f}"
        corner = "" if c.corner_percent is None else f"{c.corner_percent:.1f}"
        lines.append(f"| {c.photo} | {c.reference} | {c.score:.2f} | {iou} | {corner} | {'yes' if c.right else 'no'} |")
    for name, cases in covers.items():
        lines += [
            "",
            f"## {name}",
            "",
            "| photograph | true, % | 95 % interval | found, % | agreement |",
            "|---|---|---|---|---|",
        ]
        for case in cases:
            interval = "" if case.low is None else f"{case.low:.1f} to {case.high:.1f}"
            lines.append(f"| {case.photo} | {case.true:.1f} | {interval} | {case.found:.1f} | {case.agreement:.2f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frame", type=Path, required=True)
    parser.add_argument("--coral", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--min-score", type=float, default=0.5)
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    frames = frame_cases(load_predictor(args.frame), args.data, args.min_score)
    coral = load_predictor(args.coral)
    covers = {
        "moorea_points": moorea_cover(coral, args.data / "quadrats" / "mcr_moorea", args.min_score),
        "reefsupport_masks": reefsupport_cover(coral, args.data / "masks" / "reefsupport", args.min_score),
    }
    figures = summary(frames, covers)
    (args.output / "report.md").write_text(report(figures, frames, covers), encoding="utf-8")
    (args.output / "report.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    record(args.frame, real_frame_sets(figures))
    measured_on = {"moorea_points": EXPERT_POINTS, "reefsupport_masks": REEF_MASKS}
    record(args.coral, [cover_set(measured_on[name], figures[name]) for name in covers])
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    run_command(main)
