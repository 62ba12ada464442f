"""``python -m training.recipe --output OUT --real DATA --minutes 90``: both demo models from nothing, by one command.

DATA holds real photographs, as ``training.evaluate_real`` takes them. The frame model is trained on drawn photographs,
on plain frames first and then on all kinds. The coral model is taught by experts' points on Moorea's quadrats and by
drawn crops; three more models, each without a third of the quadrats, find its thresholds. Then the errors on drawn and
on real photographs and the model card follow. Run again with the same OUT to continue a stopped run. OUT receives
``frame/detectron2-reframe.pth`` and ``coral/detectron2-classifier.pth`` with their ``.yaml`` and ``.evaluation.json``,
the reports, and ``README.md``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from training.card import write_card
from training.evaluate_real import KEPT, MOOREA
from training.library.command_line import run_command
from training.library.points import read_points
from training.library.targets import TARGETS

FOLDS = 3


def folds(names: list[str]) -> list[list[str]]:
    """Return the photographs in FOLDS parts; neighbours on the reef are in different parts."""
    return [names[start::FOLDS] for start in range(FOLDS)]


def commands(options: argparse.Namespace, names: list[str]) -> Iterator[list[str]]:
    """Yield the module and arguments of each stage, in order; ``names`` are the quadrats to learn from."""
    models = {name: str(options.output / name / f"{target.model_name}.pth") for name, target in TARGETS.items()}
    frame = TARGETS["frame"]
    points = str(options.real / MOOREA)
    device = ("--device", options.device) if options.device else ()
    yield [
        *("training.train", "--target", "frame", "--config", str(frame.config), "--resume"),
        *("--output", str(options.output / "frame"), "--minutes", str(options.minutes)),
        *("--easy-share", str(frame.easy_share), "--threads", str(options.threads), "--fresh", "0.5", *device),
    ]
    runs = {options.output / f"fold-{number}": part for number, part in enumerate(folds(names), start=1)}
    for folder, left_out in {**runs, options.output / "coral": []}.items():
        yield [
            *("training.teach", "--points", points, "--framed", "--resume", "--output", str(folder)),
            *("--drawn", str(options.output / "drawn"), "--threads", str(options.threads), *device),
            *("--without", *KEPT, *(("--leave-out", *left_out) if left_out else ())),
        ]
    yield [
        *("training.calibrate", "--model", models["coral"], "--count", str(options.count)),
        *("--points", points, "--folds", *map(str, runs)),
    ]
    yield [
        *("training.learn_map", "--model", models["coral"], "--points", points),
        *("--without", *KEPT, "--threads", str(options.threads)),
    ]
    for name, model in models.items():
        yield ["conversion", model]
        models[name] = str(Path(model).with_suffix(".onnx"))  # the map is the product's, not detectron2's
    for name, model in models.items():
        report = str(options.output / f"report-{name}")
        yield [
            *("training.evaluate", "--target", name, "--model", model, "--output", report),
            *("--count", str(options.count), "--threads", str(options.threads), "--demonstration"),
        ]
    yield [
        *("training.reference", "--model", models["coral"], "--threads", str(options.threads)),
        *("--points", points, "--without", *KEPT),
    ]
    report = str(options.output / "report-real")
    pair = ("--frame", models["frame"], "--coral", models["coral"])
    yield ["training.evaluate_real", *pair, "--data", str(options.real), "--output", report]


def run(options: argparse.Namespace) -> Path:
    """Run every stage and return the model card's path; raises CalledProcessError when a stage fails."""
    names = [photo.path.name for photo in read_points(options.real / MOOREA) if photo.path.name not in KEPT]
    for command in commands(options, names):
        print(" ".join(command), flush=True)
        subprocess.run([sys.executable, "-m", *command], check=True)
    card: Path = options.output / "README.md"
    write_card(card, *(options.output / f"report-{name}" for name in ("frame", "coral", "real")))
    return card


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    result = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    result.add_argument("--output", type=Path, required=True)
    result.add_argument("--minutes", type=float, default=90.0, help="for the frame model")
    result.add_argument(
        "--real", type=Path, required=True, help="folder of real photographs, as training.evaluate_real takes it"
    )
    result.add_argument("--count", type=int, default=200, help="synthetic photographs to measure on")
    result.add_argument("--threads", type=int, default=1)
    result.add_argument("--device", help="cuda, where there is one")
    return result


def main() -> None:
    print(run(parser().parse_args()))


if __name__ == "__main__":
    run_command(main)
