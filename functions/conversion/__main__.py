"""Converts a checkpoint on this machine: ``python -m conversion FILE.pth`` with ``functions/`` on the import path."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from conversion.convert import convert
from conversion.photographs import from_folder
from reefsteps.errors import InvalidParameterError, UnsupportedModelError
from reefsteps.model_keys import model_classes_key, model_evaluation_key
from reefsteps.model_roles import ModelRole


def main(arguments: list[str] | None = None) -> int:
    """Convert, print the manifest, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m conversion", description=__doc__)
    parser.add_argument("checkpoint", type=Path, metavar="FILE.pth", help="or FILE.pkl of detectron2's model zoo")
    parser.add_argument("--config", type=Path, metavar="FILE.yaml", help="configuration dump (default: beside FILE)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to write (default: beside FILE)")
    smaller = parser.add_mutually_exclusive_group()
    smaller.add_argument("--int8", type=Path, metavar="DIR", help="8-bit, if it agrees on DIR's photographs")
    smaller.add_argument("--fp16", type=Path, metavar="DIR", help="half-precision weights, if they agree on DIR's")
    smaller.add_argument("--auto", type=Path, metavar="DIR", help="the fastest with the same results on DIR's")
    parser.add_argument("--target", choices=[role.target for role in ModelRole], help="what it finds, for --auto")
    options = parser.parse_args(arguments)
    beside = options.checkpoint.with_suffix(".yaml")
    config = options.config or (beside if beside.exists() else None)
    evaluation = options.checkpoint.with_name(model_evaluation_key(options.checkpoint.stem))
    classes = options.checkpoint.with_name(model_classes_key(options.checkpoint.stem))
    try:
        manifest = convert(
            options.checkpoint,
            config,
            options.out or options.checkpoint.parent,
            evaluation=evaluation if evaluation.exists() else None,
            classes=classes if classes.exists() else None,
            precision=next((name for name in ("int8", "fp16", "auto") if getattr(options, name)), "fp32"),
            photos=from_folder(photos) if (photos := options.int8 or options.fp16 or options.auto) else (),
            role=next((role for role in ModelRole if role.target == options.target), None),
        )
    except (InvalidParameterError, UnsupportedModelError, OSError) as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    sys.stdout.write(manifest.dump())
    return 0


if __name__ == "__main__":
    sys.exit(main())
