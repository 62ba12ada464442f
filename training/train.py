"""Train one model: ``python -m training.train --target frame --config CONFIG.yaml --output OUT``.

Pictures come from the synthetic generator, or with ``--coco`` from annotated photographs. The run uses the CPU, or a
GPU with ``--device cuda``. ``--resume`` continues from the last checkpoint in OUT. ``--minutes`` stops after that many
minutes; the learning rate follows a cosine schedule over elapsed time or iterations, whichever is further along. OUT
receives ``last.pth`` (to resume), ``<name>.pth`` and ``<name>.yaml`` (to deploy), ``<name>.evaluation.json`` with the
photographs that the model learned from, and ``losses.csv``.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cv2

from reefsteps.learned import LearnedPhotograph
from training.library.batches import coco_batches, synthetic_batches
from training.library.coco import read
from training.library.command_line import add_annotations, run_command
from training.library.learned import learned_photographs, together
from training.library.measured import record_learned
from training.library.targets import TARGETS

if TYPE_CHECKING:
    import torch

AVERAGE_DECAY = 0.998


class ExponentialMovingAverage:
    """The running average of a model's weights and batch statistics: what is deployed."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.weights = {k: v.detach().clone() for k, v in model.state_dict().items()}
        self.count = 0

    def update(self, model: torch.nn.Module) -> None:
        self.count += 1
        decay = min(AVERAGE_DECAY, 1 - 1 / (0.2 * self.count + 1))
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                self.weights[name].lerp_(value, 1 - decay)
            else:
                self.weights[name].copy_(value)


def learning_rate(base: float, iteration: int, warmup: int, progress: float) -> float:
    """Return a linear warm-up followed by half a cosine that ends at 1 % of ``base``."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return base * min(1.0, (iteration + 1) / warmup) * (0.01 + 0.99 * cosine)


def train(args: argparse.Namespace) -> None:
    """Run the training described by the command line."""
    import torch
    from detectron2.utils.events import EventStorage

    from training.library.detectron import export, in_mixed_precision, load_config, new_model, to_input

    cfg = load_config(args.config, args.device)
    seed = cfg.SEED if args.seed is None else args.seed
    torch.manual_seed(seed)
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(args.threads)
    args.output.mkdir(parents=True, exist_ok=True)
    model = in_mixed_precision(new_model(cfg).train())
    optimizer = torch.optim.AdamW(model.parameters(), lr=cfg.SOLVER.BASE_LR, weight_decay=cfg.SOLVER.WEIGHT_DECAY)
    average = ExponentialMovingAverage(model)
    iteration, spent_s = 0, 0.0
    learned_from = learned_photographs(read(args.coco, args.images, args.merge)) if args.coco else []
    last = args.output / "last.pth"
    if args.resume and last.exists():
        state = torch.load(last, map_location=cfg.MODEL.DEVICE, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        average.weights, average.count = state["average"], state["iteration"]
        iteration, spent_s = state["iteration"], state["spent_s"]
        earlier = [LearnedPhotograph.from_json(photo) for photo in state.get("learned_from", ())]
        learned_from = together(earlier, learned_from)
    if args.coco:
        size = cfg.SOLVER.IMS_PER_BATCH
        plain = every = coco_batches(args.coco, args.images, seed + iteration, size, args.target, args.merge)
    else:
        size = cfg.SOLVER.IMS_PER_BATCH
        plain = synthetic_batches(args.target, seed + iteration, size, args.fresh, easy=True)
        every = synthetic_batches(args.target, seed + iteration, size, args.fresh)
    budget_s = args.minutes * 60 if args.minutes else math.inf
    started = time.monotonic() - spent_s

    def save() -> None:
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "average": average.weights}
        state["learned_from"] = [photo.to_json() for photo in learned_from]
        torch.save({**state, "iteration": iteration, "spent_s": time.monotonic() - started}, last)
        export(average.weights, cfg, args.output / TARGETS[args.target].model_name)
        record_learned(args.output / f"{TARGETS[args.target].model_name}.pth", learned_from)

    log = (args.output / "losses.csv").open("a", encoding="utf-8")
    with EventStorage(iteration), log:
        while iteration < cfg.SOLVER.MAX_ITER and time.monotonic() - started < budget_s:
            progress = max(iteration / cfg.SOLVER.MAX_ITER, (time.monotonic() - started) / budget_s)
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(cfg.SOLVER.BASE_LR, iteration, cfg.SOLVER.WARMUP_ITERS, progress)
            batch = next(plain if progress < args.easy_share else every)
            losses = model([to_input(example, TARGETS[args.target].box_margin) for example in batch])
            total = sum(losses.values())
            if not torch.isfinite(total):
                raise FloatingPointError(f"The loss is not finite at iteration {iteration}; lower SOLVER.BASE_LR.")
            optimizer.zero_grad()
            total.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            average.update(model)
            iteration += 1
            if iteration % 20 == 0 or iteration == 1:
                parts = ",".join(f"{float(losses[k]):.4f}" for k in sorted(losses))
                print(f"{iteration},{time.monotonic() - started:.0f},{float(total):.4f},{parts}", file=log, flush=True)
            if iteration % cfg.SOLVER.CHECKPOINT_PERIOD == 0:
                save()
    save()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", choices=TARGETS, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    add_annotations(parser)
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--device", default=None)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--fresh", type=float, default=2.0, help="new synthetic pictures in each batch, on average")
    parser.add_argument("--easy-share", type=float, default=0.0, help="first part of the run, with plain frames only")
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    if (args.coco is None) != (args.images is None):
        parser.error("--coco and --images belong together")
    train(args)


if __name__ == "__main__":
    run_command(main)
