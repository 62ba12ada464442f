"""Annotated photographs in COCO format, as CVAT, LabelMe (labelme2coco), Label Studio and TagLab export them.

``read`` checks the whole file and lists every error in it at once, so that an annotator can correct them in one go.
CVAT writes absolute-pixel polygons and run lengths, Label Studio file names with a path or a URL-like prefix. TagLab
writes one category for each genus. All may leave annotations of deleted images behind.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

import cv2
import numpy as np

from reefsteps.arrays import ByteArray
from reefsteps.errors import InvalidImageError, InvalidParameterError
from reefsteps.images import decode
from reefsteps.learned import LearnedPhotograph
from synthetic.paint import inside
from training.library import run_lengths
from training.library.augment import Example
from training.library.upright import SizeError, is_label_studio, scale_to_upright, sizes

MIN_AREA_PX = 4.0
MAX_LISTED = 50
ALL: frozenset[str] = frozenset()  # merge every category that is drawn


class AnnotationError(ValueError):
    """A COCO file with errors; the message lists them."""


@dataclass(frozen=True)
class Annotated:
    """A photograph and its outlines, in upright pixels: each instance is a mask of 0 and 1, uint8 (H, W)."""

    path: Path
    width_px: int
    height_px: int
    instances: tuple[dict[str, Any], ...]
    original: LearnedPhotograph | None = None  # of a picture that a deployment exported: the photograph behind it

    def masks(self) -> list[ByteArray]:
        """Return one mask for each instance."""
        return [_mask(item["segmentation"], self.width_px, self.height_px) for item in self.instances]


@dataclass(frozen=True)
class _Image:
    path: Path
    width_px: int  # upright
    height_px: int
    scale: tuple[float, float]  # from the export's coordinates to upright pixels
    original: LearnedPhotograph | None


def read(annotations: Path, images: Path, merge: Collection[str] | None = None) -> list[Annotated]:
    """Return the annotated photographs; raises AnnotationError listing what is wrong in the file.

    A model learns one class. Of a file with several categories, ``merge`` names those that are this class (``ALL`` for
    every one); instances of all other categories are left out.
    """
    try:
        data = json.loads(annotations.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise AnnotationError(f"{annotations} is no readable JSON file: {error}") from error
    if not isinstance(data, dict):
        raise AnnotationError(f"{annotations} holds no COCO object; export as COCO 1.0 with polygons or masks.")
    missing = [k for k in ("images", "annotations", "categories") if not isinstance(data.get(k), list)]
    if missing:
        raise AnnotationError(f"{annotations} lacks the list(s) {', '.join(missing)}; export as COCO 1.0.")
    errors: list[str] = []
    found, faulty = _images(data["images"], images, is_label_studio(data.get("info")), errors)
    categories = {
        item["id"]: str(item.get("name"))
        for item in data["categories"]
        if isinstance(item, dict) and _is_id(item.get("id"))
    }
    grouped: dict[Any, list[dict[str, Any]]] = {number: [] for number in found}
    seen: set[Any] = set()
    for item in data["annotations"]:
        if isinstance(item, dict) and _is_id(item.get("image_id")) and item["image_id"] in faulty:
            continue  # the image's error is listed
        problem = _problem(item, found, categories, seen)
        if problem:
            errors.append(problem)
        else:
            grouped[item["image_id"]].append(item)
    wanted = _wanted(grouped, categories, merge, errors)
    if errors:
        listed = "\n".join(f"- {e}" for e in errors[:MAX_LISTED])
        more = f"\n... and {len(errors) - MAX_LISTED} more" if len(errors) > MAX_LISTED else ""
        raise AnnotationError(f"{annotations.name} has {len(errors)} error(s):\n{listed}{more}")
    return [
        Annotated(
            image.path,
            image.width_px,
            image.height_px,
            tuple(_upright(item, image.scale) for item in grouped[number] if categories[item["category_id"]] in wanted),
            image.original,
        )
        for number, image in found.items()
    ]


def load_picture(path: Path) -> ByteArray:
    """Return a photograph as the pipeline reads it, upright and in 8 bits: BGR (H, W, 3) uint8.

    Raises AnnotationError for what is no readable photograph.
    """
    try:
        pixels = decode(path.read_bytes()).pixels_bgr
    except (InvalidImageError, OSError) as error:
        raise AnnotationError(f"{path} is no readable picture: {error}") from error
    return np.asarray(pixels, np.uint8) if pixels.dtype == np.uint8 else np.asarray(pixels >> 8, np.uint8)


def load_example(item: Annotated, short_px: int) -> Example:
    """Return the photograph with its short side scaled to ``short_px``, and its instances numbered from 1."""
    image = load_picture(item.path)
    if image.shape[:2] != (item.height_px, item.width_px):
        raise AnnotationError(
            f"{item.path.name} is {image.shape[1]} x {image.shape[0]} pixels, the annotations say "
            f"{item.width_px} x {item.height_px}: annotate the same file that is trained on."
        )
    factor = short_px / min(image.shape[:2])
    size = round(item.width_px * factor), round(item.height_px * factor)
    labels = np.zeros((item.height_px, item.width_px), np.uint16)
    for number, mask in enumerate(item.masks(), start=1):
        labels[mask > 0] = number
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return Example(
        np.asarray(small, np.uint8), np.asarray(cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST), np.uint16)
    )


def _images(
    entries: list[Any], folder: Path, label_studio: bool, errors: list[str]
) -> tuple[dict[Any, _Image], set[Any]]:
    """Return the images by id, and the ids of those with an error."""
    images: dict[Any, _Image] = {}
    faulty: set[Any] = set()
    used: dict[Path, Any] = {}
    for item in entries:
        before = len(errors)
        if not isinstance(item, dict) or not {"id", "file_name", "width", "height"} <= item.keys():
            errors.append(f"image {str(item)[:60]}: needs id, file_name, width and height")
            continue
        number, name = item["id"], str(item["file_name"]).replace("\\", "/")
        path = next((p for p in (folder / place for place in _places(name)) if p.is_file()), None)
        if not _is_id(number) or number in images:
            errors.append(f"image {str(number)[:60]}: this id {'occurs twice' if _is_id(number) else 'is no id'}")
        elif path is None:
            errors.append(f"image {number}: no file '{name}' in {folder}")
        elif path in used:
            errors.append(f"image {number}: '{name}' is the same file as image {used[path]}, {path.name}")
        else:
            used[path] = number
            try:
                images[number] = _placed(item, path, label_studio)
            except SizeError as error:
                errors.append(f"image {number} ({path.name}): {error}")
            except (OSError, AnnotationError) as error:
                errors.append(f"image {number} ({path.name}): no readable picture ({error})")
        if len(errors) > before and _is_id(number):
            faulty.add(number)
    return images, faulty


def _places(name: str) -> Iterator[str]:
    """Return where in the folder the picture may lie: Label Studio writes paths, and URLs with or without a query."""
    url, _, query = name.partition("?")
    for text in (name, unquote(name), url, unquote(url), unquote(query.removeprefix("d="))):
        yield from (text, PurePosixPath(text).name)


def _placed(item: dict[str, Any], path: Path, label_studio: bool) -> _Image:
    """Return an image's place and sizes; Label Studio writes no sizes for a picture that it could not open."""
    found = sizes(path)
    size, original = (item["width"], item["height"]), _original(item.get("original"))
    if size == (None, None):
        return _Image(path, *found.upright, (1.0, 1.0), original)
    if not all(type(side) in (int, float) and side > 0 and side % 1 == 0 for side in size):
        raise SizeError(f"its width and height are {size[0]} and {size[1]}, no numbers of pixels")
    width, height = int(size[0]), int(size[1])
    try:
        scale = scale_to_upright((width, height), found, label_studio=label_studio)
    except SizeError:
        # The header that Pillow reads may be that of a reduced copy inside a RAW or TIFF file.
        if load_picture(path).shape[:2] != (height, width):
            raise
        return _Image(path, width, height, (1.0, 1.0), original)
    return _Image(path, *found.upright, scale, original)


def _original(said: Any) -> LearnedPhotograph | None:
    """Return the photograph that an export of ours names; None for what another program wrote under that name."""
    if not isinstance(said, dict) or not isinstance(said.get("key"), str):
        return None
    try:
        return LearnedPhotograph.from_json(said)
    except InvalidParameterError:
        return None


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _wanted(
    grouped: dict[Any, list[dict[str, Any]]],
    categories: dict[Any, str],
    merge: Collection[str] | None,
    errors: list[str],
) -> set[str]:
    """Return the names of the categories that are the model's class."""
    used = sorted({categories[item["category_id"]] for items in grouped.values() for item in items})
    if merge is None:
        if len(used) > 1:
            errors.append(
                f"{len(used)} categories are drawn ({', '.join(used[:8])}), but a model here learns one class: name "
                f"those that it is to find with --merge, such as --merge {' '.join(repr(name) for name in used[:2])}, "
                "or give --merge alone for all"
            )
        return set(used)
    unknown = sorted(set(merge) - set(categories.values()))
    if unknown:
        errors.append(
            f"--merge names {', '.join(map(repr, unknown))}, the file has {', '.join(sorted(categories.values()))}"
        )
    return set(merge) if merge else set(used)


def _problem(item: Any, images: dict[Any, _Image], categories: dict[Any, str], seen: set[Any]) -> str | None:
    if not isinstance(item, dict):
        return f"annotation {str(item)[:60]}: not an object"
    name = f"annotation {str(item.get('id'))[:60]}"
    if not _is_id(item.get("id")):
        return f"{name}: this is no id"
    if item["id"] in seen:
        return f"{name}: this id occurs twice"
    seen.add(item["id"])
    if not _is_id(item.get("image_id")) or item["image_id"] not in images:
        return f"{name}: its image {str(item.get('image_id'))[:60]} is not in the file"
    if not _is_id(item.get("category_id")) or item["category_id"] not in categories:
        return f"{name}: its category {str(item.get('category_id'))[:60]} is not in the file"
    shape = item.get("segmentation")
    if not shape:
        return f"{name}: no outline (a box alone cannot train a mask)"
    image = images[item["image_id"]]
    if isinstance(shape, dict):
        problem = run_lengths.problem(shape, image.width_px, image.height_px)
        return f"{name}: {problem}" if problem else None
    return _polygon_problem(name, shape, image)


def _polygon_problem(name: str, shape: Any, image: _Image) -> str | None:
    if not isinstance(shape, list) or not all(isinstance(ring, list) for ring in shape):
        return f"{name}: its outline is no list of polygons"
    area = 0.0
    w, h = image.width_px, image.height_px
    for ring in shape:
        if len(ring) < 6 or len(ring) % 2:
            return f"{name}: a polygon has {len(ring)} numbers; it needs x, y of at least 3 points"
        if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in ring):
            return f"{name}: a polygon has other things than numbers"
        points = np.array(ring, np.float64).reshape(-1, 2) * image.scale
        if not np.isfinite(points).all() or (points < -1).any() or (points > [w + 1, h + 1]).any():
            return f"{name}: a polygon leaves its image of {w} x {h} pixels"
        x, y = points.T
        area += abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
    return None if area >= MIN_AREA_PX else f"{name}: its area is {area:.1f} pixels"


def _upright(item: dict[str, Any], scale: tuple[float, float]) -> dict[str, Any]:
    if scale == (1.0, 1.0) or not isinstance(item["segmentation"], list):
        return item
    rings = [(np.array(ring, np.float64).reshape(-1, 2) * scale).ravel().tolist() for ring in item["segmentation"]]
    return {**item, "segmentation": rings}


def _mask(shape: Any, width: int, height: int) -> ByteArray:
    if isinstance(shape, dict):
        return run_lengths.mask(shape, width, height)
    mask = np.zeros((height, width), np.uint8)
    for ring in shape:
        mask |= inside([np.array(ring, np.float64).reshape(-1, 2)], width, height)
    return mask
