"""Every way of storing a TIFF that tifffile writes is read rightly, to one level, or refused by name."""

import io
import itertools
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
import tifffile

from reefsteps.errors import InvalidImageError
from reefsteps.images import decode

Array = npt.NDArray[Any]

READ = ("none", "lzw", "zlib", "packbits", "zstd", "lzma")
REFUSED = ("webp", "lerc", "jpeg2000", "jpegxl", "png", "jpegxr")
COLOURS = {"minisblack": 1, "miniswhite": 1, "rgb": 3, "separated": 4}
EXTRAS: tuple[tuple[str, ...], ...] = (
    (),
    ("unspecified",),
    ("assocalpha",),
    ("unassalpha",),
    ("unspecified", "unassalpha"),
    ("unspecified", "unspecified"),
)
HEIGHT, WIDTH = 40, 52


def samples(count: int, dtype: str) -> Array:
    """Smooth channels that differ from each other, with every alpha from none to full."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    planes = [(x * (k + 2) + y * (5 - k % 3)) % 97 / 96 for k in range(count)]
    unit = np.dstack(planes)
    if dtype == "float32":
        return unit.astype(np.float32)
    return np.rint(unit * np.iinfo(dtype).max).astype(dtype)


def expected(stored: Array, photometric: str, extras: tuple[str, ...]) -> Array:
    """The picture by TIFF 6.0, as BGR in real numbers, transparent pixels on white."""
    white = float(np.iinfo(stored.dtype).max)
    colours = stored[..., : COLOURS[photometric]].astype(float)
    if photometric == "miniswhite":
        colours = white - colours
    if photometric == "separated":
        return ((white - colours[..., :3]) * (white - colours[..., 3:]) / white)[..., ::-1]
    for number, kind in enumerate(extras):
        if kind != "unspecified":
            share = stored[..., colours.shape[2] + number, None] / white
            laid = colours if kind == "assocalpha" else colours * share
            colours = np.minimum(laid + white * (1 - share), white)
            break
    return np.repeat(colours, 3, axis=2) if colours.shape[2] == 1 else colours[..., ::-1]


def written(stored: Array, planar: str, **options: Any) -> bytes | None:
    """The file, None where tifffile does not write such a one."""
    buffer = io.BytesIO()
    data = stored if planar == "contig" else np.ascontiguousarray(stored.transpose(2, 0, 1))
    if stored.shape[2] == 1:
        data, planar = stored[..., 0], ""
    try:
        tifffile.imwrite(buffer, data, planarconfig=planar or None, metadata=None, **options)
    except Exception:
        return None
    return buffer.getvalue()


def cells(dtype: str, compression: str) -> Iterator[tuple[str, Array, str, tuple[str, ...], bytes]]:
    """(name, samples, photometric, extra samples, file) of every cell that can be written."""
    predictors = (None, 2) if compression in ("lzw", "zlib", "zstd") and dtype != "float32" else (None,)
    pieces: tuple[dict[str, Any], ...] = ({"rowsperstrip": 16}, {"tile": (16, 32)})
    axes = itertools.product(COLOURS, ("contig", "separate"), EXTRAS, pieces, predictors)
    for number, (photometric, planar, extras, piece, predictor) in enumerate(axes):
        order = "<>"[(number + number // 4) % 2]
        stored = samples(COLOURS[photometric] + len(extras), dtype)
        if "assocalpha" in extras:  # premultiplied colours never exceed their alpha
            place = COLOURS[photometric] + extras.index("assocalpha")
            stored[..., : COLOURS[photometric]] = np.minimum(stored[..., : COLOURS[photometric]], stored[..., [place]])
        file = written(
            stored, planar, photometric=photometric, extrasamples=extras or None, predictor=predictor, byteorder=order,
            compression=None if compression == "none" else compression, **piece,
        )  # fmt: skip
        if file is not None:
            name = f"{dtype} {compression} {photometric} {planar} {extras} {piece} {predictor} {order}"
            yield name, stored, photometric, extras, file


@pytest.mark.parametrize("compression", READ)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_every_cell_is_right_to_one_level_or_refused_by_name(dtype: str, compression: str) -> None:
    read = 0
    for name, stored, photometric, extras, file in cells(dtype, compression):
        try:
            pixels = decode(file).pixels_bgr
        except InvalidImageError as error:
            assert "which ReefSteps does not read" in str(error), name
            continue
        read += 1
        assert pixels.dtype == dtype, name
        assert np.abs(pixels - expected(stored, photometric, extras)).max() <= 1, name
    assert read >= 30


@pytest.mark.parametrize("compression", REFUSED)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_compressions_that_hide_damage_are_refused_by_name(dtype: str, compression: str) -> None:
    count = 0
    for name, *_, file in itertools.islice(cells(dtype, compression), 8):
        count += 1
        with pytest.raises(
            InvalidImageError, match=r"The TIFF (is compressed with|holds) .*, which ReefSteps does not"
        ):
            decode(file)
            pytest.fail(name)
    assert count or (compression, dtype) == ("webp", "uint16")


@pytest.mark.parametrize("compression", ["none", "zlib", "lzw"])
def test_floating_point_is_refused_by_name(compression: str) -> None:
    for name, *_, file in cells("float32", compression):
        with pytest.raises(InvalidImageError, match="floating-point numbers, which ReefSteps does not read"):
            decode(file)
            pytest.fail(name)


@pytest.mark.parametrize("kind", ["int8", "int16", "uint32", "int32", "float16", "float64", "complex64"])
def test_other_numbers_are_refused_by_name(kind: str) -> None:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.ones((20, 30), kind), photometric="minisblack")
    with pytest.raises(InvalidImageError, match="which ReefSteps does not read: save it with 8 or 16 bits"):
        decode(buffer.getvalue())


_WHOLE: tuple[dict[str, Any], ...] = ({}, {"tile": (16, 32)})
_SUBSAMPLED: tuple[dict[str, Any], ...] = ({"subsampling": (1, 1)}, {"subsampling": (2, 2)})  # YCbCr alone has it


@pytest.mark.parametrize(
    ("photometric", "options"),
    [
        *((photometric, options) for photometric in ("rgb", "ycbcr", "minisblack") for options in _WHOLE),
        *(("ycbcr", options) for options in _SUBSAMPLED),
    ],
)
def test_jpeg_inside_is_read_in_its_colours(photometric: str, options: dict[str, Any]) -> None:
    y, x = np.mgrid[0:160, 0:192]
    smooth = np.dstack([255 * x / 192, 255 * y / 160, 255 - 200 * x / 192]).astype(np.uint8)
    stored = smooth if photometric != "minisblack" else smooth[..., 0]
    buffer = io.BytesIO()
    kind = "rgb" if photometric == "ycbcr" else photometric
    tifffile.imwrite(
        buffer, stored, photometric=kind, compression="jpeg", compressionargs={"level": 95}, **options
    )  # fmt: skip
    bgr = smooth[..., ::-1] if photometric != "minisblack" else np.repeat(smooth[..., :1], 3, axis=2)
    assert np.abs(decode(buffer.getvalue()).pixels_bgr.astype(int) - bgr).mean() < 3


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_few_bits_are_spread_over_eight(bits: int, photometric: str) -> None:
    top = (1 << bits) - 1
    values = (np.arange(40 * 53).reshape(40, 53) % (top + 1)).astype(np.uint8)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, photometric=photometric, bitspersample=bits, rowsperstrip=7)
    wanted = values * (255 // top) if photometric == "minisblack" else 255 - values * (255 // top)
    np.testing.assert_array_equal(decode(buffer.getvalue()).pixels_bgr[..., 1], wanted)


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_packed_bits_are_spread_over_sixteen(bits: int) -> None:
    top = (1 << bits) - 1
    values = (np.arange(40 * 52 * 3).reshape(40, 52, 3) * 7 % (top + 1)).astype(np.uint16)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, photometric="rgb", bitspersample=bits)
    pixels = decode(buffer.getvalue()).pixels_bgr
    assert np.abs(pixels[..., ::-1] - values * (65535 / top)).max() <= 1


@pytest.mark.parametrize("scale", [257, 256, 1])
def test_palette_colours_keep_their_places(scale: int) -> None:
    """Some writers store 8-bit values in the palette, which TIFF 6.0 has with 16."""
    colours = np.random.default_rng(3).integers(0, 256, (3, 256)).astype(np.uint16)
    indices = np.arange(40 * 52).reshape(40, 52).astype(np.uint8)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, indices, photometric="palette", colormap=colours * scale)
    np.testing.assert_array_equal(decode(buffer.getvalue()).pixels_bgr, colours[::-1, indices].transpose(1, 2, 0))


@pytest.mark.parametrize("samples_per_pixel", [3, 4, 5])
def test_many_grey_channels_are_refused_by_name(samples_per_pixel: int) -> None:
    buffer = io.BytesIO()
    stored = np.zeros((20, 30, samples_per_pixel), np.uint8)
    tifffile.imwrite(buffer, stored, photometric="minisblack", planarconfig="contig")
    with pytest.raises(InvalidImageError, match=f"{samples_per_pixel} channels, which ReefSteps does not read"):
        decode(buffer.getvalue())


@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_holds_in_every_structure(bigtiff: bool, order: Literal["<", ">"], orientation: int) -> None:
    stored = samples(3, "uint16")
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        stored,
        photometric="rgb",
        bigtiff=bigtiff,
        byteorder=order,
        extratags=[(274, "H", 1, orientation, True)],
    )
    turns = {
        1: stored, 2: stored[:, ::-1], 3: stored[::-1, ::-1], 4: stored[::-1], 5: stored.transpose(1, 0, 2),
        6: np.rot90(stored, -1), 7: np.rot90(stored[::-1], 1), 8: np.rot90(stored, 1),
    }  # fmt: skip
    np.testing.assert_array_equal(decode(buffer.getvalue()).pixels_bgr[..., ::-1], turns[orientation])
