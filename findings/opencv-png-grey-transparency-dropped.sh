#!/usr/bin/env bash
# PNG's tRNS chunk names one colour that is transparent, for grey pictures as for RGB ones and palettes.
# One would guess that IMREAD_UNCHANGED returns an alpha channel for all three, or for none.
# OpenCV 4.14.0 returns alpha for RGB and palettes and drops it for grey pictures.
# The background of a cut-out grey mosaic is then measured as reef in whatever grey it was stored.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet opencv-python-headless==4.14.0.94 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import struct
import sys
import zlib

import cv2
import numpy as np


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(colour_type, row, *others):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 1, 8, colour_type, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(b"\x00" + row)) + chunk(b"IEND", b"")
    file = b"\x89PNG\r\n\x1a\n" + header + b"".join(chunk(*other) for other in others) + data
    return np.frombuffer(file, np.uint8)


grey = png(0, bytes([1, 2, 3, 4]), (b"tRNS", struct.pack(">H", 2)))
rgb = png(2, bytes(range(12)), (b"tRNS", struct.pack(">3H", 3, 4, 5)))
palette = png(3, bytes([0, 1, 2, 1]), (b"PLTE", bytes(range(9))), (b"tRNS", bytes([255, 0])))
shapes = {
    name: cv2.imdecode(file, cv2.IMREAD_UNCHANGED).shape
    for name, file in {"RGB": rgb, "palette": palette, "grey": grey}.items()
}
print("opencv", cv2.__version__)
print("expected: an alpha channel for each of the three")
for name, shape in shapes.items():
    print(f"seen: {name}: shape {shape}")
sys.exit(not (shapes["RGB"][2:] == shapes["palette"][2:] == (4,) and len(shapes["grey"]) == 2))
PYTHON
