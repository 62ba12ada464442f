"""How wrong a model was when it was measured, as ``<name>.evaluation.json`` beside its checkpoint says.

The file is optional and for people only: a damaged one never stops a conversion, but the manifest says what is wrong
with it.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from reefsteps.detection.manifest import Evaluation, Figure
from reefsteps.errors import InvalidParameterError, UnsupportedModelError

MAX_BYTES = 64 << 10
_MAX_ENTRIES = 16
_MAX_FIGURES = 40
_MAX_PHOTOS = 10_000_000
_MAX_TEXT = 120


def read_evaluation(path: Path) -> tuple[Evaluation, ...]:
    """Return the file's entries; raises UnsupportedModelError saying what is wrong with it."""
    if path.stat().st_size > MAX_BYTES:
        raise UnsupportedModelError(f"{path.name} has more than {MAX_BYTES} bytes.")
    try:
        entries = json.loads(path.read_text("utf-8"))
        if not isinstance(entries, list) or len(entries) > _MAX_ENTRIES:
            raise InvalidParameterError(f"it is no list of at most {_MAX_ENTRIES} entries")
        return tuple(_entry(entry) for entry in entries)
    except (ValueError, TypeError, AttributeError, RecursionError, OverflowError, InvalidParameterError) as error:
        raise UnsupportedModelError(
            f"{path.name} is damaged ({str(error)[:200]}). Write it again with training.evaluate, upload it, and then "
            "the .pth."
        ) from error


def _entry(data: object) -> Evaluation:
    if not isinstance(data, dict):
        raise InvalidParameterError("an entry is no object")
    entry = Evaluation.from_json(data)
    if type(entry.photos) is not int or not 0 < entry.photos <= _MAX_PHOTOS:
        raise InvalidParameterError("'photos' is no count of photographs")
    if not 0 < len(entry.figures) <= _MAX_FIGURES:
        raise InvalidParameterError(f"'figures' are not 1 to {_MAX_FIGURES}")
    _check_text("measured_on", entry.measured_on)
    for figure in entry.figures:
        _check_figure(figure)
    return entry


def _check_figure(figure: Figure) -> None:
    _check_text("name", figure.name)
    _check_text("unit", figure.unit, empty=True)
    if not math.isfinite(figure.value):
        raise InvalidParameterError(f"'{figure.name}' is no finite number")


def _check_text(name: str, value: object, *, empty: bool = False) -> None:
    if not isinstance(value, str) or len(value) > _MAX_TEXT or not value.isprintable() or not (value or empty):
        raise InvalidParameterError(f"'{name}' is no line of at most {_MAX_TEXT} characters")
