#!/usr/bin/env bash
# A TIFF may say that zero is white (PhotometricInterpretation 0, usual for scanned slides and fax).
# One would guess that a decoder turns such a picture around at every depth, or at none.
# OpenCV 4.14.0 and Pillow 13.0.0 turn 8-bit pictures around and return 16-bit ones as negatives, without a word.
# A negative of a reef has plausible textures: cover is measured on it and nothing looks like an error.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet opencv-python-headless==4.14.0.94 tifffile==2026.3.3 numpy==2.4.6 pillow==13.0.0
"$folder/venv/bin/python" - <<'PYTHON'
import io
import sys

import cv2
import numpy as np
import tifffile
from PIL import Image, __version__ as pillow_version


def tiff(picture, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, picture, metadata=None, **options)
    return np.frombuffer(file.getvalue(), np.uint8)


print("opencv", cv2.__version__, "tifffile", tifffile.__version__)

eight = np.array([[0, 100], [200, 255]], np.uint8)
sixteen = eight.astype(np.uint16) * 257
seen = {}
for stored in (eight, sixteen):
    file = tiff(stored, photometric="miniswhite")
    white = np.iinfo(stored.dtype).max
    seen[stored.dtype.name, "OpenCV"] = cv2.imdecode(file, cv2.IMREAD_UNCHANGED)[0, 0] == white
    seen[stored.dtype.name, "Pillow"] = np.asarray(Image.open(io.BytesIO(file.tobytes())))[0, 0] == white
print("pillow", pillow_version)
print("expected: a stored zero is white at both depths")
for (depth, reader), white in seen.items():
    print(f"seen: {reader}, {depth}: a stored zero is {'white' if white else 'black'}")
as_stated = all(bool(white) is (depth == "uint8") for (depth, _), white in seen.items())
sys.exit(not as_stated)
PYTHON
