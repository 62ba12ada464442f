"""Records and rows of a photograph under its new name or with its new size, without measuring again.

A record names the survey, the photograph and the objects made from it, at any depth. Whatever shape a record has, these
three are found by their own fields, so a record that is added later is rewritten too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reefsteps.originals import Photograph
from reefsteps.quadrat_size import QuadratSize
from reefsteps.results import ObjectRef
from reefsteps.surveys import SurveyKey

Rewrite = Callable[[Any], Any]


@dataclass(frozen=True)
class NewIdentity:
    """What a photograph is called now, and where the copies of its objects lie."""

    survey: SurveyKey
    photo: Photograph
    objects: Mapping[tuple[str, str], ObjectRef]  # by former bucket and key, the photograph's own among them


def renamed(value: Any, now: NewIdentity) -> Any:
    """Return a record (as JSON) that names the new survey, photograph and objects."""
    if isinstance(value, list):
        return [renamed(item, now) for item in value]
    if not isinstance(value, dict):
        return value
    if {"bucket", "key"} <= value.keys():
        found = now.objects.get((value["bucket"], value["key"]))
        return value | found.to_json() if found else value
    if value.keys() == {"year", "island", "location"}:
        return now.survey.ref.to_json()
    changed = {name: renamed(item, now) for name, item in value.items()}
    if {"image", "etag", "uploaded_at"} <= value.keys():
        changed |= {"etag": now.photo.etag, "uploaded_at": now.photo.uploaded_at, "sequencer": None}
    if "source_etag" in value:  # corners set by hand
        changed |= {"source_version_id": now.photo.image.version_id, "source_etag": now.photo.etag}
    return changed


def renamed_row(row: Mapping[str, Any], now: NewIdentity) -> dict[str, Any]:
    """Return a row of `coverage_provenance` that names the new photograph; its other columns stay."""
    image = now.photo.image
    own = {"raw_bucket": image.bucket, "raw_key": image.key, "raw_version_id": image.version_id}
    return {name: renamed(value, now) for name, value in row.items()} | own | {"uploaded_at": now.photo.uploaded_at}


def renamed_imported(row: Mapping[str, Any], now: NewIdentity) -> dict[str, Any]:
    """Return a row of `imported_result` that names the new photograph."""
    image = now.photo.image
    own = {"raw_bucket": image.bucket, "raw_key": image.key, "raw_version_id": image.version_id}
    return {**row, **own, "etag": now.photo.etag, "uploaded_at": now.photo.uploaded_at}


def size_of(record: Mapping[str, Any]) -> QuadratSize:
    """Return the quadrat's size of a reframing record; a square where the record has one length."""
    return QuadratSize.of(record["side_cm"], record.get("height_cm"))


def resized(value: Any, factor: float) -> Any:
    """Return a record, or a row of any table, with lengths times `factor` and areas times its square.

    Percent cover is a ratio and stays. The scale is computed from the picture's side as reframing does it.
    """
    if isinstance(value, list):
        return [resized(item, factor) for item in value]
    if not isinstance(value, dict):
        return value
    changed = {name: resized(item, factor) for name, item in value.items()}
    for name in ("side_cm", "height_cm"):
        if value.get(name) is not None:
            changed[name] = _rounded(value[name] * factor)
    if value.get("area_cm2") is not None:
        changed["area_cm2"] = _rounded(value["area_cm2"] * factor**2)
    if value.get("px_per_cm") is not None:
        changed["px_per_cm"] = (
            round(value["side_px"] / changed["side_cm"], 4) if "side_px" in value else value["px_per_cm"] / factor
        )
    return changed


def _rounded(number: float) -> float:
    """Return twelve digits: enough for any area, few enough that resizing back gives the former number."""
    return float(f"{number:.12g}")
