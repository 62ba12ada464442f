"""The masks of colonies as a COCO file (https://cocodataset.org/#format-data), for annotation tools and for training.

The bucket of masks holds, for each quadrat, the union of its colonies; a colony's own outline is not kept. What the
union has within a colony's box is that outline, unless another colony reaches into the box. So there are two
candidates: all of the union within the box, and the part of it in no smaller box. The one whose area is nearer to the
measured area is taken. On 10 real quadrats with the demo model, the median overlap (IoU) with the true outline was 1.00
at a score threshold of 0.5. The 5th percentile was 0.91. At 0.3, where detections crowd, they were 0.97 and 0.83.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from frontend.domain import statuses
from frontend.domain.exports import NOT_CHECKED, About
from frontend.domain.measurements import event_of, reasons_of
from frontend.domain.verified import Checks, checked_of
from reefsteps.arrays import BoolArray, ByteArray
from reefsteps.coverage_queries import ColonyBox, CoverageRow
from reefsteps.derived_objects import REFRAMED_PICTURE
from reefsteps.learned import LearnedPhotograph
from reefsteps.masks import mask_box

CATEGORY = {"id": 1, "name": "coral", "supercategory": "benthos"}
APPROXIMATE_SHARE = 0.05
LIMITS = (
    "Each image is the reframed picture of a quadrat. Only the union of its colonies is stored, so a segmentation is "
    "the union within the colony's box, or the part of it in no smaller box. The one nearer to the measured area "
    "counts. "
    "Instances may overlap. 'measured_area_px' is the area of the colony's own outline when it was found. The flag "
    "'approximate' is true where the segmentation's area differs from it by more than 5 %. Colonies without a pixel "
    "are not listed."
)


@dataclass(frozen=True, eq=False)
class MaskedQuadrat:
    """A quadrat, its mask ((H, W) uint8, above 0 where there is coral; None where it is gone) and its colonies."""

    row: CoverageRow
    mask: ByteArray | None
    colonies: Sequence[ColonyBox]


def to_coco(quadrats: Iterable[MaskedQuadrat], about: About, checks: Checks = NOT_CHECKED) -> bytes:
    """Return the COCO file as JSON; quadrats are read one at a time and written at once, so that memory stays small."""
    images: list[dict[str, Any]] = []
    annotations: list[str] = []
    without_mask: list[str] = []
    for quadrat in quadrats:
        if quadrat.mask is None:
            without_mask.append(event_of(quadrat.row))
            continue
        status = statuses.of_a_quadrat(quadrat.row, checked_of(quadrat.row, checks))
        images.append(_image(len(images) + 1, quadrat.row, quadrat.mask) | {"status": status})
        for annotation in _annotations(len(images), quadrat.row, quadrat.mask, quadrat.colonies):
            annotations.append(_json({"id": len(annotations) + 1, **annotation}))
    info = dict(about.lines()) | {
        "description": f"Corals found by ReefSteps. {LIMITS}",
        "year": about.exported_at.year,
        "date_created": about.exported_at.isoformat(),
        "quadrats_without_mask": without_mask,
    }
    rest = _json({"info": info, "licenses": [], "images": images, "categories": [CATEGORY]})
    return f'{rest[:-1]},"annotations":[{",".join(annotations)}]}}'.encode()


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"))


def _image(image_id: int, row: CoverageRow, mask: ByteArray) -> dict[str, Any]:
    height, width = mask.shape
    return {
        "id": image_id,
        "file_name": REFRAMED_PICTURE.key(event_of(row)),
        "width": width,
        "height": height,
        "island": row.island,
        "location": row.location,
        "survey_year": row.year,
        "px_per_cm": row.px_per_cm,
        "cover_percent": row.cover_percent,
        "model_name": row.model_name,
        "model_sha256": row.model_sha256,
        "trust": row.trust.state if row.trust else None,
        "to_be_looked_at": reasons_of(row),
        "corners_set_by_hand": row.corners_manual,
        "original": _original(row),
    }


def _original(row: CoverageRow) -> dict[str, str]:
    """Return which photograph the picture comes from: training takes it into the list that the model learned from."""
    photo = LearnedPhotograph(row.original_sha256, row.original_name, row.raw_key, row.raw_version_id)
    return {name: value for name, value in photo.to_json().items() if value is not None}


def _annotations(
    image_id: int, row: CoverageRow, mask: ByteArray, colonies: Sequence[ColonyBox]
) -> list[dict[str, Any]]:
    found = []
    scale = (row.px_per_cm or 0.0) ** 2
    for colony, left, top, *candidates in _candidates(mask, colonies):
        measured = colony.area_cm2 * scale
        region = min(candidates, key=lambda pixels: abs(np.count_nonzero(pixels) - measured))
        box = mask_box(region)
        if box is None:
            continue
        area = int(np.count_nonzero(region))
        x0, y0, x1, y1 = box
        found.append(
            {
                "image_id": image_id,
                "category_id": CATEGORY["id"],
                "segmentation": _run_lengths(region, left, top, mask.shape),
                "area": area,
                "bbox": [left + x0, top + y0, x1 - x0, y1 - y0],
                "iscrowd": 0,
                "score": colony.score,
                "colony": colony.number,
                "cut_by_frame": colony.cut_by_frame,
                "measured_area_px": round(measured, 1),
                "approximate": abs(area - measured) > APPROXIMATE_SHARE * measured,
            }
        )
    return found


def _candidates(
    mask: ByteArray, colonies: Sequence[ColonyBox]
) -> Iterator[tuple[ColonyBox, int, int, BoolArray, BoolArray]]:
    """Yield each colony, where its box begins (x, y), all of the mask within the box, and what is in no smaller box."""
    height, width = mask.shape
    boxes = [_whole_box(colony, width, height) for colony in colonies]
    largest_first = sorted(range(len(boxes)), key=lambda i: (-_area(boxes[i]), -i))
    owner = np.zeros((height, width), np.int32)
    for i in largest_first:  # the smallest are painted last, over the larger ones
        x0, y0, x1, y1 = boxes[i]
        owner[y0:y1, x0:x1] = i + 1
    for i, (colony, (x0, y0, x1, y1)) in enumerate(zip(colonies, boxes, strict=True)):
        whole: BoolArray = mask[y0:y1, x0:x1] > 0
        yield colony, x0, y0, whole, whole & (owner[y0:y1, x0:x1] == i + 1)


def _whole_box(colony: ColonyBox, width: int, height: int) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = colony.box_px
    return max(0, int(x0)), max(0, int(y0)), min(width, int(np.ceil(x1))), min(height, int(np.ceil(y1)))


def _area(box: tuple[int, int, int, int]) -> int:
    return max(0, box[2] - box[0]) * max(0, box[3] - box[1])


def _run_lengths(region: BoolArray, left: int, top: int, shape: tuple[int, ...]) -> dict[str, Any]:
    """Return COCO's uncompressed run lengths: column by column, beginning with the number of pixels outside."""
    height, width = shape
    columns = np.zeros((height, region.shape[1]), np.bool_)
    columns[top : top + region.shape[0]] = region
    flat = np.concatenate(([False], columns.ravel(order="F"), [False]))
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + left * height
    counts = np.diff(np.concatenate(([0], edges, [height * width])))
    return {"size": [height, width], "counts": counts.tolist()}
