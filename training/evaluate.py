"""``python -m training.evaluate --target frame --model models/detectron2-reframe.pth --output OUT``: errors with plots.

The model is a ``.pth`` (through detectron2) or an ``.onnx`` (through the product's runtime). It is measured on
synthetic photographs that it has not seen, or with ``--coco`` and ``--images`` on annotated ones, after the pipeline's
restoration. Frames get mask IoU and corner error, corals the error of percent cover and COCO AP. The command writes
``report.md``, ``report.json`` and plots into OUT, and the figures as ``<name>.evaluation.json`` beside the model.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from training.library.annotated import annotated_corals, annotated_frames
from training.library.coco import read
from training.library.command_line import add_annotations, run_command
from training.library.examples import TEST_SEED
from training.library.measured import SYNTHETIC, annotated_photographs, cover_set, frame_set, record
from training.library.predict import load_predictor
from training.library.scores import evaluate_corals, evaluate_frames, summarise_corals, summarise_frames
from training.library.targets import TARGETS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", choices=TARGETS, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    add_annotations(parser)
    parser.add_argument("--survey", help="where the annotated photographs are from, for people")
    parser.add_argument("--demonstration", action="store_true", help="mark the model as no instrument for a survey")
    parser.add_argument("--count", type=int, default=200, help="synthetic photographs")
    parser.add_argument("--seed", type=int, default=TEST_SEED)
    parser.add_argument("--min-score", type=float, default=0.5)
    parser.add_argument("--threads", type=int, default=1)
    return parser


def main(arguments: list[str] | None = None) -> None:
    """Measure, and write the report."""
    from training.library.report import coral_report, frame_report

    parser = _parser()
    args = parser.parse_args(arguments)
    if (args.coco is None) != (args.images is None):
        parser.error("--coco and --images belong together")
    photos = read(args.coco, args.images, args.merge) if args.coco else []
    predict = load_predictor(args.model, args.threads)
    args.output.mkdir(parents=True, exist_ok=True)
    measured_on = annotated_photographs(args.survey) if args.coco else SYNTHETIC
    if args.target == "frame":
        frames = (
            annotated_frames(predict, photos, args.min_score)
            if args.coco
            else evaluate_frames(predict, args.seed, args.count, args.min_score)
        )
        figures = summarise_frames(frames)
        frame_report(args.output, args.model.name, figures, frames)
        entry = frame_set(measured_on, figures)
    else:
        corals = (
            annotated_corals(predict, photos, args.min_score)
            if args.coco
            else evaluate_corals(predict, args.seed, args.count, args.min_score)
        )
        figures = summarise_corals(corals)
        coral_report(args.output, args.model.name, figures, corals)
        entry = cover_set(measured_on, figures)
    record(args.model, [entry], demonstration=args.demonstration)
    (args.output / "report.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    run_command(main)
