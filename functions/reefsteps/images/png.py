"""PNG (W3C PNG, third edition): chunks are checked here, pixels are decoded by libpng (OpenCV)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from reefsteps.arrays import AnyArray
from reefsteps.errors import InvalidImageError
from reefsteps.images import colour, metadata
from reefsteps.images.messages import damaged, unsupported
from reefsteps.images.picture import DecodedImage, check_size, is_grey, oriented, row_blocks, three_channels

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_GREY = 0

# Deflate makes at most 1,032 bytes of one (a match of 258 bytes takes two bits).
_DEFLATE_RATIO = 1_032
_MAX_NOTE = 16 << 20

# Chunks that change pixels or colours; damage in any other is no matter.
_NEEDED = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_COLOURS = (b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"cICP")


@dataclass
class _Chunks:
    header: tuple[int, int, int, int] = (0, 0, 0, 0)  # width, height, bit depth, colour type
    kept: list[memoryview] = field(default_factory=list)  # the chunks that decoding needs, whole
    data_length: int = 0
    transparent: bytes | None = None
    colours: dict[bytes, bytes] = field(default_factory=dict)
    exif: bytes | None = None


def decode_png(data: bytes, max_megapixels: float) -> DecodedImage:
    """Decode a PNG; raises InvalidImageError for damage, for an animation and beyond the limits."""
    try:
        found = _read(data, max_megapixels)
    except struct.error:
        raise InvalidImageError(damaged("PNG", "a chunk is cut short")) from None
    width, _, depth, colour_type = found.header
    pixels = cv2.imdecode(
        np.frombuffer(_needed(data, found), np.uint8),
        cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION,
    )
    if pixels is None or pixels.shape[1] != width:
        raise InvalidImageError(damaged("PNG", "its picture data are broken"))
    bgr = three_channels(_with_transparent_grey(pixels, found, depth))
    grey = colour_type in (0, 4)
    exif = metadata.read_exif(found.exif)
    bgr, said = colour.to_srgb(bgr, _encoding(found, exif, grey=grey), grey=grey)
    bgr = oriented(bgr, metadata.orientation(exif))
    return DecodedImage(bgr, "PNG", metadata.captured_at(exif), metadata.camera(exif), said, grey or is_grey(bgr))


def _needed(data: bytes, found: _Chunks) -> bytes:
    """Return the file without the chunks that decoding does not need; the file itself where there are none."""
    if sum(map(len, found.kept)) + len(SIGNATURE) == len(data):
        return data
    return b"".join([SIGNATURE, *found.kept])


def _read(data: bytes, max_megapixels: float) -> _Chunks:
    found = _Chunks()
    names: list[bytes] = []
    for name, start, end in _chunks(data):
        body = data[start:end] if name != b"IDAT" else b""
        if name in _NEEDED or name in _COLOURS:
            (checksum,) = struct.unpack(">I", data[end : end + 4])
            if zlib.crc32(memoryview(data)[start - 4 : end]) != checksum:
                raise InvalidImageError(damaged("PNG", f"the checksum of its {name.decode()} chunk is wrong"))
        if not names:
            found.header = _header(name, body, max_megapixels)
        elif name in (b"IHDR", b"PLTE", b"tRNS") and name in names:
            raise InvalidImageError(damaged("PNG", f"it has two {name.decode()} chunks"))
        names.append(name)
        if name in _NEEDED:
            found.kept.append(memoryview(data)[start - 8 : end + 4])
        if name == b"IDAT":
            found.data_length += end - start
        elif name == b"tRNS":
            found.transparent = body
        elif name in _COLOURS:
            found.colours.setdefault(name, body)
        elif name == b"eXIf":
            found.exif = body
        elif name in (b"tEXt", b"zTXt") and found.exif is None:
            found.exif = _exif_as_text(name, body)
        elif name == b"acTL":
            raise InvalidImageError(unsupported("The file is an animated PNG", "save one picture of it as PNG"))
    _check_complete(found, names)
    return found


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Return (name, start, end of the body) up to IEND; what follows it is no matter."""
    position = len(SIGNATURE)
    while position + 12 <= len(data):
        length, name = struct.unpack(">I4s", data[position : position + 8])
        end = position + 8 + length
        if end + 4 > len(data):
            break
        yield name, position + 8, end
        if name == b"IEND":
            return
        position = end + 4
    raise InvalidImageError(damaged("PNG", "it ends early"))


def _header(name: bytes, body: bytes, max_megapixels: float) -> tuple[int, int, int, int]:
    if name != b"IHDR" or len(body) != 13:
        raise InvalidImageError(damaged("PNG", "its header is broken"))
    width, height, depth, colour_type, compression, filtering, interlace = struct.unpack(">IIBBBBB", body)
    if depth not in _DEPTHS.get(colour_type, ()) or compression or filtering or interlace > 1:
        raise InvalidImageError(damaged("PNG", "its header is broken"))
    check_size(width, height, max_megapixels)
    return width, height, depth, colour_type


def _check_complete(found: _Chunks, names: list[bytes]) -> None:
    width, height, depth, colour_type = found.header
    if colour_type == 3 and b"PLTE" not in names:
        raise InvalidImageError(damaged("PNG", "its palette is missing"))
    needed = height * ((width * depth * _SAMPLES[colour_type] + 7) // 8)
    if found.data_length * _DEFLATE_RATIO < needed:
        raise InvalidImageError(damaged("PNG", "it holds too little data for its size"))


def _with_transparent_grey(pixels: AnyArray, found: _Chunks, depth: int) -> AnyArray:
    """Lay the one transparent grey of a grey PNG on white: OpenCV reads tRNS for colours and palettes only."""
    if found.header[3] != _GREY or found.transparent is None or len(found.transparent) < 2:
        return pixels
    stored = int.from_bytes(found.transparent[:2], "big")
    levels = (1 << depth) - 1
    level = stored if depth == 16 else stored * 255 // levels
    for rows in row_blocks(pixels):
        pixels[rows][pixels[rows] == level] = np.iinfo(pixels.dtype).max
    return pixels


def _encoding(found: _Chunks, exif: Any, *, grey: bool) -> colour.Encoding:
    """Return the colour encoding by the standard's precedence: cICP, iCCP, sRGB, gAMA with cHRM."""
    chunks = found.colours
    if b"cICP" in chunks:
        return colour.of_code_points(chunks[b"cICP"], grey=grey)
    if b"iCCP" in chunks:
        return colour.of_icc(_inflated(chunks[b"iCCP"].partition(b"\x00")[2][1:]))
    if b"sRGB" in chunks:
        return colour.Encoding("sRGB", "PNG")
    if b"gAMA" in chunks:
        return colour.of_gamma(chunks[b"gAMA"], chunks.get(b"cHRM"), grey=grey)
    return colour.of_exif(exif)


def _inflated(packed: bytes) -> bytes | None:
    inflate = zlib.decompressobj()
    try:
        plain = inflate.decompress(packed, _MAX_NOTE)
    except zlib.error:
        return None
    return plain if inflate.eof else None


def _exif_as_text(name: bytes, body: bytes) -> bytes | None:
    """Return the EXIF that ImageMagick and exiv2 wrote as hexadecimal text before PNG had a chunk for it."""
    keyword, _, rest = body.partition(b"\x00")
    if keyword not in (b"Raw profile type exif", b"Raw profile type APP1"):
        return None
    text = _inflated(rest[1:]) if name == b"zTXt" else rest
    try:
        return bytes.fromhex(b"".join((text or b"").split()[2:]).decode("ascii"))
    except ValueError:
        return None
