"""The arguments of ``python -m local points`` and ``adapt``."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add them to the command's parser, and return it."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILES", help="CSV of CoralNet or others, .cpc, folders")
    parser.add_argument("--labels", type=Path, metavar="FILE.csv", help="columns label and answer: what labels mean")
    parser.add_argument(
        "--sizes", type=Path, metavar="FILE.csv", help="columns file, width, height of annotated copies"
    )
    parser.add_argument("--annotator", metavar="NAME", help="of files that do not say who answered")
    parser.add_argument("--hand-picked", action="store_true", help="a person chose these photographs: no intervals")
    parser.add_argument("--yes", action="store_true", help="import what the plan shows without asking")
    return parser


def add_adapt_arguments(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add those of ``adapt`` to the command's parser, and return it."""
    parser.add_argument("--island", metavar="NAME", help="learn from this island's photographs only")
    parser.add_argument("--year", type=int, metavar="YEAR", help="learn from this year's photographs only")
    parser.add_argument("--use", metavar="MODEL", help="learn nothing: measure with this model from now on")
    parser.add_argument("--yes", action="store_true", help="use a model that passes its gate without asking")
    return parser
