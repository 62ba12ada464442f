#!/usr/bin/env bash
# Label Studio's brush-to-COCO export fills holes of a painted mask, and takes half a pixel off all round.
#
# One would guess: the exported polygons enclose the pixels that were painted.
# What happens: label-studio-sdk 2.1.2 keeps only outer contours (OpenCV's RETR_EXTERNAL), so that a ring becomes a full
#   disc, and writes contours that run through the centres of the border's pixels as if they were its edges.
# Why it matters: dead patches inside a colony are painted as holes. They become live coral in the export, and small
#   colonies shrink: 10 x 10 painted pixels have an area of 81.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet label-studio-sdk==2.1.2
cd "$folder"
cat > show.py <<'PYTHON'
import json
from importlib.metadata import version

import numpy as np
from label_studio_sdk.converter import brush
from label_studio_sdk.converter.exports.brush_to_coco import convert_to_coco

small = np.zeros((60, 80), np.uint8)
small[5:15, 5:15] = 255
ring = np.zeros((60, 80), np.uint8)
ring[20:50, 30:60] = 255
ring[25:45, 35:55] = 0
labels = [
    {"brushlabels": ["coral"], "rle": brush.mask2rle(mask), "format": "rle", "type": "BrushLabels"}
    | {"original_width": 80, "original_height": 60}
    for mask in (small, ring)
]
convert_to_coco([{"id": 1, "completed_by": 1, "input": {"image": "reef.png"}, "output": {"label": labels}}], ".")
found = json.load(open("result_coco.json"))["annotations"]
print("label-studio-sdk", version("label-studio-sdk"))
for name, mask, annotation in zip(("square", "ring"), (small, ring), found, strict=True):
    area, rings = annotation["area"], len(annotation["segmentation"])
    print(f"{name}: expected {np.count_nonzero(mask)} pixels, seen area {area} in {rings} polygon(s)")
assert found[0]["area"] == 81  # 100 were painted
assert found[1]["area"] == 841  # 500 were painted
PYTHON
venv/bin/python show.py 2>/dev/null
