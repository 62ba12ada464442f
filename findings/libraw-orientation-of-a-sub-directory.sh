#!/usr/bin/env bash
# DNG 1.4 keeps Orientation in the first directory (IFD 0). Programs that rewrite a DNG set it there.
# One would guess that LibRaw takes it from there and that 1 (upright) counts like any other value.
# LibRaw 0.22 takes 1 for "not said" and turns the picture by an Orientation left beside the sensor's data.
# A photograph that somebody set upright is developed on its side, and hand-set corners lie elsewhere.
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
        return raw.postprocess(use_camera_wb=True, no_auto_bright=True, output_bps=16)


print("rawpy", rawpy.__version__, "LibRaw", ".".join(map(str, rawpy.libraw_version)))

cfa = np.full((400, 600), 3000, np.uint16)
seen = {(first, sensor): developed(dng(cfa, first, sensor)).shape[:2] for first, sensor in ((6, 1), (1, 6), (1, 1))}
print("expected: the first directory counts: 6 gives 600 rows, 1 gives 400")
for (first, sensor), shape in seen.items():
    print(f"seen: first directory {first}, beside the data {sensor}: {shape[0]} rows and {shape[1]} columns")
sys.exit(seen != {(6, 1): (600, 400), (1, 6): (600, 400), (1, 1): (400, 600)})
PYTHON
