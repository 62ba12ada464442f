"""Photographs in and out: the one place that decodes, encodes and scales pictures.

Every picture inside ReefSteps is BGR, ``uint8`` (``uint16`` straight from a RAW or 16-bit file), HxWx3, upright
(EXIF orientation applied). What a file is, is told by its content and never by its extension.

* RAW (NEF, CR2, CR3, ARW, DNG, ...) is developed by LibRaw from the sensor's data to 16-bit sRGB; an embedded preview
  is never taken for the photograph. Development is fixed (camera white balance, no automatic brightness), so the same
  file always gives the same picture.
* Transparent pixels are laid on white, which the colour statistics of restoration leave out as overexposed.
* Grey, palette and CMYK pictures become three channels. Embedded ICC profiles are not applied: values are taken as
  sRGB, which shifts saturation a little for cameras set to Adobe RGB.
"""

from __future__ import annotations

import datetime
import io
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import rawpy
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from reefsteps.errors import InvalidImageError

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

DEFAULT_MAX_MEGAPIXELS = 100.0
THUMBNAIL_PX = 320
MAX_SIDE_PX = 65_500  # libjpeg's limit: nothing longer could be written back

_ACCEPTED = "JPEG, PNG, TIFF or a camera RAW file (NEF, CR2, CR3, ARW, DNG, ...)"

# Exif 2.32, tables 4 and 7; TIFF 6.0; DNG 1.4; TIFF/EP (ISO 12234-2).
_MAKE, _MODEL, _DATETIME, _ORIENTATION = 271, 272, 306, 274
_WIDTH, _HEIGHT, _PHOTOMETRIC, _SUB_IFDS, _DNG_VERSION = 256, 257, 262, 330, 50706
_EXIF_IFD, _DATETIME_ORIGINAL, _OFFSET_TIME_ORIGINAL = 34665, 36867, 36881
_COLOUR_FILTER_ARRAY, _LINEAR_RAW = 32803, 34892
_NIKON_COMPRESSED, _COMPRESSION = 34713, 259

_RAW_NAMES = {"NIKON": "NEF", "CANON": "CR2", "SONY": "ARW", "PENTAX": "PEF", "OLYMPUS": "ORF", "SAMSUNG": "SRW"}


@dataclass(frozen=True)
class DecodedImage:
    """A photograph in memory: upright BGR pixels (HxWx3, ``uint8`` or ``uint16``) and what its file says of it."""

    pixels_bgr: Pixels
    image_format: str  # JPEG, PNG, TIFF, NEF, ...
    captured_at: str | None = None  # ISO 8601, the camera's clock; with an offset only where the camera wrote one
    camera: str | None = None

    @property
    def width_px(self) -> int:
        """Width after orientation."""
        return int(self.pixels_bgr.shape[1])

    @property
    def height_px(self) -> int:
        """Height after orientation."""
        return int(self.pixels_bgr.shape[0])


def decode(data: bytes, max_megapixels: float = DEFAULT_MAX_MEGAPIXELS) -> DecodedImage:
    """Decode a photograph; the size is read from the header and checked before any pixel is decoded.

    Raises InvalidImageError for what is no photograph, is truncated or damaged, or has more than ``max_megapixels``.
    """
    if not data:
        raise InvalidImageError("The file is empty: upload the photograph again.")
    if data.startswith(b"\xff\xd8\xff"):
        return _decode_simple(data, "JPEG", max_megapixels)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _decode_simple(data, "PNG", max_megapixels)
    if data.startswith((b"II*\x00", b"MM\x00*")):
        tags = _tiff_tags(data)
        if _holds_sensor_data(data, tags):
            return _decode_raw(data, tags, max_megapixels)
        return _decode_tiff(data, tags, max_megapixels)
    return _decode_raw(data, None, max_megapixels)


def encode_jpeg(pixels_bgr: npt.NDArray[np.uint8], quality: int = 95) -> bytes:
    """Encode as baseline JPEG without chroma subsampling (4:4:4): thin coloured edges matter to what follows."""
    options = [
        cv2.IMWRITE_JPEG_QUALITY,
        quality,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    ]
    return _encode(".jpg", pixels_bgr, options)


def encode_png(pixels: Pixels) -> bytes:
    """Encode losslessly as PNG: HxW (masks) or HxWx3 BGR, 8 or 16 bit."""
    return _encode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 4])


def thumbnail(pixels_bgr: npt.NDArray[np.uint8], side_px: int = THUMBNAIL_PX) -> npt.NDArray[np.uint8]:
    """Return the picture scaled so that its longer side is ``side_px``; never enlarged, never empty."""
    height, width = pixels_bgr.shape[:2]
    scale = side_px / max(height, width)
    if scale >= 1:
        return pixels_bgr.copy()
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(pixels_bgr, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _encode(extension: str, pixels: Pixels, options: list[int]) -> bytes:
    ok, buffer = cv2.imencode(extension, pixels, options)
    if not ok:
        raise InvalidImageError(f"A picture of shape {pixels.shape} cannot be written as {extension}.")
    return bytes(buffer)


# JPEG, PNG


def _decode_simple(data: bytes, image_format: str, max_megapixels: float) -> DecodedImage:
    try:
        # Pillow reads no more than the header here.
        with Image.open(io.BytesIO(data), formats=(image_format,)) as header:
            _check_size(*header.size, max_megapixels)
            exif = _exif_of(header)
            by_pillow = header.mode not in ("L", "RGB", "RGBA", "I;16") or "transparency" in header.info
            pixels = _pillow_pixels(header) if by_pillow else _opencv_pixels(data, image_format)
    except Image.DecompressionBombError:
        raise InvalidImageError(_too_large(max_megapixels)) from None
    except InvalidImageError:
        raise
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise InvalidImageError(_damaged(image_format, str(error))) from error
    return DecodedImage(_oriented(pixels, exif.get(_ORIENTATION)), image_format, _captured_at(exif), _camera(exif))


def _exif_of(header: Image.Image) -> Image.Exif:
    """Return the picture's EXIF, empty where it is malformed: a bad date must not cost the photograph."""
    try:
        return header.getexif()
    except Exception:
        return Image.Exif()


# TIFF


def _tiff_tags(data: bytes) -> Image.Exif:
    """Return the tags of the first directory; raises InvalidImageError where there is none."""
    tags = Image.Exif()
    try:
        tags.load(data)
        if not isinstance(tags.get(_WIDTH), int) or not isinstance(tags.get(_HEIGHT), int):
            raise ValueError("no picture size")
    except Exception as error:
        raise InvalidImageError(_damaged("TIFF", str(error))) from error
    return tags


def _holds_sensor_data(data: bytes, tags: Image.Exif) -> bool:
    """Tell a camera RAW from an ordinary TIFF: both begin alike, and a RAW's first directory is its preview."""
    if data[8:10] == b"CR" or _DNG_VERSION in tags:
        return True
    directories: list[Any] = [tags]
    offsets = tags.get(_SUB_IFDS, ())
    for offset in offsets if isinstance(offsets, tuple) else (offsets,):
        directory = TiffImagePlugin.ImageFileDirectory_v2(data[:8])
        stream = io.BytesIO(data)
        try:
            stream.seek(offset)
            directory.load(stream)
        except Exception:  # noqa: S112 - a damaged sub-directory says nothing; LibRaw or libtiff will
            continue
        directories.append(directory)
    return any(
        directory.get(_PHOTOMETRIC) in (_COLOUR_FILTER_ARRAY, _LINEAR_RAW)
        or directory.get(_COMPRESSION) == _NIKON_COMPRESSED
        for directory in directories
    )


def _decode_tiff(data: bytes, tags: Image.Exif, max_megapixels: float) -> DecodedImage:
    _check_size(tags[_WIDTH], tags[_HEIGHT], max_megapixels)
    separated = tags.get(_PHOTOMETRIC) == 5  # CMYK
    if separated:
        try:
            with Image.open(io.BytesIO(data), formats=("TIFF",)) as header:
                pixels = _pillow_pixels(header)
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
            raise InvalidImageError(_damaged("TIFF", str(error))) from error
    else:
        pixels = _opencv_pixels(data, "TIFF")
    # Both decoders apply a TIFF's own orientation tag (libtiff's convention), so it is not applied again.
    return DecodedImage(pixels, "TIFF", _captured_at(tags), _camera(tags))


# Camera RAW


def _decode_raw(data: bytes, tags: Image.Exif | None, max_megapixels: float) -> DecodedImage:
    with rawpy.RawPy() as raw:
        try:
            raw.open_buffer(io.BytesIO(data))
        except rawpy.LibRawError as error:
            raise InvalidImageError(_not_raw(tags, error)) from None
        _check_size(raw.sizes.iwidth, raw.sizes.iheight, max_megapixels)
        try:
            raw.unpack()
            rgb = raw.postprocess(
                output_bps=16,
                use_camera_wb=True,
                no_auto_bright=True,
                gamma=(2.4, 12.92),  # the sRGB curve, IEC 61966-2-1
                output_color=rawpy.ColorSpace.sRGB,
            )
        except rawpy.LibRawError as error:
            raise InvalidImageError(_damaged("RAW", _reason(error))) from error
        taken = raw.other.timestamp
    camera = _camera(tags) if tags is not None else None
    captured_at = (_captured_at(tags) if tags is not None else None) or _plausible(taken)
    cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR, dst=rgb)  # in place: a 45 megapixel photograph is 270 MB here
    return DecodedImage(rgb, _raw_name(data, tags), captured_at, camera)


def _not_raw(tags: Image.Exif | None, error: Exception) -> str:
    if tags is None:
        return f"The file is no photograph that ReefSteps reads: upload {_ACCEPTED}."
    if isinstance(error, rawpy.LibRawFileUnsupportedError):
        return "This camera's RAW format is not known to LibRaw: develop it to TIFF or JPEG and upload that."
    return _damaged("RAW", _reason(error))


def _raw_name(data: bytes, tags: Image.Exif | None) -> str:
    if tags is not None and _DNG_VERSION in tags:
        return "DNG"
    if data[4:12] == b"ftypcrx ":
        return "CR3"
    if data.startswith(b"FUJIFILMCCD-RAW"):
        return "RAF"
    make = str(tags.get(_MAKE, "")).upper() if tags is not None else ""
    return next((name for maker, name in _RAW_NAMES.items() if make.startswith(maker)), "RAW")


def _plausible(taken: datetime.datetime | None) -> str | None:
    return taken.isoformat() if taken is not None and taken.year > 1990 else None


def _reason(error: Exception) -> str:
    first = error.args[0] if error.args else ""
    return first.decode(errors="replace") if isinstance(first, bytes) else str(first)


# Pixels


def _opencv_pixels(data: bytes, image_format: str) -> Pixels:
    flags = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise InvalidImageError(_damaged(image_format, error.err or "not decodable")) from error
    if pixels is None:
        raise InvalidImageError(_damaged(image_format, "it ends early or its data is broken"))
    return _three_channels(pixels)


def _pillow_pixels(header: Image.Image) -> Pixels:
    """Decode what OpenCV does not (palette, bilevel, CMYK, grey with alpha, one transparent colour); 8 bits."""
    with_alpha = header.mode in ("LA", "PA") or "transparency" in header.info
    rgb = np.asarray(header.convert("RGBA" if with_alpha else "RGB"))
    return _three_channels(cv2.cvtColor(rgb, cv2.COLOR_RGBA2BGRA if with_alpha else cv2.COLOR_RGB2BGR))


def _three_channels(pixels: npt.NDArray[Any]) -> Pixels:
    if pixels.dtype not in (np.uint8, np.uint16):
        raise InvalidImageError(
            f"The picture holds {pixels.dtype} values: save it with 8 or 16 bits a channel and upload it again."
        )
    if pixels.ndim == 2:
        return cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)  # type: ignore[return-value]
    if pixels.shape[2] == 4:
        return _on_white(pixels)
    if pixels.shape[2] != 3:
        raise InvalidImageError(
            f"The picture has {pixels.shape[2]} channels: save it as grey or RGB and upload it again."
        )
    return pixels


def _on_white(bgra: npt.NDArray[Any]) -> Pixels:
    white = np.iinfo(bgra.dtype).max
    alpha = bgra[..., 3:]
    if alpha.min() == white:
        return np.ascontiguousarray(bgra[..., :3])
    share = alpha.astype(np.float32) / white
    return (bgra[..., :3] * share + white * (1 - share) + 0.5).astype(bgra.dtype)


def _oriented(pixels: Pixels, orientation: object) -> Pixels:
    """Turn stored pixels upright; ``orientation`` is EXIF's 1 to 8, anything else means 1."""
    if orientation in (5, 6, 7, 8):
        pixels = cv2.transpose(pixels)  # type: ignore[assignment]
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation if isinstance(orientation, int) else 1)
    return pixels if flip is None else cv2.flip(pixels, flip)  # type: ignore[return-value]


# What the file says of the photograph


def _captured_at(exif: Image.Exif) -> str | None:
    try:
        details = exif.get_ifd(_EXIF_IFD)
    except Exception:
        details = {}
    text = _text(details.get(_DATETIME_ORIGINAL)) or _text(exif.get(_DATETIME))
    if text is None:
        return None
    try:
        moment = datetime.datetime.strptime(text[:19], "%Y:%m:%d %H:%M:%S").isoformat()
    except ValueError:
        return None
    offset = _text(details.get(_OFFSET_TIME_ORIGINAL))
    try:
        return datetime.datetime.fromisoformat(moment + (offset or "")).isoformat()
    except ValueError:
        return moment


def _camera(exif: Image.Exif) -> str | None:
    make, model = _text(exif.get(_MAKE)), _text(exif.get(_MODEL))
    if make and model and make.split()[0].upper() not in model.upper():
        return f"{make} {model}"
    return model or make


def _text(value: object) -> str | None:
    text = value.decode(errors="replace") if isinstance(value, bytes) else value
    cleaned = text.split("\x00")[0].strip() if isinstance(text, str) else ""
    return cleaned or None


# Messages


def _check_size(width: int, height: int, max_megapixels: float) -> None:
    if width < 1 or height < 1:
        raise InvalidImageError(_damaged("picture", f"it says it is {width} x {height} pixels"))
    if width * height > max_megapixels * 1e6 or max(width, height) > MAX_SIDE_PX:
        raise InvalidImageError(f"{width} x {height} pixels: {_too_large(max_megapixels)}")


def _too_large(max_megapixels: float) -> str:
    return f"The photograph has more than {max_megapixels:g} megapixels or {MAX_SIDE_PX} px a side: upload it smaller."


def _damaged(image_format: str, reason: str) -> str:
    return f"The {image_format} file is damaged or incomplete ({reason}): copy it from the camera and upload it again."
