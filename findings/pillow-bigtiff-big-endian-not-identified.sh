#!/usr/bin/env bash
# BigTIFF, the TIFF of files over 4 GB, exists in both byte orders, as TIFF does. Pillow reads BigTIFF since 8.3.
# One would guess that the byte order makes no difference.
# Pillow 13.0.0 reads the little-endian file and cannot identify the big-endian one.
# "Cannot identify image file" is then told to a person as a damaged photograph, though the file is sound.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pillow==13.0.0 tifffile==2026.3.3 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import io
import sys

import numpy as np
import PIL
import tifffile
from PIL import Image

seen = {}
for name, order in {"little-endian": "<", "big-endian": ">"}.items():
    file = io.BytesIO()
    picture = np.arange(64 * 64 * 3, dtype=np.uint8).reshape(64, 64, 3)
    tifffile.imwrite(file, picture, photometric="rgb", bigtiff=True, byteorder=order, metadata=None)
    file.seek(0)
    try:
        seen[name] = bool((np.asarray(Image.open(file)) == picture).all())
    except PIL.UnidentifiedImageError:
        seen[name] = False
print("pillow", PIL.__version__, "tifffile", tifffile.__version__)
print("expected: both byte orders are read")
for name, read in seen.items():
    print(f"seen: {name}: {'read' if read else 'not identified'}")
sys.exit(seen != {"little-endian": True, "big-endian": False})
PYTHON
