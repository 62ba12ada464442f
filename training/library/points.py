"""Photographs whose points experts have named, as surveys keep them: what a coral model may learn from.

A folder holds the photographs and, beside them or in folders below, files of points as `reefsteps.points.files` reads
them: ``<name>.jpg.txt`` with "Row; Col; Label" (Moorea LTER's full set), CoralNet's CSV, CPCe's files. Where
photographs were reduced after the points were set, ``cover_from_points.csv`` gives their first size (image, width,
height).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reefsteps.arrays import BoolArray, Float64Array
from reefsteps.errors import ReefStepsError
from reefsteps.formats import STORED_EXTENSIONS
from reefsteps.images import decode
from reefsteps.points import files
from reefsteps.points.answers import Answer, LabelTable, read_table, table_for
from reefsteps.points.picture_names import TABLES, base_name
from reefsteps.points.sizes import read_sizes
from training.library.coco import MAX_LISTED, AnnotationError

SITE = r"(.+?)_(?:pole|qu)"
OFF_FRAME = "off"  # the label of points on the frame or beyond it: no part of the quadrat, and no coral
LOSSES, COLONIES = "losses.csv", "colonies"  # what training.teach writes: its losses, and pictures of colonies
_SIZES = "cover_from_points.csv"


@dataclass(frozen=True, eq=False)
class PointPhoto:
    """A photograph and its N points: ``places`` (N, 2) are x and y as shares of width and height."""

    path: Path
    site: str
    places: Float64Array
    coral: BoolArray
    off_frame: BoolArray

    @property
    def cover_percent(self) -> float:
        """Return the share of coral among the points inside the frame, percent; NaN if there are none."""
        inside = self.coral[~self.off_frame]
        return 100 * float(inside.mean()) if len(inside) else float("nan")


def read_points(folder: Path, labels: Path | None = None, site: str = SITE) -> list[PointPhoto]:
    """Return the photographs of ``folder`` that have points, in the order of their names.

    ``labels`` is a CSV of what each label means (label, answer); Moorea's labels are known. A point that nobody could
    tell is left out, one off the frame is kept. ``site`` is a regular expression; its first group is the site in a
    photograph's name, and the folder's name where it does not match. Raises AnnotationError listing all faults.
    """
    faults: list[str] = []
    points = _by_picture(folder, faults)
    table = _table(points.values(), labels, faults)
    sizes: dict[str, tuple[float, float]] = {}
    for path in folder.rglob(_SIZES):
        sizes |= read_sizes(path.read_bytes(), path.name)
    found: list[PointPhoto] = []
    for path in sorted(
        path for path in folder.rglob("*") if path.suffix.lower().removeprefix(".") in STORED_EXTENSIONS
    ):
        own = points.get(path.name)
        if own is None or table is None or _is_written_by_training(path):
            continue
        width, height = own.size or sizes.get(path.name) or decode(path.read_bytes()).pixels_bgr.shape[1::-1]
        places = np.array([[point.x / width, point.y / height] for point in own.points])
        outside = int(((places < 0) | (places > 1)).any(1).sum())
        if outside:
            faults.append(
                f"{path.name}: {outside} of {len(own.points)} points lie outside its {width:g} x {height:g} pixels. If "
                f"it was reduced, give its first size in {_SIZES} (image, width, height)."
            )
            continue
        match = re.search(site, path.stem)
        found.append(_photo(path, match[1] if match else path.parent.name, places, own, table))
    if not found and not faults:
        faults.append(f"{folder} holds no photograph with points.")
    if faults:
        raise AnnotationError("\n".join(faults[:MAX_LISTED]))
    return found


def _is_written_by_training(path: Path) -> bool:
    """Return whether a picture is one of the colonies that an output folder below the photographs holds."""
    return path.parent.name == COLONIES and (path.parent.parent / LOSSES).exists()


def _photo(path: Path, site: str, places: Float64Array, points: files.PhotoPoints, table: LabelTable) -> PointPhoto:
    answers = [point.answer or table.answer(point.label) for point in points.points]
    off_frame = np.array([point.label.casefold() == OFF_FRAME for point in points.points])
    told = np.array([answer is not Answer.UNCLEAR for answer in answers]) | off_frame
    coral = np.array([answer is Answer.CORAL for answer in answers])
    return PointPhoto(path, site, places[told], coral[told], off_frame[told])


def _by_picture(folder: Path, faults: list[str]) -> dict[str, files.PhotoPoints]:
    found: dict[str, files.PhotoPoints] = {}
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower().removeprefix(".") in TABLES):
        if not _holds_points(path):
            continue
        try:
            new = {base_name(photo.file): photo for photo in files.read_points(path.read_bytes(), path.name)}
        except ReefStepsError as error:
            faults.append(str(error))
            continue
        faults += [f"{path.name}: {name} has points in {found[name].origin} as well." for name in new if name in found]
        found |= new
    return found


def _holds_points(path: Path) -> bool:
    """Return whether a table's first line names places; other tables may lie beside photographs."""
    if path.suffix.lower() == ".cpc":
        return True
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        words = set(re.findall(r"\w+", file.readline().casefold()))
    return "row" in words or {"x", "y"} <= words


def _table(photos: Iterable[files.PhotoPoints], given: Path | None, faults: list[str]) -> LabelTable | None:
    labels = {label for photo in photos for label in photo.labels_without_answer()}
    table = read_table(given.read_bytes(), given.name) if given else table_for(labels)
    unknown = table.unknown(labels) if table else sorted(labels)
    if unknown:
        faults.append(
            "What these labels mean is not known; give a table of label and answer (coral, not coral, cannot tell) "
            f"with --labels: {', '.join(unknown[:MAX_LISTED])}."
        )
        return None
    return table


def by_site(photos: Iterable[PointPhoto]) -> dict[str, list[PointPhoto]]:
    """Return the photographs of each site."""
    sites: dict[str, list[PointPhoto]] = {}
    for photo in photos:
        sites.setdefault(photo.site, []).append(photo)
    return sites
