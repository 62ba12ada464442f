"""``python -m synthetic OUT_DIR --count N``: photographs named as surveys, and truth.csv."""

from __future__ import annotations

import argparse
import csv
import dataclasses
from pathlib import Path

import cv2

from synthetic import FRAME_KINDS, PhotoConfig, SyntheticPhoto, generate

SITES = ("Takapoto", "Moorea", "Tahiti", "Rangiroa")
FIRST_YEAR, LOCATIONS = 2006, 4
COLUMNS = (
    "file", "seed", "cover_percent", "side_cm", "frame", "strings", "framing", "water",
    "x0", "y0", "x1", "y1", "x2", "y2", "x3", "y3",
)  # fmt: skip


def survey_name(index: int) -> str:
    """Return the survey key of the index-th sample: quadrats of one site first, then years, then sites."""
    location = index % LOCATIONS + 1
    year = FIRST_YEAR + index // LOCATIONS % 6
    site = SITES[index // (LOCATIONS * 6) % len(SITES)]
    round_trip = index // (LOCATIONS * 6 * len(SITES))
    return f"{year + 6 * round_trip}-{site}-{location:02d}.jpg"


def truth_row(name: str, photo: SyntheticPhoto) -> dict[str, str]:
    """Return one line of truth.csv; corner columns are empty where there is no frame."""
    frame = photo.frame
    row = {
        "file": name,
        "seed": str(photo.seed),
        "cover_percent": f"{photo.cover_percent:.2f}",
        "side_cm": f"{photo.side_cm:g}",
        "frame": frame.kind if frame else "none",
        "strings": frame.strings if frame else "none",
        "framing": photo.framing,
        "water": photo.water.name,
    }
    for i, (x, y) in enumerate(photo.corners_px):
        row[f"x{i}"], row[f"y{i}"] = f"{x:.3f}", f"{y:.3f}"
    return row


def write_samples(folder: Path, count: int, seed: int, config: PhotoConfig) -> list[Path]:
    """Write ``count`` JPEG photographs and truth.csv into ``folder``; return the photographs' paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    kinds = [kind for kind in FRAME_KINDS if kind != "none"]
    with (folder / "truth.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        for index in range(count):
            kind = config.frame or kinds[index % len(kinds)]
            photo = generate(seed + index, dataclasses.replace(config, frame=kind))
            path = folder / survey_name(index)
            cv2.imwrite(str(path), photo.image_bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])
            writer.writerow(truth_row(path.name, photo))
            paths.append(path)
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=12)
    parser.add_argument(
        "--seed", type=int, default=500_000, help="kept apart from the seeds of training, from 10000000"
    )
    parser.add_argument("--width-px", type=int, default=2400)
    parser.add_argument("--height-px", type=int, default=1600)
    parser.add_argument("--framing", default="inside")
    parser.add_argument("--frame", default=None, choices=FRAME_KINDS)
    args = parser.parse_args()
    config = PhotoConfig(args.width_px, args.height_px, framing=args.framing, frame=args.frame, occlusion=0.2)
    for path in write_samples(args.folder, args.count, args.seed, config):
        print(path)


if __name__ == "__main__":
    main()
