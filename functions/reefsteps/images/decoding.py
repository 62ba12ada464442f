"""The entry: which decoder a file belongs to."""

from __future__ import annotations

from reefsteps.errors import InvalidImageError
from reefsteps.images import kinds, png
from reefsteps.images.jpeg import decode_jpeg
from reefsteps.images.picture import DEFAULT_MAX_MEGAPIXELS, DecodedImage

_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")


def decode(data: bytes, max_megapixels: float = DEFAULT_MAX_MEGAPIXELS) -> DecodedImage:
    """Decode a photograph; the size is read from the header and checked before any pixel is decoded.

    Raises InvalidImageError for what is no photograph, is truncated or damaged, is of a kind that is not read, or has
    more than ``max_megapixels``.
    """
    if not data:
        raise InvalidImageError("The file is empty: upload the photograph again.")
    if data.startswith(b"\xff\xd8\xff"):
        return decode_jpeg(data, max_megapixels)
    if data.startswith(png.SIGNATURE):
        return png.decode_png(data, max_megapixels)
    # TIFF and RAW come in at restoration only; the later steps read its JPEG and go without their libraries.
    if data.startswith(_TIFF):
        from reefsteps.images.tiff import decode_tiff

        return decode_tiff(data, max_megapixels)
    message = kinds.other_kind(data)
    if message is not None:
        raise InvalidImageError(message)
    from reefsteps.images.raw import decode_raw

    return decode_raw(data, None, max_megapixels)
