"""Photographs whose random points experts have named, as surveys keep them, and what a model may learn from them.

Three layouts are read, and may be mixed in one folder:

* ``<name>.jpg`` with ``<name>.jpg.txt`` beside it, lines "Row; Col; Label" (Moorea LTER's full set)
* CSV files with the columns Name, Row, Column and Label (CoralNet's export), beside the photographs or in ``points/``
* ``cover_from_points.csv`` with image, width and height, where photographs were reduced after the points were set
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reefsteps.images import decode
from training.library.coco import MAX_LISTED, AnnotationError

# Short codes of Moorea LTER's label set whose functional group is "Hard coral", and the genera as CoralNet writes them.
_CODES = "Acrop Astreo Cypha Favia Fung Gardin Herpo Lepta Monta Monti Pavon Pocill Porit"
_GENERA = (
    "Acropora Astreopora Cyphastrea Fungia Gardineroseris Herpolitha Leptastrea Montastraea Montipora Pavona "
    "Pocillopora Porites"
)
HARD_CORALS = frozenset(_CODES.split()) | frozenset(_GENERA.split())
OFF_FRAME = frozenset({"Off", "Off-frame", "Frame"})  # points on the frame or outside it: no part of the quadrat
SITE = r"(.+?)_(?:pole|qu)"
_SIZES = "cover_from_points.csv"
_PHOTOS = (".jpg", ".jpeg", ".png", ".tif", ".tiff")


@dataclass(frozen=True, eq=False)
class PointPhoto:
    """A photograph and its N points: ``places`` (N, 2) are x and y as shares of width and height."""

    path: Path
    site: str
    places: NDArray[np.float64]
    coral: NDArray[np.bool_]
    off_frame: NDArray[np.bool_]

    @property
    def cover_percent(self) -> float:
        """Return the share of coral among the points inside the frame, percent; NaN if there are none."""
        inside = self.coral[~self.off_frame]
        return 100 * float(inside.mean()) if len(inside) else float("nan")


@dataclass(frozen=True)
class _Point:
    row: float
    column: float
    label: str


def read_points(folder: Path, corals: Collection[str] = HARD_CORALS, site: str = SITE) -> list[PointPhoto]:
    """Return the photographs of ``folder`` that have points, in the order of their names.

    ``corals`` are the labels that count as coral; every other label is something else. ``site`` is a regular
    expression; its first group is the site in a photograph's name, the folder's name if it does not match. Raises
    AnnotationError listing all faults: no photograph, points outside a picture, no label that is coral.
    """
    faults: list[str] = []
    points = _points(folder, faults)
    sizes = _sizes(folder)
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in _PHOTOS):
        own = points.get(path.name, [])
        if not own:
            continue
        height, width = sizes[path.name] if path.name in sizes else decode(path.read_bytes()).pixels_bgr.shape[:2]
        places = np.array([[(p.column + 0.5) / width, (p.row + 0.5) / height] for p in own])
        outside = int(((places < 0) | (places > 1)).any(1).sum())
        if outside:
            faults.append(
                f"{path.name}: {outside} of {len(own)} points lie outside its {width} x {height} pixels. If it was "
                f"reduced, give its first size in {_SIZES} (image,width,height)."
            )
            continue
        match = re.search(site, path.stem)
        labels = [p.label for p in own]
        found.append(
            PointPhoto(
                path,
                match[1] if match else path.parent.name,
                places,
                np.array([label in corals for label in labels]),
                np.array([label in OFF_FRAME for label in labels]),
            )
        )
    if not found and not faults:
        faults.append(f"{folder} holds no photograph with points.")
    if found and not any(photo.coral.any() for photo in found):
        labels = sorted({p.label for own in points.values() for p in own})
        faults.append(f"No point's label is a coral. Name those that are; the labels are: {', '.join(labels[:80])}.")
    if faults:
        raise AnnotationError("\n".join(faults[:MAX_LISTED]))
    return found


def _points(folder: Path, faults: list[str]) -> dict[str, list[_Point]]:
    result: dict[str, list[_Point]] = {}
    for path in sorted(folder.rglob("*.txt")):
        if Path(path.stem).suffix.lower() in _PHOTOS:
            result.setdefault(path.stem, []).extend(_of_lines(path, faults))
    for path in sorted(folder.rglob("*.csv")):
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            if not {"Name", "Row", "Column", "Label"} <= set(rows.fieldnames or ()):
                continue
            for row in rows:
                _add(result, row, f"{path.name}, line {rows.line_num}", faults)
    return result


def _add(result: dict[str, list[_Point]], row: Mapping[str, str], where: str, faults: list[str]) -> None:
    try:
        point = _Point(float(row["Row"]), float(row["Column"]), row["Label"].strip())
    except (TypeError, ValueError, AttributeError):
        faults.append(f"{where}: row, column or label is missing.")
        return
    result.setdefault(Path(row["Name"]).name, []).append(point)


def _of_lines(path: Path, faults: list[str]) -> Iterator[_Point]:
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        parts = [part.strip() for part in line.split(";")]
        try:
            yield _Point(float(parts[0]), float(parts[1]), parts[2])
        except (IndexError, ValueError):
            faults.append(f"{path.name}, line {number}: expected is 'Row; Col; Label'.")


def _sizes(folder: Path) -> dict[str, tuple[int, int]]:
    """Return height and width in which the points of a photograph were set, where a table gives them."""
    found: dict[str, tuple[int, int]] = {}
    for path in folder.rglob(_SIZES):
        with path.open(encoding="utf-8-sig", newline="") as file:
            found |= {row["image"]: (int(row["height"]), int(row["width"])) for row in csv.DictReader(file)}
    return found


def by_site(photos: Iterable[PointPhoto]) -> dict[str, list[PointPhoto]]:
    """Return the photographs of each site."""
    sites: dict[str, list[PointPhoto]] = {}
    for photo in photos:
        sites.setdefault(photo.site, []).append(photo)
    return sites
