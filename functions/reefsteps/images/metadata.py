"""What a file's EXIF says of the photograph: when, by which camera, which way up, in which colours."""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Mapping

from PIL import Image

from reefsteps.images.damage import is_damage

# Exif 2.32, tables 4, 7 and 11.
MAKE, MODEL, DATETIME, ORIENTATION = 271, 272, 306, 274
EXIF_IFD, DATETIME_ORIGINAL, OFFSET_TIME_ORIGINAL = 34665, 36867, 36881
COLOUR_SPACE, INTEROPERABILITY_IFD, INTEROPERABILITY_INDEX = 40961, 40965, 1


_NAMED = {
    "DateTimeOriginal": DATETIME_ORIGINAL,
    "OffsetTimeOriginal": OFFSET_TIME_ORIGINAL,
    "ColorSpace": COLOUR_SPACE,
}


def read_exif(block: bytes | None) -> Image.Exif:
    """Return the EXIF of a block (TIFF structure, with or without ``Exif\\0\\0``), empty where it is malformed.

    A bad date must not cost the photograph.
    """
    exif = Image.Exif()
    if not block:
        return exif
    with warnings.catch_warnings():  # Pillow warns of each value that does not fit
        warnings.simplefilter("ignore")
        try:
            exif.load(block)
            dict(exif)  # values are parsed when they are read
        except Exception as error:
            if not is_damage(error):
                raise
            return Image.Exif()
    return exif


def exif_of_values(values: Mapping[int, object], details: Mapping[str, object]) -> Image.Exif:
    """Return EXIF made of a TIFF's tags and its EXIF directory by names, as tifffile reads them.

    Pillow 13.0 reads neither directory of a BigTIFF.
    """
    exif = Image.Exif()
    for number in (MAKE, MODEL, DATETIME, ORIENTATION):
        if number in values:
            exif[number] = values[number]
    exif.get_ifd(EXIF_IFD).update({n: details[name] for name, n in _NAMED.items() if name in details})
    return exif


def captured_at(exif: Image.Exif) -> str | None:
    """Return when the photograph was taken as ISO 8601, with an offset only where the camera wrote one."""
    details = _directory(exif, EXIF_IFD)
    text = _text(details.get(DATETIME_ORIGINAL)) or _text(exif.get(DATETIME))
    if text is None:
        return None
    try:
        moment = datetime.datetime.strptime(text[:19], "%Y:%m:%d %H:%M:%S").isoformat()
    except ValueError:
        return None
    offset = _text(details.get(OFFSET_TIME_ORIGINAL))
    try:
        return datetime.datetime.fromisoformat(moment + (offset or "")).isoformat(timespec="seconds")
    except ValueError:
        return moment


def camera(exif: Image.Exif) -> str | None:
    """Return maker and model, the maker once."""
    make, model = _text(exif.get(MAKE)), _text(exif.get(MODEL))
    if make and model and make.split()[0].upper() not in model.upper():
        return f"{make} {model}"
    return model or make


def orientation(exif: Image.Exif) -> int | None:
    """Return the orientation, 1 to 8, or None where the file says none or nonsense."""
    value = exif.get(ORIENTATION)
    return value if isinstance(value, int) and 1 <= value <= 8 else None


def colour_space(exif: Image.Exif) -> tuple[int | None, str | None]:
    """Return EXIF's ColorSpace (1 sRGB, 65535 uncalibrated) and interoperability index (R98 sRGB, R03 Adobe RGB)."""
    space = _directory(exif, EXIF_IFD).get(COLOUR_SPACE)
    index = _text(_directory(exif, INTEROPERABILITY_IFD).get(INTEROPERABILITY_INDEX))
    return (space if isinstance(space, int) else None), index


def make(exif: Image.Exif) -> str:
    """Return the maker in capitals, empty where the file does not say."""
    return (_text(exif.get(MAKE)) or "").upper()


def _directory(exif: Image.Exif, number: int) -> dict[int, object]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return dict(exif.get_ifd(number))
        except Exception as error:
            if not is_damage(error):
                raise
            return {}


def _text(value: object) -> str | None:
    text = value.decode(errors="replace") if isinstance(value, bytes) else value
    cleaned = text.split("\x00")[0].strip() if isinstance(text, str) else ""
    return cleaned or None
