"""Decoding: formats by content, orientation, depth, alpha, EXIF facts, and refusals that say what to do."""

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from reefsteps.errors import InvalidImageError
from reefsteps.images import decode, encode_jpeg, encode_png, thumbnail
from tests.support.real_data import NOT_HERE, REAL_DATA

NEF = REAL_DATA / "raw/lat_sample1_1200px.NEF"
NEF_SOURCE = NEF.parents[1] / "quadrats/other/sample1.jpg"

Array = npt.NDArray[Any]


def scene(height: int = 60, width: int = 90) -> npt.NDArray[np.uint8]:
    """Smooth and without symmetry, so that JPEG keeps it and every wrong turn shows."""
    y, x = np.mgrid[0:height, 0:width]
    channels = (255 * x / width, 255 * y / height, 255 * (x + 2 * y) / (width + 2 * height))
    return np.dstack(channels).astype(np.uint8)


def saved(picture: Image.Image, image_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, image_format, **options)
    return buffer.getvalue()


def pillow(bgr: Array, image_format: str, mode: str = "RGB", **options: Any) -> bytes:
    return saved(Image.fromarray(np.ascontiguousarray(bgr[..., ::-1])).convert(mode), image_format, **options)


def stored_turned(upright: Array, orientation: int) -> Array:
    """The stored pixels that EXIF ``orientation`` turns into ``upright`` (Exif 2.32, 4.6.4 A)."""
    inverse = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }
    return np.ascontiguousarray(inverse[orientation](upright))


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "TIFF"])
def test_format_is_told_by_content(image_format: str) -> None:
    image = decode(pillow(scene(), image_format))
    assert (image.image_format, image.width_px, image.height_px) == (image_format, 90, 60)
    assert image.pixels_bgr.dtype == np.uint8
    assert np.abs(image.pixels_bgr.astype(int) - scene()).mean() < 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "TIFF"])
def test_orientation_is_applied(image_format: str, orientation: int) -> None:
    stored = stored_turned(scene(), orientation)
    if image_format == "TIFF":
        data = pillow(stored, "TIFF", tiffinfo={274: orientation})
    else:
        exif = Image.Exif()
        exif[274] = orientation
        data = pillow(stored, image_format, exif=exif.tobytes())
    pixels = decode(data).pixels_bgr
    assert pixels.shape == scene().shape
    assert np.abs(pixels.astype(int) - scene()).mean() < 2


def test_nonsense_orientation_is_ignored() -> None:
    exif = Image.Exif()
    exif[274] = 42
    assert decode(pillow(scene(), "JPEG", exif=exif.tobytes())).pixels_bgr.shape == (60, 90, 3)


@pytest.mark.parametrize("extension", [".png", ".tif"])
@pytest.mark.parametrize("grey", [False, True])
def test_sixteen_bits_are_kept(extension: str, grey: bool) -> None:
    deep = scene().astype(np.uint16) * 257 + 3
    stored = deep[..., 0] if grey else deep
    pixels = decode(cv2.imencode(extension, stored)[1].tobytes()).pixels_bgr
    assert pixels.dtype == np.uint16
    expected = np.repeat(deep[..., :1], 3, axis=2) if grey else deep
    np.testing.assert_array_equal(pixels, expected)


def test_sixteen_bit_grey_tiff_of_a_camera_maker_is_no_raw() -> None:
    grey = Image.fromarray(scene()[..., 0].astype(np.uint16) * 200)
    image = decode(saved(grey, "TIFF", tiffinfo={271: "NIKON CORPORATION", 272: "NIKON D70"}))
    assert (image.image_format, image.width_px, image.camera) == ("TIFF", 90, "NIKON D70")


@pytest.mark.parametrize(
    ("image_format", "mode"),
    [("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "L"), ("PNG", "1"), ("PNG", "P"), ("PNG", "LA"), ("PNG", "RGBA")]
    + [("TIFF", mode) for mode in ("L", "1", "P", "CMYK", "RGBA")],
)
def test_every_mode_becomes_three_channels(image_format: str, mode: str) -> None:
    neutral = np.repeat(scene()[..., :1], 3, axis=2)
    pixels = decode(pillow(neutral, image_format, mode)).pixels_bgr
    assert pixels.shape == neutral.shape
    assert pixels.dtype == np.uint8
    tolerance = 64 if mode == "1" else 8  # bilevel is dithered
    assert abs(float(pixels.mean()) - float(neutral.mean())) < tolerance


def test_colours_of_cmyk_keep_their_order() -> None:
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 2] = 200
    blue, _, redness = decode(pillow(red, "JPEG", "CMYK")).pixels_bgr.reshape(-1, 3).mean(axis=0)
    assert redness > 150
    assert blue < 50


@pytest.mark.parametrize("deep", [False, True])
def test_transparent_pixels_lie_on_white(deep: bool) -> None:
    bgra = np.dstack([scene(), np.full((60, 90), 255, np.uint8)])
    bgra[:10, :, 3] = 0
    bgra[10:20, :, 3] = 128
    stored = bgra.astype(np.uint16) * 257 if deep else bgra
    pixels = decode(cv2.imencode(".png", stored)[1].tobytes()).pixels_bgr
    white = 65535 if deep else 255
    assert (pixels[:10] == white).all()
    np.testing.assert_array_equal(pixels[20:], stored[20:, :, :3])
    halfway = (stored[10:20, :, :3] * (128 / 255) + white * (127 / 255)).astype(int)
    assert np.abs(pixels[10:20].astype(int) - halfway).max() <= 1


@pytest.mark.parametrize("mode", ["P", "L"])
def test_one_transparent_colour_lies_on_white(mode: str) -> None:
    picture = Image.fromarray(scene()[..., 0]).convert(mode)
    pixels = decode(saved(picture, "PNG", transparency=int(np.asarray(picture)[0, 0]))).pixels_bgr
    assert (pixels[0, -1] < 255).all()
    assert (pixels[0, 0] == 255).all()


def exif_with(taken: str | None = "2006:07:08 09:10:11", offset: str | None = None, **tags: str) -> bytes:
    exif = Image.Exif()
    exif[271], exif[272] = tags.get("make", "NIKON CORPORATION"), tags.get("model", "NIKON D70s")
    details = {}
    if taken is not None:
        details[36867] = taken
    if offset is not None:
        details[36881] = offset
    exif._ifds[34665] = details
    return exif.tobytes()


@pytest.mark.parametrize("image_format", ["JPEG", "PNG"])
def test_date_and_camera_come_from_exif(image_format: str) -> None:
    image = decode(pillow(scene(), image_format, exif=exif_with()))
    assert image.captured_at == "2006-07-08T09:10:11"
    assert image.camera == "NIKON D70s"


@pytest.mark.parametrize(
    ("exif", "captured_at"),
    [
        (exif_with(offset="-10:00"), "2006-07-08T09:10:11-10:00"),
        (exif_with(offset="nowhere"), "2006-07-08T09:10:11"),
        (exif_with("0000:00:00 00:00:00"), None),
        (exif_with("yesterday"), None),
        (exif_with(None), None),
    ],
)
def test_dates_that_cameras_write(exif: bytes, captured_at: str | None) -> None:
    assert decode(pillow(scene(), "JPEG", exif=exif)).captured_at == captured_at


def test_camera_names_its_maker_once() -> None:
    image = decode(pillow(scene(), "JPEG", exif=exif_with(make="OLYMPUS", model="TG-6")))
    assert image.camera == "OLYMPUS TG-6"


def test_broken_exif_does_not_cost_the_photograph() -> None:
    data = pillow(scene(), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f" + b"\xff" * 40)
    image = decode(data)
    assert (image.width_px, image.captured_at, image.camera) == (90, None, None)


def test_picture_without_exif_says_nothing() -> None:
    image = decode(pillow(scene(), "JPEG"))
    assert (image.captured_at, image.camera) == (None, None)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("lost", ["half", "a tenth", "ten bytes"])
def test_truncated_files_are_refused(image_format: str, lost: str) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (200, 300, 3), dtype=np.uint8)
    data = pillow(noise, image_format)
    cut = {"half": len(data) // 2, "a tenth": len(data) // 10, "ten bytes": 10}[lost]
    with pytest.raises(InvalidImageError, match=r"damaged or incomplete .* upload it again"):
        decode(data[:-cut])


@pytest.mark.parametrize(
    "data",
    [
        b"not a picture",
        b"\x00" * 100,
        b"\x7fELF" + bytes(60),
    ],
)
def test_other_files_are_refused_naming_what_is_read(data: bytes) -> None:
    with pytest.raises(InvalidImageError, match=r"no photograph .* JPEG, PNG, TIFF or a camera RAW"):
        decode(data)


def test_empty_file_is_refused() -> None:
    with pytest.raises(InvalidImageError, match="empty"):
        decode(b"")


def bomb_png(side: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [10_001, 60_000])
def test_decompression_bomb_is_refused_by_its_header(side: int) -> None:
    with pytest.raises(InvalidImageError, match="more than 100 megapixels"):
        decode(bomb_png(side))


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "TIFF"])
def test_pixel_limit_is_the_callers(image_format: str) -> None:
    data = pillow(scene(100, 101), image_format)
    with pytest.raises(InvalidImageError, match=r"101 x 100 pixels: .* 0\.01 megapixels"):
        decode(data, max_megapixels=0.01)
    assert decode(data, max_megapixels=0.0101).width_px == 101


def test_side_longer_than_jpeg_can_hold_is_refused() -> None:
    with pytest.raises(InvalidImageError, match="65500 px a side"):
        decode(encode_png(np.zeros((1, 65_501, 3), np.uint8)))


def test_floating_point_tiff_is_refused() -> None:
    with pytest.raises(InvalidImageError, match="8 or 16 bits"):
        decode(cv2.imencode(".tif", scene().astype(np.float32))[1].tobytes())


@given(st.binary(max_size=400), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\x00", b"MM\x00*"]))
@settings(max_examples=150, deadline=None)
def test_garbage_raises_nothing_but_the_named_error(body: bytes, magic: bytes) -> None:
    with pytest.raises(InvalidImageError):
        decode(magic + body)


@given(st.integers(0, 2**32 - 1), st.sampled_from(["JPEG", "PNG", "TIFF"]))
@settings(max_examples=60, deadline=None)
def test_damaged_bytes_raise_nothing_but_the_named_error(seed: int, image_format: str) -> None:
    rng = np.random.default_rng(seed)
    data = bytearray(pillow(scene(), image_format, exif=exif_with()))
    for position in rng.integers(8, len(data), 12):
        data[position] = int(rng.integers(0, 256))
    try:
        image = decode(bytes(data), max_megapixels=1)
    except InvalidImageError:
        return
    assert image.pixels_bgr.ndim == 3


@pytest.mark.data
@pytest.mark.skipif(not NEF.exists(), reason=NOT_HERE)
class TestNef:
    def test_sensor_data_are_developed_and_not_the_preview(self) -> None:
        image = decode(NEF.read_bytes())
        assert (image.image_format, image.width_px, image.height_px) == ("NEF", 1199, 800)
        assert image.pixels_bgr.dtype == np.uint16
        assert image.camera == "NIKON D70s"
        assert image.captured_at == "2008-04-15T10:22:31"

    def test_development_looks_like_the_photograph(self) -> None:
        developed = (decode(NEF.read_bytes()).pixels_bgr / 257).astype(np.float32)
        source = cv2.resize(decode(NEF_SOURCE.read_bytes()).pixels_bgr, (1199, 800), interpolation=cv2.INTER_AREA)
        assert developed[..., 2].mean() < 0.8 * developed[..., 0].mean()  # red is what the water took
        for channel in range(3):
            both = np.corrcoef(developed[..., channel].ravel(), source[..., channel].ravel().astype(np.float32))
            assert both[0, 1] > 0.9

    def test_same_file_same_picture(self) -> None:
        data = NEF.read_bytes()
        np.testing.assert_array_equal(decode(data).pixels_bgr, decode(data).pixels_bgr)

    @pytest.mark.parametrize("kept", [0.3, 0.999])
    def test_truncated_raw_is_refused(self, kept: float) -> None:
        data = NEF.read_bytes()
        with pytest.raises(InvalidImageError, match="damaged or incomplete"):
            decode(data[: int(len(data) * kept)])

    def test_pixel_limit_holds_for_raw(self) -> None:
        with pytest.raises(InvalidImageError, match="1199 x 800"):
            decode(NEF.read_bytes(), max_megapixels=0.5)


def test_jpeg_keeps_full_chroma() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = (0, 0, 255)
    stripes[:, 1::2] = (255, 0, 0)
    error = np.abs(decode(encode_jpeg(stripes)).pixels_bgr.astype(int) - stripes).mean()
    assert error < 4


@given(st.integers(1, 40), st.integers(1, 40), st.booleans(), st.integers(0, 2**31))
@settings(max_examples=40, deadline=None)
def test_png_is_lossless(height: int, width: int, deep: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 65536 if deep else 256, (height, width, 3))
    pixels = values.astype(np.uint16) if deep else values.astype(np.uint8)
    np.testing.assert_array_equal(decode(encode_png(pixels)).pixels_bgr, pixels)


@given(st.integers(1, 2000), st.integers(1, 2000))
@settings(max_examples=40, deadline=None)
def test_thumbnail_fits_keeps_its_shape_and_never_grows(height: int, width: int) -> None:
    small = thumbnail(np.zeros((height, width, 3), np.uint8), 320)
    assert max(small.shape[:2]) == min(320, max(height, width))
    assert min(small.shape[:2]) >= 1
    if max(height, width) <= 320:
        assert small.shape == (height, width, 3)
