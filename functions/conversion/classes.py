"""What the classes of a model are called and which of them count: ``<name>.classes.json`` beside its checkpoint.

A checkpoint holds only the numbers of its classes. For a model of several classes a person must say which of them are
coral (or the frame). Otherwise dead coral and rubble would be measured as cover.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reefsteps.errors import UnsupportedModelError

CLASSES_FORMAT = 1
MAX_BYTES = 256 << 10
_MAX_NAME = 80


@dataclass(frozen=True)
class Classes:
    """The classes in the order of training, and those whose instances count."""

    checkpoint_sha256: str
    names: tuple[str, ...]
    counted: tuple[str, ...]


def read_classes(path: Path) -> Classes:
    """Return the file's content; raises UnsupportedModelError listing every fault."""
    if path.stat().st_size > MAX_BYTES:
        raise UnsupportedModelError(f"{path.name} has more than {MAX_BYTES} bytes.")
    try:
        data = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UnsupportedModelError(f"{path.name} is no JSON ({str(error)[:120]}).") from error
    faults = _faults(data)
    if faults:
        raise UnsupportedModelError(f"{path.name} has {len(faults)} fault(s): {'; '.join(faults)}.")
    return Classes(data["checkpoint_sha256"], tuple(data["classes"]), tuple(data["counted"]))


def example(checkpoint_sha256: str, count: int) -> str:
    """Return what such a file looks like for a model of ``count`` classes."""
    names = [f"name of class {number}" for number in range(1, min(count, 3) + 1)]
    return json.dumps(
        {"format": CLASSES_FORMAT, "checkpoint_sha256": checkpoint_sha256, "classes": names, "counted": names[:1]}
    )


def _faults(data: Any) -> list[str]:
    if not isinstance(data, dict):
        return ["it is no JSON object"]
    faults = []
    if type(data.get("format")) is not int or data["format"] != CLASSES_FORMAT:
        faults.append(f"'format' is not {CLASSES_FORMAT}")
    if not isinstance(data.get("checkpoint_sha256"), str):
        faults.append("'checkpoint_sha256' is missing")
    names, counted = data.get("classes"), data.get("counted")
    if not _are_names(names):
        faults.append("'classes' is no list of different names")
    if not _are_names(counted):
        faults.append("'counted' is no list of different names")
    elif isinstance(counted, list) and isinstance(names, list):
        faults += [f"'counted' has '{name}', which is not in 'classes'" for name in counted if name not in names][:5]
    return faults


def _are_names(value: Any) -> bool:
    return (
        isinstance(value, list)
        and 0 < len(value) <= 10_000
        and all(isinstance(name, str) and 0 < len(name) <= _MAX_NAME and name.isprintable() for name in value)
        and len(set(value)) == len(value)
    )
