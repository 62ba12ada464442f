"""The demo's photographs: drawn by the project's own generator, with known truth."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from local.photos import Photo
from reefsteps.quadrat_size import QuadratSize
from reefsteps.smoke_test import DrawnPhotograph

if TYPE_CHECKING:
    from synthetic import PhotoConfig

_COUNT = 6
SAMPLE_SEED = 500_000  # the generator's seeds for samples; training uses others
MEASURED_SEED = SAMPLE_SEED + 1  # the sample that tests and benchmarks follow: the demo models measure it
MEASURED_NAME = "2006-Takapoto-02.jpg"
_NO_FRAME = "2010-Takapoto-01.jpg"


def sample_config() -> PhotoConfig:
    """Return what the samples show: the quadrat of CRIOBE's surveys, a 1 m aluminium frame with 10 x 10 strings."""
    from synthetic import PhotoConfig

    return PhotoConfig(2400, 1600, frame="aluminium", strings="grid10", framing="inside", occlusion=0.0)


def make_samples(folder: Path) -> tuple[list[Photo], dict[str, float]]:
    """Draw the samples into `folder` where they are not yet; returns them, and the true percent cover by file name.

    The last one shows a reef without a quadrat: the pipeline has to refuse it, so it has no truth.
    """
    import cv2

    from synthetic import generate
    from synthetic.__main__ import write_samples

    truth_file = folder / "truth.csv"
    if not truth_file.exists() or not (folder / _NO_FRAME).exists():
        config = sample_config()
        write_samples(folder, _COUNT, SAMPLE_SEED, config)
        photo = generate(SAMPLE_SEED + _COUNT, dataclasses.replace(config, frame="none", strings=None, framing=None))
        cv2.imwrite(str(folder / _NO_FRAME), photo.image_bgr)
    with truth_file.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    photos = [Photo(folder / row["file"], row["file"], QuadratSize.parse(row["side_cm"])) for row in rows]
    photos.append(Photo(folder / _NO_FRAME, _NO_FRAME))
    return photos, {row["file"]: float(row["cover_percent"]) for row in rows}


def drawn_for_smoke_test() -> DrawnPhotograph:
    """Return the photograph that the demo models are known to measure."""
    import cv2

    from synthetic import generate

    photo = generate(MEASURED_SEED, sample_config())
    _, jpeg = cv2.imencode(".jpg", photo.image_bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])
    return DrawnPhotograph(jpeg.tobytes(), float(photo.cover_percent), photo.corners_px.tolist())
