"""Photographs and their parts, made for the decoder's tests."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image

Array = npt.NDArray[Any]


def reef(height: int = 240, width: int = 320, seed: int = 0) -> npt.NDArray[np.uint8]:
    """A picture (HxWx3) with detail everywhere, as a photograph of a reef has."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    soft = cv2.GaussianBlur(noise, (0, 0), 2).astype(np.int32)
    return np.clip((soft - 127) * 6 + 120 + rng.integers(-9, 10, soft.shape), 0, 255).astype(np.uint8)


def saved(picture: Array, image_format: str, **options: Any) -> bytes:
    """The picture (RGB) as Pillow writes it."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(buffer, image_format, **options)
    return buffer.getvalue()


def tiff(picture: Array, **options: Any) -> bytes:
    """The picture as tifffile writes it."""
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, picture, **({"photometric": "rgb", "metadata": None} | options))
    return buffer.getvalue()


def tiff_pages(pages: Sequence[tuple[Array, dict[str, Any]]]) -> bytes:
    """A TIFF of several directories, each with options of its own."""
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for picture, options in pages:
            writer.write(picture, **({"photometric": "rgb", "metadata": None} | options))
    return buffer.getvalue()


def png_chunk(name: bytes, body: bytes) -> bytes:
    """A chunk with its checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(header: tuple[int, int, int, int], rows: Sequence[bytes], *others: tuple[bytes, bytes]) -> bytes:
    """A PNG of (width, height, depth, colour type) and unfiltered rows, with other chunks before the data."""
    chunks = [png_chunk(b"IHDR", struct.pack(">IIBBBBB", *header, 0, 0, 0))]
    chunks += [png_chunk(name, body) for name, body in others]
    chunks.append(png_chunk(b"IDAT", zlib.compress(b"".join(b"\x00" + row for row in rows))))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + png_chunk(b"IEND", b"")


def zeroed(data: bytes, start: float, size: int) -> bytes:
    """The file with ``size`` bytes zeroed from a share of its length on."""
    at = int(len(data) * start)
    return data[:at] + bytes(min(size, len(data) - at)) + data[at + size :]


def lost(data: bytes, start: float, size: int) -> bytes:
    """The file without ``size`` bytes from a share of its length on."""
    at = int(len(data) * start)
    return data[:at] + data[at + size :]


def jpeg_segment(marker: int, body: bytes) -> bytes:
    """A marker segment."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def with_segments(jpeg: bytes, *segments: bytes) -> bytes:
    """The JPEG with segments after its SOI."""
    return jpeg[:2] + b"".join(segments) + jpeg[2:]
