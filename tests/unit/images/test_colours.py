"""Colour encodings: converted to sRGB in the picture's own depth, and said."""

import io
import struct
import zlib
from typing import Any

import cv2
import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image, ImageCms

from reefsteps.errors import InvalidImageError
from reefsteps.images import decode
from tests.support.image_files import jpeg_segment, png, png_chunk, reef, saved, tiff

ADOBE = bytes(imagecodecs.cms_profile("adobergb"))
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
PROPHOTO = bytes(
    imagecodecs.cms_profile(
        "rgb", whitepoint=[0.3457, 0.3585, 1.0], primaries=[0.7347, 0.2653, 0.1596, 0.8404, 0.0366, 0.0001], gamma=1.8
    )
)
GREY = bytes(imagecodecs.cms_profile("gray", gamma=1.8))

# Inside sRGB's gamut in every encoding below, so that conversion there and back is exact but for rounding.
SCENE = np.clip(reef(90, 120) * 0.4 + 80, 0, 255).astype(np.uint8)


def in_encoding(profile: bytes, depth: type = np.uint8) -> npt.NDArray[Any]:
    """The scene's colours as numbers of another encoding, RGB."""
    deep = SCENE.astype(np.uint16) * 257
    moved = imagecodecs.cms_transform(deep, SRGB, profile, colorspace="rgb", outcolorspace="rgb", intent=1)
    return moved if depth is np.uint16 else np.rint(moved / 257).astype(np.uint8)


def png16(rgb: npt.NDArray[Any], profile: bytes) -> bytes:
    chunk = (b"iCCP", b"x\x00\x00" + zlib.compress(profile))
    return png((rgb.shape[1], rgb.shape[0], 16, 2), [row.astype(">u2").tobytes() for row in rgb], chunk)


@pytest.mark.parametrize("profile", [ADOBE, PROPHOTO], ids=["Adobe RGB", "ProPhoto"])
@pytest.mark.parametrize("container", ["PNG", "TIFF"])
def test_profiles_are_applied_in_eight_bits(profile: bytes, container: str) -> None:
    image = decode(saved(in_encoding(profile), container, icc_profile=profile))
    assert image.pixels_bgr.dtype == np.uint8
    assert np.abs(image.pixels_bgr[..., ::-1].astype(int) - SCENE).mean() < 1
    assert image.colour_encoding.endswith("(ICC profile), converted to sRGB")


@pytest.mark.parametrize("profile", [ADOBE, PROPHOTO], ids=["Adobe RGB", "ProPhoto"])
@pytest.mark.parametrize("container", ["PNG", "TIFF"])
def test_profiles_are_applied_in_sixteen_bits(profile: bytes, container: str) -> None:
    deep = in_encoding(profile, np.uint16)
    file = png16(deep, profile) if container == "PNG" else tiff(deep, iccprofile=profile, compression="zlib")
    pixels = decode(file).pixels_bgr
    assert pixels.dtype == np.uint16
    # An eighth of an 8-bit level: the conversion was not made in 8 bits.
    assert np.abs(pixels[..., ::-1] - SCENE.astype(float) * 257).mean() < 32


def test_sixteen_bits_are_converted_by_the_formula_in_the_dark_too() -> None:
    """LittleCMS' own choice for 16 bits is a table that is 8 % off there."""
    levels = np.random.default_rng(0).integers(0, 256, (100, 100, 3)).astype(np.uint16) * 257
    moved = imagecodecs.cms_transform(
        levels, SRGB, ADOBE, colorspace="rgb", outcolorspace="rgb", intent=1, flags=0x0100
    )  # fmt: skip
    pixels = decode(tiff(moved, iccprofile=ADOBE)).pixels_bgr
    assert np.abs(pixels[..., ::-1].astype(int) - levels).max() < 64


def test_profile_of_a_jpeg_is_applied() -> None:
    data = saved(in_encoding(ADOBE), "JPEG", quality=98, subsampling=0, icc_profile=ADOBE)
    image = decode(data)
    assert np.abs(image.pixels_bgr[..., ::-1].astype(int) - SCENE).mean() < 2
    assert "converted to sRGB" in image.colour_encoding


@pytest.mark.parametrize("container", ["JPEG", "PNG", "TIFF"])
def test_srgb_profiles_move_nothing(container: str) -> None:
    with_profile = decode(saved(SCENE, container, icc_profile=SRGB))
    np.testing.assert_array_equal(with_profile.pixels_bgr, decode(saved(SCENE, container)).pixels_bgr)
    assert with_profile.colour_encoding.endswith("(ICC profile)")


def exif_with(space: int | None, index: bytes | None) -> bytes:
    block = Image.Exif()
    details: dict[int, Any] = {} if space is None else {40961: space}
    if index is not None:
        details[40965] = {1: index.decode()}
    block._ifds[34665] = details
    block[34665] = details
    return block.tobytes()


@pytest.mark.parametrize(
    ("space", "index", "said"),
    [
        (65535, b"R03", "Adobe RGB (EXIF), converted to sRGB"),
        (2, None, "Adobe RGB (EXIF), converted to sRGB"),
        (1, b"R98", "sRGB (EXIF)"),
        (1, None, "sRGB (EXIF)"),
        (65535, None, "sRGB assumed: EXIF says 'uncalibrated'"),
        (None, None, "sRGB assumed: the file does not say"),
    ],
)
def test_exif_colour_space_is_applied(space: int | None, index: bytes | None, said: str) -> None:
    stored = in_encoding(ADOBE) if "Adobe" in said else SCENE
    image = decode(saved(stored, "JPEG", quality=98, subsampling=0, exif=exif_with(space, index)))
    assert image.colour_encoding == said
    assert np.abs(image.pixels_bgr[..., ::-1].astype(int) - SCENE).mean() < 2


def test_profile_counts_before_exif() -> None:
    data = saved(SCENE, "JPEG", quality=98, icc_profile=SRGB, exif=exif_with(65535, b"R03"))
    assert decode(data).colour_encoding.endswith("(ICC profile)")


@pytest.mark.parametrize(
    "profile", [b"junk" * 50, ADOBE[:200], ADOBE[:128] + bytes(len(ADOBE) - 128)], ids=["junk", "cut", "emptied"]
)
@pytest.mark.parametrize("container", ["JPEG", "PNG", "TIFF"])
def test_broken_profiles_are_said_and_cost_nothing(profile: bytes, container: str) -> None:
    image = decode(saved(SCENE, container, icc_profile=profile))
    assert image.colour_encoding == "sRGB assumed: the ICC profile is damaged"
    np.testing.assert_array_equal(image.pixels_bgr, decode(saved(SCENE, container)).pixels_bgr)


def test_profile_of_another_kind_of_picture_is_said() -> None:
    image = decode(saved(SCENE, "PNG", icc_profile=GREY))
    assert "is for grey pictures" in image.colour_encoding


@pytest.mark.parametrize("deep", [False, True])
def test_grey_profiles_are_applied(deep: bool) -> None:
    ramp = np.tile(np.linspace(0, 65535, 200).astype(np.uint16), (40, 1))
    stored = ramp if deep else (ramp // 257).astype(np.uint8)
    image = decode(tiff(stored, photometric="minisblack", iccprofile=GREY))
    unit = stored / np.iinfo(stored.dtype).max
    linear = unit**1.8
    wanted = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert (
        np.abs(image.pixels_bgr[..., 0] / np.iinfo(stored.dtype).max - wanted).max() < 0.007
    )  # LittleCMS interpolates its curves
    assert image.grey


@pytest.mark.parametrize(
    ("chunk", "said"),
    [
        ((b"sRGB", b"\x00"), "sRGB (PNG)"),
        ((b"gAMA", struct.pack(">I", 45455)), "sRGB (PNG)"),
        ((b"gAMA", struct.pack(">I", 100_000)), "RGB with gamma 1.00 (PNG), converted to sRGB"),
        ((b"cICP", bytes([1, 13, 0, 1])), "sRGB (PNG)"),
        ((b"cICP", bytes([12, 13, 0, 1])), "Display P3 (PNG), converted to sRGB"),
        ((b"cICP", bytes([9, 1, 0, 1])), "BT.2020 (PNG), converted to sRGB"),
        ((b"cICP", bytes([1, 8, 0, 1])), "BT.709 with gamma 1.00 (PNG), converted to sRGB"),
        ((b"cICP", bytes([1, 6, 0, 1])), "sRGB (PNG)"),
        ((b"cICP", bytes([2, 2, 0, 1])), "sRGB assumed: the colour code 2/2 is not known"),
        ((b"cICP", bytes([1, 13])), "sRGB assumed: cICP is damaged"),
    ],
)
def test_colour_chunks_of_a_png_are_applied(chunk: tuple[bytes, bytes], said: str) -> None:
    data = saved(SCENE, "PNG")
    image = decode(data[:33] + png_chunk(*chunk) + data[33:])
    assert image.colour_encoding == said
    unchanged = np.array_equal(image.pixels_bgr, decode(data).pixels_bgr)
    assert unchanged is ("converted" not in said)


def test_linear_png_becomes_brighter_by_the_srgb_curve() -> None:
    data = saved(np.full((8, 8, 3), 55, np.uint8), "PNG")
    linear = decode(data[:33] + png_chunk(b"gAMA", struct.pack(">I", 100_000)) + data[33:])
    assert abs(int(linear.pixels_bgr[0, 0, 0]) - 128) <= 1


@pytest.mark.parametrize("exponent", [1.0, 1.8, 2.8])
@pytest.mark.parametrize("colour_type", [0, 4], ids=["grey", "grey with alpha"])
def test_grey_png_is_converted_by_its_gamma(exponent: float, colour_type: int) -> None:
    light = np.linspace(0, 1, 256)
    stored = np.rint(65535 * light ** (1 / exponent)).astype(">u2")
    row = stored if colour_type == 0 else np.stack([stored, np.full(256, 65535)], axis=-1).astype(">u2")
    chunk = (b"gAMA", struct.pack(">I", round(1e5 / exponent)))
    image = decode(png((256, 1, 16, colour_type), [row.tobytes()], chunk))
    assert image.colour_encoding == f"grey with gamma {exponent:.2f} (PNG), converted to sRGB"
    curve = np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    assert np.abs(image.pixels_bgr[0, :, 1] - 65535 * curve).max() < 257


def test_grey_png_has_no_primaries() -> None:
    data = saved(SCENE[..., 0], "PNG")
    for chunk in ((b"cICP", bytes([12, 13, 0, 1])), (b"cICP", bytes([9, 1, 0, 1]))):
        image = decode(data[:33] + png_chunk(*chunk) + data[33:])
        assert image.colour_encoding == "sRGB (PNG)"
        np.testing.assert_array_equal(image.pixels_bgr[..., 0], SCENE[..., 0])


def test_levels_of_a_video_are_refused() -> None:
    data = saved(SCENE, "PNG")
    with pytest.raises(InvalidImageError, match="narrow range of levels"):
        decode(data[:33] + png_chunk(b"cICP", bytes([1, 13, 0, 0])) + data[33:])


@pytest.mark.parametrize("jfif", [False, True], ids=["no JFIF", "JFIF"])
@pytest.mark.parametrize("transform", [1, 2, 7])
def test_adobes_mark_never_turns_the_colours_of_an_ordinary_jpeg(transform: int, jfif: bool) -> None:
    plain = saved(SCENE, "JPEG", quality=95)
    adobe = jpeg_segment(0xEE, b"Adobe\x00\x64\x00\x00\x00\x00" + bytes([transform]))
    marked = plain[:20] + adobe + plain[20:] if jfif else plain[:2] + adobe + plain[20:]
    np.testing.assert_array_equal(decode(marked).pixels_bgr, decode(plain).pixels_bgr)


def test_jfif_counts_before_adobes_mark() -> None:
    """Every decoder takes a JFIF file for YCbCr, whatever else is written in it."""
    plain = saved(SCENE, "JPEG", quality=95)
    adobe = jpeg_segment(0xEE, b"Adobe\x00\x64\x00\x00\x00\x00\x00")
    both = decode(plain[:20] + adobe + plain[20:])
    np.testing.assert_array_equal(both.pixels_bgr, decode(plain).pixels_bgr)
    assert np.abs(decode(plain[:2] + adobe + plain[20:]).pixels_bgr.astype(int) - both.pixels_bgr).max() > 50


@pytest.mark.parametrize("sub_directory", [False, True])
def test_profile_of_the_first_directory_holds_for_the_photograph(sub_directory: bool) -> None:
    buffer = io.BytesIO()
    common: dict[str, Any] = {"photometric": "rgb", "metadata": None}
    stored = in_encoding(ADOBE)
    with tifffile.TiffWriter(buffer) as writer:
        preview = np.ascontiguousarray(stored[::4, ::4])
        writer.write(preview, subfiletype=1, subifds=int(sub_directory), iccprofile=ADOBE, **common)
        writer.write(stored, **common)
    image = decode(buffer.getvalue())
    assert image.colour_encoding.endswith("converted to sRGB")
    assert np.abs(image.pixels_bgr[..., ::-1].astype(int) - SCENE).max() <= 2


@pytest.mark.parametrize("deep", [False, True])
def test_cmyk_without_a_profile_is_said(deep: bool) -> None:
    ink = np.zeros((20, 30, 4), np.uint16 if deep else np.uint8)
    ink[..., 1] = np.iinfo(ink.dtype).max
    image = decode(tiff(ink, photometric="separated"))
    assert image.colour_encoding.startswith("CMYK without a usable profile")
    assert image.pixels_bgr[0, 0].tolist() == [np.iinfo(ink.dtype).max, 0, np.iinfo(ink.dtype).max]


@pytest.mark.parametrize(
    ("picture", "grey"),
    [
        (np.repeat(SCENE[..., :1], 3, axis=2), True),
        (SCENE, False),
        (cv2.cvtColor(cv2.cvtColor(SCENE, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), True),
    ],
    ids=["three equal channels", "colours", "grey by luma"],
)
@pytest.mark.parametrize("container", ["JPEG", "PNG", "TIFF"])
def test_grey_pictures_are_told_whatever_their_channels(picture: Any, grey: bool, container: str) -> None:
    assert decode(saved(picture, container)).grey is grey
    buffer = io.BytesIO()
    Image.fromarray(picture).convert("L").save(buffer, container)
    assert decode(buffer.getvalue()).grey
