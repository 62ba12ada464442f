#!/usr/bin/env bash
# A TIFF's unassociated alpha (ExtraSamples 2) leaves the colours as they are: only the fourth sample says what is seen.
# One would guess that IMREAD_UNCHANGED returns the four samples as stored, at 8 bits as at 16.
# OpenCV 4.14.0 returns 8-bit colours multiplied by alpha and 16-bit ones as stored, and no flag says which.
# Laid on white by the usual formula, the 8-bit picture is multiplied twice: half transparent coral turns dark.
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

picture = np.dstack([np.full((1, 2, 3), 200, np.uint8), np.array([[255, 128]], np.uint8)])
options = {"photometric": "rgb", "extrasamples": ["unassalpha"]}
eight = cv2.imdecode(tiff(picture, **options), cv2.IMREAD_UNCHANGED)
sixteen = cv2.imdecode(tiff(picture.astype(np.uint16) * 257, **options), cv2.IMREAD_UNCHANGED) // 257
print("expected: colour 200 under alpha 128, at both depths")
print("seen:  8 bits", eight[0, 1].tolist())
print("seen: 16 bits", sixteen[0, 1].tolist(), "(as 8 bits)")
sys.exit(not (eight[0, 1].tolist() == [100, 100, 100, 128] and sixteen[0, 1].tolist() == [200, 200, 200, 128]))
PYTHON
