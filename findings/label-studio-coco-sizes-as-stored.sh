#!/usr/bin/env bash
# Label Studio's COCO export squeezes outlines of photographs that a camera stored on their side.
#
# One would guess: an outline drawn on the upright picture comes out in upright pixels, or in stored pixels.
# What happens: label-studio-sdk 2.1.2 multiplies the percentages of the upright picture by the width and height as stored
#   (HumanSignal/label-studio#6608). For EXIF orientations 5 to 8 of a JPEG the outline is squeezed one way and stretched the
#   other, so it lies on neither. Its area stays the same number, so no check of areas notices. The same picture as TIFF is
#   exported right, because Pillow tells the upright size of a TIFF and the stored size of a JPEG.
# Why it matters: a model trained or measured on such outlines learns other pixels than the annotator marked as coral.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet label-studio-sdk==2.1.2 pillow==13.0.0
cd "$folder"
mkdir images
cat > show.py <<'PYTHON'
import json
from importlib.metadata import version

from label_studio_sdk.converter import Converter
from PIL import Image

WIDTH, HEIGHT = 60, 40  # upright
OUTLINE = [(6, 4), (30, 4), (30, 12), (14, 12), (14, 32), (6, 32)]  # upright pixels
tasks = []
for number, suffix in enumerate(("jpg", "tif"), start=1):
    exif = Image.Exif()
    exif[274] = 6  # to be turned by 90 degrees
    Image.new("RGB", (HEIGHT, WIDTH)).save(f"images/turned.{suffix}", exif=exif)
    value = {"points": [[100 * x / WIDTH, 100 * y / HEIGHT] for x, y in OUTLINE], "polygonlabels": ["coral"]}
    result = {"id": "r", "type": "polygonlabels", "from_name": "label", "to_name": "image", "value": value}
    result |= {"original_width": WIDTH, "original_height": HEIGHT}
    annotations = [{"id": number, "completed_by": 1, "result": [result]}]
    tasks.append({"id": number, "data": {"image": f"images/turned.{suffix}"}, "annotations": annotations})
json.dump(tasks, open("tasks.json", "w"))
config = (
    '<View><Image name="image" value="$image"/><PolygonLabels name="label" toName="image">'
    '<Label value="coral"/></PolygonLabels></View>'
)
Converter(config, ".", download_resources=False).convert_to_coco(
    "tasks.json", ".", output_image_dir="images", is_dir=False
)
export = json.load(open("result.json"))
jpeg, tiff = export["images"]
print("label-studio-sdk", version("label-studio-sdk"), "Pillow", version("pillow"))
found = [[round(v, 6) for v in a["segmentation"][0]] for a in export["annotations"]]
right = [float(v) for point in OUTLINE for v in point]
squeezed = [round(v * f, 6) for x, y in OUTLINE for v, f in ((x, HEIGHT / WIDTH), (y, WIDTH / HEIGHT))]
print("expected, upright 60 x 40:", right)
print(f"JPEG, {jpeg['width']} x {jpeg['height']}:          ", found[0], "area", export["annotations"][0]["area"])
print(f"TIFF, {tiff['width']} x {tiff['height']}:          ", found[1], "area", export["annotations"][1]["area"])
assert (jpeg["width"], jpeg["height"]) == (HEIGHT, WIDTH)
assert found[0] == squeezed and found[0] != right
assert (tiff["width"], tiff["height"]) == (WIDTH, HEIGHT)
assert found[1] == right
assert export["annotations"][0]["area"] == export["annotations"][1]["area"] == 352
PYTHON
venv/bin/python show.py 2>/dev/null
