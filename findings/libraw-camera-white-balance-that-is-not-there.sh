#!/usr/bin/env bash
# use_camera_wb=True asks LibRaw for the white balance that the camera wrote; use_auto_wb stays False.
# One would guess that a file without one gets a fixed balance (daylight, as in dcraw, from which LibRaw comes).
# LibRaw 0.22 takes it from the picture, exactly as use_auto_wb=True does, and reports nothing.
# Two photographs of one reef get different colours by what else is in them: a diver's yellow fin changes the coral.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet rawpy==0.28.0 tifffile==2026.3.3 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import io
import sys

import numpy as np
import rawpy
import tifffile

RGGB = [(50714, "H", 1, 0, True), (50717, "H", 1, 16383, True), (33421, "H", 2, (2, 2), True)]
RGGB.append((33422, "B", 4, (0, 1, 1, 2), True))


def dng(cfa, orientation=1, of_sensor=1, neutral=None):
    """A DNG 1.4: a preview in the first directory, the sensor's data in a sub-directory."""
    one, zero = (10000, 10000), (0, 1)
    matrix = sum((*(one, zero, zero), *(zero, one, zero), *(zero, zero, one)), ())
    tags = [(50706, "B", 4, (1, 4, 0, 0), True), (50708, "s", 0, "Test Cam", True), (274, "H", 1, orientation, True)]
    tags += [(271, "s", 0, "Test", True), (272, "s", 0, "Cam", True)]
    tags += [(50721, "2i", 9, matrix, True), (50778, "H", 1, 21, True)]
    if neutral:
        tags.append((50728, "2I", 3, sum(((int(v * 10000), 10000) for v in neutral), ()), True))
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        preview = np.zeros((20, 30, 3), np.uint8)
        writer.write(preview, photometric="rgb", subfiletype=1, subifds=1, extratags=tags, metadata=None)
        own = [*RGGB, (274, "H", 1, of_sensor, True)]
        writer.write(cfa, photometric="CFA", subfiletype=0, extratags=own, metadata=None)
    file.seek(0)
    return file


def developed(file):
    with rawpy.RawPy() as raw:
        raw.open_buffer(file)
        raw.unpack()
        linear = {"gamma": (1, 1), "output_color": rawpy.ColorSpace.raw}
        return raw.postprocess(use_camera_wb=True, no_auto_bright=True, output_bps=16, **linear)


print("rawpy", rawpy.__version__, "LibRaw", ".".join(map(str, rawpy.libraw_version)))

y, x = np.mgrid[0:400, 0:600]
scene = (400 + 600 * x / 600 + 300 * y / 400).astype(np.uint16)
with_red = scene.copy()
with_red[::2, ::2][:, 150:] = 4000  # the red samples of the right half
corner = {}
for name, cfa in {"scene": scene, "scene with something red in its right half": with_red}.items():
    for written, neutral in {"written by the camera": (0.5, 1.0, 0.6), "not written": None}.items():
        picture = developed(dng(cfa, neutral=neutral)).astype(float)
        red, green = picture[50:350, 20:200, 0].mean(), picture[50:350, 20:200, 1].mean()
        corner[name, written] = red / green
print("expected: red over green in the unchanged left part does not depend on the right part")
for (name, written), ratio in corner.items():
    print(f"seen: balance {written}: {name}: {ratio:.3f}")
first, second = "scene", "scene with something red in its right half"
fixed = abs(corner[first, "written by the camera"] - corner[second, "written by the camera"])
moved = abs(corner[first, "not written"] - corner[second, "not written"])
sys.exit(not (fixed < 0.01 and moved > 0.1))
PYTHON
