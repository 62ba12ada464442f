"""Learns a survey: from photographs with points to a model with its own map, measured on photographs left out in turn.

Pure: photographs and a parent's graph in, files in a folder out.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from adapt.dense import dense
from adapt.head import MOST_AXES, HeadChoice, fit, principal_axes, wrong_percent
from adapt.views import plain_view, views
from reefsteps.arrays import BoolArray, ByteArray, Float32Array, Float64Array, HalfArray
from reefsteps.detection import Manifest
from reefsteps.detection.manifest import FileIdentity
from reefsteps.detection.map_engine import CORAL_FROM, MapDetector, colonies_of, with_map_settings
from reefsteps.detection.map_graph import trunk, with_map
from reefsteps.detection.map_head import Head
from reefsteps.detection.stages import STRIDE_PX, Backbone

CHOICES = (HeadChoice(32, 0.1), HeadChoice(32, 1.0), HeadChoice(0, 0.01))
_MOST_VIEWS, _LEAST_VIEWS = 4, 2
_VIEWS_IN_ALL = 60  # over all photographs: what two cores do in a minute or two
_PHOTOGRAPHS_OF_DOUBT = 2.0  # what "no shift" weighs against the photographs when the output is balanced
_MOST_FOLDS = 10  # with more photographs, several are left out at once


@dataclass(frozen=True, eq=False)
class Lesson:
    """A quadrat's picture and what a person said at points of it.

    ``picture_bgr`` is (H, W, 3) uint8, the quadrat's inner area; ``places`` (N, 2) are x and y in parts of its width
    and height; ``coral`` (N,) bool. ``counts`` (N,) bool are the points that cover is made of: those on tape or frame
    teach that they are no coral, and count neither way. ``excluded`` (H, W) is above 0 where a person has left out.
    """

    name: str
    picture_bgr: ByteArray
    places: Float64Array
    coral: BoolArray
    counts: BoolArray
    excluded: ByteArray | None = None

    @property
    def true_percent(self) -> float:
        """Cover by the points."""
        return float(100 * self.coral[self.counts].mean())


@dataclass(frozen=True, eq=False)
class Chosen:
    """The head that was fitted to all lessons, and how its kind did on lessons that it had not seen."""

    head: Head
    choice: HeadChoice
    wrong_percent: dict[str, float]  # of the points of lessons left out, by choice
    left_out_percent: tuple[float, ...]  # cover of each lesson by a head that was fitted without it


@dataclass(frozen=True, eq=False)
class Learned:
    """A model that was learned: its file, the manifest that describes it, and how its head was chosen."""

    model: Path
    manifest: Manifest
    chosen: Chosen


def learn(lessons: Sequence[Lesson], parent: onnx.ModelProto, manifest: Manifest, name: str, folder: Path) -> Learned:
    """Return the model ``name`` in ``folder`` that has learned all lessons on the network of a parent.

    ``manifest`` is the parent's. Raises UnsupportedModelError where the parent has no stages to learn from.
    """
    part = trunk(parent, manifest.name)
    trunk_file = folder / "trunk.onnx"
    onnx.save(part, str(trunk_file))
    backbone = Backbone(trunk_file, manifest.name, rgb=manifest.rgb)
    count = view_count(len(lessons))
    features = [look(backbone, lesson, count, seed) for seed, lesson in enumerate(lessons)]
    chosen = choose(features, lessons, lambda index: backbone.levels(plain_view(lessons[index].picture_bgr)))
    model = folder / f"{name}.onnx"
    onnx.save(with_map(part, [chosen.head], backbone.channels()), str(model))
    described = _manifest(manifest, name, model)
    MapDetector(model, described).detect(lessons[0].picture_bgr)  # a model that cannot run is never handed on
    return Learned(model, described, chosen)


def look(backbone: Backbone, lesson: Lesson, count: int, seed: int) -> HalfArray:
    """Return (V, N, C) float16 features at the lesson's points in each of V views."""
    looks = views(lesson.picture_bgr, lesson.places, count, np.random.default_rng(seed))
    return np.stack([backbone.at(view, places).astype(np.float16) for view, places in looks])


def choose(
    features: Sequence[HalfArray],
    lessons: Sequence[Lesson],
    levels: Callable[[int], Sequence[Float32Array]],
    *,
    choices: Sequence[HeadChoice] = CHOICES,
    axes: int = MOST_AXES,
    besides: Sequence[tuple[HalfArray, Lesson]] = (),
) -> Chosen:
    """Return the head that is right at most points of lessons left out; the first of ``choices`` unless one is better.

    ``levels`` gives those of a lesson's plain view. Points decide, because there are many of them for each photograph.
    Every head also learns what stands ``besides``, on its features; nothing is measured or balanced by that.
    """
    taught = [*zip(features, lessons, strict=True)]
    count = min(len(lessons), _MOST_FOLDS)
    folds = [np.arange(len(lessons)) % count == fold for fold in range(count)]
    fitted = [_fit([*_chosen(taught, ~fold), *besides], choices, axes) for fold in folds]
    seen = [_left_out_logits(features, folds, [heads[index] for heads in fitted]) for index in range(len(choices))]
    wrong = np.array([_wrong_percent(logits, lessons) for logits in seen])
    best = clearly_best(wrong)
    left_out = np.zeros(len(lessons))
    for fold, heads in zip(folds, fitted, strict=True):
        others = [int(one) for one in np.flatnonzero(~fold)]
        head = heads[best].shifted(balance([seen[best][i] for i in others], [lessons[i] for i in others]))
        for index in (int(one) for one in np.flatnonzero(fold)):
            left_out[index] = cover_percent(head, levels(index), lessons[index])
    (head,) = _fit([*taught, *besides], choices[best : best + 1], axes)
    return Chosen(
        head.shifted(balance(seen[best], lessons)),
        choices[best],
        {str(choice): float(percent) for choice, percent in zip(choices, wrong.mean(1), strict=True)},
        tuple(round(float(value), 2) for value in left_out),
    )


def clearly_best(wrong: Float64Array) -> int:
    """Return the choice with fewest wrong points (choices, lessons), percent, if it is clearly better than the first.

    Clearly: by more than the standard error of the difference over the lessons (the rule of one standard error;
    Breiman et al. 1984). Few photographs cannot tell heads apart that are nearly as good.
    """
    best = int(np.argmin(wrong.mean(1)))
    gain = wrong[0] - wrong[best]
    return best if gain.mean() > gain.std(ddof=1) / math.sqrt(len(gain)) else 0


def balance(logits: Sequence[Float64Array], lessons: Sequence[Lesson]) -> float:
    """Return by how much to shift logits, so that as many left-out points are called coral as are coral.

    Points of which a head is unsure fall to the commoner answer, so cover comes out too low where coral is the rarer
    one, and too high where it is not. The logits are those of each lesson's points by a head that had not seen it. Few
    photographs say little of the balance, so only a part of the shift is made.
    """
    counted = np.concatenate([one[lesson.counts] for one, lesson in zip(logits, lessons, strict=True)])
    coral = sum(int(np.count_nonzero(lesson.coral[lesson.counts])) for lesson in lessons)
    ordered = np.concatenate([[-np.inf], np.sort(counted), [np.inf]])
    # Every limit between these two calls as many points coral as are: the one nearest to 0 changes least.
    below, above = ordered[len(counted) - coral], ordered[len(counted) - coral + 1]
    limit = float(np.clip(0.0, below, above))
    return -limit * len(lessons) / (len(lessons) + _PHOTOGRAPHS_OF_DOUBT)


def cover_percent(head: Head, levels: Sequence[Float32Array], lesson: Lesson) -> float:
    """Return the cover that segmentation would measure in the lesson's picture with that head."""
    picture = lesson.picture_bgr.shape[0], lesson.picture_bgr.shape[1]
    height, width = plain_view(lesson.picture_bgr).shape[:2]
    cells = height / STRIDE_PX, width / STRIDE_PX
    found = colonies_of(dense(head, levels)[: math.ceil(cells[0]), : math.ceil(cells[1])], cells, picture)
    coral = found.above(CORAL_FROM).union_mask() > 0
    return float(100 * (coral if lesson.excluded is None else coral[lesson.excluded == 0]).mean())


def view_count(photographs: int) -> int:
    """Return in how many views each of so many photographs is looked at."""
    return max(_LEAST_VIEWS, min(_MOST_VIEWS, _VIEWS_IN_ALL // photographs))


def _chosen(taught: Sequence[tuple[HalfArray, Lesson]], mask: BoolArray) -> list[tuple[HalfArray, Lesson]]:
    return [taught[int(index)] for index in np.flatnonzero(mask)]


def _fit(taught: Sequence[tuple[HalfArray, Lesson]], choices: Sequence[HeadChoice], count: int) -> list[Head]:
    """Return a head for each choice, fitted to these lessons by their features on ``count`` axes."""
    axes = principal_axes(np.concatenate([looks[0] for looks, _ in taught]).astype(np.float32), count)
    rows, coral = [], []
    for looks, lesson in taught:
        for view in looks:
            rows.append(axes.coordinates(view.astype(np.float32)))
            coral.append(lesson.coral.astype(np.float32))
    return [fit(np.concatenate(rows), np.concatenate(coral), axes, choice) for choice in choices]


def _left_out_logits(
    features: Sequence[HalfArray], folds: Sequence[BoolArray], heads: Sequence[Head]
) -> list[Float64Array]:
    """Return each lesson's logits (N,) at its points by the head of the fold that has not seen it."""
    found: list[Float64Array] = [np.zeros(0)] * len(features)
    for fold, head in zip(folds, heads, strict=True):
        for index in (int(one) for one in np.flatnonzero(fold)):
            found[index] = head.logits(features[index][0].astype(np.float32))
    return found


def _wrong_percent(logits: Sequence[Float64Array], lessons: Sequence[Lesson]) -> list[float]:
    return [wrong_percent(one, lesson.coral.astype(np.float32)) for one, lesson in zip(logits, lessons, strict=True)]


def _manifest(parent: Manifest, name: str, model: Path) -> Manifest:
    file = FileIdentity.of(model)
    return dataclasses.replace(
        with_map_settings(parent),
        name=name,
        architecture=f"map of coral on the backbone of {parent.architecture}",
        classes=("coral",),
        counted=None,
        precision="fp32",
        source=file,
        model=file,
        agreement=None,
        refused_variant=None,
        measured=None,
        refused_evaluation=None,
        notes=(),
    )
