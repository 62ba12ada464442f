"""Files that say they are larger than they are: refused by name before a decoder is asked for memory."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import cv2
import imagecodecs
import numpy as np
import pytest
import tifffile

from reefsteps.errors import InvalidImageError
from reefsteps.images import decode


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def lying_png(side: int, depth: int, colour_type: int) -> bytes:
    header = struct.pack(">IIBBBBB", side, side, depth, colour_type, 0, 0, 0)
    data = zlib.compress(bytes(5_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def lying_tiff(side: int, **options: Any) -> bytes:
    written = io.BytesIO()
    samples = np.zeros((64, 64, 4), np.uint16)
    tifffile.imwrite(written, samples, photometric="rgb", extrasamples=["unassalpha"], **options)
    data = bytearray(written.getvalue())
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        for name in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            tag = file.pages.first.tags[name]
            size = struct.calcsize({3: "<H", 4: "<I"}[tag.dtype])
            data[tag.valueoffset : tag.valueoffset + size] = side.to_bytes(size, "little")
    return bytes(data)


@pytest.fixture(autouse=True)
def no_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    def work(*_: Any, **__: Any) -> None:
        raise AssertionError("a decoder was called")

    monkeypatch.setattr(cv2, "imdecode", work)
    for name in ("deflate_decode", "zlib_decode", "lzw_decode", "none_decode"):
        monkeypatch.setattr(imagecodecs, name, work, raising=False)


@pytest.mark.parametrize(("depth", "colour_type"), [(8, 2), (8, 6), (16, 6), (16, 0)])
def test_a_png_with_too_little_data_for_its_size(depth: int, colour_type: int) -> None:
    with pytest.raises(InvalidImageError, match="too little data for its size"):
        decode(lying_png(9_999, depth, colour_type))


@pytest.mark.parametrize("side", [9_999, 20_000])
def test_a_png_is_measured_against_the_limit_first(side: int) -> None:
    with pytest.raises(InvalidImageError, match="too little data" if side < 10_000 else "20000 x 20000 pixels"):
        decode(lying_png(side, 8, 2))


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"compression": "lzw", "predictor": True}])
def test_a_tiff_in_one_piece_that_is_not_there(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidImageError):
        decode(lying_tiff(9_999, **options))
