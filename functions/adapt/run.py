"""From photographs with points to an adapted model with its measured errors."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from adapt.gate import judge
from adapt.learning import Lesson, learn
from adapt.models import ModelBucket
from adapt.photographs import Taught
from reefsteps.adaptation import Adaptation, LeftOut, Verdict
from reefsteps.detection import Detector, Manifest
from reefsteps.detection.map_engine import CORAL_FROM
from reefsteps.detection.map_graph import read_model
from reefsteps.evaluation import (
    EVALUATION_FORMAT,
    REAL,
    Evaluation,
    Figure,
    MeasuredSet,
    PictureFigures,
    PictureLimits,
)
from reefsteps.learned import LearnedFrom, LearnedPhotograph, MeasuredPhotograph

_DESCRIPTION = "photographs with a person's points, each left out in turn"
_MOST_SURVEY_CHARACTERS = 120


def adapted_model(
    found: Sequence[tuple[Taught, Lesson]], models: ModelBucket, name: str, learned_at: str, folder: Path
) -> tuple[Path, Manifest, Adaptation]:
    """Return the file of the model ``name`` that has learned from the photographs, its manifest and how it came to be.

    Raises ModelNotReadyError while there is no parent, UnsupportedModelError where nothing can be learned on it.
    """
    parent, parent_manifest = models.parent(folder)
    in_use = models.detector()
    in_use_percent = [_cover_in_use(in_use, taught, lesson) for taught, lesson in found]
    lessons = [lesson for _, lesson in found]
    learned = learn(lessons, read_model(parent, parent_manifest.name), parent_manifest, name, folder)
    true = np.array([lesson.true_percent for lesson in lessons])
    left_out = tuple(
        LeftOut(
            key=taught.points.raw_key,
            version_id=taught.points.raw_version_id,
            points=int(lesson.counts.sum()),
            coral_points=int(lesson.coral[lesson.counts].sum()),
            true_percent=round(float(true[index]), 2),
            found_percent=learned.chosen.left_out_percent[index],
            in_use_percent=round(in_use_percent[index], 2),
            mean_percent=round(float(np.delete(true, index).mean()), 2),
        )
        for index, (taught, lesson) in enumerate(found)
    )
    adaptation = Adaptation(
        parent=parent_manifest.identity,
        compared_with=in_use.manifest.name,
        head=str(learned.chosen.choice),
        learned_at=learned_at,
        verdict=judge(left_out),
        left_out=left_out,
    )
    islands = sorted({taught.survey.island for taught, _ in found})
    learned_from = (*map(_learned_photograph, found, left_out), *_learned_by(parent_manifest))
    measured = _evaluation(adaptation, learned.manifest.source.sha256, ", ".join(islands), learned_from)
    manifest = dataclasses.replace(learned.manifest, adaptation=adaptation, measured=measured)
    return learned.model, manifest, adaptation


def _cover_in_use(detector: Detector, taught: Taught, lesson: Lesson) -> float:
    """Return the cover by the model in use: by one that learned without the photograph where it has learned from it."""
    source = taught.source
    photo = MeasuredPhotograph(taught.points.raw_key, taught.points.raw_version_id, source.sha256, source.original_name)
    entry = LearnedFrom(_learned_by(detector.manifest)).entry(photo)
    if entry and entry.left_out_cover_percent is not None:
        return entry.left_out_cover_percent
    coral = detector.detect(lesson.picture_bgr).above(CORAL_FROM).union_mask() > 0
    return float(100 * (coral if lesson.excluded is None else coral[lesson.excluded == 0]).mean())


def _learned_photograph(found: tuple[Taught, Lesson], left_out: LeftOut) -> LearnedPhotograph:
    source = found[0].source
    name = PurePosixPath(source.original_name).name if source.original_name else None
    return LearnedPhotograph(source.sha256, name, left_out.key, left_out.version_id, left_out.found_percent)


def _learned_by(model: Manifest) -> tuple[LearnedPhotograph, ...]:
    """Return the photographs that a model learned from."""
    return (model.measured.learned_from or ()) if model.measured else ()


def _evaluation(
    adaptation: Adaptation, sha256: str, survey: str, learned_from: tuple[LearnedPhotograph, ...]
) -> Evaluation:
    verdict: Verdict = adaptation.verdict
    worst = max(abs(one.found_percent - one.true_percent) for one in adaptation.left_out)
    figures = (
        Figure("mae_points", verdict.adapted.mean_points, "points"),
        Figure("mae_standard_error_points", verdict.adapted.standard_error_points, "points"),
        Figure("bias_points", verdict.bias_points, "points"),
        Figure("worst_points", round(worst, 2), "points"),
    )
    photos = len(adaptation.left_out)
    entry = MeasuredSet(
        REAL, _DESCRIPTION, photos, adaptation.learned_at[:10], figures, survey[:_MOST_SURVEY_CHARACTERS]
    )
    # Scores of a map are means of probabilities, so the parent's limits say nothing of them.
    limits = PictureLimits("the photographs that it learned from", photos, PictureFigures(CORAL_FROM, 0.0, 0.0))
    return Evaluation(EVALUATION_FORMAT, sha256, (entry,), pictures=limits, learned_from=learned_from)
