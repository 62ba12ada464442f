"""``python -m tests.benchmarks.bench_novelty --data FOLDER``: false marks and catches of "to be looked at".

Drawn photographs have seeds that neither training nor the limits have seen; they are restored and straightened by their
true corners, as the pipeline does with corners that it found. Foreign ones are the real photographs of FOLDER, in two
halves, which show how steady the rates are. Limits come from drawn photographs alone (`training.reference`).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from conversion.convert import convert
from local.samples import sample_config
from reefsteps.detection import Manifest
from segmentation.novelty import reasons_to_look
from synthetic import generate
from training.evaluate_real import moorea, points_rectangle, read_photo
from training.library.examples import restored, straighten
from training.library.predict import load_predictor
from training.reference import drawn_crops, figures_of, straightened

MODEL = Path("models/detectron2-classifier.pth")
_UNSEEN_SEED, _UNSEEN_LARGE_SEED, _UNSEEN_SAMPLE_SEED = 880_000, 890_000, 895_000
_TILES = 3
_TILE_PX = 800

Crop = NDArray[np.uint8]


def drawn(count: int) -> Iterator[tuple[str, Crop]]:
    """Yield crops of drawn photographs of any kind, and a quarter as many like the demo's samples."""
    for crop in drawn_crops(count, _UNSEEN_SEED, _UNSEEN_LARGE_SEED):
        yield "drawn, any kind", crop
    for seed in range(_UNSEEN_SAMPLE_SEED, _UNSEEN_SAMPLE_SEED + count // 4):
        yield "drawn, like the demo's samples", straightened(generate(seed, sample_config()))


def foreign(data: Path) -> Iterator[tuple[str, Crop]]:
    """Yield real quadrats by hand-set corners, centre squares of reef photographs, and tiles of an orthomosaic."""
    for path, row, points in moorea(data / "quadrats" / "mcr_moorea"):
        image, _ = read_photo(path)
        scale = np.array([image.shape[1] / float(row["width"]), image.shape[0] / float(row["height"])])
        yield "Moorea LTER, quadrats", _square(image, points_rectangle(points, scale))
    for name, item in json.loads((data / "quadrats" / "corners.json").read_text("utf-8"))["images"].items():
        image, factor = read_photo(data / "quadrats" / name)
        kind = "Austral Islands, quadrats" if name.startswith("utp") else "CRIOBE and CoralSCOP, quadrats"
        yield kind, _square(image, np.array(item["inner"], np.float64) * factor)
    for path in sorted((data / "masks" / "reefsupport").glob("*.jpg")):
        image, _ = read_photo(path)
        side, (height, width) = min(image.shape[:2]), image.shape[:2]
        top, left = (height - side) // 2, (width - side) // 2
        yield "ReefSupport, reef photographs", np.ascontiguousarray(image[top : top + side, left : left + side])
    mosaic = cv2.imread(str(data / "masks" / "taglab_vostok" / "VOS_RGB.png"))
    if mosaic is not None:
        side = min(mosaic.shape[:2]) // _TILES
        for number in range(_TILES * _TILES):
            top, left = number // _TILES * side, number % _TILES * side
            tile = np.ascontiguousarray(mosaic[top : top + side, left : left + side])
            factor = min(1.0, _TILE_PX / side)
            small = cv2.resize(tile, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
            yield "Vostok, tiles of an orthomosaic", restored(np.asarray(small, np.uint8))


def _square(image: Crop, corners_px: NDArray[np.float64]) -> Crop:
    side_px = int(np.linalg.norm(corners_px[1] - corners_px[0]))
    return straighten(image, np.zeros(image.shape[:2], np.uint16), corners_px, side_px)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of real photographs, as training.evaluate_real takes it")
    parser.add_argument("--count", type=int, default=100, help="drawn photographs")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        evaluation = MODEL.with_name(f"{MODEL.stem}.evaluation.json")
        manifest: Manifest = convert(MODEL, MODEL.with_suffix(".yaml"), Path(folder), evaluation=evaluation)
        limits = manifest.measured.pictures if manifest.measured else None
        predict = load_predictor(Path(folder) / f"{MODEL.stem}.onnx")
        marks: dict[str, list[bool]] = defaultdict(list)
        for kind, crop in (*drawn(args.count), *(foreign(args.data) if args.data else ())):
            marks[kind].append(bool(reasons_to_look(figures_of(predict, crop), limits)))
    print("| photographs | n | marked | every second | the others |\n|---|---|---|---|---|")
    groups = {"drawn, all": [k for k in marks if k.startswith("drawn")]}
    groups["foreign, all"] = [k for k in marks if not k.startswith("drawn")]
    for kind, found in marks.items():
        print(_line(kind, [found]))
    for name, kinds in groups.items():
        if kinds:
            print(_line(name, [marks[kind] for kind in kinds]))


def _line(name: str, lists: list[list[bool]]) -> str:
    whole = [mark for marks in lists for mark in marks]
    if name.startswith("drawn"):
        return f"| {name} | {len(whole)} | {np.mean(whole):.0%} | | |"
    halves = [[mark for marks in lists for mark in marks[start::2]] for start in (0, 1)]
    shares = " | ".join(f"{sum(half)} of {len(half)}" for half in halves)
    return f"| {name} | {len(whole)} | {np.mean(whole):.0%} | {shares} |"


if __name__ == "__main__":
    main()
