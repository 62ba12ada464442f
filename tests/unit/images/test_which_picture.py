"""Which picture of a file is the photograph, what other files are, and which samples mean what."""

import io
import struct
from typing import Any

import numpy as np
import pytest
import tifffile

from reefsteps.errors import InvalidImageError
from reefsteps.images import decode
from tests.support.image_files import png, reef, saved, tiff, tiff_pages

FULL = reef(120, 160)
SMALL = np.ascontiguousarray(FULL[::4, ::4])
OTHER = reef(120, 160, seed=1)
REDUCED: dict[str, Any] = {"subfiletype": 1}


def assert_full(data: bytes) -> None:
    np.testing.assert_array_equal(decode(data).pixels_bgr[..., ::-1], FULL)


@pytest.mark.parametrize(
    "pages",
    [
        [(SMALL, REDUCED), (FULL, {})],
        [(FULL, {}), (SMALL, REDUCED)],
        [(SMALL, REDUCED), (OTHER, REDUCED), (FULL, {})],
        [(FULL, {}), (np.ones((120, 160), bool), {"photometric": "mask", "subfiletype": 4})],
        [(FULL, {"subfiletype": 0}), (np.ascontiguousarray(FULL[::8, ::8]), {})],
    ],
    ids=["preview first", "preview last", "a reduced copy as large as the picture", "a mask", "an unmarked thumbnail"],
)
def test_the_full_picture_is_the_photograph(pages: Any) -> None:
    assert_full(tiff_pages(pages))


def test_old_mark_of_a_reduced_copy_counts() -> None:
    assert_full(tiff_pages([(SMALL, {"extratags": [(255, "H", 1, 2)]}), (FULL, {})]))


@pytest.mark.parametrize("first_is_reduced", [True, False])
def test_pictures_in_sub_directories_count(first_is_reduced: bool) -> None:
    buffer = io.BytesIO()
    common: dict[str, Any] = {"photometric": "rgb", "metadata": None}
    with tifffile.TiffWriter(buffer) as writer:
        if first_is_reduced:
            writer.write(SMALL, subfiletype=1, subifds=1, **common)
            writer.write(FULL, **common)
        else:
            writer.write(FULL, subifds=2, **common)
            writer.write(SMALL, subfiletype=1, **common)
            writer.write(SMALL[::2, ::2].copy(), subfiletype=1, **common)
    assert_full(buffer.getvalue())


@pytest.mark.parametrize("count", [2, 3, 12])
def test_several_photographs_in_a_file_are_refused_with_their_number(count: int) -> None:
    pages: list[tuple[Any, dict[str, Any]]] = [(reef(60, 80, seed), {}) for seed in range(count)]
    with pytest.raises(
        InvalidImageError, match=f"holds {count} pictures, which ReefSteps does not read: save the photo"
    ):
        decode(tiff_pages(pages))


def test_a_picture_that_is_alone_is_taken_whatever_its_mark() -> None:
    assert_full(tiff_pages([(FULL, REDUCED)]))


@pytest.mark.parametrize(
    ("beginning", "what"),
    [
        (b"GIF89a", "GIF"),
        (b"8BPS\x00\x01", "Photoshop"),
        (b"BM\x36\x00\x0c\x00", "BMP"),
        (b"%PDF-1.7\n", "PDF"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 ", "WebP"),
        (b"RIFF\x10\x00\x00\x00AVI LIST", "video"),
        (b"\x00\x00\x00\x18ftypheic", "HEIC"),
        (b"\x00\x00\x00\x18ftypmif1", "HEIC"),
        (b"\x00\x00\x00\x18ftypavif", "AVIF"),
        (b"\x00\x00\x00\x18ftypmp42", "video"),
        (b"\x00\x00\x00\x14ftypqt  ", "video"),
        (b"\x1a\x45\xdf\xa3", "video"),
        (b"\xff\x0a\x01\x02", "JPEG XL"),
        (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"II\xbc\x01", "JPEG XR"),
        (b"PK\x03\x04\x14\x00", "ZIP"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"Rar!\x1a\x07", "RAR"),
        (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
        (b"<svg xmlns=", "SVG"),
        (b"<!DOCTYPE html>", "web page"),
        (b"FOVb\x00\x00", "Sigma"),
    ],
)
def test_other_kinds_are_named_with_what_to_do(beginning: bytes, what: str) -> None:
    with pytest.raises(InvalidImageError, match=rf"{what}.*, which ReefSteps does not read: \w+ .*upload") as raised:
        decode(beginning + bytes(600))
    assert "damaged" not in str(raised.value)


@pytest.mark.parametrize(
    ("marker", "precision", "components", "what"),
    [(0xC1, 12, 3, "12 bits"), (0xC3, 8, 3, "lossless"), (0xC9, 8, 3, "arithmetic"), (0xC0, 8, 2, "2 channels")],
)
def test_unusual_jpegs_are_named(marker: int, precision: int, components: int, what: str) -> None:
    frame = struct.pack(">BBHBHHB", 0xFF, marker, 8 + 3 * components, precision, 60, 80, components)
    frame += b"".join(bytes([i + 1, 0x11, 0]) for i in range(components))
    with pytest.raises(InvalidImageError, match=rf"The JPEG .*{what}.*, which ReefSteps does not read"):
        decode(b"\xff\xd8" + frame + b"\xff\xd9")


@pytest.mark.parametrize("factors", [(0x22, 0x21, 0x11), (0x22, 0x12, 0x11), (0x41, 0x21, 0x11), (0x31, 0x21, 0x11)])
def test_sound_jpegs_of_unusual_sampling_are_not_called_damaged(factors: tuple[int, int, int]) -> None:
    data = bytearray(saved(FULL, "JPEG", quality=90))
    components = data.index(b"\xff\xc0") + 10
    for number, factor in enumerate(factors):
        data[components + 3 * number + 1] = factor
    with pytest.raises(InvalidImageError, match="unusual resolution, which ReefSteps does not read: save it as"):
        decode(bytes(data))


def test_jpeg_of_four_channels_without_a_meaning_is_named() -> None:
    data = saved(np.zeros((16, 16, 4), np.uint8), "PNG")
    assert decode(data).width_px == 16
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("CMYK", (32, 32), (0, 200, 200, 0)).save(buffer, "JPEG")
    adobe = buffer.getvalue().index(b"\xff\xeeAdobe"[:2] + b"\x00\x0eAdobe")
    without = buffer.getvalue()[:adobe] + buffer.getvalue()[adobe + 16 :]
    assert decode(buffer.getvalue()).pixels_bgr[..., 2].mean() > 200
    with pytest.raises(InvalidImageError, match="four channels of unknown meaning, which ReefSteps does not read"):
        decode(without)


GREYS = np.array([[0, 1000, 30000, 65535]], np.uint16)
COLOURS16 = np.array([[[1, 2, 3], [1000, 2000, 3000], [60000, 5, 6], [9, 9, 9]]], np.uint16)


@pytest.mark.parametrize(
    ("header", "row", "transparent", "expected"),
    [
        ((4, 1, 16, 0), GREYS.astype(">u2").tobytes(), struct.pack(">H", 1000), [0, 65535, 30000, 65535]),
        ((4, 1, 8, 0), bytes([1, 2, 3, 4]), struct.pack(">H", 3), [1, 2, 255, 4]),
        ((4, 1, 4, 0), bytes([0x01, 0x2F]), struct.pack(">H", 2), [0, 17, 255, 255]),
        ((4, 1, 16, 2), COLOURS16.astype(">u2").tobytes(), struct.pack(">3H", 1000, 2000, 3000), [2, 65535, 5, 9]),
        ((4, 1, 8, 2), bytes(range(12)), struct.pack(">3H", 3, 4, 5), [1, 255, 7, 10]),
    ],
    ids=["grey 16", "grey 8", "grey 4", "RGB 16", "RGB 8"],
)
def test_one_transparent_colour_of_a_png_is_white(
    header: tuple[int, int, int, int], row: bytes, transparent: bytes, expected: list[int]
) -> None:
    pixels = decode(png(header, [row], (b"tRNS", transparent))).pixels_bgr
    assert pixels[0, :, 1].tolist() == expected  # green


def test_palette_with_transparency_lies_on_white() -> None:
    file = png(
        (4, 1, 8, 3), [bytes([0, 1, 2, 1])], (b"PLTE", bytes(range(10, 100, 10))), (b"tRNS", bytes([255, 0]))
    )  # fmt: skip
    assert decode(file).pixels_bgr[0, :, 2].tolist() == [10, 255, 70, 255]


@pytest.mark.parametrize("depth", ["uint8", "uint16"])
def test_fourth_sample_of_no_kind_moves_nothing(depth: str) -> None:
    """Slide scanners store infra-red there, and image editors a saved selection."""
    colours = FULL.astype(depth) * (257 if depth == "uint16" else 1)
    infrared = np.random.default_rng(0).integers(0, 200, (120, 160, 1)).astype(depth)
    file = tiff(np.dstack([colours, infrared]), extrasamples=["unspecified"])
    np.testing.assert_array_equal(decode(file).pixels_bgr[..., ::-1], colours)


def test_tags_of_a_wrong_type_raise_the_named_error() -> None:
    data = bytearray(tiff(FULL, compression="lzw"))
    directory = struct.unpack("<I", data[4:8])[0]
    count = struct.unpack("<H", data[directory : directory + 2])[0]
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        for kind in (2, 5, 7, 12, 13, 77):
            changed = bytearray(data)
            changed[entry + 2 : entry + 4] = struct.pack("<H", kind)
            try:
                decode(bytes(changed))
            except InvalidImageError as error:
                assert "upload" in str(error)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_camera_and_date_are_read_in_every_structure(bigtiff: bool, order: str) -> None:
    tags = [(271, "s", 0, "NIKON", True), (272, "s", 0, "NIKON D70", True), (306, "s", 0, "2008:04:15 10:22:31", True)]
    image = decode(tiff(FULL, bigtiff=bigtiff, byteorder=order, extratags=tags))
    assert (image.camera, image.captured_at) == ("NIKON D70", "2008-04-15T10:22:31")


def without_tag(data: bytes, tag: int) -> bytes:
    """The TIFF with a tag renamed to one that nobody knows."""
    assert data.count(struct.pack("<HH", tag, 3)) == 1
    return data.replace(struct.pack("<HH", tag, 3), struct.pack("<HH", 60_000 + tag, 3))


@pytest.mark.parametrize("picture", [FULL, FULL[..., 0]], ids=["colours", "grey"])
def test_values_without_a_meaning_are_refused(picture: Any) -> None:
    kind = "rgb" if picture.ndim == 3 else "minisblack"
    with pytest.raises(InvalidImageError, match="does not say what its values mean"):
        decode(without_tag(tiff(np.ascontiguousarray(picture), photometric=kind), 262))


@pytest.mark.parametrize("mark", [b"IIII\x00waR", b"MMMMRaw\x00"])
def test_preview_of_a_raw_whose_data_no_directory_names_is_no_photograph(mark: bytes) -> None:
    """Phase One's IIQ: a preview is its only directory. Here the sensor's data are missing, so that it is refused."""
    size = FULL.size
    entries = [(256, 4, 160), (257, 4, 120), (258, 3, 8), (259, 3, 1), (262, 3, 2), (273, 4, 200), (277, 3, 3)]
    entries += [(278, 4, 120), (279, 4, size)]
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries) + bytes(4)
    head = struct.pack("<2sHI", b"II", 42, 32)
    data = (head + mark).ljust(32, b"\x00") + directory
    data = data.ljust(200, b"\x00") + FULL.tobytes()
    assert_full(data.replace(mark, bytes(8)))
    with pytest.raises(InvalidImageError, match="RAW"):
        decode(data)
