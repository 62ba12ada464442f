"""The measured errors that travel with a model: ``<name>.evaluation.json`` beside its checkpoint.

Conversion puts them into the manifest, from where the web page shows them beside the model in use.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from conversion.evaluation import read_evaluation
from reefsteps.detection.manifest import Evaluation, Figure
from reefsteps.keys import model_evaluation_key

SYNTHETIC = "synthetic photographs"
ANNOTATED = "annotated photographs"
REAL_QUADRATS = "real photographs of quadrats"
NO_QUADRAT = "real photographs without a quadrat"
EXPERT_POINTS = "real quadrats with experts' points (Moorea LTER)"
REEF_MASKS = "real reef photographs with coral masks (ReefSupport)"

# A report's figure, what a person calls it, its unit, and the factor between the two.
_FRAME = (
    ("mask_iou_mean", "overlap of the opening (IoU), mean", "", 1),
    ("found_share", "quadrats found (IoU at least 0.8)", "%", 100),
    ("mask_corner_error_percent_median", "largest corner error before refinement, median", "% of the side", 1),
    ("false_alarm_share", "photographs without a frame in which one is seen", "%", 100),
)
_COVER = (
    ("mae_points", "cover, mean absolute error", "points", 1),
    ("bias_points", "cover, bias (found minus true)", "points", 1),
    ("worst_points", "cover, worst photograph", "points", 1),
    ("relative_mean_percent", "cover, relative error, mean", "%", 1),
    ("relative_sd_percent", "cover, relative error, standard deviation", "%", 1),
)


def frame_evaluation(measured_on: str, figures: Mapping[str, Any]) -> Evaluation:
    """Return the entry of ``evaluate.summarise_frames``'s figures."""
    empty = figures["photos_without_frame"]
    alarms = {"false_alarm_share": figures["false_alarms"] / empty} if empty else {}
    return Evaluation(measured_on, int(figures["photos"]), _figures({**figures, **alarms}, _FRAME))


def cover_evaluation(measured_on: str, figures: Mapping[str, Any]) -> Evaluation:
    """Return the entry of a CoverageErrors as a dict."""
    return Evaluation(measured_on, int(figures["count"]), _figures(figures, _COVER))


def real_frame_evaluations(figures: Mapping[str, Any]) -> list[Evaluation]:
    """Return the frame model's entries of ``evaluate_real.summary``'s figures."""
    found = (
        Figure("quadrats found (IoU at least 0.8)", 100 * figures["quadrats_found"] / figures["quadrats"], "%"),
        Figure("overlap of the opening (IoU), mean", figures["mean_iou"], ""),
    )
    entries = [Evaluation(REAL_QUADRATS, int(figures["quadrats"]), found)]
    empty = int(figures["photos_without_quadrat"])
    if empty:
        alarms = Figure("photographs in which a frame is seen", 100 * figures["false_alarms"] / empty, "%")
        entries.append(Evaluation(NO_QUADRAT, empty, (alarms,)))
    return entries


def record(model: Path, entries: list[Evaluation]) -> Path:
    """Write the entries beside the model, in place of earlier ones measured on the same; return the file's path.

    Raises UnsupportedModelError when the file that is there is damaged.
    """
    path = model.with_name(model_evaluation_key(model.stem))
    before = read_evaluation(path) if path.exists() else ()
    merged = {entry.measured_on: entry for entry in (*before, *entries)}
    text = json.dumps([entry.to_json() for entry in merged.values()], indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def _figures(values: Mapping[str, Any], wanted: tuple[tuple[str, str, str, float], ...]) -> tuple[Figure, ...]:
    known = [(name, factor * float(values[key]), unit) for key, name, unit, factor in wanted if key in values]
    return tuple(Figure(name, round(value, 4), unit) for name, value, unit in known if math.isfinite(value))
