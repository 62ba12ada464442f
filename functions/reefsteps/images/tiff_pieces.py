"""The strips and tiles of a TIFF: each must be there, decode whole and have its exact length.

libtiff fills what it cannot decode with zeros and only prints a warning. A photograph with a damaged strip would come
back with a black band.
"""

from __future__ import annotations

from typing import Any

import imagecodecs
import numpy as np

from reefsteps.arrays import AnyArray
from reefsteps.errors import InvalidImageError
from reefsteps.images.damage import is_damage
from reefsteps.images.jpeg import pixels_of
from reefsteps.images.jpeg_structure import JpegStructureError, JpegUnsupportedError, parse, table_segments
from reefsteps.images.messages import damaged, unsupported
from reefsteps.images.tiff_layout import (
    DEFLATE,
    DEFLATE_OLD,
    JPEG,
    LZMA,
    LZW,
    NONE,
    PACKBITS,
    PALETTE,
    RGB,
    YCBCR,
    ZSTD,
    ZSTD_OLD,
    TiffLayout,
)

_UNPACK: dict[int, Any] = {
    LZW: imagecodecs.lzw_decode,
    DEFLATE: imagecodecs.deflate_decode,
    DEFLATE_OLD: imagecodecs.deflate_decode,
    LZMA: imagecodecs.lzma_decode,
    ZSTD: imagecodecs.zstd_decode,
    ZSTD_OLD: imagecodecs.zstd_decode,
    PACKBITS: imagecodecs.packbits_decode,
}
_MAX_PADDING = 2  # writers pad a strip to a whole word
_MAX_BEHIND = 4096  # bytes behind an uncompressed strip, of writers that begin the next one at a page of the disk

# A disk's sector of zeros or of ones. Equal bytes never follow each other for so long in Zstandard's own data, and
# frames seldom have a checksum: libzstd makes pixels of damaged ones without an error.
_SECTORS = (bytes(512), b"\xff" * 512)


class Pieces:
    """The pieces of one picture, decoded one at a time."""

    def __init__(self, data: bytes, page: Any, layout: TiffLayout, byte_order: str) -> None:
        self._data, self._layout, self._byte_order = memoryview(data), layout, byte_order
        self._tables = table_segments(page.jpegtables) if page.jpegtables else b""
        self._offsets, self._lengths = list(page.dataoffsets), list(page.databytecounts)
        self._check_present()

    def read(self, down: int, across: int) -> AnyArray:
        """Return the piece (rows x columns x samples, ``uint8`` or ``uint16``) cut to the picture, planes together."""
        layout = self._layout
        number = down * layout.across + across
        if not layout.planar:
            return self._piece(number, down, across)
        wanted = {*range(layout.colours), *([layout.alpha] if layout.alpha is not None else [])}
        last = layout.alpha if layout.alpha is not None else layout.colours - 1
        planes = [
            # An unused plane keeps its place, so that the numbers of all planes stay.
            self._piece(number + (plane if plane in wanted else 0) * layout.across * layout.down, down, across)
            for plane in range(last + 1)
        ]
        return np.concatenate(planes, axis=2)

    def _check_present(self) -> None:
        layout = self._layout
        count = layout.across * layout.down * (layout.samples if layout.planar else 1)
        if min(len(self._offsets), len(self._lengths)) < count:
            raise InvalidImageError(damaged("TIFF", "strips or tiles are missing"))
        for offset, length in zip(self._offsets[:count], self._lengths[:count], strict=True):
            if offset <= 0 or length <= 0:
                raise InvalidImageError(damaged("TIFF", "a strip or tile is missing"))
            if offset + length > len(self._data):
                raise InvalidImageError(damaged("TIFF", "it ends early"))

    def _piece(self, number: int, down: int, across: int) -> AnyArray:
        layout = self._layout
        stored = self._data[self._offsets[number] : self._offsets[number] + self._lengths[number]]
        rows = min(layout.tile[0], layout.height - down * layout.tile[0])
        columns = min(layout.tile[1], layout.width - across * layout.tile[1])
        if layout.compression == JPEG:
            samples = self._jpeg(bytes(stored), rows, columns)
        else:
            full = layout.tile[0] if layout.tiled else rows
            samples = self._samples(self._unpacked(stored, full), full)
        return samples[:rows, :columns]

    def _unpacked(self, stored: memoryview, rows: int) -> Any:
        """Return the decompressed bytes of so many rows; a strip may hold its full height at the picture's end too."""
        layout = self._layout
        if layout.reverse_bits:
            stored = memoryview(imagecodecs.bitorder_decode(bytes(stored)))
        needed, whole = layout.piece_bytes(rows), layout.piece_bytes(layout.tile[0])
        if layout.compression == NONE:
            if len(stored) < needed:
                raise InvalidImageError(damaged("TIFF", "a strip or tile is too short"))
            if _is_of_another_kind(len(stored) - whole, rows):
                raise InvalidImageError(
                    damaged("TIFF", f"a strip or tile has {len(stored)} bytes where {needed} are needed")
                )
            return stored[:needed]
        # TIFF 6.0 section 13: each strip begins with a clear code (in the order of bits of today or of 1988).
        if layout.compression == LZW and stored[0] != 0x80 and bytes(stored[:2]) != b"\x00\x01":
            raise InvalidImageError(damaged("TIFF", "a strip or tile does not begin as LZW does"))
        if layout.compression in (ZSTD, ZSTD_OLD) and any(sector in bytes(stored) for sector in _SECTORS):
            raise InvalidImageError(damaged("TIFF", "a part of its data is zeroed"))
        try:
            plain = _UNPACK[layout.compression](stored, out=whole + _MAX_PADDING)
        except Exception as error:
            if not is_damage(error):
                raise
            raise InvalidImageError(damaged("TIFF", f"a strip or tile cannot be decompressed: {error}")) from None
        lengths = {needed, whole}
        if layout.compression == PACKBITS:
            lengths |= {needed + extra for extra in range(_MAX_PADDING + 1)}
        if len(plain) not in lengths:
            raise InvalidImageError(
                damaged("TIFF", f"a strip or tile gives {len(plain)} bytes where {needed} are needed")
            )
        return memoryview(plain)[:needed]

    def _samples(self, plain: Any, rows: int) -> AnyArray:
        layout = self._layout
        shape = (rows, layout.tile[1], layout.in_piece)
        if layout.bits == 8:
            samples = np.frombuffer(plain, np.uint8).reshape(shape)
        elif layout.bits == 16:
            samples = np.frombuffer(plain, np.dtype(self._byte_order + "u2")).reshape(shape)
            samples = samples.astype(np.uint16, copy=False)
        else:
            kind = np.dtype(">u2") if layout.deep else np.dtype(np.uint8)
            run = layout.tile[1] * layout.in_piece
            samples = imagecodecs.packints_decode(bytes(plain), kind, layout.bits, runlen=run).reshape(shape)
            samples = _scaled(samples, layout)
        if layout.predictor == 2:
            samples = imagecodecs.delta_decode(np.ascontiguousarray(samples), axis=-2)
        return samples

    def _jpeg(self, stored: bytes, rows: int, columns: int) -> AnyArray:
        layout = self._layout
        transform = 1 if layout.photometric == YCBCR else 0
        try:
            if not stored.startswith(b"\xff\xd8"):
                raise JpegStructureError("a strip or tile is no JPEG")
            found = parse(stored, self._tables, adobe_transform=transform)
        except JpegStructureError as error:
            raise InvalidImageError(damaged("TIFF", str(error))) from None
        except JpegUnsupportedError as error:
            raise InvalidImageError(unsupported(f"{error} inside a TIFF")) from None
        says_other = found.jfif or found.adobe_transform not in (None, 0)
        if layout.photometric == RGB and not layout.planar and says_other:
            raise InvalidImageError(
                unsupported("The TIFF says RGB and its JPEG data say YCbCr", "save it without JPEG")
            )
        if found.components != layout.in_piece:
            raise InvalidImageError(damaged("TIFF", "a strip or tile has another number of channels"))
        if found.height < rows or found.width < columns or found.height > 2 * layout.tile[0] + 16:
            raise InvalidImageError(damaged("TIFF", "a strip or tile is of another size"))
        pixels = pixels_of(found)
        return pixels[..., None] if pixels.ndim == 2 else pixels[..., ::-1]


def _is_of_another_kind(behind: int, rows: int) -> bool:
    """Return whether bytes behind an uncompressed strip show that its samples are other than its tags say."""
    padded_rows = behind > _MAX_PADDING and behind % rows == 0
    return padded_rows or behind > _MAX_BEHIND


def _scaled(samples: AnyArray, layout: TiffLayout) -> AnyArray:
    """Return packed samples spread over 8 or 16 bits (palette indices stay as they are)."""
    if layout.photometric == PALETTE:
        return samples
    top = (1 << layout.bits) - 1
    if layout.deep:
        return ((samples.astype(np.uint32) * 65535 + top // 2) // top).astype(np.uint16)
    return (samples * np.uint8(255 // top)).astype(np.uint8)
