"""``python -m training.reference --model M``: which pictures are unlike those that a coral model knows.

Measures the figures of `segmentation.novelty` on drawn photographs, straightened and restored as the pipeline hands
them on, or with ``--coco`` and ``--images`` on annotated ones, and writes their limits into
``<name>.evaluation.json`` beside the model. A picture below a limit is marked "to be looked at". A model that learned
from real quadrats knows them: with ``--points`` no limit marks any of these; ``--without`` names those to pass over.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from reefsteps.arrays import ByteArray
from reefsteps.evaluation import PictureFigures, PictureLimits
from segmentation.novelty import picture_figures
from synthetic import PhotoConfig, SyntheticPhoto, generate
from training.library.coco import AnnotationError, load_example, read
from training.library.command_line import add_annotations, add_labels, run_command
from training.library.examples import restored, straighten
from training.library.measured import ANNOTATED, SYNTHETIC, record
from training.library.point_examples import quadrat_crop
from training.library.points import read_points
from training.library.predict import load_predictor
from training.library.prediction import Predictor
from training.library.scores import EVALUATION_SIDE_PX

REFERENCE_SEED = 840_000  # of photographs of any kind; neither trained on nor tested with
LARGE_SEED = 860_000  # of photographs of a 10 x 10 grid with many pixels, as CRIOBE takes them
MARKED_SHARE = 0.06  # of the reference photographs; leaves room below the 10 % that users were promised
LEAST_PHOTOS = 50  # a limit is about the third lowest of 50: fewer say nothing of the tail


def drawn_photo(seed: int, *, large: bool) -> SyntheticPhoto:
    """Return a photograph of any frame, size and water, or a ``large`` one of a grid with nothing over its frame."""
    rng = np.random.default_rng(seed)
    if large:
        width = int(rng.integers(1500, 2401))
        config = PhotoConfig(
            width, round(width / 1.5), frame="aluminium", strings="grid10", framing="inside", occlusion=0.0
        )
        return generate(seed, config)
    width = int(rng.integers(600, 1500))
    height = int(width / rng.choice([1.0, 1.33, 1.5]))
    return generate(seed, PhotoConfig(width, height, framing=str(rng.choice(["inside", "tight"]))))


def straightened(photo: SyntheticPhoto) -> ByteArray:
    """Return the restored crop at the photograph's own resolution."""
    side_px = int(np.linalg.norm(photo.corners_px[1] - photo.corners_px[0]))
    return straighten(restored(photo.image_bgr), photo.coral_labels(), photo.corners_px, side_px)[0]


def drawn_crops(count: int, seed: int = REFERENCE_SEED, large_seed: int = LARGE_SEED) -> Iterator[ByteArray]:
    """Yield the crops of ``count`` photographs, a quarter of them large; those without a frame have none."""
    for number in range(count):
        large = number % 4 == 3
        photo = drawn_photo(large_seed + number // 4 if large else seed + number - number // 4, large=large)
        if photo.frame is not None:
            yield straightened(photo)


def figures_of(predict: Predictor, crop: ByteArray) -> PictureFigures:
    """Return the figures of a crop."""
    return picture_figures(crop, predict(crop).scores)


def limits_of(figures: Sequence[PictureFigures], description: str, marked_share: float = MARKED_SHARE) -> PictureLimits:
    """Return the limits below which at most ``marked_share`` of the photographs lie, each figure at one quantile.

    Raises AnnotationError for fewer than LEAST_PHOTOS photographs.
    """
    if len(figures) < LEAST_PHOTOS:
        raise AnnotationError(f"{len(figures)} photographs are too few: at least {LEAST_PHOTOS} are needed.")
    values = np.array([[f.best_score, f.mean_score, f.colour_contrast] for f in figures])
    least = values.min(0)
    for share in np.linspace(0, marked_share, 101):
        candidate = np.quantile(values, share, axis=0)
        if (values < candidate).any(1).mean() <= marked_share:
            least = candidate
    return PictureLimits(description, len(figures), PictureFigures(*(round(float(value), 4) for value in least)))


def widened(limits: PictureLimits, known: Sequence[PictureFigures]) -> PictureLimits:
    """Return the limits, lowered where a quadrat that the model learned from lies below one."""
    values = np.array([[f.best_score, f.mean_score, f.colour_contrast] for f in (limits.least, *known)])
    least = PictureFigures(*(round(float(value), 4) for value in values.min(0)))
    described = f"{limits.description}, and {len(known)} quadrats that it learned from"
    return PictureLimits(described, limits.photos + len(known), least)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    add_annotations(parser)
    parser.add_argument("--count", type=int, default=320, help="drawn photographs")
    parser.add_argument("--points", type=Path, help="folder of quadrats with points that the model learned from")
    add_labels(parser)
    parser.add_argument("--without", nargs="+", default=[], metavar="PHOTO", help="file names to pass over")
    parser.add_argument("--threads", type=int, default=1)
    return parser


def main() -> None:
    parser = _parser()
    args = parser.parse_args()
    if (args.coco is None) != (args.images is None):
        parser.error("--coco and --images belong together")
    predict = load_predictor(args.model, args.threads)
    crops: Iterable[ByteArray]
    if args.coco:
        photos = read(args.coco, args.images, args.merge)
        crops = (restored(load_example(photo, EVALUATION_SIDE_PX).image_bgr) for photo in photos)
        description = ANNOTATED.description
    else:
        crops, description = drawn_crops(args.count), SYNTHETIC.description
    limits = limits_of([figures_of(predict, crop) for crop in crops], description)
    if args.points:
        quadrats = [photo for photo in read_points(args.points, args.labels) if photo.path.name not in args.without]
        limits = widened(limits, [figures_of(predict, quadrat_crop(photo)) for photo in quadrats])
    print(record(args.model, [], pictures=limits).read_text(encoding="utf-8"))


if __name__ == "__main__":
    run_command(main)
