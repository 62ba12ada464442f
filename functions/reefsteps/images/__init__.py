"""Photographs in and out: the one place that decodes, encodes and scales pictures.

Every picture inside ReefSteps is BGR, ``uint8`` (``uint16`` straight from a RAW or 16-bit file), HxWx3, upright (EXIF
orientation applied) and in sRGB. The content decides what a file is, never its extension.

* A file that could be read wrongly is refused by name: damage that a decoder tolerates, layouts and compressions whose
  pixels may be wrong, files with several photographs (docs/reference/file-formats.md).
* RAW (NEF, CR2, CR3, ARW, DNG, ...) is developed by LibRaw from the sensor's data to 16-bit sRGB; an embedded preview
  is never taken for the photograph.
* Transparent pixels are laid on white, which the colour statistics of restoration ignore as overexposed.
* ICC profiles and EXIF's colour space are applied; ``colour_encoding`` records what was found and done.
"""

from __future__ import annotations

from reefsteps.images.decoding import decode
from reefsteps.images.encode import THUMBNAIL_PX, THUMBNAIL_QUALITY, encode_jpeg, encode_png, thumbnail
from reefsteps.images.picture import DEFAULT_MAX_MEGAPIXELS, MAX_SIDE_PX, DecodedImage

__all__ = [
    "DEFAULT_MAX_MEGAPIXELS",
    "MAX_SIDE_PX",
    "THUMBNAIL_PX",
    "THUMBNAIL_QUALITY",
    "DecodedImage",
    "decode",
    "encode_jpeg",
    "encode_png",
    "thumbnail",
]
