"""``python -m tests.benchmarks.bench_verified --data FOLDER``: do combined intervals hold on real photographs?

FOLDER holds ``quadrats/mcr_moorea`` (Moorea LTER: photographs, 200 expert points on each). The points are imported as
the product does it, the demo model's masks give the cover of each quadrat. Some photographs are then taken as verified,
all splits or 500 at random, and the mean of the points of all photographs is the truth that the interval should hold.
The demo model has not seen these photographs.
"""

from __future__ import annotations

import argparse
import itertools
import math
import random
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from conversion.convert import convert
from frontend.domain.estimates.campaign import Campaign, Mean, Quadrat, campaign
from frontend.domain.estimates.quadrat import PointCount
from frontend.domain.estimates.two_phase import LEAST_VERIFIED, Target
from frontend.domain.verified import checks
from reefsteps.points.answers import MOOREA
from reefsteps.points.files import read_points
from reefsteps.points.matching import Measured, plan
from reefsteps.points.placing import FrameInPhoto
from reefsteps.points.sizes import read_sizes
from reefsteps.surveys import SurveyKey
from training.evaluate_real import moorea, moorea_cover, points_rectangle
from training.library.predict import load_predictor

MODEL = Path("models/detectron2-classifier.pth")
_MOST_SPLITS = 500
_SCORE = 0.5


def point_counts(folder: Path) -> dict[str, PointCount]:
    """Return what the imported points say of each photograph, by its name."""
    measured, photos = [], []
    for number, (path, row, points) in enumerate(moorea(folder), 1):
        survey = SurveyKey(2008, "Moorea", number)
        width, height = int(row["width"]), int(row["height"])
        corners = tuple((float(x), float(y)) for x, y in points_rectangle(points, np.ones(2)))
        measured.append(Measured(survey, survey.key("jpg"), "v1", path.name, FrameInPhoto(width, height, corners)))
        file = folder / "points" / f"{path.stem}.csv"
        photos += read_points(file.read_bytes(), file.name)
    sizes = read_sizes((folder / "cover_from_points.csv").read_bytes(), "cover_from_points.csv")
    planned = plan(photos, measured, MOOREA, sizes=sizes)
    assert not planned.not_matched, planned.not_matched
    found = checks([one.points for one in planned.planned], measured)
    return {photo.original_name or "": found[photo.survey].count for photo in measured}


def splits(total: int, verified: int) -> Iterator[Sequence[int]]:
    """Yield all choices of so many of the photographs, or `_MOST_SPLITS` at random."""
    if math.comb(total, verified) <= _MOST_SPLITS:
        yield from itertools.combinations(range(total), verified)
        return
    chance = random.Random(verified)
    for _ in range(_MOST_SPLITS):
        yield chance.sample(range(total), verified)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    folder = parser.parse_args().data / "quadrats" / "mcr_moorea"
    with tempfile.TemporaryDirectory() as scratch:
        convert(MODEL, MODEL.with_suffix(".yaml"), Path(scratch))
        cases = moorea_cover(load_predictor(Path(scratch) / f"{MODEL.stem}.onnx"), folder, _SCORE)
    counts = point_counts(folder)
    truth = float(np.mean([counts[case.photo].cover_percent for case in cases]))
    model = float(np.mean([case.found for case in cases]))
    print(f"{len(cases)} photographs; mean of all points {truth:.1f} %, of the model {model:.1f} %\n")
    print("| verified | splits | target | combined holds | its half width | points hold | their half width |")
    print("|---|---|---|---|---|---|---|")
    for verified in range(LEAST_VERIFIED, len(cases) + 1):
        for target in Target:
            found = []
            for chosen in map(set, splits(len(cases), verified)):
                quadrats = [
                    Quadrat(at, case.found, counts[case.photo] if at in chosen else None)
                    for at, case in enumerate(cases)
                ]
                found.append(campaign("Moorea", 2008, quadrats, target))
            print(f"| {verified} | {len(found)} | {target.value} | {_line(found, truth)} |")


def _line(found: Sequence[Campaign], truth: float) -> str:
    parts = []
    for means in ([one.combined for one in found], [one.points for one in found]):
        known: list[Mean] = [mean for mean in means if mean is not None]
        holds = np.mean([mean.interval.holds(truth) for mean in known])
        parts.append(f"{100 * holds:.1f} % | {np.mean([mean.interval.half_width for mean in known]):.1f}")
    return " | ".join(parts)


if __name__ == "__main__":
    main()
