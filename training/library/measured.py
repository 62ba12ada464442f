"""The measured errors that travel with a model: ``<name>.evaluation.json`` beside its checkpoint.

Conversion puts them into the manifest, from where the web page shows them beside the model in use. The file names the
checkpoint by its sha256: figures of other weights are never kept.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from conversion.evaluation import read_evaluation
from reefsteps.detection.manifest import FileIdentity, Manifest
from reefsteps.errors import UnsupportedModelError
from reefsteps.evaluation import DRAWN, EVALUATION_FORMAT, REAL, Evaluation, Figure, MeasuredSet, PictureLimits
from reefsteps.learned import LearnedPhotograph
from reefsteps.model_keys import model_evaluation_key

# A report's figure, its name in the file, its unit, and the factor between the two.
_FRAME = (
    ("mask_iou_mean", "iou_mean", "", 1),
    ("found_share", "found_percent", "%", 100),
    ("mask_corner_error_percent_median", "corner_error_percent_median", "% of the side", 1),
    ("false_alarm_share", "false_alarm_percent", "%", 100),
)
_COVER = tuple(
    (name, name, unit, 1)
    for name, unit in (
        ("mae_points", "points"),
        ("bias_points", "points"),
        ("worst_points", "points"),
        ("relative_mean_percent", "%"),
        ("relative_sd_percent", "%"),
    )
)


@dataclasses.dataclass(frozen=True)
class Photographs:
    """What a set of figures was measured on; ``survey`` says where real photographs are from."""

    kind: str
    description: str
    survey: str | None = None


SYNTHETIC = Photographs(DRAWN, "drawn photographs that training did not use")
ANNOTATED = Photographs(REAL, "annotated photographs")
REAL_QUADRATS = Photographs(REAL, "photographs of quadrats", "Moorea LTER, Austral Islands, CRIOBE")
NO_QUADRAT = Photographs(REAL, "reef photographs without a quadrat", "ReefSupport, CoralWatch")
EXPERT_POINTS = Photographs(REAL, "quadrats with experts' points", "Moorea LTER")
REEF_MASKS = Photographs(REAL, "reef photographs with coral masks", "ReefSupport")


def annotated_photographs(survey: str | None) -> Photographs:
    """Return the description of annotated photographs of that survey."""
    return dataclasses.replace(ANNOTATED, survey=survey)


def frame_set(photographs: Photographs, figures: Mapping[str, Any]) -> MeasuredSet:
    """Return the entry of ``evaluate.summarise_frames``'s figures."""
    empty = figures["photos_without_frame"]
    alarms = {"false_alarm_share": figures["false_alarms"] / empty} if empty else {}
    return _set(photographs, int(figures["photos"]), _figures({**figures, **alarms}, _FRAME))


def cover_set(photographs: Photographs, figures: Mapping[str, Any]) -> MeasuredSet:
    """Return the entry of a CoverageErrors as a dict."""
    return _set(photographs, int(figures["count"]), _figures(figures, _COVER))


def real_frame_sets(figures: Mapping[str, Any]) -> list[MeasuredSet]:
    """Return the frame model's entries of ``evaluate_real.summary``'s figures."""
    quadrats, empty = int(figures["quadrats"]), int(figures["photos_without_quadrat"])
    found = {"found_share": figures["quadrats_found"] / quadrats, "mask_iou_mean": figures["mean_iou"]}
    entries = [_set(REAL_QUADRATS, quadrats, _figures(found, _FRAME))]
    if empty:
        alarms = {"false_alarm_share": figures["false_alarms"] / empty}
        entries.append(_set(NO_QUADRAT, empty, _figures(alarms, _FRAME)))
    return entries


def record(
    model: Path, sets: Sequence[MeasuredSet], *, demonstration: bool = False, pictures: PictureLimits | None = None
) -> Path:
    """Write the sets beside the checkpoint ``model``; return the file's path.

    Sets that were measured on the same photographs are replaced, and so are earlier limits of ``pictures`` and a file
    about another checkpoint. ``demonstration`` marks a model that is no instrument; the mark stays. Raises
    UnsupportedModelError when the file that is there is damaged, or when there would be limits without errors.
    """
    path = model.with_name(model_evaluation_key(model.stem))
    sha256 = _checkpoint_sha256(model)
    before = _earlier(path, sha256)
    merged = {(s.kind, s.description, s.survey): s for s in (*(before.sets if before else ()), *sets)}
    demonstration = demonstration or (before is not None and before.demonstration)
    pictures = pictures or (before.pictures if before else None)
    if not merged:
        raise UnsupportedModelError(f"Measure the errors of {model.name} first, with training.evaluate.")
    learned_from = before.learned_from if before else None
    found = Evaluation(EVALUATION_FORMAT, sha256, tuple(merged.values()), demonstration, pictures, learned_from)
    path.write_text(found.dump(), "utf-8")
    return path


def record_learned(model: Path, photographs: Sequence[LearnedPhotograph]) -> Path:
    """Write beside the checkpoint ``model`` which photographs it learned from; return the file's path.

    What was measured of the same checkpoint stays. Raises UnsupportedModelError when the file that is there is damaged.
    """
    path = model.with_name(model_evaluation_key(model.stem))
    sha256 = _checkpoint_sha256(model)
    known = _earlier(path, sha256) or Evaluation(EVALUATION_FORMAT, sha256, ())
    path.write_text(dataclasses.replace(known, learned_from=tuple(photographs)).dump(), "utf-8")
    return path


def learned_from(model: Path) -> tuple[LearnedPhotograph, ...]:
    """Return which photographs the checkpoint ``model`` learned from, as the file beside it says; none without one."""
    known = _earlier(model.with_name(model_evaluation_key(model.stem)), _checkpoint_sha256(model))
    return (known.learned_from or ()) if known else ()


def _checkpoint_sha256(model: Path) -> str:
    """Return the sha256 of the checkpoint that ``model`` is, or was converted from."""
    if model.suffix == ".onnx":
        return Manifest.load(model.with_suffix(".json")).source.sha256
    return FileIdentity.of(model).sha256


def _earlier(path: Path, sha256: str) -> Evaluation | None:
    """Return what was measured of that checkpoint before; the format before version 1 does not say of which."""
    if not path.exists() or path.read_bytes()[:64].lstrip().startswith(b"["):
        return None
    before = read_evaluation(path)
    return before if before.checkpoint_sha256 == sha256 else None


def _set(photographs: Photographs, photos: int, figures: tuple[Figure, ...]) -> MeasuredSet:
    measured: date = datetime.now(UTC).date()
    return MeasuredSet(
        photographs.kind, photographs.description, photos, measured.isoformat(), figures, photographs.survey
    )


def _figures(values: Mapping[str, Any], wanted: Sequence[tuple[str, str, str, float]]) -> tuple[Figure, ...]:
    known = [(name, factor * float(values[key]), unit) for key, name, unit, factor in wanted if key in values]
    return tuple(Figure(name, round(value, 4), unit) for name, value, unit in known if math.isfinite(value))
