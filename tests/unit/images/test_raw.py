"""RAW: sensor data in DNG files made here; white balance, orientation, and what LibRaw does not read."""

import io
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile

from reefsteps.errors import InvalidImageError
from reefsteps.images import decode
from tests.support.image_files import zeroed

HEIGHT, WIDTH = 100, 150
Tag = tuple[int, str, int, Any, bool]


def sensor() -> Any:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    noise = np.random.default_rng(0).integers(0, 60, (HEIGHT, WIDTH))
    return (1500 + 5000 * x / WIDTH + 2500 * y / HEIGHT + noise).astype(np.uint16)


def camera_tags(neutral: tuple[float, float, float] | None, orientation: int | None) -> list[Tag]:
    """The tags that DNG 1.4 wants in the first directory."""
    tags: list[Tag] = [
        (50706, "B", 4, (1, 4, 0, 0), True),
        (50707, "B", 4, (1, 1, 0, 0), True),
        (50708, "s", 0, "Reef Cam", True),
        (271, "s", 0, "Reef", True),
        (272, "s", 0, "Cam", True),
        (306, "s", 0, "2019:05:04 10:11:12", True),
        (50721, "2i", 9, (10000, 10000, 0, 1, 0, 1, 0, 1, 10000, 10000, 0, 1, 0, 1, 0, 1, 10000, 10000), True),
        (50778, "H", 1, 21, True),
    ]
    if neutral is not None:
        tags.append((50728, "2I", 3, sum(((int(v * 10_000), 10_000) for v in neutral), ()), True))
    if orientation is not None:
        tags.append((274, "H", 1, orientation, True))
    return tags


SENSOR_TAGS: list[Tag] = [
    (50714, "H", 1, 0, True),
    (50717, "H", 1, 16383, True),
    (33421, "H", 2, (2, 2), True),
    (33422, "B", 4, (0, 1, 1, 2), True),
]


def dng(
    neutral: tuple[float, float, float] | None = (0.5, 1.0, 0.6),
    orientation: int | None = 1,
    of_sensor: int | None = None,
    **options: Any,
) -> bytes:
    """A DNG with a preview first and the sensor's data in a sub-directory, as cameras write it."""
    buffer = io.BytesIO()
    own: list[Tag] = [(274, "H", 1, of_sensor, True)] if of_sensor is not None else []
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(
            np.zeros((20, 30, 3), np.uint8), photometric="rgb", subfiletype=1, subifds=1, metadata=None,
            extratags=camera_tags(neutral, orientation),
        )  # fmt: skip
        data = options.pop("data", sensor())
        writer.write(data, photometric="CFA", subfiletype=0, metadata=None, extratags=SENSOR_TAGS + own, **options)
    return buffer.getvalue()


def test_sensor_data_and_not_the_preview_are_developed() -> None:
    image = decode(dng())
    assert (image.image_format, image.width_px, image.height_px) == ("DNG", WIDTH, HEIGHT)
    assert image.pixels_bgr.dtype == np.uint16
    assert (image.camera, image.captured_at) == ("Reef Cam", "2019-05-04T10:11:12")
    assert image.colour_encoding == "sRGB (developed from RAW)"


def test_white_balance_is_the_cameras() -> None:
    warm = decode(dng(neutral=(0.4, 1.0, 0.9))).pixels_bgr.reshape(-1, 3).mean(axis=0)
    cold = decode(dng(neutral=(0.9, 1.0, 0.4))).pixels_bgr.reshape(-1, 3).mean(axis=0)
    assert warm[2] > warm[0]
    assert cold[0] > cold[2]


def test_missing_white_balance_is_said() -> None:
    image = decode(dng(neutral=None))
    assert image.colour_encoding.endswith("white balance taken from the picture: the file holds none of the camera")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_the_first_directory_counts(orientation: int) -> None:
    upright = decode(dng(orientation=1)).pixels_bgr.astype(int)
    turns = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, -1), 7: np.rot90(upright[::-1], 1), 8: np.rot90(upright, 1),
    }  # fmt: skip
    np.testing.assert_array_equal(decode(dng(orientation=orientation)).pixels_bgr, turns[orientation])


@pytest.mark.parametrize(("first", "of_sensor"), [(1, 6), (6, 1), (8, 6), (3, 8)])
def test_orientation_beside_the_sensor_data_does_not_count(first: int, of_sensor: int) -> None:
    """DNG 1.4 has Orientation in the first directory; LibRaw takes the other where the first says upright."""
    np.testing.assert_array_equal(
        decode(dng(orientation=first, of_sensor=of_sensor)).pixels_bgr, decode(dng(orientation=first)).pixels_bgr
    )


@pytest.mark.parametrize("compression", ["jpegxl", "jpegxl_dng"])
def test_jpeg_xl_inside_is_named(compression: str) -> None:
    with pytest.raises(InvalidImageError, match="compressed with JPEG XL, which ReefSteps does not read: develop it"):
        decode(dng(compression=compression))


@pytest.mark.parametrize(("compression", "name"), [("zlib", "deflate"), ("lzw", "LZW"), ("zstd", "Zstandard")])
def test_variants_that_libraw_does_not_know_are_not_called_damaged(compression: str, name: str) -> None:
    with pytest.raises(InvalidImageError, match=f"compressed with {name}, which ReefSteps does not read: develop it"):
        decode(dng(compression=compression))


def lossless_jpeg(edit: Any = None) -> bytes:
    """Sensor data as cameras' DNG and CR2 hold them."""
    coded = bytes(imagecodecs.ljpeg_encode(sensor(), bitspersample=14))
    coded = edit(coded) if edit else coded
    return dng(data=iter([coded]), shape=(HEIGHT, WIDTH), dtype="uint16", compression=7, rowsperstrip=HEIGHT)


def test_lossless_jpeg_data_are_developed() -> None:
    np.testing.assert_array_equal(decode(lossless_jpeg()).pixels_bgr, decode(dng()).pixels_bgr)


@pytest.mark.parametrize("start", [0.3, 0.5, 0.7])
def test_zeroed_sensor_data_are_refused(start: float) -> None:
    with pytest.raises(InvalidImageError, match="a part of its data is zeroed"):
        decode(lossless_jpeg(lambda coded: zeroed(coded, start, 2000)))


@pytest.mark.parametrize("kept", [0.4, 0.9])
def test_cut_files_are_refused(kept: float) -> None:
    for data in (dng(), lossless_jpeg()):
        with pytest.raises(InvalidImageError, match="damaged or incomplete"):
            decode(data[: int(len(data) * kept)])


@pytest.mark.parametrize(
    "beginning", [b"FUJIFILMCCD-RAW 0201", b"\x00\x00\x00\x18ftypcrx \x00", b"IIRO\x08\x00", b"IIU\x00"]
)
def test_damaged_raw_of_a_known_kind_is_called_so(beginning: bytes) -> None:
    with pytest.raises(InvalidImageError, match=r"The RAW file is damaged|not known to LibRaw"):
        decode(beginning + bytes(400))
