"""Which photographs a model learns from, for the list that travels with it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from reefsteps.detection.manifest import FileIdentity
from reefsteps.learned import LearnedPhotograph
from training.library.coco import Annotated


def learned_photographs(photos: Iterable[Annotated]) -> list[LearnedPhotograph]:
    """Return how to recognise these photographs in a deployment.

    A picture that was exported from one names its original. Of any other file the content and the name count; raises
    OSError.
    """
    return [_learned(photo) for photo in photos]


def together(earlier: Iterable[LearnedPhotograph], more: Iterable[LearnedPhotograph]) -> list[LearnedPhotograph]:
    """Return both lists, each photograph once: a run that is resumed with other annotations has learned from all."""
    return list(dict.fromkeys((*earlier, *more)))


def left_out_names(folder: Path) -> list[str]:
    """Return the file names that a run of ``training.teach`` into the folder left out; none where it left out none."""
    errors = folder / "errors.json"
    if not errors.exists():
        return []
    return [*json.loads(errors.read_text("utf-8")).get("left_out", {}).get("photos", ())]


def _learned(photo: Annotated) -> LearnedPhotograph:
    if photo.original is not None:
        return photo.original
    return LearnedPhotograph(FileIdentity.of(photo.path).sha256, photo.path.name)
