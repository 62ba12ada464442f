"""When a photograph was taken, as its EXIF says: the moment of the exposure only, never that of a copy or an edit."""

from __future__ import annotations

import warnings
from pathlib import Path

import rawpy
from PIL import Image, UnidentifiedImageError

_EXIF_IFD, _DATETIME_ORIGINAL = 34665, 36867  # Exif 2.32, tables 1 and 7
_BROKEN = (OSError, SyntaxError, ValueError, TypeError, KeyError, IndexError, OverflowError, UnidentifiedImageError)


def captured_at(path: Path) -> str | None:
    """Return the camera's DateTimeOriginal (``YYYY:MM:DD HH:MM:SS`` or ISO 8601), or None where there is none.

    DateTime and DateTimeDigitized are left out: editing and scanning programs write them. Files that Pillow cannot open
    (CR3, RAF, ...) are asked through LibRaw, which knows the exposure's time only. Damaged EXIF is no error here.
    """
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as picture:
            text = picture.getexif().get_ifd(_EXIF_IFD).get(_DATETIME_ORIGINAL)
    except (*_BROKEN, Image.DecompressionBombError):
        return _by_libraw(path)
    if isinstance(text, bytes):
        text = text.decode("ascii", errors="replace")
    return text.split("\x00")[0].strip() or None if isinstance(text, str) else None


def _by_libraw(path: Path) -> str | None:
    try:
        with rawpy.imread(str(path)) as raw:
            taken = raw.other.timestamp
    except (rawpy.LibRawError, AttributeError, *_BROKEN):
        return None
    return taken.isoformat() if taken is not None else None
