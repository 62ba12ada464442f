"""TIFF and BigTIFF: which picture of the file is the photograph, and its samples as BGR.

tifffile reads the structure; pieces are decoded by imagecodecs one at a time, so that nothing beside the picture itself
has its full size.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from reefsteps.arrays import AnyArray, ByteArray, Pixels
from reefsteps.errors import InvalidImageError
from reefsteps.images import colour, metadata
from reefsteps.images.damage import is_damage
from reefsteps.images.jpeg_structure import is_zeroed
from reefsteps.images.messages import damaged, unsupported
from reefsteps.images.picture import DecodedImage, is_grey, on_white, oriented, row_blocks
from reefsteps.images.raw import RawFacts, decode_raw
from reefsteps.images.tiff_layout import CMYK, NONE, PALETTE, WHITE_IS_ZERO, TiffLayout, compression_name, layout_of
from reefsteps.images.tiff_pieces import Pieces

# What is odd in a file is decided on here; tifffile would also write it to the log.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

_NEW_SUBFILE_TYPE, _SUBFILE_TYPE, _ORIENTATION, _DNG_VERSION, _ICC, _COLOUR_MAP = 254, 255, 274, 50706, 34675, 320
_REDUCED, _MASK = 1, 4
_REDUCED_OF_OLD = 2
_COLOUR_FILTER_ARRAY, _LINEAR_RAW, _MASK_KIND = 32803, 34892, 4
_NIKON_COMPRESSED = 34713
_LOSSLESS_JPEG, _FLOATING_POINT = 7, 3
_READ_BY_LIBRAW = frozenset({1, _LOSSLESS_JPEG, 34892})  # of DNG's whole numbers; cameras' own methods are LibRaw's

_MAX_DIRECTORIES = 100
_THUMBNAIL_PX = 640  # no photograph of a quadrat is this small beside another four times its size

# Beside the file and its pixels restoration needs 0.6 GB of the function's 3,008 MB.
_MAX_WORKING_BYTES = 2.3e9


def decode_tiff(data: bytes, max_megapixels: float) -> DecodedImage:
    """Decode a TIFF, or develop the RAW that is stored as one.

    Raises InvalidImageError for damage, for what is not read, for several photographs, and beyond the limits.
    """
    try:
        # Closed here, the stream lets go of the file's bytes: tifffile's objects name each other, and so live until
        # Python looks for cycles, which may be after the next photograph.
        with io.BytesIO(data) as stream, tifffile.TiffFile(stream) as file:
            pages = _pages(file)
            if not pages or int(pages[0].imagewidth) < 1 or int(pages[0].imagelength) < 1:
                raise InvalidImageError(damaged("TIFF", "it holds no picture"))
            exif = metadata.read_exif(data) if not file.is_bigtiff else _exif_of(pages[0])
            sensor = [page for page in pages if _is_sensor_data(page)]
            if sensor or _DNG_VERSION in pages[0].tags or _is_other_raw(data):
                facts = _raw_facts(data, exif, pages[0], sensor)
            else:
                return _decoded(data, file.byteorder, _photograph(pages), pages[0], exif, max_megapixels)
    except InvalidImageError:
        raise
    except Exception as error:
        if not is_damage(error):
            raise
        raise InvalidImageError(damaged("TIFF", str(error)[:200] or type(error).__name__)) from None
    return decode_raw(data, facts, max_megapixels)


def _exif_of(page: Any) -> Image.Exif:
    details = page.tags.valueof(metadata.EXIF_IFD, None)
    values = {tag.code: tag.value for tag in page.tags}
    return metadata.exif_of_values(values, details if isinstance(details, dict) else {})


def _pages(file: tifffile.TiffFile) -> list[Any]:
    """Return the directories of the chain and their sub-directories, the first one first."""
    pages: list[Any] = []
    for page in _chain(file.pages):
        pages.append(page)
        sub_directories = page.pages if page.subifds else None
        if sub_directories is not None:
            pages.extend(_chain(sub_directories))
        if len(pages) > _MAX_DIRECTORIES:
            raise InvalidImageError(unsupported(f"The TIFF holds more than {_MAX_DIRECTORIES} pictures"))
    return pages


def _chain(pages: Any) -> Iterator[Any]:
    for number in range(_MAX_DIRECTORIES + 1):
        try:
            yield pages[number]
        except IndexError:
            return


def _is_sensor_data(page: Any) -> bool:
    return (
        int(page.photometric or 0) in (_COLOUR_FILTER_ARRAY, _LINEAR_RAW) or int(page.compression) == _NIKON_COMPRESSED
    )


def _is_other_raw(data: bytes) -> bool:
    """Return whether the sensor's data are where no directory names them: Canon's CR2, Phase One's IIQ."""
    phase_one = (data[8:12] == b"IIII" and data[13:16] == b"waR") or data[8:15] == b"MMMMRaw"
    return phase_one or data[8:10] == b"CR"


def _photograph(pages: list[Any]) -> Any:
    """Return the one full picture; raises InvalidImageError where there are several."""
    pictures = [page for page in pages if page.imagewidth > 0 and page.imagelength > 0 and not _is_mask(page)]
    full = [page for page in pictures if not _is_reduced(page)] or pictures
    largest = max(full, key=lambda page: page.imagewidth * page.imagelength)
    others = [page for page in full if page is not largest and not _is_thumbnail(page, largest)]
    if others:
        raise InvalidImageError(
            unsupported(
                f"The TIFF holds {len(others) + 1} pictures",
                "save the photograph of the quadrat alone, and upload that",
            )
        )
    return largest


def _is_mask(page: Any) -> bool:
    return bool(int(page.tags.valueof(_NEW_SUBFILE_TYPE, 0)) & _MASK) or int(page.photometric or 0) == _MASK_KIND


def _is_reduced(page: Any) -> bool:
    kind, kind_of_old = int(page.tags.valueof(_NEW_SUBFILE_TYPE, 0)), int(page.tags.valueof(_SUBFILE_TYPE, 0))
    return bool(kind & _REDUCED) or kind_of_old == _REDUCED_OF_OLD


def _is_thumbnail(page: Any, largest: Any) -> bool:
    """Return whether an unmarked picture is a preview: scanners' and cameras' programs leave the mark out."""
    side = max(page.imagewidth, page.imagelength)
    return bool(side <= _THUMBNAIL_PX and 4 * side <= max(largest.imagewidth, largest.imagelength))


def _raw_facts(data: bytes, exif: Image.Exif, first: Any, sensor: list[Any]) -> RawFacts:
    for page in sensor:
        for offset, length in zip(page.dataoffsets, page.databytecounts, strict=False):
            if offset + length > len(data):
                raise InvalidImageError(damaged("RAW", "it ends early"))
            if int(page.compression) == _LOSSLESS_JPEG and is_zeroed(data[offset : offset + length]):
                raise InvalidImageError(damaged("RAW", "a part of its data is zeroed"))
    is_dng = _DNG_VERSION in first.tags
    unread = [
        compression_name(int(page.compression))
        for page in sensor
        if is_dng and int(page.compression) not in _READ_BY_LIBRAW and page.sampleformat != _FLOATING_POINT
    ]
    return RawFacts(exif, is_dng, metadata.orientation(exif), unread[0] if unread else None)


def _decoded(
    data: bytes, byte_order: str, page: Any, first: Any, exif: Image.Exif, max_megapixels: float
) -> DecodedImage:
    layout = layout_of(page, max_megapixels)
    _check_memory(layout, len(data))
    pieces = Pieces(data, page, layout, byte_order)
    # As with EXIF and orientation, the first directory may speak for all (TIFF/EP).
    profile = page.tags.valueof(_ICC, None) or first.tags.valueof(_ICC, None)
    encoding = colour.of_exif(exif) if profile is None else colour.of_icc(bytes(profile))
    pixels: Pixels = np.empty((layout.height, layout.width, 3), np.uint16 if layout.deep else np.uint8)  # type: ignore[assignment]
    palette = _palette(page, layout)
    said = ""
    rows_in_tile, columns_in_tile = layout.tile
    for down in range(layout.down):
        for across in range(layout.across):
            piece = pieces.read(down, across)
            top, left = down * rows_in_tile, across * columns_in_tile
            for rows in row_blocks(piece):
                bgr, said = _bgr(piece[rows], layout, palette, encoding)
                pixels[top + rows.start : top + rows.stop, left : left + piece.shape[1]] = bgr
    grey = layout.colours == 1 and layout.photometric != PALETTE
    if layout.photometric != CMYK:
        pixels, said = colour.to_srgb(pixels, encoding, grey=grey)
    turned = page.tags.valueof(_ORIENTATION, None)
    pixels = oriented(pixels, turned if turned is not None else metadata.orientation(exif))
    return DecodedImage(
        pixels, "TIFF", metadata.captured_at(exif), metadata.camera(exif), said, grey or is_grey(pixels)
    )


def _check_memory(layout: TiffLayout, file_bytes: int) -> None:
    depth = 2 if layout.deep else 1
    copies = 3 if layout.predictor == 2 else 2
    if layout.compression == NONE:
        copies = 1  # the file's own bytes are read, and swapped where their order is the other
    piece = layout.tile[0] * layout.tile[1] * layout.samples * depth * copies
    if file_bytes + layout.width * layout.height * 3 * depth + piece > _MAX_WORKING_BYTES:
        raise InvalidImageError(
            f"The TIFF needs more memory than there is ({layout.width} x {layout.height} pixels, {layout.samples} "
            "channels, stored in large pieces). Save it with 8 bits a channel or in strips, and upload that."
        )


def _bgr(
    samples: AnyArray, layout: TiffLayout, palette: AnyArray | None, encoding: colour.Encoding
) -> tuple[AnyArray, str]:
    """Return the samples of some rows as BGR, transparent ones on white."""
    if layout.photometric == CMYK:
        return colour.cmyk_to_srgb(samples[..., :4], encoding)
    if palette is not None:
        return palette[samples[..., 0]], ""
    colours = samples[..., : layout.colours]
    if layout.photometric == WHITE_IS_ZERO:
        colours = np.iinfo(samples.dtype).max - colours
    if layout.alpha is not None:
        colours = on_white(colours, samples[..., layout.alpha], premultiplied=layout.premultiplied)
    return (colours[..., ::-1] if layout.colours == 3 else np.repeat(colours, 3, axis=2)), ""


def _palette(page: Any, layout: TiffLayout) -> ByteArray | None:
    """Return the palette as BGR (2**bits x 3); values are 16 bits, or 8 by writers that misread the standard."""
    if layout.photometric != PALETTE:
        return None
    stored = np.asarray(page.tags.valueof(_COLOUR_MAP, ()), np.uint32).reshape(-1)
    if stored.size != 3 << layout.bits:
        raise InvalidImageError(damaged("TIFF", "its palette is missing"))
    eight = stored if stored.max() < 256 else stored >> 8  # 8-bit values were multiplied by 257 or by 256
    return np.ascontiguousarray(eight.reshape(3, -1)[::-1].T.astype(np.uint8))
