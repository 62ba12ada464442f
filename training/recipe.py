"""``python -m training.recipe --output OUT --minutes 90 [--real DATA]``: both demo models from nothing, by one command.

Each target is trained from scratch, on plain frames for the first part of the time and then on all kinds. For corals
the thresholds follow. Then the errors on synthetic photographs, and with ``--real`` on real ones, and the model card
follow. Run again with the same OUT to continue a stopped run. OUT receives ``frame/detectron2-reframe.pth`` and
``coral/detectron2-classifier.pth`` with their ``.yaml`` and ``.evaluation.json``, the reports, and ``README.md``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from training.card import write_card
from training.library.command_line import run_command
from training.library.targets import TARGETS


def commands(options: argparse.Namespace) -> Iterator[list[str]]:
    """Yield the module and arguments of each stage, in order."""
    models = {name: str(options.output / name / f"{target.model_name}.pth") for name, target in TARGETS.items()}
    for name, target in TARGETS.items():
        yield [
            *("training.train", "--target", name, "--config", str(target.config), "--resume"),
            *("--output", str(options.output / name), "--minutes", str(options.minutes)),
            *("--easy-share", str(target.easy_share), "--threads", str(options.threads), "--fresh", "0.5"),
            *(("--device", options.device) if options.device else ()),
        ]
    yield ["training.calibrate", "--model", models["coral"], "--count", str(options.count)]
    for name, model in models.items():
        report = str(options.output / f"report-{name}")
        yield [
            *("training.evaluate", "--target", name, "--model", model, "--output", report),
            *("--count", str(options.count), "--threads", str(options.threads), "--demonstration"),
        ]
    yield ["training.reference", "--model", models["coral"], "--threads", str(options.threads)]
    if options.real:
        report = str(options.output / "report-real")
        pair = ("--frame", models["frame"], "--coral", models["coral"])
        yield ["training.evaluate_real", *pair, "--data", str(options.real), "--output", report]


def run(options: argparse.Namespace) -> Path:
    """Run every stage and return the model card's path; raises CalledProcessError when a stage fails."""
    for command in commands(options):
        print(" ".join(command), flush=True)
        subprocess.run([sys.executable, "-m", *command], check=True)
    card: Path = options.output / "README.md"
    real = options.output / "report-real"
    write_card(card, options.output / "report-frame", options.output / "report-coral", real if options.real else None)
    return card


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("--output", type=Path, required=True)
    result.add_argument("--minutes", type=float, default=90.0, help="for each of the two trainings")
    result.add_argument("--real", type=Path, help="folder of real photographs, as training.evaluate_real takes it")
    result.add_argument("--count", type=int, default=200, help="synthetic photographs to measure on")
    result.add_argument("--threads", type=int, default=1)
    result.add_argument("--device", help="cuda, where there is one")
    return result


def main() -> None:
    print(run(parser().parse_args()))


if __name__ == "__main__":
    run_command(main)
