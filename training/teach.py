"""``python -m training.teach --points FOLDER --config CONFIG.yaml --output OUT``: a coral model from experts' points.

FOLDER holds photographs with points (Moorea LTER's set, CoralNet's export, see ``training.library.points``). Two
stages follow each other:

1. map: backbone, pyramid and a semantic head learn the points, and drawn crops besides;
2. colonies: the map of each photograph, split at its necks, shows the Mask R-CNN on the same backbone what a colony is.
   Drawn crops show it whole outlines. The points go on teaching.

``--resume`` continues from OUT. ``--leave-out`` names photographs that nothing learns from; ``errors.json`` has the
errors of the map on them, and on those that were learned from, by site. OUT receives ``last.pth`` (to resume),
``colonies/`` (what the second stage learned from), and ``<name>.pth`` with its ``.yaml`` (to deploy).
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from reefsteps.detection.manifest import FileIdentity
from reefsteps.learned import LearnedPhotograph
from training.library.augment import Augmentation, Example
from training.library.batches import varied
from training.library.command_line import add_labels, run_command
from training.library.examples import FIRST_TRAINING_SEED, ReplayBuffer, coral_example
from training.library.measured import record_learned
from training.library.metrics import coverage_errors
from training.library.point_examples import drawn_points, inside, point_example
from training.library.points import COLONIES, LOSSES, SITE, PointPhoto, by_site, read_points
from training.train import ExponentialMovingAverage, learning_rate

if TYPE_CHECKING:
    import torch

NAME = "detectron2-classifier"
STAGES = ("map", "colonies")
SIDE_PX = {"map": 320, "colonies": 320}
DRAWN = {"map": 1, "colonies": 2}  # of a batch
_DRAWN_PX = 384
_KEPT_DRAWN, _FRESH = 600, 0.15
_FIRST_SEED = FIRST_TRAINING_SEED + 900_000_000
_AUGMENTATION = Augmentation(strings=0.2, cast=0.12, contrast=0.12)
_MAP_THRESHOLD = 0.5


class Teacher:
    """A run of both stages, which can be stopped and continued."""

    def __init__(self, args: argparse.Namespace, taught: list[PointPhoto]) -> None:
        import torch

        from training.library.detectron import load_config
        from training.library.point_model import new_point_model, optimizer_of

        self.cfg = load_config(args.config, args.device)
        self.args, self.taught = args, taught
        self.seed = self.cfg.SEED if args.seed is None else args.seed
        torch.manual_seed(self.seed)
        torch.set_num_threads(args.threads)
        cv2.setNumThreads(args.threads)
        args.output.mkdir(parents=True, exist_ok=True)
        self.model = new_point_model(self.cfg)
        self.optimizer = optimizer_of(self.model, self.cfg)
        self.average = ExponentialMovingAverage(self.model)
        self.stage, self.done = STAGES[0], 0
        self.last = args.output / "last.pth"
        if args.resume and self.last.exists():
            self._load(torch.load(self.last, map_location=self.cfg.MODEL.DEVICE, weights_only=True))

    def _load(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average.weights, self.average.count = state["average"], state["count"]
        self.stage, self.done = state["stage"], state["done"]

    def save(self) -> None:
        """Write what a later run continues from, and in the second stage the model to deploy."""
        import torch

        from training.library.point_model import export_colonies

        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        state |= {"average": self.average.weights, "count": self.average.count}
        torch.save({**state, "stage": self.stage, "done": self.done}, self.last)
        if self.stage == "colonies":
            export_colonies(self.average.weights, self.cfg, self.args.output / NAME)

    def run(self) -> None:
        """Run what is left of both stages."""
        if self.stage == "map":
            self._learn(self.args.map_iterations, None)
            self._write_colonies()
            self.stage, self.done = "colonies", 0
            self.save()
        self._learn(self.args.colony_iterations, self._read_colonies())

    def _learn(self, iterations: int, found: dict[Path, Any] | None) -> None:
        import torch
        from detectron2.utils.events import EventStorage

        from training.library.point_model import all_losses, map_losses

        losses_of = map_losses if found is None else all_losses
        batches = self._batches(found)
        started = time.monotonic()
        log = (self.args.output / LOSSES).open("a", encoding="utf-8")
        with EventStorage(self.done), log:
            while self.done < iterations:
                rate = learning_rate(self.cfg.SOLVER.BASE_LR, self.done, 30, self.done / iterations)
                for group in self.optimizer.param_groups:
                    group["lr"] = rate * group["share"]
                losses = losses_of(self.model, next(batches))
                total: torch.Tensor = sum(losses.values())
                if not torch.isfinite(total):
                    raise FloatingPointError("The loss is not finite; lower SOLVER.BASE_LR.")
                self.optimizer.zero_grad()
                total.backward()
                torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
                self.optimizer.step()
                self.average.update(self.model)
                self.done += 1
                if self.done % 20 == 0:
                    parts = ",".join(f"{name}={float(value):.4f}" for name, value in sorted(losses.items()))
                    print(f"{self.stage},{self.done},{time.monotonic() - started:.0f},{parts}", file=log, flush=True)
                if self.done % self.cfg.SOLVER.CHECKPOINT_PERIOD == 0:
                    self.save()
        self.save()

    def _batches(self, found: dict[Path, Any] | None) -> Iterator[list[Example]]:
        seed = self.seed * 1000 + STAGES.index(self.stage) * 500 + self.done
        rng = np.random.default_rng(seed)
        pool = ReplayBuffer(self._draw, _FIRST_SEED + self.done, _KEPT_DRAWN, _FRESH)
        size, side, drawn = self.cfg.SOLVER.IMS_PER_BATCH, SIDE_PX[self.stage], DRAWN[self.stage]
        while True:
            chosen = [self.taught[i] for i in rng.choice(len(self.taught), size - drawn)]
            real = [
                point_example(rng, photo, side, found[photo.path] if found else None, framed=self.args.framed)
                for photo in chosen
            ]
            other = [drawn_points(rng, _piece(rng, example, side)) for example in pool.batch(rng, drawn)]
            yield varied(rng, [*real, *other], _AUGMENTATION)

    def _draw(self, seed: int) -> Example:
        """Return a drawn crop; ``--drawn`` keeps it for other runs, because drawing costs more than learning."""
        if self.args.drawn is None:
            return coral_example(seed, _DRAWN_PX)
        path = self.args.drawn / f"{seed}.npz"
        if not path.exists():
            self.args.drawn.mkdir(parents=True, exist_ok=True)
            example = coral_example(seed, _DRAWN_PX)
            beside = path.with_suffix(f".{os.getpid()}.npz")
            np.savez(beside, image=example.image_bgr, labels=example.labels)
            beside.replace(path)
        with np.load(path) as kept:
            return Example(kept["image"], kept["labels"])

    def _write_colonies(self) -> None:
        from training.library.point_model import found_colonies, photo_map

        folder = self.args.output / COLONIES
        folder.mkdir(exist_ok=True)
        with self.averaged() as model:
            for photo in self.taught:
                found = found_colonies(photo_map(model, photo), photo, _MAP_THRESHOLD)
                cv2.imwrite(str(folder / f"{photo.path.stem}.png"), found)

    def _read_colonies(self) -> dict[Path, Any]:
        folder = self.args.output / COLONIES
        paths = {photo.path: str(folder / f"{photo.path.stem}.png") for photo in self.taught}
        return {path: cv2.imread(name, cv2.IMREAD_UNCHANGED) for path, name in paths.items()}

    def averaged(self) -> _Averaged:
        """Return the model with the averaged weights, for the length of a ``with``."""
        return _Averaged(self.model, self.average)


class _Averaged:
    def __init__(self, model: torch.nn.Module, average: ExponentialMovingAverage) -> None:
        self._model, self._average = model, average

    def __enter__(self) -> torch.nn.Module:
        self._own = {name: value.clone() for name, value in self._model.state_dict().items()}
        self._model.load_state_dict(self._average.weights)
        return self._model

    def __exit__(self, *_: object) -> None:
        self._model.load_state_dict(self._own)


def _piece(rng: np.random.Generator, example: Example, side_px: int) -> Example:
    """Return a square piece of a drawn crop by chance."""
    free = example.labels.shape[0] - side_px
    y, x = rng.integers(0, free + 1, 2)
    window = slice(y, y + side_px), slice(x, x + side_px)
    return Example(example.image_bgr[window], example.labels[window])


def errors_by_site(model: torch.nn.Module, photos: list[PointPhoto]) -> dict[str, Any]:
    """Return each photograph's true and found cover by the map, and the errors of all and of each site."""
    from training.library.point_model import photo_map

    found = {}
    for photo in photos:
        values = inside(photo_map(model, photo), photo)
        found[photo.path] = 100 * float((values >= _MAP_THRESHOLD).mean())

    def figures(some: list[PointPhoto]) -> dict[str, float]:
        true, measured = (np.array(v) for v in zip(*((p.cover_percent, found[p.path]) for p in some), strict=True))
        errors = coverage_errors(true, measured)
        return {"photos": errors.count, "mae_points": errors.mae_points, "bias_points": errors.bias_points}

    return {
        "all": figures(photos),
        "sites": {site: figures(some) for site, some in by_site(photos).items()},
        "photos": {p.path.name: {"true": p.cover_percent, "found": found[p.path]} for p in photos},
    }


def teach(args: argparse.Namespace) -> None:
    """Run the training described by the command line."""
    photos = read_points(args.points, args.labels, args.site)
    photos = [photo for photo in photos if photo.path.name not in args.without]
    taught = [photo for photo in photos if photo.path.name not in args.leave_out]
    left_out = [photo for photo in photos if photo.path.name in args.leave_out]
    teacher = Teacher(args, taught)
    teacher.run()
    learned = [LearnedPhotograph(FileIdentity.of(photo.path).sha256, photo.path.name) for photo in taught]
    record_learned(args.output / f"{NAME}.pth", learned)
    with teacher.averaged() as model:
        groups = {"learned": taught, "left_out": left_out}
        errors = {name: errors_by_site(model, some) for name, some in groups.items() if some}
    (args.output / "errors.json").write_text(json.dumps(errors, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(errors, indent=2))


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("--points", type=Path, required=True, help="folder of photographs with points")
    result.add_argument("--config", type=Path, default=Path(__file__).parent / "configs/classifier-points.yaml")
    result.add_argument("--output", type=Path, required=True)
    add_labels(result)
    result.add_argument("--site", default=SITE, help="regular expression whose first group is the site in a name")
    result.add_argument("--leave-out", nargs="+", default=[], metavar="PHOTO", help="file names not to learn from")
    result.add_argument("--without", nargs="+", default=[], metavar="PHOTO", help="file names to pass over altogether")
    result.add_argument("--drawn", type=Path, help="folder that keeps drawn crops for other runs")
    result.add_argument("--framed", action="store_true", help="around the area of the points lies a frame, no coral")
    result.add_argument("--map-iterations", type=int, default=400)
    result.add_argument("--colony-iterations", type=int, default=1200)
    result.add_argument("--device", default=None)
    result.add_argument("--seed", type=int, default=None)
    result.add_argument("--threads", type=int, default=1)
    result.add_argument("--resume", action="store_true")
    return result


def main() -> None:
    teach(parser().parse_args())


if __name__ == "__main__":
    run_command(main)
