"""JPEG, decoded by libjpeg-turbo (simplejpeg), whose warnings count as damage.

OpenCV, Pillow and imagecodecs decode with the same library and drop its warnings. They return a photograph with a tenth
of its data zeroed without an error.
"""

from __future__ import annotations

import re

import numpy as np
import simplejpeg

from reefsteps.arrays import AnyArray, ByteArray
from reefsteps.errors import InvalidImageError
from reefsteps.images import colour, metadata
from reefsteps.images.jpeg_structure import JpegStructure, JpegStructureError, JpegUnsupportedError, parse
from reefsteps.images.messages import damaged, unsupported
from reefsteps.images.picture import DecodedImage, check_size, is_grey, oriented, row_blocks, three_channels

# Each scan of a progressive photograph is a pass over the whole of it: 0.1 s for 10 megapixels and more.
_MAX_SCAN_MEGAPIXELS = 2_000

# Some encoders pad a scan to whole words before the end marker.
_MAX_PADDING = 16
_PADDED = re.compile(r"(\d+) extraneous bytes before marker 0xd9")

# What TurboJPEG says of sampling factors that it has no name for: OpenCV and Pillow read them, and drop all warnings.
_UNKNOWN = "Could not determine subsampling"

_CHANNELS = {1: "GRAY", 3: "BGR", 4: "CMYK"}


def decode_jpeg(data: bytes, max_megapixels: float) -> DecodedImage:
    """Decode a JPEG; raises InvalidImageError for damage, for a kind that is not read and beyond the limits."""
    try:
        found = parse(data)
    except JpegStructureError as error:
        raise InvalidImageError(damaged("JPEG", str(error))) from None
    except JpegUnsupportedError as error:
        raise InvalidImageError(
            unsupported(str(error), "save it as an ordinary JPEG or as PNG, and upload that")
        ) from None
    check_size(found.width, found.height, max_megapixels)
    exif = metadata.read_exif(found.exif)
    encoding = colour.of_exif(exif)
    if found.icc is not None or found.icc_broken:
        encoding = colour.of_icc(found.icc)
    if found.components == 4:
        if found.adobe_transform is None:
            raise InvalidImageError(unsupported("The JPEG holds four channels of unknown meaning"))
        pixels, said = _from_cmyk(pixels_of(found), encoding)
    else:
        pixels, said = colour.to_srgb(three_channels(pixels_of(found)), encoding, grey=found.components == 1)
    pixels = oriented(pixels, metadata.orientation(exif))
    return DecodedImage(
        pixels,
        "JPEG",
        metadata.captured_at(exif),
        metadata.camera(exif),
        said,
        found.components == 1 or is_grey(pixels),
    )


def pixels_of(found: JpegStructure) -> ByteArray:
    """Return the pixels as stored: HxW grey, HxWx3 BGR, or HxWx4 CMYK as Adobe writes it (255 is no ink).

    Raises InvalidImageError where the decoder warns.
    """
    if found.scans > 1 and found.scans * found.megapixels > _MAX_SCAN_MEGAPIXELS:
        raise InvalidImageError(
            unsupported(
                f"The JPEG is divided into {found.scans} scans of {found.megapixels:.0f} megapixels",
                "save it as an ordinary JPEG, and upload that",
            )
        )
    channels = _CHANNELS[found.components]
    try:
        pixels: AnyArray = simplejpeg.decode_jpeg(found.stream, channels, strict=True)
    except ValueError as error:
        if _UNKNOWN in str(error):
            raise InvalidImageError(
                unsupported(
                    "The JPEG keeps its colours at an unusual resolution",
                    "save it as an ordinary JPEG or as PNG, and upload that",
                )
            ) from None
        padded = _PADDED.search(str(error))
        if padded is None or int(padded[1]) > min(_MAX_PADDING, found.pad):
            raise InvalidImageError(damaged("JPEG", str(error).removeprefix("Corrupt JPEG data: "))) from None
        pixels = simplejpeg.decode_jpeg(found.stream, channels, strict=False)
    return pixels[..., 0] if found.components == 1 else pixels


def _from_cmyk(paper: ByteArray, encoding: colour.Encoding) -> tuple[AnyArray, str]:
    bgr = np.empty((*paper.shape[:2], 3), np.uint8)
    said = ""
    for rows in row_blocks(paper):
        bgr[rows], said = colour.cmyk_to_srgb(255 - paper[rows], encoding)
    return bgr, said
