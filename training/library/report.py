"""Reports with plots: Markdown and PNG."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot

if TYPE_CHECKING:
    from training.library.scores import CoralScores, FrameScores


def frame_report(folder: Path, model: str, figures: dict[str, Any], scores: FrameScores) -> Path:
    """Write report.md and its plots into ``folder``; return the report's path."""
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.6))
    left.hist(scores.iou, bins=np.linspace(0.5, 1, 51), color="#2a6f97")
    left.set(xlabel="mask IoU of the opening", ylabel="photographs")
    left.axvline(0.95, color="#c1121f", linestyle="--", label="bar, mean")
    left.legend()
    right.hist(np.clip([c for c in scores.corner_percent if c == c], 0, 10), bins=40, color="#2a6f97")
    right.set(xlabel="largest corner error of the bare mask, % of the side", ylabel="photographs")
    _save(figure, folder / "frames.png")
    return _write(folder, f"Frame model {model}", figures, "frames.png")


def coral_report(folder: Path, model: str, figures: dict[str, Any], scores: CoralScores) -> Path:
    """Write report.md and its plots into ``folder``; return the report's path."""
    true, found = np.array(scores.true_percent), np.array(scores.found_percent)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4))
    left.plot([0, 100], [0, 100], color="#888888", linewidth=1)
    left.scatter(true, found, s=10, color="#2a6f97")
    left.set(xlabel="true cover, %", ylabel="found cover, %", xlim=(0, 100), ylim=(0, 100))
    right.axhline(0, color="#888888", linewidth=1)
    right.axhline(scores.errors.bias_points, color="#c1121f", linestyle="--", label="bias")
    right.scatter((true + found) / 2, found - true, s=10, color="#2a6f97")
    right.set(xlabel="mean of true and found cover, %", ylabel="found - true, points")
    right.legend()
    _save(figure, folder / "cover.png")
    return _write(folder, f"Coral model {model}", figures, "cover.png")


def _save(figure: Any, path: Path) -> None:
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _write(folder: Path, title: str, figures: dict[str, Any], plot: str) -> Path:
    rows = []
    for name, value in figures.items():
        for key, item in value.items() if isinstance(value, dict) else [("", value)]:
            shown = f"{item:.3f}" if isinstance(item, float) else str(item)
            rows.append(f"| {f'{name} {key}'.strip()} | {shown} |")
    path = folder / "report.md"
    table = "\n".join(["| figure | value |", "|---|---|", *rows])
    path.write_text(f"# {title}\n\n{table}\n\n![plots]({plot})\n", encoding="utf-8")
    return path
