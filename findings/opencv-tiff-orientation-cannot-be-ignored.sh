#!/usr/bin/env bash
# IMREAD_IGNORE_ORIENTATION asks for pixels as stored; for JPEG and PNG OpenCV obeys.
# One would guess that it holds for TIFF too, or that IMREAD_UNCHANGED alone, which implies it, does.
# OpenCV 4.14.0 turns a TIFF by its orientation tag whatever the flags say.
# Who asks for stored pixels and then applies the tag turns the photograph twice, and hand-set corners lie elsewhere.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet opencv-python-headless==4.14.0.94 tifffile==2026.3.3 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import io
import sys

import cv2
import numpy as np
import tifffile


def tiff(picture, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, picture, metadata=None, **options)
    return np.frombuffer(file.getvalue(), np.uint8)


print("opencv", cv2.__version__, "tifffile", tifffile.__version__)

picture = np.arange(24, dtype=np.uint8).reshape(2, 4, 3) * 10
file = tiff(picture, photometric="rgb", extratags=[(274, "H", 1, 6)])
shapes = {
    "IMREAD_UNCHANGED": cv2.imdecode(file, cv2.IMREAD_UNCHANGED).shape[:2],
    "IMREAD_COLOR | IMREAD_IGNORE_ORIENTATION": cv2.imdecode(
        file, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    ).shape[:2],
}
print("expected: 2 rows and 4 columns, as stored")
for flags, shape in shapes.items():
    print(f"seen: {flags}: {shape[0]} rows and {shape[1]} columns")
sys.exit(not all(shape == (4, 2) for shape in shapes.values()))
PYTHON
