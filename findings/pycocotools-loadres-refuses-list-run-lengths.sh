#!/usr/bin/env bash
# One would guess: a COCO segmentation that pycocotools reads as ground truth can be given to it as a detection, too.
# What happens: run lengths as a list of numbers ("counts": [2, 3, 11], the format's uncompressed kind) are read from
# an annotation file, and annToMask returns their pixels. COCO.loadRes and the functions of pycocotools.mask raise
# TypeError for the same object; they want it packed by mask.frPyObjects first.
# Version: pycocotools 2.0.11.
# Why it matters: exported coral masks open in annotation tools, yet fail when a lab evaluates them against its own
# outlines.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.2.6 pycocotools==2.0.11
"$folder/venv/bin/python" - <<'PYTHON'
import contextlib
import copy
import importlib.metadata
import io

from pycocotools import mask
from pycocotools.coco import COCO

print("pycocotools", importlib.metadata.version("pycocotools"))
colony = {"size": [4, 4], "counts": [2, 3, 11]}
detection = {"image_id": 1, "category_id": 1, "score": 0.9}
truth = COCO()
truth.dataset = {
    "info": {},
    "images": [{"id": 1, "width": 4, "height": 4, "file_name": "quadrat.jpg"}],
    "categories": [{"id": 1, "name": "coral"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "area": 3, "bbox": [0, 0, 2, 4], "segmentation": colony}
    ],
}


with contextlib.redirect_stdout(io.StringIO()):
    truth.createIndex()


def loaded(segmentation):
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            truth.loadRes([copy.deepcopy(detection) | {"segmentation": segmentation}])
        except TypeError as error:
            return f"TypeError: {error}"
    return "read"


pixels = int(truth.annToMask(truth.dataset["annotations"][0]).sum())
as_list, packed = loaded(colony), loaded(mask.frPyObjects(colony, 4, 4))
print(f"as ground truth: {pixels} pixels; as a detection: {as_list}; packed first: {packed}")
raise SystemExit(0 if (pixels, as_list, packed) == (3, "TypeError: Expected bytes, got list", "read") else 1)
PYTHON
