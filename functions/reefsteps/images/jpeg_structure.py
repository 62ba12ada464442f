"""The structure of a JPEG stream (ITU-T T.81, annex B), read without decoding.

A decoder tolerates what no camera writes, so damage shows only in its warnings. Cameras also write harmless data that
make a decoder warn: notes, previews, a video behind the picture. ``parse`` therefore keeps only what decoding needs. A
warning about ``stream`` then means damage.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field

_SOI, _EOI, _SOS, _DQT, _DHT, _DRI, _DNL, _APP0, _APP14, _COM = (
    0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDD, 0xDC, 0xE0, 0xEE, 0xFE,
)  # fmt: skip
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2
_FRAMES = frozenset(range(0xC0, 0xD0)) - {_DHT, 0xC8, 0xCC}
_TABLES = frozenset({_DQT, _DHT, _DRI})

# In coded data 0xFF is followed by 0 (a plain 0xFF), by a restart marker, or by a fill byte.
_END_OF_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")

# Half a sector of zero bits is a long row of equal blocks. No encoder writes that, unless the code of zeros means "no
# detail". A decoder continues without a warning if the number of blocks happens to be right.
_ZEROED = bytes(256)
_ZEROED_LOSSLESS = bytes(1024)  # of a RAW, whose values each take only a few bits

# Scans of the most divided encoders number about 60; a decoder passes over the whole picture for each.
MAX_SCANS = 100


class JpegStructureError(ValueError):
    """The stream is damaged; the message says where."""


class JpegUnsupportedError(ValueError):
    """The stream is sound and of a kind that is not read; the message begins a sentence."""


@dataclass
class _Scan:
    components: tuple[int, ...]
    spectral: tuple[int, int]  # first and last coefficient
    low_bit: int  # 0 once a coefficient is there in full


@dataclass
class JpegStructure:
    """What a JPEG stream holds; ``stream`` is the same picture with nothing but what decoding needs."""

    width: int = 0
    height: int = 0
    components: int = 0
    adobe_transform: int | None = None  # 0 none, 1 YCbCr, 2 YCCK
    jfif: bool = False
    stream: bytes = b""
    exif: bytes | None = None
    icc: bytes | None = None
    icc_broken: bool = False
    scans: int = 0
    pad: int = 0  # equal bytes that end the last scan's data

    @property
    def megapixels(self) -> float:
        """Size of the picture."""
        return self.width * self.height / 1e6


@dataclass
class _Reading:
    data: bytes
    found: JpegStructure = field(default_factory=JpegStructure)
    parts: list[bytes] = field(default_factory=list)
    frame: int | None = None
    component_ids: tuple[int, ...] = ()
    scans: list[_Scan] = field(default_factory=list)
    icc_parts: dict[int, bytes] = field(default_factory=dict)
    icc_count: int = 0
    zero_symbols: dict[int, int] = field(default_factory=dict)  # by Huffman table: what a code of zeros means


def parse(data: bytes, tables: bytes = b"", *, adobe_transform: int | None = None) -> JpegStructure:
    """Return the structure of a JPEG stream that begins with SOI.

    ``tables`` are segments to put before the picture's own (of TIFF's JPEGTables, see ``table_segments``), and
    ``adobe_transform`` replaces what the stream says of its colours. Raises JpegStructureError for damage and
    JpegUnsupportedError for a kind that is not read.
    """
    reading = _Reading(data)
    position: int | None = 2
    while position is not None:
        position = _segment(reading, position)
    _check_complete(reading)
    found = reading.found
    found.scans = len(reading.scans)
    found.icc, found.icc_broken = _profile(reading)
    head = [b"\xff\xd8"]
    # JFIF 1.02 has YCbCr only; decoders believe it more than Adobe's mark.
    said = None if found.jfif and found.components < 4 else found.adobe_transform
    transform = said if adobe_transform is None else adobe_transform
    if transform is not None:
        # Written anew: unknown numbers mean YCbCr or YCCK to a decoder, which warns of them.
        known = 0 if transform == 0 else (2 if found.components == 4 else 1)
        head.append(b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + bytes([known]))
    elif found.jfif:
        head.append(b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")
    found.stream = b"".join([*head, tables, *reading.parts, b"\xff\xd9"])
    return found


def table_segments(data: bytes) -> bytes:
    """Return the table segments of an abbreviated stream (TIFF's JPEGTables), without its SOI and EOI."""
    reading = _Reading(data)
    position: int | None = 2
    while position is not None and position < len(data) - 1 and data[position : position + 2] != b"\xff\xd9":
        position = _segment(reading, position)
    return b"".join(reading.parts)


def is_zeroed(lossless: bytes) -> bool:
    """Return whether a lossless JPEG (a strip or tile of a RAW's sensor data) lost a part of its data to zeros.

    Zero bits are a row of equal values, which a clipped sky has, only if the code of zeros means "no difference".
    """
    start = lossless.find(_ZEROED_LOSSLESS)
    if start < 0 or not lossless.startswith(b"\xff\xd8"):
        return False
    reading = _Reading(lossless)
    position = 2
    while position + 4 <= start and lossless[position] == 0xFF and lossless[position + 1] != _SOS:
        end = position + 2 + int.from_bytes(lossless[position + 2 : position + 4], "big")
        if lossless[position + 1] == _DHT:
            _huffman_tables(reading, lossless[position + 4 : end])
        position = end
    return all(symbol != 0 for symbol in reading.zero_symbols.values())


def _segment(reading: _Reading, position: int) -> int | None:
    """Read the segment at ``position``; return where the next begins, None after the last."""
    data = reading.data
    while data[position : position + 1] == b"\x00":  # zeros between segments are padding
        position += 1
    if data[position : position + 1] != b"\xff":
        if position >= len(data) and reading.scans:
            return None
        raise JpegStructureError("it ends early" if position >= len(data) else f"no marker at byte {position}")
    while data[position : position + 1] == b"\xff":
        position += 1
    if position >= len(data):
        if reading.scans:
            return None
        raise JpegStructureError("it ends early")
    marker = data[position]
    if marker in (_EOI, _SOI) and reading.scans:
        return None  # another picture may follow, with or without an end of this one
    if 0xD0 <= marker <= 0xD9 or marker in (0, 1):
        raise JpegStructureError(f"marker {marker:02X} where a segment should begin")
    if position + 3 > len(data):
        raise JpegStructureError("it ends early")
    length = int.from_bytes(data[position + 1 : position + 3], "big")
    end = position + 1 + length
    if length < 2 or end > len(data):
        raise JpegStructureError("a segment is longer than the file")
    body = data[position + 3 : end]
    if marker == _SOS:
        return _scan(reading, position, body, end)
    if marker in _FRAMES:
        _frame(reading, marker, body)
    elif marker == _DHT:
        _huffman_tables(reading, body)
    if marker in _FRAMES or marker in _TABLES:
        reading.parts.append(b"\xff" + data[position:end])
    elif marker == _DNL:
        raise JpegUnsupportedError("The JPEG tells its height after its data (DNL)")
    else:
        _note(reading, marker, body)
    return end


def _frame(reading: _Reading, marker: int, body: bytes) -> None:
    if reading.frame is not None:
        raise JpegStructureError("a second frame begins inside the first")
    if marker not in (_BASELINE, _EXTENDED, _PROGRESSIVE):
        kinds = {0xC3: "is a lossless JPEG", 0xC9: "uses arithmetic coding", 0xCA: "uses arithmetic coding"}
        raise JpegUnsupportedError(f"The JPEG {kinds.get(marker, f'is of an unusual process (SOF{marker - 0xC0})')}")
    if len(body) < 6 or len(body) < 6 + 3 * body[5]:
        raise JpegStructureError("its frame header is cut short")
    precision, height, width, components = struct.unpack(">BHHB", body[:6])
    if precision != 8:
        raise JpegUnsupportedError(f"The JPEG holds {precision} bits a channel")
    if components not in (1, 3, 4):
        raise JpegUnsupportedError(f"The JPEG holds {components} channels")
    if height == 0:
        raise JpegUnsupportedError("The JPEG tells its height after its data (DNL)")
    reading.frame = marker
    reading.component_ids = tuple(body[6 + 3 * i] for i in range(components))
    reading.found.width, reading.found.height, reading.found.components = width, height, components


def _scan(reading: _Reading, position: int, header: bytes, start: int) -> int | None:
    if reading.frame is None:
        raise JpegStructureError("a scan begins before the frame")
    count = header[0] if header else 0
    if not 1 <= count <= 4 or len(header) != 4 + 2 * count:
        raise JpegStructureError("a scan's header is broken")
    first, last, bits = header[1 + 2 * count :]
    ids = tuple(header[1 + 2 * i] for i in range(count))
    reading.scans.append(_Scan(ids, (first, last), bits & 15 if reading.frame == _PROGRESSIVE else 0))
    if len(reading.scans) > MAX_SCANS:
        raise JpegUnsupportedError(f"The JPEG is divided into more than {MAX_SCANS} scans")
    end_of_scan = _END_OF_SCAN.search(reading.data, start)
    end = end_of_scan.start() if end_of_scan else len(reading.data)
    coded = reading.data[start:end].rstrip(b"\xff")  # fill bytes before a marker
    if _ZEROED in coded and not _zeros_are_flat(reading, header, count):
        raise JpegStructureError("a part of its data is zeroed")
    reading.parts.append(b"\xff" + reading.data[position:start] + coded)
    reading.found.pad = len(coded) - len(coded.rstrip(coded[-1:])) if coded else 0
    return end if end_of_scan else None


def _huffman_tables(reading: _Reading, body: bytes) -> None:
    """Remember the first symbol of each table: a canonical code gives it the code of zeros."""
    position = 0
    while position + 17 < len(body):
        reading.zero_symbols[body[position]] = body[position + 17]
        position += 17 + sum(body[position + 1 : position + 17])


def _zeros_are_flat(reading: _Reading, header: bytes, count: int) -> bool:
    """Return whether zero bits stand for blocks without detail in a scan, so that many can follow each other."""
    first, last, bits = header[1 + 2 * count :]
    progressive = reading.frame == _PROGRESSIVE
    if progressive and first == 0 and bits >> 4:
        return True  # refinement of mean values: plain bits
    for number in range(count):
        tables = header[2 + 2 * number]
        dc, ac = reading.zero_symbols.get(tables >> 4, 0), reading.zero_symbols.get(0x10 | (tables & 15), 0)
        if (first == 0 and dc != 0) or ((last > 0 or not progressive) and ac != 0):
            return False
    return True


def _note(reading: _Reading, marker: int, body: bytes) -> None:
    """Keep what a note says of colours, orientation and date."""
    found = reading.found
    if marker == _APP0 and body.startswith(b"JFIF\x00"):
        found.jfif = True
    elif marker == _APP14 and body.startswith(b"Adobe") and len(body) >= 12:
        found.adobe_transform = body[11]
    elif marker == 0xE1 and body.startswith(b"Exif\x00") and found.exif is None:
        found.exif = body
    elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\x00") and len(body) > 14:
        reading.icc_parts.setdefault(body[12], body[14:])
        reading.icc_count = body[13]


def _profile(reading: _Reading) -> tuple[bytes | None, bool]:
    if not reading.icc_parts:
        return None, False
    if sorted(reading.icc_parts) != list(range(1, reading.icc_count + 1)):
        return None, True
    return b"".join(reading.icc_parts[number] for number in sorted(reading.icc_parts)), False


def _check_complete(reading: _Reading) -> None:
    """Raise where a coefficient of a component is in no scan: a decoder takes it for zero and says nothing."""
    if reading.frame is None or not reading.scans:
        raise JpegStructureError("it ends before its picture begins")
    for component in reading.component_ids:
        missing = set(range(64)) if reading.frame == _PROGRESSIVE else {0}
        for scan in reading.scans:
            if component in scan.components and scan.low_bit == 0:
                first, last = scan.spectral
                missing -= set(range(first, last + 1)) if reading.frame == _PROGRESSIVE else {0}
        if missing:
            raise JpegStructureError("scans are missing at its end")
