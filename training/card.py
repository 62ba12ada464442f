"""The model card's figures, from reports: ``python -m training.card --frame A --coral B [--real C] --card README.md``.

The card has text that a person writes and a part between two marks that this module writes. No figure in it is copied
by hand.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from training.library.command_line import run_command

BEGIN = "<!-- figures: written by training.card -->"
END = "<!-- end of the figures -->"
IOU_BAR = 0.95
MAE_BAR_POINTS = 6.0  # of drawn crops: shapes matter less than reality
REAL_BAR_POINTS = 9.0

Figures = dict[str, Any]


def write_card(card: Path, frame: Path, coral: Path, real: Path | None) -> None:
    """Put the figures of the report folders into the card, in place of earlier ones; begins a card that is not there.

    Raises ValueError when the card has no place for them.
    """
    parts = [synthetic(_read(frame), _read(coral))]
    if real is not None:
        parts.insert(0, measured_on_real(_read(real), (real / "report.md").read_text("utf-8")))
    text = card.read_text("utf-8") if card.exists() else f"# Models\n\n{BEGIN}\n{END}\n"
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{card} has no place for the figures: put the lines '{BEGIN}' and '{END}' into it.")
    figures = "\n".join(parts)
    card.write_text(f"{before}{BEGIN}\n\n{figures}\n{END}{after}", encoding="utf-8")


def synthetic(frame: Figures, coral: Figures) -> str:
    """Return the table of errors on synthetic photographs, with the bars."""
    iou, mae = frame["mask_iou_mean"], coral["mae_points"]
    spread = f"median {frame['mask_iou_median']:.3f}, 5th percentile {frame['mask_iou_p5']:.3f}"
    relative = f"{coral['relative_mean_percent']:.1f} +- {coral['relative_sd_percent']:.1f} %"
    trimmed = f"{coral['trimmed_mean_percent']:.1f} +- {coral['trimmed_sd_percent']:.1f} %"
    worst = f"bias {coral['bias_points']:+.2f}, worst {coral['worst_points']:.1f}"
    rows = [
        (
            f"frame: mask IoU, mean of {frame['photos']} photographs",
            f"{iou:.3f} ({spread})",
            _bar(IOU_BAR, iou >= IOU_BAR),
        ),
        ("frame: found (IoU at least 0.8)", f"{100 * frame['found_share']:.0f} %", ""),
        (
            "frame: largest corner error of the bare mask, % of the side",
            f"median {frame['mask_corner_error_percent_median']:.1f} (reframing refines it against the picture)",
            "",
        ),
        (
            "frame: alarms on photographs without a frame",
            f"{frame['false_alarms']} of {frame['photos_without_frame']}",
            "",
        ),
        (
            f"coral: cover, MAE of {coral['count']} crops",
            f"{mae:.2f} points ({worst})",
            _bar(MAE_BAR_POINTS, mae <= MAE_BAR_POINTS),
        ),
        (
            "coral: relative error, mean +- SD",
            f"{relative} ({trimmed} without those above 80 %)",
            "ancestor, other photographs: 8.26 +- 22.67 %",
        ),
        ("coral: COCO mask AP / AP50 / AP75", f"{coral['AP']:.1f} / {coral['AP50']:.1f} / {coral['AP75']:.1f}", ""),
    ]
    table = ["| | figure | bar |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in rows)]
    kinds = ", ".join(f"{kind} {value:.3f}" for kind, value in frame["mask_iou_by_kind"].items())
    return "\n".join(
        [
            "## Measured on drawn photographs that training did not use",
            "",
            *table,
            "",
            f"Mask IoU by kind of frame: {kinds}.",
            "",
        ]
    )


def measured_on_real(figures: Figures, report: str) -> str:
    """Return the errors on real photographs, and every photograph from ``evaluate_real``'s report."""
    kept, learned, masks = (figures[name] for name in ("moorea_points", "moorea_learned", "reefsupport_masks"))
    least = min(REAL_BAR_POINTS, 0.9 * kept["best_constant_mae_points"])
    bar = _bar(round(least, 1), kept["mae_points"] <= least)
    each = report[report.index("## Frames") :]
    frames, _, covers = each.partition("## moorea_points")
    for found, title in (
        ("## moorea_learned", "### Moorea LTER, photographs that the model learned from"),
        ("## reefsupport_masks", "### ReefSupport, hard-coral masks: other reefs, cameras and distances"),
    ):
        covers = covers.replace(found, title)
    return "\n".join(
        [
            "## Measured on real photographs",
            "",
            f"- Coral, Moorea LTER, {kept['count']} photographs kept from training and tuning, through the whole "
            f"pipeline: MAE {kept['mae_points']:.1f} points (bar {bar}), "
            f"bias {kept['bias_points']:+.1f}, slope {kept['slope']:.2f}, {kept['within_interval']} of {kept['count']} "
            f"inside the experts' 95 % interval, right at {100 * kept['mean_agreement']:.0f} % of the points. The best "
            f"single number for all of them would be {kept['best_constant_mae_points']:.1f} points off.",
            f"- Coral, Moorea LTER, the {learned['count']} photographs that the model learned from: MAE "
            f"{learned['mae_points']:.1f} points, bias {learned['bias_points']:+.1f}. These say nothing of new "
            "photographs.",
            f"- Coral, ReefSupport masks, {masks['count']} photographs: MAE {masks['mae_points']:.1f} points, bias "
            f"{masks['bias_points']:+.1f}, IoU with hard coral {masks['mean_agreement']:.2f}.",
            f"- Frame: {figures['quadrats_found']} of {figures['quadrats']} quadrats found (IoU at least 0.8), mean "
            f"IoU {figures['mean_iou']:.3f}.",
            f"- Frame: {figures['false_alarms']} of {figures['photos_without_quadrat']} photographs without a quadrat "
            "give a mask scored at least 0.5.",
            "",
            "### Moorea LTER, photographs kept from training and tuning",
            covers,
            frames.replace("## Frames", "### Frames, each photograph"),
        ]
    )


def _bar(bar: float, met: bool) -> str:
    return f"{bar:g}: {'met' if met else 'NOT met'}"


def _read(folder: Path) -> Figures:
    figures: Figures = json.loads((folder / "report.json").read_text("utf-8"))
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frame", type=Path, required=True, help="report folder of training.evaluate")
    parser.add_argument("--coral", type=Path, required=True, help="report folder of training.evaluate")
    parser.add_argument("--real", type=Path, help="report folder of training.evaluate_real")
    parser.add_argument("--card", type=Path, required=True)
    args = parser.parse_args()
    try:
        write_card(args.card, args.frame, args.coral, args.real)
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    run_command(main)
