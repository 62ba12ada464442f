"""Annotated photographs in COCO format, as CVAT, LabelMe (labelme2coco) and Label Studio export them.

``read`` checks the whole file and lists every error in it at once, so that an annotator can mend them in one go.
CVAT writes absolute-pixel polygons and run lengths, Label Studio file names with a path or a URL-like prefix, and both
may leave annotations of deleted images behind.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from training.augment import Example
from training.synthetic.paint import inside

MIN_AREA_PX = 4.0
MAX_LISTED = 50


class AnnotationError(ValueError):
    """A COCO file with errors; the message lists them."""


@dataclass(frozen=True)
class Annotated:
    """A photograph and its outlines: each instance is a mask of 0 and 1, uint8 (H, W)."""

    path: Path
    width_px: int
    height_px: int
    instances: tuple[dict[str, Any], ...]

    def masks(self) -> list[NDArray[np.uint8]]:
        """Return one mask for each instance."""
        return [_mask(item["segmentation"], self.width_px, self.height_px) for item in self.instances]


def read(annotations: Path, images: Path) -> list[Annotated]:
    """Return the annotated photographs; raises AnnotationError listing what is wrong in the file."""
    try:
        data = json.loads(annotations.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AnnotationError(f"{annotations} is no readable JSON file: {error}") from error
    if not isinstance(data, dict):
        raise AnnotationError(f"{annotations} holds no COCO object; export as COCO 1.0 with polygons or masks.")
    missing = [k for k in ("images", "annotations", "categories") if not isinstance(data.get(k), list)]
    if missing:
        raise AnnotationError(f"{annotations} lacks the list(s) {', '.join(missing)}; export as COCO 1.0.")
    errors: list[str] = []
    sizes = _images(data["images"], images, errors)
    categories = {item.get("id"): str(item.get("name")) for item in data["categories"] if isinstance(item, dict)}
    grouped: dict[int, list[dict[str, Any]]] = {number: [] for number in sizes}
    seen: set[Any] = set()
    for item in data["annotations"]:
        problem = _problem(item, sizes, categories, seen)
        if problem:
            errors.append(problem)
        else:
            grouped[item["image_id"]].append(item)
    used = sorted({categories[item["category_id"]] for items in grouped.values() for item in items})
    if len(used) > 1:
        errors.append(
            f"{len(used)} categories are drawn ({', '.join(used[:8])}), but a model here learns one class: export the "
            "one that it is to find"
        )
    if errors:
        listed = "\n".join(f"- {e}" for e in errors[:MAX_LISTED])
        more = f"\n... and {len(errors) - MAX_LISTED} more" if len(errors) > MAX_LISTED else ""
        raise AnnotationError(f"{annotations.name} has {len(errors)} error(s):\n{listed}{more}")
    return [Annotated(path, w, h, tuple(grouped[number])) for number, (path, w, h) in sizes.items()]


def coco_batches(annotations: Path, images: Path, seed: int, size: int, target: str) -> Iterator[list[Example]]:
    """Yield batches of augmented examples of the annotated photographs for ever, scaled as the demo models' are."""
    from training.examples import CORAL_SIDE_PX, restored
    from training.train import AUGMENTATIONS, varied

    found = read(annotations, images)
    if not found:
        raise AnnotationError(f"{annotations} names no photograph.")
    short_px = CORAL_SIDE_PX if target == "coral" else 256
    rng = np.random.default_rng(seed)
    while True:
        chosen = rng.choice(len(found), size)
        examples = [load_example(found[i], short_px) for i in chosen]
        treated = [Example(restored(e.image_bgr) if rng.random() < 0.8 else e.image_bgr, e.labels) for e in examples]
        yield varied(rng, treated, AUGMENTATIONS[target])


def load_example(item: Annotated, short_px: int) -> Example:
    """Return the photograph with its short side scaled to ``short_px``, and its instances numbered from 1."""
    image = cv2.imread(str(item.path), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if image is None:
        raise AnnotationError(f"{item.path} is no readable picture.")
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


def _images(entries: list[Any], folder: Path, errors: list[str]) -> dict[int, tuple[Path, int, int]]:
    sizes: dict[int, tuple[Path, int, int]] = {}
    for item in entries:
        if not isinstance(item, dict) or not {"id", "file_name", "width", "height"} <= item.keys():
            errors.append(f"image {str(item)[:60]}: needs id, file_name, width and height")
            continue
        name = str(item["file_name"])
        path = next((p for p in (folder / name, folder / Path(name).name) if p.is_file()), None)
        if path is None:
            errors.append(f"image {item['id']}: no file '{name}' in {folder}")
        elif item["id"] in sizes:
            errors.append(f"image {item['id']}: this id occurs twice")
        else:
            sizes[item["id"]] = (path, int(item["width"]), int(item["height"]))
    return sizes


def _problem(
    item: Any, sizes: dict[int, tuple[Path, int, int]], categories: dict[Any, str], seen: set[Any]
) -> str | None:
    if not isinstance(item, dict):
        return f"annotation {str(item)[:60]}: not an object"
    name = f"annotation {item.get('id')}"
    if item.get("id") in seen:
        return f"{name}: this id occurs twice"
    seen.add(item.get("id"))
    if item.get("image_id") not in sizes:
        return f"{name}: its image {item.get('image_id')} is not in the file (or has an error itself)"
    if item.get("category_id") not in categories:
        return f"{name}: its category {item.get('category_id')} is not in the file"
    shape = item.get("segmentation")
    if not shape:
        return f"{name}: no outline (a box alone cannot train a mask)"
    _, w, h = sizes[item["image_id"]]
    if isinstance(shape, dict):
        return _run_length_problem(name, shape, w, h)
    return _polygon_problem(name, shape, w, h)


def _run_length_problem(name: str, shape: dict[str, Any], w: int, h: int) -> str | None:
    if list(shape.get("size", [])) != [h, w]:
        return f"{name}: its run lengths are for {shape.get('size')}, its image is {[h, w]} (height, width)"
    counts = shape.get("counts")
    if isinstance(counts, list) and sum(counts) != h * w:
        return f"{name}: its run lengths add up to {sum(counts)} pixels instead of {h * w}"
    return None if isinstance(counts, list | str) else f"{name}: its run lengths are missing"


def _polygon_problem(name: str, shape: Any, w: int, h: int) -> str | None:
    if not isinstance(shape, list) or not all(isinstance(ring, list) for ring in shape):
        return f"{name}: its outline is no list of polygons"
    area = 0.0
    for ring in shape:
        if len(ring) < 6 or len(ring) % 2:
            return f"{name}: a polygon has {len(ring)} numbers; it needs x, y of at least 3 points"
        points = np.array(ring, np.float64).reshape(-1, 2)
        if not np.isfinite(points).all() or (points < -1).any() or (points > [w + 1, h + 1]).any():
            return f"{name}: a polygon leaves its image of {w} x {h} pixels"
        x, y = points.T
        area += abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
    return None if area >= MIN_AREA_PX else f"{name}: its area is {area:.1f} pixels"


def _mask(shape: Any, width: int, height: int) -> NDArray[np.uint8]:
    mask = np.zeros((height, width), np.uint8)
    if isinstance(shape, list):
        for ring in shape:
            mask |= inside([np.array(ring, np.float64).reshape(-1, 2)], width, height)
        return mask
    counts = shape["counts"] if isinstance(shape["counts"], list) else _run_lengths(shape["counts"])
    flat = np.repeat(np.arange(len(counts)) % 2, counts).astype(np.uint8)
    return np.asarray(flat.reshape(width, height).T)


def _run_lengths(packed: str) -> list[int]:
    """Return the run lengths of COCO's packed string (maskApi.c: 5 bits a character; differences from the third on)."""
    counts: list[int] = []
    position = 0
    while position < len(packed):
        value, shift, more = 0, 0, True
        while more:
            code = ord(packed[position]) - 48
            value |= (code & 0x1F) << shift
            more = bool(code & 0x20)
            position, shift = position + 1, shift + 5
            if not more and code & 0x10:
                value |= -1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
    return counts
