#!/usr/bin/env bash
# labelme2coco moves every outline up and to the left, because it cuts the fractions of its pixels off.
#
# One would guess: the points of a LabelMe outline arrive in the COCO file as they are, or rounded to the nearest pixel.
# What happens: labelme2coco 0.2.6 with sahi 0.12.8 truncates each coordinate of the segmentation to a whole number, while
#   the bounding box and the area beside it are those of the outline as drawn. On average the outline moves by half a pixel.
# Why it matters: LabelMe writes fractions for every click. Every outline moves to the same side, so that many colonies do
#   not average it away, and a recruit of 7.8 x 7.8 pixels can lose a fifth of its area.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet labelme2coco==0.2.6 sahi==0.12.8 pillow==13.0.0
cd "$folder"
mkdir annotations
cat > show.py <<'PYTHON'
import json
from importlib.metadata import version

import labelme2coco
from PIL import Image

OUTLINE = [[10.9, 10.9], [18.9, 10.9], [18.9, 18.9], [10.9, 18.9]]
SMALL = [[30.1, 10.1], [37.9, 10.1], [37.9, 17.9], [30.1, 17.9]]
Image.new("RGB", (60, 40)).save("annotations/reef.png")
shapes = [{"label": "coral", "points": points, "shape_type": "polygon"} for points in (OUTLINE, SMALL)]
content = {"version": "5.8.1", "shapes": shapes, "imagePath": "reef.png", "imageHeight": 40, "imageWidth": 60}
json.dump(content, open("annotations/reef.json", "w"))
labelme2coco.convert("annotations", "out")
print("labelme2coco", version("labelme2coco"), "sahi", version("sahi"))
for given, found in zip((OUTLINE, SMALL), json.load(open("out/dataset.json"))["annotations"], strict=True):
    side = given[2][0] - given[0][0]
    flat = [v for point in given for v in point]
    print("expected", flat, f"area {side * side:.1f}")
    xs, ys = found["segmentation"][0][::2], found["segmentation"][0][1::2]
    area = (max(xs) - min(xs)) * (max(ys) - min(ys))
    print("seen    ", found["segmentation"][0], f"area {area} (the file says {found['area']}), box", found["bbox"])
    assert found["segmentation"][0] == [int(v) for v in flat]
    assert abs(found["bbox"][0] - given[0][0]) < 1e-6
assert area == 49  # of 60.8
PYTHON
venv/bin/python show.py 2>/dev/null
