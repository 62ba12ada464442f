"""Contact sheets of the restoration methods, to be judged by eye.

    python -m tests.benchmarks.contact_sheets docs/contact-sheets

Synthetic quadrats, and the Moorea Coral Reef LTER photographs (knb-lter-mcr.5006, CC BY 4.0) where they are beside the
project; nothing else goes into a sheet that is published.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from reefsteps.images import decode, encode_jpeg
from restoration.methods import restore
from synthetic import PhotoConfig, generate
from tests.support.real_data import REAL_DATA
from tests.support.separability import Bgr

_COLUMNS = ("none", "planar", "histogram", "dark_channel")
_CELL = (300, 225)  # width, height
_MOOREA = REAL_DATA / "quadrats/mcr_moorea"


def main() -> None:
    """Write the sheets into the folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    config = PhotoConfig()
    synthetic = [generate(seed, config).image_bgr for seed in range(6)]
    _write(folder / "restoration-synthetic.jpg", synthetic)
    photographs = sorted(_MOOREA.glob("*.jpg"))[::2]
    if photographs:
        _write(folder / "restoration-moorea.jpg", [decode(path.read_bytes()).pixels_bgr for path in photographs])


def _write(path: Path, pictures: Sequence[np.ndarray]) -> None:
    rows = [
        _header(),
        *(np.hstack([_cell(restore(picture, name).pixels_bgr) for name in _COLUMNS]) for picture in pictures),
    ]
    path.write_bytes(encode_jpeg(np.vstack(rows), quality=70))
    print(f"{path}: {path.stat().st_size / 1024:.0f} KiB")


def _header() -> Bgr:
    strip = np.full((28, _CELL[0] * len(_COLUMNS), 3), 255, np.uint8)
    for index, name in enumerate(_COLUMNS):
        label = "original" if name == "none" else name
        cv2.putText(strip, label, (index * _CELL[0] + 8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (0, 0, 0), 1, cv2.LINE_AA)
    return strip


def _cell(bgr: Bgr) -> Bgr:
    """Return the middle of the picture in the cell's shape."""
    height, width = bgr.shape[:2]
    scale = max(_CELL[0] / width, _CELL[1] / height)
    size = (max(_CELL[0], round(width * scale)), max(_CELL[1], round(height * scale)))
    small = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
    left, top = (size[0] - _CELL[0]) // 2, (size[1] - _CELL[1]) // 2
    return np.asarray(small[top : top + _CELL[1], left : left + _CELL[0]], np.uint8)


if __name__ == "__main__":
    main()
