"""``python -m training.average --output OUT/detectron2-classifier.pth A.pth B.pth``: one model of several runs.

The mean of the weights of runs that went on from the same checkpoint with different seeds (Wortsman et al. 2022, model
soups): on a machine with few cores, one run a core learns more than one run on all of them. The configuration is the
first run's.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch


def average(checkpoints: Sequence[Path], output: Path) -> None:
    """Write the mean of exported checkpoints, in half precision; raises ValueError where they are different models."""
    models = [torch.load(path, map_location="cpu", weights_only=True)["model"] for path in checkpoints]
    shapes = [{name: value.shape for name, value in model.items()} for model in models]
    if any(shape != shapes[0] for shape in shapes):
        raise ValueError("The checkpoints are of different networks; average runs of one configuration only.")
    mean = {
        name: torch.stack([model[name].float() for model in models]).mean(0).half()
        if value.is_floating_point()
        else value
        for name, value in models[0].items()
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"model": mean}, output)
    shutil.copyfile(checkpoints[0].with_suffix(".yaml"), output.with_suffix(".yaml"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    average(args.checkpoints, args.output)


if __name__ == "__main__":
    main()
