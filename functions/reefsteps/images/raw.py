"""Camera RAW, developed by LibRaw from the sensor's data to 16-bit sRGB.

Development is fixed (no automatic brightness), so the same file always gives the same picture. White balance is the
camera's. For a file without one, LibRaw takes it from the picture. This is kept and recorded in ``colour_encoding``,
because a daylight balance would cut the water's red off at zero before restoration sees it.
"""

from __future__ import annotations

import datetime
import io
from dataclasses import dataclass, field

import cv2
import rawpy
from PIL import Image

from reefsteps.errors import InvalidImageError
from reefsteps.formats import ACCEPTED
from reefsteps.images import metadata
from reefsteps.images.messages import damaged, unsupported
from reefsteps.images.picture import DecodedImage, check_size, is_grey, oriented

_NAMES = {"NIKON": "NEF", "CANON": "CR2", "SONY": "ARW", "PENTAX": "PEF", "OLYMPUS": "ORF", "SAMSUNG": "SRW"}
_DEVELOP = "develop it to TIFF or JPEG with the camera maker's program, and upload that"

# First bytes of RAW files that are no plain TIFF: Canon, Fujifilm, Olympus, Panasonic, Minolta. Olympus and Panasonic
# changed the number of a TIFF and kept its structure.
_CHANGED_TIFF = {b"IIRO": "ORF", b"IIRS": "ORF", b"MMOR": "ORF", b"IIU\x00": "RW2"}
_OTHER_RAW = ((4, b"ftypcrx ", "CR3"), (0, b"FUJIFILMCCD-RAW", "RAF"), (6, b"HEAPCCDR", "CRW"), (0, b"\x00MRM", "MRW"))

# LibRaw's flip (dcraw's bits: 4 transposes, 2 and 1 mirror) as EXIF's orientation.
_FLIPS = {0: 1, 1: 2, 2: 4, 3: 3, 4: 5, 5: 8, 6: 6, 7: 7}


@dataclass(frozen=True)
class RawFacts:
    """What the TIFF structure around a RAW says of it, read before LibRaw opens it."""

    exif: Image.Exif = field(default_factory=Image.Exif)
    is_dng: bool = False
    orientation: int | None = None  # of the first directory, where DNG and TIFF/EP keep it
    compression: str | None = None  # of the sensor's data, where LibRaw is known not to read it


def decode_raw(data: bytes, facts: RawFacts | None, max_megapixels: float) -> DecodedImage:
    """Develop a RAW; ``facts`` is None for what is no TIFF (CR3, RAF, ...) and perhaps no photograph at all.

    Raises InvalidImageError for what LibRaw does not read, for damage that it reports, and beyond the limits.
    """
    if facts is None:
        facts = _facts_of_changed_tiff(data)
    if facts is not None and facts.compression is not None:
        raise InvalidImageError(unsupported(f"The RAW file is compressed with {facts.compression}", _DEVELOP))
    with rawpy.RawPy() as raw:
        try:
            raw.open_buffer(io.BytesIO(data))
        except rawpy.LibRawUnsufficientMemoryError as error:
            raise MemoryError("LibRaw has not enough memory to open the photograph") from error
        except rawpy.LibRawError as error:
            raise InvalidImageError(_not_opened(data, facts, error)) from None
        check_size(raw.sizes.iwidth, raw.sizes.iheight, max_megapixels)
        flip = _FLIPS.get(raw.sizes.flip, 1)
        try:
            raw.unpack()
            balance = [float(gain) for gain in raw.camera_whitebalance[:3]]
            by_camera = min(balance) > 0
            rgb = raw.postprocess(
                output_bps=16,
                use_camera_wb=True,
                no_auto_bright=True,
                gamma=(2.4, 12.92),  # the sRGB curve, IEC 61966-2-1
                output_color=rawpy.ColorSpace.sRGB,
                user_flip=0,
            )
        except (rawpy.LibRawNotImplementedError, rawpy.LibRawFileUnsupportedError, rawpy.NotSupportedError):
            raise InvalidImageError(unsupported("The RAW file is of a variant", _DEVELOP)) from None
        except rawpy.LibRawUnsufficientMemoryError as error:
            raise MemoryError("LibRaw has not enough memory to develop the photograph") from error
        except rawpy.LibRawError as error:
            raise InvalidImageError(damaged("RAW", _reason(error))) from None
        taken = raw.other.timestamp
    exif = facts.exif if facts is not None else Image.Exif()
    cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR, dst=rgb)  # in place: a 45 megapixel photograph is 270 MB here
    upright = oriented(rgb, facts.orientation if facts is not None and facts.orientation else flip)
    said = "sRGB (developed from RAW)"
    if not by_camera:
        said += ", white balance taken from the picture: the file holds none of the camera"
    captured_at = metadata.captured_at(exif) or _plausible(taken)
    return DecodedImage(upright, _name(data, facts), captured_at, metadata.camera(exif), said, is_grey(upright))


def _facts_of_changed_tiff(data: bytes) -> RawFacts | None:
    if data[:4] not in _CHANGED_TIFF:
        return None
    exif = metadata.read_exif((b"II*\x00" if data.startswith(b"II") else b"MM\x00*") + data[4:])
    return RawFacts(exif, orientation=metadata.orientation(exif))


def _not_opened(data: bytes, facts: RawFacts | None, error: Exception) -> str:
    if facts is None and _other_name(data) is None:
        return f"The file is no photograph that ReefSteps reads: upload {ACCEPTED}."
    if isinstance(error, rawpy.LibRawFileUnsupportedError):
        return unsupported("This camera's RAW format is not known to LibRaw", _DEVELOP)
    return damaged("RAW", _reason(error))


def _name(data: bytes, facts: RawFacts | None) -> str:
    if facts is not None and facts.is_dng:
        return "DNG"
    by_beginning = _CHANGED_TIFF.get(data[:4]) or _other_name(data)
    maker = metadata.make(facts.exif) if facts is not None else ""
    return by_beginning or next((name for start, name in _NAMES.items() if maker.startswith(start)), "RAW")


def _other_name(data: bytes) -> str | None:
    return next((name for at, start, name in _OTHER_RAW if data[at : at + len(start)] == start), None)


def _plausible(taken: datetime.datetime | None) -> str | None:
    return taken.isoformat() if taken is not None and taken.year > 1990 else None


def _reason(error: Exception) -> str:
    first = error.args[0] if error.args else ""
    return first.decode(errors="replace") if isinstance(first, bytes) else str(first)
