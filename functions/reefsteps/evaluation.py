"""The measured errors of one checkpoint: the file ``<name>.evaluation.json`` and what follows from it for people.

The file names the checkpoint that was measured by its sha256, so that no other checkpoint is ever shown with its
figures. Training writes it, conversion checks it and puts it into the manifest, the page shows it. Its format is
described in docs/explanation/models.md.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from reefsteps.errors import UnsupportedModelError
from reefsteps.learned import LearnedPhotograph
from reefsteps.results import Record

EVALUATION_FORMAT = 1
MAX_BYTES = 4 << 20
MOST_LEARNED = 10_000  # photographs
BIAS_LIMIT_POINTS = 5.0
DRAWN = "drawn"
REAL = "real"

# What a person calls a figure. A figure with another name is shown under its own name.
LABELS = {
    "mae_points": "cover, mean absolute error",
    "bias_points": "cover, bias (found minus true)",
    "worst_points": "cover, worst photograph",
    "relative_mean_percent": "cover, relative error, mean",
    "relative_sd_percent": "cover, relative error, standard deviation",
    "iou_mean": "overlap of the opening (IoU), mean",
    "found_percent": "quadrats found (IoU at least 0.8)",
    "corner_error_percent_median": "largest corner error before refinement, median",
    "false_alarm_percent": "photographs without a frame in which one is seen",
}
# A real set with one of these says how wrong the model is where it is used.
ERRORS = ("mae_points", "bias_points", "iou_mean", "found_percent")

_MAX_SETS = 16
_MAX_FIGURES = 40
_MAX_PHOTOS = 10_000_000
_MAX_TEXT = 120
_MAX_NAME = 255
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Figure(Record):
    """One measured number: "mae_points", 2.94, "points"."""

    name: str
    value: float
    unit: str  # "" where the number has none

    @property
    def label(self) -> str:
        """What a person calls the figure."""
        return LABELS.get(self.name, self.name)


@dataclass(frozen=True)
class MeasuredSet(Record):
    """How wrong the model was on one set of photographs with known truth."""

    kind: str  # drawn or real
    description: str  # which photographs, as a sentence's end: "photographs of quadrats"
    photos: int
    date: str  # of the measurement, ISO 8601
    figures: tuple[Figure, ...]
    survey: str | None = None  # where real photographs are from: "Moorea LTER"

    def value(self, name: str) -> float | None:
        """Return a figure's value, None where the set does not have it."""
        return next((figure.value for figure in self.figures if figure.name == name), None)


@dataclass(frozen=True)
class PictureFigures(Record):
    """What tells photographs like the model's training from others; see `segmentation.novelty`."""

    best_score: float
    mean_score: float
    colour_contrast: float


@dataclass(frozen=True)
class PictureLimits(Record):
    """Below which figures a picture is unlike the photographs that the model knows."""

    description: str  # which photographs were measured
    photos: int
    least: PictureFigures


@dataclass(frozen=True)
class Evaluation(Record):
    """What was measured of one checkpoint, and what it learned from; without ``sets`` nobody has measured it."""

    format: int
    checkpoint_sha256: str
    sets: tuple[MeasuredSet, ...]
    demonstration: bool = False  # made to show the software, not to measure reefs
    pictures: PictureLimits | None = None  # of the coral model
    learned_from: tuple[LearnedPhotograph, ...] | None = None  # None: not recorded; (): from drawn photographs only

    def dump(self) -> str:
        """Return the content of the file."""
        return json.dumps(self.to_json(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def parse_evaluation(content: bytes | str, name: str) -> Evaluation:
    """Return the content of an evaluation file; ``name`` is what the error calls it.

    Raises UnsupportedModelError that lists every fault.
    """
    if len(content) > MAX_BYTES:
        raise UnsupportedModelError(f"{name} has more than {MAX_BYTES} bytes.")
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise UnsupportedModelError(
            f"{name} is no JSON ({str(error)[:120]}). Write it again with training.evaluate."
        ) from error
    if isinstance(data, list):
        raise UnsupportedModelError(
            f"{name} has the format before version {EVALUATION_FORMAT}, which does not name the checkpoint that was "
            "measured. Write it again with training.evaluate."
        )
    faults = list(_faults(data))
    if faults:
        raise UnsupportedModelError(
            f"{name} has {len(faults)} fault(s): {'; '.join(faults[:20])}. Write it again with training.evaluate."
        )
    evaluation = Evaluation.from_json(data)
    # JSON's true and 1 are equal in Python: the types were checked above.
    return dataclasses.replace(evaluation, demonstration=bool(evaluation.demonstration))


def _faults(data: Any) -> list[str]:
    if not isinstance(data, dict):
        return ["it is no JSON object"]
    faults = []
    if type(data.get("format")) is not int or data["format"] != EVALUATION_FORMAT:
        return [f"'format' is {_shown(data.get('format'))}, this release reads {EVALUATION_FORMAT}"]
    sha256 = data.get("checkpoint_sha256")
    if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        faults.append("'checkpoint_sha256' is no sha256 in 64 hexadecimal digits (small letters)")
    if not isinstance(data.get("demonstration", False), bool):
        faults.append("'demonstration' is neither true nor false")
    faults += _limit_faults(data.get("pictures"))
    faults += _learned_faults(data.get("learned_from"))
    sets, least = data.get("sets"), 1 if data.get("learned_from") is None else 0
    if not isinstance(sets, list) or not least <= len(sets) <= _MAX_SETS:
        return [*faults, f"'sets' is no list of {least} to {_MAX_SETS} entries"]
    for number, entry in enumerate(sets, start=1):
        faults += [f"set {number}: {fault}" for fault in _set_faults(entry)]
    return faults


def _learned_faults(entries: Any) -> list[str]:
    if entries is None:
        return []
    if not isinstance(entries, list) or len(entries) > MOST_LEARNED:
        return [f"'learned_from' is no list of at most {MOST_LEARNED:,} photographs"]
    faults = []
    for number, entry in enumerate(entries, start=1):
        fault = _photograph_fault(entry)
        if fault:
            faults.append(f"photograph {number} of 'learned_from': {fault}")
    return faults


def _photograph_fault(entry: Any) -> str | None:
    if not isinstance(entry, dict):
        return "it is no JSON object"
    if all(entry.get(name) is None for name in ("sha256", "name", "key")):
        return "it has none of 'sha256', 'name' and 'key'"
    sha256, cover = entry.get("sha256"), entry.get("left_out_cover_percent")
    if sha256 is not None and (not isinstance(sha256, str) or not _SHA256.fullmatch(sha256)):
        return "'sha256' is no sha256 in 64 hexadecimal digits (small letters)"
    for name in ("name", "key", "version_id"):
        if entry.get(name) is not None and not _is_text(entry[name], _MAX_NAME):
            return f"'{name}' is no line of 1 to {_MAX_NAME} characters"
    if cover is None:
        return None
    if isinstance(cover, bool) or not isinstance(cover, int | float) or not 0 <= cover <= 100:
        return f"'left_out_cover_percent' is {_shown(cover)}, no percent cover"
    return None


def _limit_faults(limits: Any) -> list[str]:
    if limits is None:
        return []
    least = limits.get("least") if isinstance(limits, dict) else None
    if not isinstance(least, dict):
        return ["'pictures' has no 'least'"]
    faults = [] if _is_text(limits.get("description")) else ["'pictures' has no description"]
    if type(limits.get("photos")) is not int or not 0 < limits["photos"] <= _MAX_PHOTOS:
        faults.append(f"'photos' of 'pictures' is {_shown(limits.get('photos'))}, no count of photographs")
    for name in PictureFigures.__dataclass_fields__:
        value = least.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
            faults.append(f"'{name}' of 'pictures' is {_shown(value)}, no finite number")
    return faults


def _set_faults(entry: Any) -> list[str]:
    if not isinstance(entry, dict):
        return ["it is no JSON object"]
    faults = []
    if entry.get("kind") not in (DRAWN, REAL):
        faults.append(f"'kind' is {_shown(entry.get('kind'))} instead of '{DRAWN}' or '{REAL}'")
    if not _is_text(entry.get("description")):
        faults.append(f"'description' is no line of 1 to {_MAX_TEXT} characters")
    if entry.get("survey") is not None and not _is_text(entry["survey"]):
        faults.append(f"'survey' is no line of 1 to {_MAX_TEXT} characters")
    photos = entry.get("photos")
    if type(photos) is not int or not 0 < photos <= _MAX_PHOTOS:
        faults.append(f"'photos' is {_shown(photos)}, no count of photographs")
    if not _is_date(entry.get("date")):
        faults.append(f"'date' is {_shown(entry.get('date'))}, no date such as 2026-11-27")
    figures = entry.get("figures")
    if not isinstance(figures, list) or not 0 < len(figures) <= _MAX_FIGURES:
        return [*faults, f"'figures' is no list of 1 to {_MAX_FIGURES} entries"]
    names = [figure.get("name") if isinstance(figure, dict) else None for figure in figures]
    for number, figure in enumerate(figures, start=1):
        faults += [f"figure {number}: {fault}" for fault in _figure_faults(figure)]
    if all(isinstance(name, str) for name in names) and len(set(names)) < len(names):
        faults.append("two figures have one name")
    return faults


def _figure_faults(figure: Any) -> list[str]:
    if not isinstance(figure, dict):
        return ["it is no JSON object"]
    faults = []
    if not _is_text(figure.get("name")):
        faults.append(f"'name' is no line of 1 to {_MAX_TEXT} characters")
    if figure.get("unit") != "" and not _is_text(figure.get("unit")):
        faults.append(f"'unit' is no line of at most {_MAX_TEXT} characters")
    value = figure.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
        faults.append(f"'value' is {_shown(value)}, no finite number")
    return faults


def _is_text(value: Any, longest: int = _MAX_TEXT) -> bool:
    return isinstance(value, str) and 0 < len(value) <= longest and value.isprintable()


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond every float
        return False


def _is_date(value: Any) -> bool:
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value, re.ASCII):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _shown(value: Any) -> str:
    return "missing" if value is None else json.dumps(value, ensure_ascii=True)[:60]
