"""Colour encodings: what a file says its numbers mean, and their conversion to sRGB by LittleCMS.

Restoration and the models take values for sRGB. A photograph in Adobe RGB or ProPhoto RGB read as sRGB looks pale,
which moved cover by up to 6 percentage points. LittleCMS is called through imagecodecs, which converts 16-bit pictures
in 16 bits (Pillow's ImageCms converts 8-bit RGB only). It is loaded only where a file needs it.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from reefsteps.arrays import AnyArray, Pixels
from reefsteps.errors import InvalidImageError
from reefsteps.images import metadata
from reefsteps.images.damage import is_damage
from reefsteps.images.messages import unsupported
from reefsteps.images.picture import row_blocks

_MAX_PROFILE = 16 << 20
_RELATIVE_COLORIMETRIC = 1
_BLACK_POINT_COMPENSATION = 0x2000
# In 16 bits LittleCMS would replace curves and matrix by a coarse table: up to 8 % off in dark saturated colours, where
# its 8-bit conversion is right to a level (findings/littlecms-16-bit-less-exact-than-8-bit.sh).
_NO_OPTIMISATION = 0x0100

_SRGB_WHITE = (0.3127, 0.3290)
_SRGB_PRIMARIES = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06)  # ITU-R BT.709
_USUAL_GAMMA = 2.2  # PNG's gAMA of 45455 stands for the sRGB curve

# PNG's cICP, by the numbers of ITU-T H.273 (tables 2 and 3). The camera's curves of BT.601, 709 and 2020 are shown as
# the sRGB curve, as browsers do; gamma None stands for it.
_CODED_PRIMARIES = {
    1: ("BT.709", _SRGB_PRIMARIES),
    5: ("BT.601 (625 lines)", (0.640, 0.330, 0.290, 0.600, 0.150, 0.060)),
    6: ("BT.601 (525 lines)", (0.630, 0.340, 0.310, 0.595, 0.155, 0.070)),
    9: ("BT.2020", (0.708, 0.292, 0.170, 0.797, 0.131, 0.046)),
    12: ("Display P3", (0.680, 0.320, 0.265, 0.690, 0.150, 0.060)),
}
_CODED_GAMMAS: dict[int, float | None] = {1: None, 6: None, 13: None, 14: None, 15: None, 4: 2.2, 5: 2.8, 8: 1.0}

_SPACES = {b"RGB ": "RGB", b"GRAY": "grey", b"CMYK": "CMYK", b"Lab ": "Lab"}


@dataclass(frozen=True)
class Encoding:
    """What a picture's numbers mean: a name, its source, and the ICC profile (None for sRGB)."""

    name: str
    source: str  # ICC profile, EXIF, PNG, camera RAW; empty where the file does not say
    profile: bytes | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.source})" if self.source else self.name


def _assumed(reason: str) -> Encoding:
    return Encoding(f"sRGB assumed: {reason}", "")


def of_exif(exif: Image.Exif) -> Encoding:
    """Return the encoding by EXIF: Adobe RGB is marked by the interoperability index R03 (DCF 2.0) or ColorSpace 2."""
    space, index = metadata.colour_space(exif)
    if index == "R03" or space == 2:
        return Encoding("Adobe RGB", "EXIF", _named_profile("adobergb"))
    if space == 1 or index == "R98":
        return Encoding("sRGB", "EXIF")
    return _assumed("EXIF says 'uncalibrated'" if space == 0xFFFF else "the file does not say")


def of_icc(profile: bytes | None) -> Encoding:
    """Return the encoding by an ICC profile; None stands for one that cannot be read."""
    if profile is None or len(profile) < 128 or profile[36:40] != b"acsp" or len(profile) > _MAX_PROFILE:
        return _assumed("the ICC profile is damaged")
    return Encoding(_description(profile), "ICC profile", profile)


def of_gamma(gamma: bytes, primaries: bytes | None, *, grey: bool = False) -> Encoding:
    """Return the encoding by PNG's gAMA and cHRM chunks; a grey picture has no primaries."""
    try:
        exponent = 1e5 / struct.unpack(">I", gamma)[0]
        white_and_primaries = tuple(v / 1e5 for v in struct.unpack(">8I", primaries)) if primaries else None
    except (struct.error, ZeroDivisionError):
        return _assumed("gAMA or cHRM is damaged")
    white: tuple[float, ...] = _SRGB_WHITE
    colours: tuple[float, ...] = _SRGB_PRIMARIES
    if white_and_primaries is not None and not grey:
        white, colours = white_and_primaries[:2], white_and_primaries[2:]
    usual = np.allclose([*white, *colours], [*_SRGB_WHITE, *_SRGB_PRIMARIES], atol=0.002)
    if usual and abs(exponent - _USUAL_GAMMA) < 0.1:
        return Encoding("sRGB", "PNG")
    try:
        built = _grey_profile(exponent) if grey else _built_profile(white, colours, exponent)
    except Exception as error:
        if not is_damage(error):
            raise
        return _assumed("gAMA or cHRM is damaged")
    return Encoding(f"{'grey' if grey else 'RGB'} with gamma {exponent:.2f}", "PNG", built)


def of_code_points(chunk: bytes, *, grey: bool = False) -> Encoding:
    """Return the encoding by PNG's cICP chunk; raises InvalidImageError for a high dynamic range and video's levels."""
    if len(chunk) != 4:
        return _assumed("cICP is damaged")
    primaries, transfer, _, full_range = chunk
    if transfer in (16, 18):
        raise InvalidImageError(unsupported("The PNG holds a high dynamic range", "save it with 8 or 16 bits in sRGB"))
    if not full_range:
        raise InvalidImageError(
            unsupported("The PNG holds the narrow range of levels of a video", "save it in sRGB, and upload that")
        )
    if primaries not in _CODED_PRIMARIES or transfer not in _CODED_GAMMAS:
        return _assumed(f"the colour code {primaries}/{transfer} is not known")
    gamma, (name, colours) = _CODED_GAMMAS[transfer], _CODED_PRIMARIES[primaries]
    if gamma is None and (grey or primaries == 1):
        return Encoding("sRGB", "PNG")
    said = name if gamma is None else f"{'grey' if grey else name} with gamma {gamma:.2f}"
    return Encoding(
        said, "PNG", _grey_profile(gamma) if grey and gamma else _built_profile(_SRGB_WHITE, colours, gamma)
    )


def to_srgb(pixels_bgr: Pixels, encoding: Encoding, *, grey: bool = False) -> tuple[Pixels, str]:
    """Convert the picture (HxWx3, 8 or 16 bits) to sRGB in place; return it with what was found and done.

    A grey picture (three equal channels) is converted by a grey profile. A profile that is damaged or belongs to
    another kind of picture leaves the values as they are, and the text records it.
    """
    profile = encoding.profile
    if profile is None:
        return pixels_bgr, str(encoding)
    if profile[16:20] != (b"GRAY" if grey else b"RGB "):
        space = _SPACES.get(profile[16:20], "other")
        return pixels_bgr, str(_assumed(f"the profile '{encoding.name}' is for {space} pictures"))
    try:
        if _equals_srgb(profile):
            return pixels_bgr, str(encoding)
        if grey:
            _convert_grey(pixels_bgr, profile)
        else:
            for rows in row_blocks(pixels_bgr):
                block = np.ascontiguousarray(pixels_bgr[rows])
                pixels_bgr[rows] = _transformed(block, profile, "bgr", "bgr")
    except Exception as error:
        if not is_damage(error):
            raise
        return pixels_bgr, str(_assumed("the ICC profile is damaged"))
    return pixels_bgr, f"{encoding}, converted to sRGB"


def cmyk_to_srgb(ink: AnyArray, encoding: Encoding) -> tuple[AnyArray, str]:
    """Return ink (HxWx4, 8 or 16 bits, 0 is none) as BGR: by its ICC profile, else as 1 - ink of each colour."""
    profile = encoding.profile
    if profile is not None and profile[16:20] == b"CMYK":
        try:
            converted = _transformed(np.ascontiguousarray(ink), profile, "cmyk", "bgr")
        except Exception as error:
            if not is_damage(error):
                raise
            encoding = _assumed("the ICC profile is damaged")
        else:
            return converted, f"{encoding}, converted to sRGB"
    white = np.uint32(np.iinfo(ink.dtype).max)
    light = white - ink.astype(np.uint32)
    bgr = (light[..., 2::-1] * light[..., 3:] + white // 2) // white
    return bgr.astype(ink.dtype), "CMYK without a usable profile, converted by the plain formula"


def _convert_grey(pixels_bgr: Pixels, profile: bytes) -> None:
    levels = np.arange(np.iinfo(pixels_bgr.dtype).max + 1, dtype=pixels_bgr.dtype)
    table = _transformed(levels[None, :], profile, "gray", "rgb")[0, :, 1]
    for rows in row_blocks(pixels_bgr):
        pixels_bgr[rows] = table[pixels_bgr[rows]]


def _transformed(block: AnyArray, profile: bytes, space: str, into: str) -> AnyArray:
    import imagecodecs

    return imagecodecs.cms_transform(
        block,
        profile,
        _named_profile("srgb"),
        colorspace=space,
        outcolorspace=into,
        intent=_RELATIVE_COLORIMETRIC,
        flags=_BLACK_POINT_COMPENSATION | (_NO_OPTIMISATION if block.dtype == np.uint16 else 0),
    )


@lru_cache(maxsize=8)
def _equals_srgb(profile: bytes) -> bool:
    """Return whether the profile moves no colour by more than a level: there are dozens of sRGB profiles."""
    steps = np.arange(0, 256, 17, dtype=np.uint8)
    if profile[16:20] == b"GRAY":
        ramp = np.arange(256, dtype=np.uint8)[None, :]
        return bool(np.abs(_transformed(ramp, profile, "gray", "rgb")[..., 1].astype(int) - ramp).max() <= 1)
    colours = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, -1, 3)
    moved = _transformed(np.ascontiguousarray(colours), profile, "rgb", "rgb").astype(int) - colours
    return bool(np.abs(moved).max() <= 1)


@lru_cache(maxsize=2)
def _named_profile(name: str) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.cms_profile(name))


def _built_profile(white: Any, primaries: Any, gamma: float | None) -> bytes:
    """Return a matrix profile; ``gamma`` None stands for the sRGB curve (IEC 61966-2-1)."""
    import imagecodecs

    chromaticities: dict[str, Any] = {"whitepoint": [*white, 1.0], "primaries": list(primaries)}
    if gamma is not None:
        return bytes(imagecodecs.cms_profile("rgb", **chromaticities, gamma=gamma))
    encoded = np.linspace(0, 1, 4096)
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    curve = np.rint(linear * 65535).astype(np.uint16)
    return bytes(imagecodecs.cms_profile("rgb", **chromaticities, transferfunction=np.stack([curve] * 3)))


def _grey_profile(gamma: float) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.cms_profile("gray", gamma=gamma))


def _description(profile: bytes) -> str:
    try:
        text = ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.profile_description
    except Exception as error:
        if not is_damage(error):
            raise
        text = None
    return " ".join((text or "").split())[:80] or "unnamed profile"
