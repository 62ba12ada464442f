"""Two tables: files that have lost data, and files that are only odd. The first are refused, the second read whole."""

import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from reefsteps.errors import InvalidImageError
from reefsteps.images import decode
from tests.support.image_files import (
    jpeg_segment,
    lost,
    png_chunk,
    reef,
    saved,
    tiff,
    with_segments,
    zeroed,
)

JPEGS = {
    "baseline": {"quality": 92},
    "baseline 4:4:4": {"quality": 85, "subsampling": 0},
    "optimised": {"quality": 80, "optimize": True},
    "restart markers": {"quality": 90, "restart_marker_rows": 1},
    "progressive": {"quality": 90, "progressive": True},
    "progressive with restart markers": {"quality": 90, "progressive": True, "restart_marker_rows": 2},
}
PICTURE = reef()
LARGE = reef(480, 640)
PAGES = {"rowsperstrip": 16}


def jpeg(kind: str, large: bool = False) -> bytes:
    return saved(LARGE if large else PICTURE, "JPEG", **JPEGS[kind])


def scans(data: bytes) -> list[int]:
    return [i for i in range(len(data) - 1) if data[i : i + 2] == b"\xff\xda"]


def swapped_restarts() -> bytes:
    """Two restart intervals in the wrong order, as a file joined wrongly has them."""
    data = jpeg("restart markers")
    marks = [i for i in range(len(data) - 1) if data[i] == 0xFF and 0xD0 <= data[i + 1] <= 0xD7]
    a, b, c = marks[2:5]
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def tiff_without_a_strip(number: int, field: int) -> bytes:
    """A strip's offset (273) or length (279) is zero in the directory."""
    data = bytearray(tiff(PICTURE, compression="lzw", **PAGES))
    directory = struct.unpack("<I", data[4:8])[0]
    for entry in range(directory + 2, directory + 2 + 12 * struct.unpack("<H", data[directory : directory + 2])[0], 12):
        tag, kind, count, value = struct.unpack("<HHII", data[entry : entry + 12])
        if tag == field:
            size = {3: 2, 4: 4}[kind]
            assert count > number
            data[value + size * number : value + size * (number + 1)] = bytes(size)
    return bytes(data)


def png_with(edit: Callable[[bytes], bytes]) -> bytes:
    """A PNG whose compressed data are edited and whose checksums are right all the same."""
    rows = b"".join(b"\x00" + row.tobytes() for row in PICTURE)
    body = edit(zlib.compress(rows))
    header = struct.pack(">IIBBBBB", 320, 240, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", body), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(name, content) for name, content in chunks)


DAMAGED: dict[str, Callable[[], bytes]] = {
    **{
        f"JPEG, {kind}, {name}": (lambda kind=kind, edit=edit: edit(jpeg(kind, large=True)))  # type: ignore[misc]
        for kind in JPEGS
        for name, edit in {
            "a tenth zeroed": lambda d: zeroed(d, 0.45, len(d) // 10),
            "a sixth lost": lambda d: lost(d, 0.4, len(d) // 6),
            "cut at two thirds": lambda d: d[: len(d) * 2 // 3],
        }.items()
    },
    "JPEG, restart intervals in a wrong order": swapped_restarts,
    "JPEG, a whole restart interval lost": lambda: _without_interval(),
    "JPEG, the last scans lost, end marker there": lambda: jpeg("progressive")[: scans(jpeg("progressive"))[-2]]
    + b"\xff\xd9",
    "JPEG, the last scans lost, no end marker": lambda: jpeg("progressive")[: scans(jpeg("progressive"))[-1]],
    "JPEG, filled up with zeros": lambda: jpeg("baseline")[: -len(jpeg("baseline")) // 5] + bytes(30_000),
    "JPEG, nothing but a header": lambda: jpeg("baseline")[: scans(jpeg("baseline"))[0]],
    "JPEG, another file's data in the middle": lambda: (
        lambda d: d[: len(d) // 2] + saved(reef(seed=5), "PNG")[5000:9000] + d[len(d) // 2 + 4000 :]
    )(jpeg("baseline")),
    **{
        f"TIFF, {name}, a tenth zeroed": (
            lambda options=options: zeroed(tiff(PICTURE, **options), 0.45, 20_000)  # type: ignore[misc]
        )
        for name, options in {
            "LZW": {"compression": "lzw"},
            "LZW in strips with predictor": {"compression": "lzw", "predictor": 2, **PAGES},
            "deflate": {"compression": "zlib"},
            "deflate in tiles": {"compression": "zlib", "tile": (64, 64)},
            "deflate of 16 bits": {"compression": "zlib", **PAGES},
            "packbits": {"compression": "packbits", **PAGES},
            "LZMA": {"compression": "lzma"},
        }.items()
    },
    "TIFF, Zstandard, a tenth zeroed": lambda: zeroed(tiff(PICTURE, compression="zstd", **PAGES), 0.45, 20_000),
    "TIFF, Zstandard, a sector zeroed": lambda: zeroed(tiff(PICTURE, compression="zstd"), 0.5, 512),
    "TIFF, Zstandard with predictor, a sector of ones": lambda: (
        lambda d: d[:90_000] + b"\xff" * 512 + d[90_512:]
    )(tiff(PICTURE, compression="zstd", predictor=2)),
    "TIFF, BitsPerSample lost": lambda: without_tag(tiff(PICTURE), 258),
    "TIFF, rows padded to whole words": lambda: tiff_of_padded_rows(),
    "TIFF, JPEG inside, a tenth zeroed": lambda: zeroed(tiff(LARGE, compression="jpeg"), 0.45, 12_000),
    "TIFF, a strip's offset missing": lambda: tiff_without_a_strip(3, 273),
    "TIFF, a strip's length missing": lambda: tiff_without_a_strip(3, 279),
    "TIFF, uncompressed, cut": lambda: tiff(PICTURE)[:-1000],
    "TIFF, LZW, cut": lambda: tiff(PICTURE, compression="lzw", **PAGES)[:-1000],
    "PNG, a byte changed": lambda: (lambda d: d[:90_000] + bytes([d[90_000] ^ 1]) + d[90_001:])(saved(PICTURE, "PNG")),
    "PNG, 4 KB zeroed": lambda: zeroed(saved(PICTURE, "PNG"), 0.5, 4096),
    "PNG, without its end": lambda: saved(PICTURE, "PNG")[:-12],
    "PNG, half of its rows": lambda: png_with(lambda z: zlib.compress(zlib.decompress(z)[: 961 * 120])),
    "PNG, data cut, checksums right": lambda: png_with(lambda z: z[: len(z) // 2]),
    "PNG, wrong sum over its pixels": lambda: png_with(lambda z: z[:-1] + bytes([z[-1] ^ 1])),
    "PNG, too little data for its size": lambda: png_with(lambda _: zlib.compress(b"")),
}  # fmt: skip


def without_tag(data: bytes, tag: int) -> bytes:
    return data.replace(struct.pack("<HH", tag, 3), struct.pack("<HH", 60_000 + tag, 3))


def tiff_of_padded_rows(rows: int = 1, behind: int = 2) -> bytes:
    """One uncompressed strip whose groups of rows have bytes behind them; a group of all rows is one at the end."""
    rows = PICTURE.shape[0] if rows > 1 else 1
    groups = PICTURE.reshape(-1, rows * PICTURE.shape[1] * 3)
    stored = b"".join(group.tobytes() + bytes(behind) for group in groups)
    data = tiff(PICTURE, rowsperstrip=PICTURE.shape[0])
    start = data.index(PICTURE.tobytes())
    length = data.index(struct.pack("<HHII", 279, 4, 1, PICTURE.size)) + 8
    data = data[:length] + struct.pack("<I", len(stored)) + data[length + 4 :]
    return data[:start] + stored + data[start + PICTURE.size :]


def _without_interval() -> bytes:
    data = jpeg("restart markers")
    marks = [i for i in range(len(data) - 1) if data[i] == 0xFF and 0xD0 <= data[i + 1] <= 0xD7]
    return data[: marks[3]] + data[marks[4] :]


def exif(**tags: object) -> bytes:
    block = Image.Exif()
    block[271] = "OLYMPUS IMAGING CORP."
    block[306] = "2011:02:30 25:61:00"  # no such day
    block[274] = 0
    return block.tobytes()


ICC_SPLIT_WRONGLY = jpeg_segment(0xE2, b"ICC_PROFILE\x00\x01\x03" + bytes(200))
MP4 = b"\x00\x00\x00\x18ftypmp42" + bytes(12) + b"\x00\x00\x10\x00mdat" + bytes(4088)

ODD: dict[str, Callable[[], bytes]] = {
    **{f"JPEG, {kind}": (lambda kind=kind: jpeg(kind)) for kind in JPEGS},  # type: ignore[misc]
    **{
        f"JPEG, {kind}, no end marker": (lambda kind=kind: jpeg(kind)[:-2])  # type: ignore[misc]
        for kind in JPEGS
    },
    "JPEG, a video behind it": lambda: jpeg("baseline") + MP4,
    "JPEG, another JPEG behind it": lambda: jpeg("baseline") + saved(PICTURE[:60, :80], "JPEG"),
    "JPEG, another JPEG behind it, no end marker": lambda: jpeg("baseline")[:-2] + saved(PICTURE[:60], "JPEG"),
    "JPEG, zeros behind it": lambda: jpeg("baseline") + bytes(5000),
    "JPEG, text behind it": lambda: jpeg("baseline") + b"SEFH\x6b" * 40,
    "JPEG, zeros before its end marker": lambda: jpeg("baseline")[:-2] + bytes(6) + b"\xff\xd9",
    "JPEG, fill bytes before its end marker": lambda: jpeg("baseline")[:-2] + b"\xff" * 9 + b"\xff\xd9",
    "JPEG, fill bytes before segments": lambda: with_segments(jpeg("baseline"), b"\xff" * 7),
    "JPEG, MPF": lambda: with_segments(jpeg("baseline"), jpeg_segment(0xE2, b"MPF\x00MM\x00*" + bytes(80))),
    "JPEG, XMP": lambda: with_segments(
        jpeg("baseline"), jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta/>")
    ),
    "JPEG, extended XMP that ends early": lambda: with_segments(
        jpeg("baseline"), jpeg_segment(0xE1, b"http://ns.adobe.com/xmp/extension/\x00" + b"A" * 32 + bytes(900))
    ),
    "JPEG, IPTC": lambda: with_segments(jpeg("baseline"), jpeg_segment(0xED, b"Photoshop 3.0\x008BIM" + bytes(9))),
    "JPEG, EXIF with impossible values": lambda: saved(PICTURE, "JPEG", exif=exif()),
    "JPEG, EXIF that is noise": lambda: with_segments(
        jpeg("baseline"), jpeg_segment(0xE1, b"Exif\x00\x00" + np.random.default_rng(3).bytes(400))
    ),
    "JPEG, EXIF with a preview": lambda: with_segments(
        jpeg("baseline"),
        jpeg_segment(0xE1, b"Exif\x00\x00II*\x00\x08\x00\x00\x00" + bytes(2) + saved(PICTURE[:60], "JPEG")),
    ),
    "JPEG, two EXIF blocks": lambda: with_segments(
        saved(PICTURE, "JPEG", exif=exif()), jpeg_segment(0xE1, b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x00")
    ),
    "JPEG, a broken colour profile": lambda: with_segments(jpeg("baseline"), ICC_SPLIT_WRONGLY),
    "JPEG, JFIF of an unknown version": lambda: jpeg("baseline").replace(b"JFIF\x00\x01", b"JFIF\x00\x07"),
    "JPEG, a long comment": lambda: with_segments(jpeg("baseline"), jpeg_segment(0xFE, b"made at sea " * 3000)),
    "TIFF, last strip at full height": lambda: _full_last_strip(),
    "TIFF, uncompressed strips with something behind each": lambda: tiff_of_padded_rows(rows=100, behind=2011),
    "TIFF, something behind it": lambda: tiff(PICTURE, compression="lzw") + bytes(999),
    "TIFF, BigTIFF": lambda: tiff(PICTURE, compression="lzw", bigtiff=True),
    "TIFF, the other order of bytes": lambda: tiff(PICTURE, compression="lzw", byteorder=">"),
    "TIFF, one strip": lambda: tiff(PICTURE, compression="zlib", rowsperstrip=240),
    "TIFF, strip lengths rounded up": lambda: tiff(PICTURE, compression="packbits", rowsperstrip=7),
    "PNG, something behind it": lambda: saved(PICTURE, "PNG") + b"trailing",
    "PNG, a note with a wrong checksum": lambda: (
        lambda d: d[:33] + png_chunk(b"tEXt", b"Comment\x00x")[:-4] + bytes(4) + d[33:]
    )(saved(PICTURE, "PNG")),
    "PNG, a broken colour profile": lambda: (lambda d: d[:33] + png_chunk(b"iCCP", b"x\x00\x00junk") + d[33:])(
        saved(PICTURE, "PNG")
    ),
    "PNG, data in many chunks": lambda: _png_in_pieces(),
}  # fmt: skip


def _full_last_strip() -> bytes:
    """240 rows in strips of 100, the last of which is stored with 100 rows too."""
    padded = np.concatenate([PICTURE, np.zeros((60, 320, 3), np.uint8)])
    data = bytearray(tiff(padded, compression="zlib", rowsperstrip=100))
    directory = struct.unpack("<I", data[4:8])[0]
    for entry in range(directory + 2, directory + 200, 12):
        if struct.unpack("<H", data[entry : entry + 2])[0] == 257:
            data[entry + 8 : entry + 10] = struct.pack("<H", 240)
            break
    return bytes(data)


def _png_in_pieces() -> bytes:
    data = saved(PICTURE, "PNG")
    rows = zlib.compress(b"".join(b"\x00" + row.tobytes() for row in PICTURE))
    pieces = [png_chunk(b"IDAT", rows[i : i + 999]) for i in range(0, len(rows), 999)]
    return data[:33] + b"".join(pieces) + png_chunk(b"IEND", b"")


def test_the_tables_are_long_enough() -> None:
    assert len(DAMAGED) >= 40
    assert len(ODD) >= 40


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_refused(name: str) -> None:
    with pytest.raises(InvalidImageError, match=r"damaged or incomplete .*: copy it from the camera"):
        decode(DAMAGED[name]())


@pytest.mark.parametrize("name", ODD)
def test_what_is_only_odd_is_read_whole(name: str) -> None:
    image = decode(ODD[name]())
    assert (image.width_px, image.height_px) == (320, 240)
    tolerance = 14 if image.image_format == "JPEG" else 0  # the noise costs chroma at 4:2:0
    assert np.abs(image.pixels_bgr[..., ::-1].astype(int) - PICTURE).mean() <= tolerance


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("size", [512, 1024, 4096, 16384])
def test_zeroed_clusters_of_a_jpeg_are_refused_wherever_they_lie(kind: str, size: int) -> None:
    data = jpeg(kind, large=True)
    first = scans(data)[0] / len(data) + 0.02
    for share in np.linspace(first, 0.9 - size / len(data), 8):
        with pytest.raises(InvalidImageError, match="damaged or incomplete"):
            decode(zeroed(data, float(share), size))


def test_flat_pictures_are_not_taken_for_zeroed_ones() -> None:
    for level in (0, 128, 255):
        flat = np.full((1200, 1600, 3), level, np.uint8)
        flat[:40] = reef(40, 1600)
        for options in ({}, {"optimize": True}, {"progressive": True}):
            assert decode(saved(flat, "JPEG", **options)).width_px == 1600


def test_work_is_bounded_by_the_count_of_scans() -> None:
    data = jpeg("progressive")
    last = data[scans(data)[-1] : -2]
    with pytest.raises(InvalidImageError, match="divided into more than 100 scans, which ReefSteps does not read"):
        decode(data[:-2] + last * 120 + b"\xff\xd9")
