"""``python -m tests.benchmarks.bench_verified --data FOLDER --base FILE``: do intervals hold on real photographs?

FOLDER holds ``quadrats/mcr_moorea`` (Moorea LTER: photographs, 200 expert points on each). The points are imported as
the product does it. The cover of each quadrat is that of a model which has learned from points of others alone, as
`adapt` leaves photographs out; ``--base`` is what `bench_adapt` takes, and must not have seen Moorea. Some photographs
are then taken as verified, all splits or 500 at random, and the mean of the points of all photographs is the truth that
the interval should hold.
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

from adapt.learning import choose, view_count
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
from tests.benchmarks.bench_adapt import base_of, known, moorea_lessons
from training.evaluate_real import moorea, points_rectangle

_MOST_SPLITS = 500


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


def left_out(data: Path, base: Path) -> dict[str, float]:
    """Return the cover of each photograph, by its name, from a model that has learned from others alone."""
    with tempfile.TemporaryDirectory() as scratch:
        lessons = moorea_lessons(data, restore=False)
        quadrats = known(base_of(base, Path(scratch)), lessons, view_count(len(lessons)))
    chosen = choose(
        [one.features for one in quadrats],
        [one.lesson for one in quadrats],
        lambda index: [stage.astype(np.float32) for stage in quadrats[index].stages],
    )
    names = [path.name for path, _, _ in moorea(data / "quadrats" / "mcr_moorea")]
    return dict(zip(names, chosen.left_out_percent, strict=True))


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
    parser.add_argument("--base", type=Path, required=True)
    options = parser.parse_args()
    model = left_out(options.data, options.base)
    counts = point_counts(options.data / "quadrats" / "mcr_moorea")
    truth = {photo: counts[photo].cover_percent for photo in model}
    mean = float(np.mean([*truth.values()]))
    errors = np.array([model[photo] - truth[photo] for photo in model])
    print(
        f"{len(model)} photographs; mean of all points {mean:.1f} %, of the model {mean + errors.mean():.1f} %; its "
        f"mean absolute error {np.abs(errors).mean():.1f} points, correlation "
        f"{np.corrcoef([*model.values()], [*truth.values()])[0, 1]:.2f}\n"
    )
    print("| verified | splits | target | combined holds | its half width | points hold | their half width |")
    print("|---|---|---|---|---|---|---|")
    for verified in range(LEAST_VERIFIED, len(model) + 1):
        for target in Target:
            found = []
            for chosen in map(set, splits(len(model), verified)):
                quadrats = [
                    Quadrat(at, percent, counts[photo] if at in chosen else None)
                    for at, (photo, percent) in enumerate(model.items())
                ]
                found.append(campaign("Moorea", 2008, quadrats, target))
            print(f"| {verified} | {len(found)} | {target.value} | {_line(found, mean)} |")


def _line(found: Sequence[Campaign], truth: float) -> str:
    parts = []
    for means in ([one.combined for one in found], [one.points for one in found]):
        known: list[Mean] = [mean for mean in means if mean is not None]
        holds = np.mean([mean.interval.holds(truth) for mean in known])
        parts.append(f"{100 * holds:.1f} % | {np.mean([mean.interval.half_width for mean in known]):.1f}")
    return " | ".join(parts)


if __name__ == "__main__":
    main()
